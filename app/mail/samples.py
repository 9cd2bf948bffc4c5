"""Mails with made-up readers, to look at before they are sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.domain.certificates import shown_code
from app.domain.invitations import Why
from app.mail.rendering import AnyMail
from app.mail.values import (
    CertificateMail,
    EnrolmentMail,
    InvitationMail,
    OwnPart,
    OwnSegment,
    PartMail,
    ReminderMail,
    SessionLine,
)

NAME = "Ana Ruiz"
_CODE = "0" * 28  # one that nobody ever gets


@dataclass(frozen=True, slots=True)
class Sample:
    """What a sample is about: a cycle's title, zone and look, sessions of its, the words to try.
    `page_url` is the reader's made-up page; `speaks`: they have a part in the first session."""

    cycle: str
    zone: str
    sessions: Sequence[SessionLine]  # one at least
    page_url: str
    contact: str = ""
    accent: str = ""
    role: str = ""  # "speaker", in the reader's words
    subject: str = ""
    text: str = ""
    speaks: bool = False


def sample_mail(kind: str, sample: Sample) -> AnyMail:
    """A mail of this kind as somebody called `NAME` would get it. Raises ValueError for a kind that
    there is no sample of."""
    session = sample.sessions[0]
    path = f"{sample.page_url}/sessions/{session.number}"
    own = OwnSegment(session.title, sample.role, session.starts, session.ends)
    match kind:
        case (
            "enrolment-confirmed" | "enrolment-pending" | "enrolment-waitlisted" | "enrolment-link"
        ):
            return EnrolmentMail(
                name=NAME,
                cycle=sample.cycle,
                zone=sample.zone,
                sessions=tuple(sample.sessions),
                more=0,
                check_in=None,
                page_url=sample.page_url,
                feed_url="",
                webcal_url="",
                own_subject=sample.subject,
                own_text=sample.text,
                contact=sample.contact,
                accent=sample.accent,
            )
        case "part-request" | "part-reminder":
            return PartMail(
                name=NAME,
                cycle=sample.cycle,
                zone=sample.zone,
                parts=(OwnPart(session, own),),
                page_url=sample.page_url,
                own_subject=sample.subject,
                own_text=sample.text,
                contact=sample.contact,
                accent=sample.accent,
            )
        case "invitation" | "invitation-update" | "invitation-cancel":
            return InvitationMail(
                name=NAME,
                cycle=sample.cycle,
                zone=sample.zone,
                session=session,
                why=_WHY[kind].value,
                page_url=sample.page_url,
                join_url=f"{path}/join",
                answer_url=f"{path}/answer",
                own=(own,) if sample.speaks else (),
                speaks=sample.speaks,
                before=_hour_before(session) if kind == "invitation-update" else None,
                own_subject=sample.subject,
                own_text=sample.text,
                contact=sample.contact,
                accent=sample.accent,
            )
        case "certificate":
            return CertificateMail(
                name=NAME,
                cycle=sample.cycle,
                zone=sample.zone,
                page_url=sample.page_url,
                verify_url=f"{sample.page_url.rpartition('/my/')[0]}/verify/…",
                code=shown_code(_CODE),
                own_subject=sample.subject,
                own_text=sample.text,
                contact=sample.contact,
                accent=sample.accent,
            )
        case "reminder" | "follow-up":
            before = kind == "reminder"
            return ReminderMail(
                name=NAME,
                cycle=sample.cycle,
                zone=sample.zone,
                session=session,
                page_url=sample.page_url,
                join_url=f"{path}/join" if before else "",
                answer_url=f"{path}/answer" if before else "",
                own=(own,) if before and sample.speaks else (),
                speaks=sample.speaks,
                own_subject=sample.subject,
                own_text=sample.text,
                contact=sample.contact,
                accent=sample.accent,
            )
    raise ValueError(f"no sample of this kind of mail: {kind!r}")


_WHY = {
    "invitation": Why.NEW,
    "invitation-update": Why.CHANGED,
    "invitation-cancel": Why.CANCELLED,
}


def _hour_before(session: SessionLine) -> SessionLine:
    hour = timedelta(hours=1)
    return SessionLine(
        session.number, session.title, session.starts - hour, session.ends - hour, session.zone
    )

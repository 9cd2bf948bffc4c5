"""The mails before and after a session: from a row of the outbox to the text.

What held when the mail was queued is looked at again: nobody is reminded of a session that has been
moved, cancelled or is over, nor who is not among those any more whom the reminder is for.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, select
from sqlmodel import col

from app.db import DbSession
from app.domain.answers import holds
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_
from app.domain.faces import own_segments
from app.domain.reminders import Audience, is_late, reaches
from app.domain.schedule import CycleStatus, PartStatus, Schedule, Session, SessionStatus
from app.domain.text import localized, without_links
from app.languages import translations
from app.mail.failures import Reason, SendError
from app.mail.placeholders import fill, fill_subject
from app.mail.rendering import greeting_name, render
from app.mail.values import Content, ReminderMail, SessionLine
from app.models import (
    Cycle,
    Enrolment,
    Guest,
    Invitation,
    MailText,
    Material,
    Message,
    Part,
    Person,
)
from app.services.calendars import own_segments_of
from app.services.completion import Against, against, must_not_miss
from app.services.feedback import Asked, asked_of
from app.services.guests import manner_of
from app.services.links import Links
from app.services.mail_texts import organizers, placeholder_values
from app.services.materials import for_mail
from app.services.reminder_audience import answer_of, standings
from app.worker.kept import Kept

KINDS = ("reminder", "follow-up")


class _Row(NamedTuple):
    cycle: Cycle
    person: Person
    enrolment: Enrolment | None
    guest: Guest | None
    invitation: Invitation | None
    words: MailText | None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who reads it and what they have to do with the session."""

    row: _Row
    declined: frozenset[str]
    parts: tuple[str, ...]  # where those stand that they did not decline
    answer: str

    @property
    def speaks(self) -> bool:
        """Whether they have a part in the session."""
        return bool(self.parts)

    @property
    def enrolment(self) -> Enrolment | None:
        """Their enrolment, if they take part."""
        found = self.row.enrolment
        return found if found and found.status == EnrolmentStatus.CONFIRMED else None

    def among(self, audience: Audience) -> bool:
        """Whether the session is in their calendar, or would be, and they are of those meant."""
        answer = answer_of(self.answer, self.parts)
        present = self.speaks or self.enrolment is not None
        return present and reaches(audience, answer=answer, speaks=self.speaks)

    def link(self, links: Links, path: str = "") -> str:
        """Their own page, or one below it."""
        enrolment, guest = self.enrolment, self.row.guest
        if guest is not None and (self.speaks or enrolment is None):
            return links.part(guest.id, guest.link_generation, path)
        if enrolment is None:
            raise SendError(Reason.MOOT, final=True)
        return self.own_link(links, path)

    def own_link(self, links: Links, path: str) -> str:
        """Below the page that they have as somebody who takes part."""
        assert self.enrolment is not None
        return links.my(self.enrolment.id, self.enrolment.link_generation, path)


def compose_reminder(
    db: DbSession, links: Links, message: Message, now: datetime, kept: Kept
) -> tuple[Content, str]:
    """The text of a reminder or follow-up at the aware instant `now`, and the address for answers.

    Raises:
        SendError: final; GONE where person, cycle or session is no more; MOVED where the session
            is off, or at another time; MOOT where it is over, or they are not to be reminded.
    """
    row = _row(db, message)
    cycle = row.cycle
    released = kept.release(db, cycle.id, cycle.release_number, cycle.revision)
    session = released.sessions.get(message.session_id or "") if released else None
    if released is None or session is None:
        raise SendError(Reason.GONE, final=True)
    if not _takes_place(cycle, session, message):
        raise SendError(Reason.MOVED, final=True)
    reader = _reader(db, row, session)
    audience = Audience(message.context.get("audience", Audience.ALL))
    over = message.kind == "reminder" and session.ends <= now
    if over or not reader.among(audience):
        raise SendError(Reason.MOOT, final=True)
    mail = _mail(db, links, reader, released.schedule, session, message, now)
    if not over and message.kind == "reminder" and _needed(db, reader, session, now, kept):
        mail = replace(mail, needed=True)
    return render(message.kind, mail, message.language, translations), cycle.contact_email


def _needed(db: DbSession, reader: _Reader, session: Session, now: datetime, kept: Kept) -> bool:
    """Whether they complete the cycle only if they come. One query, where they are to be told."""
    cycle, enrolment = reader.row.cycle, reader.enrolment
    if enrolment is None or not (cycle.completion_rule or {}).get("warn"):
        return False
    minute = now.replace(second=0, microsecond=0)
    known = kept.once(
        ("against", cycle.id, cycle.revision, minute), Against, lambda: against(db, cycle.id, now)
    )
    return must_not_miss(db, known, enrolment, session.id)


def _row(db: DbSession, message: Message) -> _Row:
    person_id = str(message.context.get("person_id"))
    statement = (
        select(Cycle, Person, Enrolment, Guest, Invitation, MailText)
        .select_from(Cycle)
        .join(Person, col(Person.id) == person_id)
        .outerjoin(
            Enrolment,
            and_(col(Enrolment.cycle_id) == col(Cycle.id), col(Enrolment.person_id) == person_id),
        )
        .outerjoin(
            Guest, and_(col(Guest.cycle_id) == col(Cycle.id), col(Guest.person_id) == person_id)
        )
        .outerjoin(
            Invitation,
            and_(
                col(Invitation.guest_id) == col(Guest.id),
                col(Invitation.session_id) == message.session_id,
            ),
        )
        .outerjoin(
            MailText,
            and_(
                col(MailText.cycle_id) == col(Cycle.id),
                col(MailText.kind) == message.kind,
                col(MailText.language) == message.language,
            ),
        )
        .where(col(Cycle.id) == message.cycle_id)
    )
    row = db.execute(statement).one_or_none()
    if row is None:
        raise SendError(Reason.GONE, final=True)
    return _Row(*row)


def _reader(db: DbSession, row: _Row, session: Session) -> _Reader:
    """One query more for somebody on the programme."""
    declined: frozenset[str] = frozenset()
    parts: tuple[str, ...] = ()
    if any(p.person_id == row.person.id for g in session.segments for p in g.parts):
        statement = select(col(Part.id), col(Part.status)).where(
            col(Part.session_id) == session.id, col(Part.person_id) == row.person.id
        )
        status: dict[str, str] = {row[0]: row[1] for row in db.execute(statement)}
        declined = frozenset(p for p, each in status.items() if each == PartStatus.DECLINED)
        parts = tuple(standings(session, row.person.id, declined, status))
    invitation = row.invitation
    answer = ""
    if invitation and holds(invitation.answer_sequence, invitation.time_sequence):
        answer = invitation.answer
    return _Reader(row, declined, parts, answer)


def _takes_place(cycle: Cycle, session: Session, message: Message) -> bool:
    """Whether the session is what it was when the mail was queued."""
    was = tuple(datetime.fromisoformat(message.context[name]) for name in ("starts", "ends"))
    return (
        cycle.status != CycleStatus.ARCHIVED
        and session.status is SessionStatus.SCHEDULED
        and was == (session.starts, session.ends)
    )


def _mail(
    db: DbSession,
    links: Links,
    reader: _Reader,
    schedule: Schedule,
    session: Session,
    message: Message,
    now: datetime,
) -> ReminderMail:
    row, language = reader.row, message.language
    cycle = row.cycle
    due_at = datetime.fromisoformat(message.context["due"])
    before = message.kind == "reminder"
    path = f"/sessions/{session.number}"
    own = own_segments(session, row.person.id, reader.declined) if before else ()
    line = SessionLine(
        number=session.number,
        title=localized(session.title, language, schedule.language),
        starts=session.starts,
        ends=session.ends,
        zone=session.zone,
    )
    zone = manner_of(row.person, row.enrolment, cycle).zone
    name = greeting_name(message.to_name)
    page, join = reader.link(links), reader.link(links, f"{path}/join")
    words = row.words
    title = localized(schedule.title, language, schedule.language)
    values = placeholder_values(
        language,
        zone,
        name=name,
        cycle=title,
        link=page,
        organizer=organizers(schedule),
        session=line,
    )
    materials = [] if before else for_mail(db, session, now)
    asked = None if before else _asked(db, reader, session, now)
    return ReminderMail(
        name=name,
        cycle=title,
        zone=zone,
        session=line,
        page_url=page,
        join_url=join if before else "",
        answer_url=reader.link(links, f"{path}/answer") if before and row.invitation else "",
        own=own_segments_of(own, row.person.id, language, reader.declined),
        speaks=reader.speaks,
        begun=before and session.starts <= now,
        late_since=due_at if is_late(due_at, now) else None,
        materials=tuple(_title(row, language) for row, opens in materials if opens is None),
        to_come=tuple(dict.fromkeys((row.kind, opens) for row, opens in materials if opens)),
        answered=reader.answer,
        feedback_url=reader.own_link(links, f"{path}/feedback") if asked else "",
        feedback_until=asked.closes if asked else None,
        feedback_anonymous=asked is not None and asked.anonymous,
        own_subject=fill_subject(words.subject, values) if words else "",
        own_text=fill(words.text, values) if words else "",
        contact=cycle.contact_email,
        accent=cycle.accent,
    )


def _asked(db: DbSession, reader: _Reader, session: Session, now: datetime) -> Asked | None:
    """What they are asked after the session, as long as they have not answered. One query."""
    if reader.enrolment is None:
        return None
    asked = asked_of(db, reader.enrolment, [session]).get(session.id)
    return asked if asked and asked.to_do(now) else None


def _title(material: Material, language: str) -> str:
    """Its title; of what somebody without an account typed, no links."""
    if material.given_by is None:
        return material.title
    return without_links(material.title) or translations(language).gettext(N_("Slides"))

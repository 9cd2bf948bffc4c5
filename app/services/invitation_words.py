"""What the invitations of a release say: for all who read it in one language, in one zone. The
worker sends them, and organizers look at them before they publish."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from app.calendar.lines import one_line
from app.calendar.values import Event
from app.domain.errors import N_
from app.domain.faces import own_segments
from app.domain.invitations import Why
from app.domain.schedule import Schedule, Session
from app.domain.text import localized
from app.domain.zone_shifts import at_its_hour, same_clock
from app.languages import translations
from app.mail.frames import LINK, NAME, Frame
from app.mail.placeholders import fill, fill_subject
from app.mail.rendering import render
from app.mail.values import Content, InvitationMail, OwnSegment, SessionLine
from app.services.calendars import event_of, organizer_name, own_segments_of, people_lines
from app.services.mail_texts import organizers, placeholder_values
from app.services.outbox import CANCEL, UPDATE

_TAKEN_OUT = {
    Why.CANCELLED: N_("This session will not take place."),
    Why.LEFT: N_("You are no longer expected in this session."),
    Why.ADDRESS: N_("Your invitations no longer come to this address."),
}


class About(NamedTuple):
    """All that the shared words of a mail depend on: equal values, equal words."""

    kind: str
    language: str
    cycle_id: str
    release: int
    session_id: str
    why: str
    starts: str
    ends: str
    was_starts: str
    was_ends: str
    was_release: int  # the one that they were told last; 0: none
    note: str
    zone: str  # the reader's
    answered: str
    speaker: str  # the person's id, of somebody with a part in it
    declined: frozenset[str]
    contact: str
    own_subject: str
    own_text: str
    named: bool  # there is a name to greet with

    @classmethod
    def of(cls, kind: str, language: str, context: Mapping[str, Any], **reader: Any) -> "About":
        """From the context of a mail that `issuing.issue` wrote; `reader`: the rest."""
        partstat = context.get("partstat") or "NEEDS-ACTION"
        return cls(
            kind=kind,
            language=language,
            session_id=context["session_id"],
            why=context["why"],
            starts=context["starts"],
            ends=context["ends"],
            was_starts=context.get("was_starts") or "",
            was_ends=context.get("was_ends") or "",
            was_release=int(context.get("was_release", int(context.get("release", 0)) - 1)),
            note=context.get("note") or "",
            answered="" if partstat == "NEEDS-ACTION" else partstat.lower(),
            **reader,
        )


@dataclass(frozen=True, slots=True)
class Words:
    """A mail but for what is the reader's own; in the event, too, `LINK` stands for their page."""

    frame: Frame
    event: Event
    join: str  # the path below their page


def words_of(
    about: About, schedule: Schedule, published: Session, earlier: Schedule | None = None
) -> Words:
    """The words, with marks for the reader's name and the address of their page. `published` is the
    session as the schedule has it; `earlier`, but for a first invitation, what they were told last,
    as it is stored."""
    session = _as_told(about, published, earlier)
    content = content_of(about, schedule, published, earlier)
    own, join = _own(about, session), _join(session)
    return Words(Frame(content), _event(about, schedule, session, own, LINK + join), join)


def content_of(
    about: About, schedule: Schedule, published: Session, earlier: Schedule | None = None
) -> Content:
    """The texts of the mail, with the same marks."""
    language, session = about.language, _as_told(about, published, earlier)
    own = _own(about, session)
    mail = InvitationMail(
        name=NAME if about.named else "",
        cycle=one_line(localized(schedule.title, language, schedule.language)),
        zone=about.zone,
        session=_line(schedule, session, language),
        why=about.why,
        page_url=LINK,
        join_url=LINK + _join(session),
        answer_url=f"{LINK}/sessions/{session.number}/answer",
        people=people_lines(session, language),
        own=own,
        speaks=bool(own),
        answered=about.answered,
        note=about.note,
        contact=about.contact,
        accent=schedule.accent,
    )
    if about.kind == UPDATE:
        mail = _with_time_before(about, mail)
        was = _session_of(about, earlier)
        if earlier is not None and was is not None:
            mail = _with_differences(about, mail, schedule, session, earlier, was)
    mail = _with_own_words(about, mail, schedule)
    return render(about.kind, mail, language, translations)


def _as_told(about: About, session: Session, earlier: Schedule | None) -> Session:
    """A session at the time that the mail is about: of a cancellation, the time they had, by the
    clock that they were told it by."""
    if about.kind != CANCEL:
        return session
    starts, ends = datetime.fromisoformat(about.starts), datetime.fromisoformat(about.ends)
    starts, ends = _hour_told(starts, ends, _session_of(about, earlier))
    return replace(session, starts=starts, ends=ends)


def _hour_told(starts: datetime, ends: datetime, was: Session | None) -> tuple[datetime, datetime]:
    """Times that a reader was told, by the clock where they are those of the release that told
    them, `was`: newer zone data may have moved the instants since."""
    if was is None or (was.starts, was.ends) != (starts, ends):
        return starts, ends
    hour = at_its_hour(was)
    return hour.starts, hour.ends


def _session_of(about: About, schedule: Schedule | None) -> Session | None:
    sessions = schedule.sessions if schedule else ()
    return next((s for s in sessions if s.id == about.session_id), None)


def _join(session: Session) -> str:
    return f"/sessions/{session.number}/join"


def _event(
    about: About, schedule: Schedule, session: Session, own: tuple[OwnSegment, ...], join: str
) -> Event:
    off = about.kind == CANCEL
    event = event_of(
        schedule, session, about.language, link=join, join=join, withdrawn=off, own=own,
        zone=about.zone,
    )  # fmt: skip
    event = replace(event, organizer_name=organizer_name(schedule))
    if off:
        # Why is another matter for each reader: for most of them the session itself takes place.
        said = translations(about.language).gettext(_TAKEN_OUT[Why(about.why)])
        event = replace(event, description=said, location="", url="", conference="")
    return event


def _line(schedule: Schedule, session: Session, language: str) -> SessionLine:
    return SessionLine(
        number=session.number,
        title=one_line(localized(session.title, language, schedule.language)),
        starts=session.starts,
        ends=session.ends,
        zone=session.zone,
    )


def _own(about: About, session: Session) -> tuple[OwnSegment, ...]:
    if not about.speaker:
        return ()
    segments = own_segments(session, about.speaker, about.declined)
    return own_segments_of(segments, about.speaker, about.language, about.declined)


def _with_time_before(about: About, mail: InvitationMail) -> InvitationMail:
    """With the time that the reader was told before, where that was another one."""
    if not (about.was_starts and about.was_ends):
        return mail
    before = replace(
        mail.session,
        starts=datetime.fromisoformat(about.was_starts),
        ends=datetime.fromisoformat(about.was_ends),
    )
    return mail if before == mail.session else replace(mail, before=before)


def _with_differences(
    about: About,
    mail: InvitationMail,
    schedule: Schedule,
    session: Session,
    earlier: Schedule,
    before: Session,
) -> InvitationMail:
    """With what else is different from what they were told last."""
    language, fallback = about.language, schedule.language
    title = one_line(localized(before.title, language, fallback))

    def description(of: Session) -> str:
        return localized(of.description, language, fallback)

    def part(of: Session) -> list[OwnSegment]:
        """Their part, at times that do not move with the session."""
        begin = of.starts
        return [
            replace(
                own,
                starts=session.starts + (own.starts - begin),
                ends=session.starts + (own.ends - begin),
            )
            for own in _own(about, of)
        ]

    # The same hour on the wall at another instant: newer zone data says so, nobody moved it. What
    # the old instant would be on that wall today is a time that nobody was told.
    clocks = same_clock(before, session) and before.starts != session.starts
    if clocks and mail.zone == session.zone:
        mail = replace(mail, before=None)
    elif not clocks and mail.before:
        starts, ends = _hour_told(mail.before.starts, mail.before.ends, before)
        mail = replace(mail, before=replace(mail.before, starts=starts, ends=ends))
    different = {
        "clocks": clocks,
        "cycle": localized(earlier.title, language, fallback)
        != localized(schedule.title, language, fallback),
        "number": before.number != session.number,
        "zone": before.zone != session.zone,
        "people": people_lines(before, language) != mail.people,
        "description": description(before) != description(session),
        "own": part(before) != part(session),
    }
    return replace(
        mail,
        title_before=title if title != mail.session.title else "",
        changes=tuple(name for name, is_so in different.items() if is_so),
    )


def _with_own_words(about: About, mail: InvitationMail, schedule: Schedule) -> InvitationMail:
    """With the organizers' words instead of the house's, where they wrote some. Those of a
    cancellation are about a session that is off: who is taken out of one that takes place, or
    has another address, reads the house's."""
    if about.kind == CANCEL and about.why != Why.CANCELLED:
        return mail
    values = placeholder_values(
        about.language,
        mail.zone,
        name=mail.name,
        cycle=mail.cycle,
        link=mail.page_url,
        organizer=organizers(schedule),
        session=mail.session,
    )
    return replace(
        mail,
        own_subject=fill_subject(about.own_subject, values),
        own_text=fill(about.own_text, values),
    )

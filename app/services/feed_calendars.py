"""What stands in everybody's own calendar.

It says what the mails said, session by session, and what has changed since: never a lower SEQUENCE
or an earlier DTSTAMP than the ledger issued to this reader, so that a calendar that has both keeps
the newer one. No time of rendering gets in.

What changes for this reader alone (they are confirmed, leave, decline a part) is in no release. It
has the moment at which it happened for a DTSTAMP; and SEQUENCE goes up with the revision of their
enrolment, by one for what they declined, and by one over what the ledger issued as long as that
says something else. Whoever declines and then confirms after all, in a cycle
that sends no invitations, has SEQUENCE one lower again, with a later DTSTAMP: what counts their
answers is the ledger, and there they have none.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlmodel import String, cast, col, select

from app.calendar.render import render
from app.calendar.values import Calendar, Event
from app.db import DbSession
from app.domain.documents import sessions_with
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_
from app.domain.faces import own_segments
from app.domain.invitations import Method
from app.domain.schedule import PartStatus, Schedule, Segment, Session, SessionStatus
from app.domain.text import LANGUAGES, localized
from app.languages import translations
from app.models import Enrolment, Guest, Invitation, Part, Release
from app.services.calendars import (
    CANCELLED_STAY,
    Rendered,
    color_name,
    event_of,
    own_segments_of,
)
from app.services.feeds import Subscriber
from app.services.links import Links
from app.services.public import PublishedCycle, published_with

_NOT_EXPECTED = N_("You are no longer expected in this session.")
_NOT_YET = {
    EnrolmentStatus.WAITLISTED: (
        N_("Waiting list: %(title)s"),
        N_("You are on the waiting list. You will get a mail if a place becomes free."),
    ),
    EnrolmentStatus.PENDING: (
        N_("To be confirmed: %(title)s"),
        N_("Your enrolment waits for confirmation. You will get a mail."),
    ),
}


class _Issued(NamedTuple):
    """What the ledger has of a session."""

    sequence: int
    stamp: datetime
    cancelled: bool


class _Answer(NamedTuple):
    """A part of theirs, and what they said to it when."""

    part_id: str
    session_id: str
    declined: bool
    at: datetime | None


def feed_calendar(
    db: DbSession, links: Links, who: Subscriber, language: str, now: datetime
) -> Rendered:
    """Somebody's live calendar, with the personal join links and their own part in each session. An
    empty `language` is theirs. Five queries at most.

    What is off for them (they have withdrawn, declined their part or lost it) is cancelled, like a
    session that is off for everybody, until 30 days after it would have begun. What is not settled
    (they are on the waiting list, or wait for confirmation) is tentative, without a way in.

    Raises NotFound while nothing is published.
    """
    cycle = published_with(db, who.cycle_id)
    schedule = cycle.schedule
    language = next(
        each for each in (language, who.language, schedule.language) if each in LANGUAGES
    )
    ledger = _ledger(db, who.guest)
    answers = _answers(db, who, schedule)
    known = {*ledger, *(a.session_id for a in answers)}
    known |= _lost(db, who, cycle, known, now)
    stamps = [cycle.published_at, *(row.created_at for row in (who.enrolment, who.guest) if row)]
    events, ahead = [], []
    for session in schedule.sessions:
        theirs = [a for a in answers if a.session_id == session.id]
        own = own_segments(session, who.person_id, _declined(theirs))
        on = bool(own) or _participates(who.enrolment, session)
        waits = None if on else _waits(who.enrolment)
        if not (on or who.enrolment or session.id in known):
            continue
        off = not (on or waits)
        if off or session.status is SessionStatus.CANCELLED:
            leaves = session.starts + CANCELLED_STAY
            if leaves <= now:
                stamps.append(leaves)
                continue
            ahead.append(leaves)
        page = links.url(f"/c/{schedule.slug}/{session.number}")
        join = "" if waits else _join(links, who, session, own)
        event = event_of(
            schedule,
            session,
            language,
            link=join or page,
            join=join,
            contact=cycle.cycle.contact_email,
            withdrawn=off,
            own=own_segments_of(own, who.person_id, language, _declined(theirs)),
            zone=who.zone,
        )
        if session.status is not SessionStatus.CANCELLED:
            if off:
                event = _taken_out(event, language)
            elif waits:
                event = _tentative(event, waits, language)
        event = _newer(event, who.enrolment, theirs, off, ledger.get(session.id))
        stamps.append(event.stamp)
        events.append(event)
    calendar = Calendar(
        tuple(events),
        name=localized(schedule.title, language, schedule.language),
        source=who.address,
        color=color_name(schedule.accent),
    )
    return Rendered(render(calendar), max(stamps), min(ahead, default=None))


def _newer(
    event: Event,
    enrolment: Enrolment | None,
    answers: Sequence[_Answer],
    off: bool,
    issued: _Issued | None,
) -> Event:
    """The event with the SEQUENCE and the moment of what last changed for this reader."""
    sequence, stamps = event.sequence, [event.stamp]
    if enrolment is not None:
        sequence += enrolment.revision - 1
        stamps.append(enrolment.status_at)
    stamps += [answer.at for answer in answers if answer.at is not None]
    if off and any(answer.declined for answer in answers):
        sequence += 1
    if issued is not None:
        told = issued.cancelled == (event.cancelled or event.tentative)
        sequence = max(sequence, issued.sequence if told else issued.sequence + 1)
        stamps.append(issued.stamp)
    return replace(event, sequence=sequence, stamp=max(stamps))


def _participates(enrolment: Enrolment | None, session: Session) -> bool:
    """Whoever leaves keeps what was over by then."""
    if enrolment is None:
        return False
    if enrolment.status == EnrolmentStatus.WITHDRAWN:
        return session.ends <= enrolment.status_at
    return enrolment.status == EnrolmentStatus.CONFIRMED


def _waits(enrolment: Enrolment | None) -> EnrolmentStatus | None:
    """As what somebody waits for their place, if they do."""
    status = EnrolmentStatus(enrolment.status) if enrolment else None
    return status if status in _NOT_YET else None


def _lost(
    db: DbSession, who: Subscriber, cycle: PublishedCycle, known: Collection[str], now: datetime
) -> frozenset[str]:
    """The sessions to be shown in which somebody with parts had one by an earlier release. One
    query, none where there can be no such session."""
    open_ = {
        session.id
        for session in cycle.schedule.sessions
        if session.id not in known and now < session.starts + CANCELLED_STAY
    }
    if who.enrolment is not None or not open_:
        return frozenset()
    earlier = select(Release.document).where(
        Release.cycle_id == who.cycle_id,
        Release.number < cycle.release_number,
        cast(col(Release.document), String).contains(who.person_id, autoescape=True),
    )
    found: set[str] = set()
    for document in db.exec(earlier):
        found |= sessions_with(document, who.person_id)
    return frozenset(found & open_)


def _ledger(db: DbSession, guest: Guest | None) -> dict[str, _Issued]:
    if guest is None:
        return {}
    rows = db.exec(
        select(
            Invitation.session_id, Invitation.sequence, Invitation.stamp, Invitation.method
        ).where(Invitation.guest_id == guest.id, Invitation.method != "")
    )
    return {row[0]: _Issued(row[1], row[2], row[3] == Method.CANCEL) for row in rows}


def _answers(db: DbSession, who: Subscriber, schedule: Schedule) -> list[_Answer]:
    """Where the parts stand that they have by the newest release. One query, none without any."""
    parts = {
        part.id: session.id
        for session in schedule.sessions
        for segment in session.segments
        for part in segment.parts
        if part.person_id == who.person_id
    }
    if not parts:
        return []
    query = select(Part.id, Part.status, Part.answered_at).where(col(Part.id).in_(parts))
    return [
        _Answer(part_id, parts[part_id], status == PartStatus.DECLINED, at)
        for part_id, status, at in db.exec(query)
    ]


def _declined(answers: Iterable[_Answer]) -> frozenset[str]:
    return frozenset(answer.part_id for answer in answers if answer.declined)


def _join(links: Links, who: Subscriber, session: Session, own: tuple[Segment, ...]) -> str:
    """Where they go in: by the page of those with parts for a session in which they have one."""
    path = f"/sessions/{session.number}/join"
    if who.guest is not None and (own or who.enrolment is None):
        return links.part(who.guest.id, who.guest.link_generation, path)
    assert who.enrolment is not None
    return links.my(who.enrolment.id, who.enrolment.link_generation, path)


def _tentative(event: Event, waits: EnrolmentStatus, language: str) -> Event:
    """Not settled for this reader: no way in, and nothing that rings."""
    gettext = translations(language).gettext
    title, said = map(gettext, _NOT_YET[waits])
    return replace(
        event,
        summary=title % {"title": event.summary},
        description=f"{said}\n\n{event.description}",
        location="",
        conference="",
        alarm_text="",
        tentative=True,
    )


def _taken_out(event: Event, language: str) -> Event:
    """Off for this reader, while it takes place for others."""
    said = translations(language).gettext(_NOT_EXPECTED)
    return replace(event, description=said, location="", url="", conference="")

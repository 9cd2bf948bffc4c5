"""Everybody's own calendar: the feed of a participant, of somebody with parts, or of who is both.

It says what the mails said, session by session, and what has changed since: never a lower SEQUENCE
or an earlier DTSTAMP than the ledger issued to this reader, so that a calendar that has both keeps
the newer one. No time of rendering gets in.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import col, func, select

from app.calendar.render import render
from app.calendar.values import Calendar, Event
from app.db import DbSession
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_, Gone, NotFound
from app.domain.invitations import own_segments
from app.domain.schedule import PartStatus, Schedule, Segment, Session, SessionStatus
from app.domain.text import LANGUAGES, localized
from app.languages import translations
from app.models import Cycle, Enrolment, Guest, Invitation, Part, Person
from app.models import Session as SessionRow
from app.services.calendars import (
    CANCELLED_STAY,
    Rendered,
    color_name,
    event_of,
    own_segments_of,
)
from app.services.enrolment_lists import enrolment_of_feed
from app.services.guests import manner_of, with_person
from app.services.links import Links, Purpose
from app.services.public import published
from app.services.rows import find

_NOT_EXPECTED = N_("You are no longer expected in this session.")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Whose calendar it is: one person in one cycle, as a participant, a guest, or both.
    `address` is the feed's own."""

    cycle_id: str
    person_id: str
    enrolment: Enrolment | None
    guest: Guest | None
    language: str
    zone: str
    address: str


class _Issued(NamedTuple):
    """What the ledger has of a session."""

    sequence: int
    stamp: datetime


def read_token(links: Links, token: str) -> tuple[Purpose, str]:
    """What a feed's token is for, and the id of the enrolment or the guest. Raises NotFound."""
    try:
        return Purpose.FEED, links.read(Purpose.FEED, token)[0]
    except NotFound:
        return Purpose.GUEST_FEED, links.read(Purpose.GUEST_FEED, token)[0]


def version_of_feed(db: DbSession, purpose: Purpose, row_id: str) -> Hashable:
    """Changes with whatever that feed shows, and with its address. One query.

    The ledger has no revision. But each message that is issued adds a row or raises a SEQUENCE, so
    no other state of it has the same number of rows and the same sum. Nor do answers to parts raise
    any: those that were declined are named.
    """
    declined: Any = (
        select(func.aggregate_strings(col(Part.id), ","))
        .join(SessionRow, col(SessionRow.id) == col(Part.session_id))
        .where(
            SessionRow.cycle_id == Cycle.id,
            Part.person_id == Person.id,
            Part.status == PartStatus.DECLINED,
        )
        .correlate(Cycle, Person)
        .scalar_subquery()
    )
    ledger: Any = (
        func.count(col(Invitation.id)),
        func.sum(col(Invitation.sequence)),
        func.max(col(Invitation.stamp)),
    )
    same = (col(Guest.cycle_id) == col(Enrolment.cycle_id)) & (
        col(Guest.person_id) == col(Enrolment.person_id)
    )
    who: Any = (
        Cycle.id,
        Cycle.revision,
        Person.id,
        Person.revision,
        Enrolment.id,
        Enrolment.revision,
        Guest.id,
        Guest.link_generation,
        Guest.feed_generation,
    )
    columns: Any = (*who, *ledger, declined)
    statement: Any = select(*columns)
    if purpose is Purpose.FEED:
        statement = (
            statement.select_from(Enrolment)
            .join(Cycle, col(Cycle.id) == col(Enrolment.cycle_id))
            .join(Person, col(Person.id) == col(Enrolment.person_id))
            .outerjoin(Guest, same)
            .where(Enrolment.id == row_id)
        )
    else:
        statement = (
            statement.select_from(Guest)
            .join(Cycle, col(Cycle.id) == col(Guest.cycle_id))
            .join(Person, col(Person.id) == col(Guest.person_id))
            .outerjoin(Enrolment, same)
            .where(Guest.id == row_id)
        )
    statement = statement.outerjoin(Invitation, col(Invitation.guest_id) == col(Guest.id))
    row = db.exec(statement.group_by(*who)).one_or_none()
    return tuple(row) if row else None


def subscriber_of(db: DbSession, links: Links, token: str) -> Subscriber:
    """Whose calendar an address is.

    Raises:
        NotFound: not an address of ours. Gone: it was renewed since.
    """
    if read_token(links, token)[0] is Purpose.FEED:
        return _participant(db, links, enrolment_of_feed(db, links, token))
    guest_id, generation = links.read(Purpose.GUEST_FEED, token)
    guest = find(db, Guest, guest_id, *with_person())
    if generation != guest.feed_generation:
        raise Gone(N_("This calendar has a newer address. You find it on your page."))
    return _guest(db, links, guest)


def renew_guest_feed(db: DbSession, guest: Guest) -> Guest:
    """Ends the address of the calendar of somebody with parts; the next one that is made works."""
    guest.feed_generation += 1
    db.flush()
    return guest


def _participant(db: DbSession, links: Links, enrolment: Enrolment) -> Subscriber:
    query = (
        select(Person, Cycle, Guest)
        .select_from(Person)
        .join(Cycle, col(Cycle.id) == enrolment.cycle_id)
        .outerjoin(
            Guest, (col(Guest.cycle_id) == col(Cycle.id)) & (col(Guest.person_id) == col(Person.id))
        )
        .where(Person.id == enrolment.person_id)
    )
    person, cycle, guest = db.exec(query).one()
    return _subscriber(
        person, cycle, enrolment, guest, links.feed(enrolment.id, enrolment.feed_generation)
    )


def _guest(db: DbSession, links: Links, guest: Guest) -> Subscriber:
    query = (
        select(Cycle, Enrolment)
        .select_from(Cycle)
        .outerjoin(
            Enrolment,
            (col(Enrolment.cycle_id) == col(Cycle.id))
            & (col(Enrolment.person_id) == guest.person_id),
        )
        .where(Cycle.id == guest.cycle_id)
    )
    cycle, enrolment = db.exec(query).one()
    return _subscriber(
        guest.person, cycle, enrolment, guest, links.guest_feed(guest.id, guest.feed_generation)
    )


def _subscriber(
    person: Person, cycle: Cycle, enrolment: Enrolment | None, guest: Guest | None, address: str
) -> Subscriber:
    manner = manner_of(person, enrolment, cycle)
    return Subscriber(cycle.id, person.id, enrolment, guest, manner.language, manner.zone, address)


def feed_calendar(
    db: DbSession, links: Links, who: Subscriber, language: str, now: datetime
) -> Rendered:
    """Somebody's live calendar, with the personal join links and their own part in each session. An
    empty `language` is theirs. Five queries at most.

    What is off for them (they have withdrawn, or lost their part in what they were invited to) is
    cancelled, like a session that is off for everybody, until 30 days after it would have begun.

    Raises NotFound while nothing is published.
    """
    slug = db.exec(select(Cycle.slug).where(col(Cycle.id) == who.cycle_id)).one()
    cycle = published(db, slug)
    schedule = cycle.schedule
    language = next(
        each for each in (language, who.language, schedule.language) if each in LANGUAGES
    )
    ledger = _ledger(db, who.guest)
    declined = _declined(db, who, schedule)
    stamps = [cycle.published_at, *(row.created_at for row in (who.enrolment, who.guest) if row)]
    if who.enrolment:
        stamps.append(who.enrolment.status_at)
    events, ahead = [], []
    for session in schedule.sessions:
        own = own_segments(session, who.person_id, declined)
        issued = ledger.get(session.id)
        on = bool(own) or _participates(who.enrolment, session)
        if not (on or issued or who.enrolment):
            continue
        if not on or session.status is SessionStatus.CANCELLED:
            leaves = session.starts + CANCELLED_STAY
            if leaves <= now:
                stamps.append(leaves)
                continue
            ahead.append(leaves)
        event = event_of(
            schedule,
            session,
            language,
            link=(join := _join(links, who, session, own)),
            join=join,
            contact=cycle.cycle.contact_email,
            withdrawn=not on,
            own=own_segments_of(own, who.person_id, language, declined),
            zone=who.zone,
        )
        if not on and session.status is not SessionStatus.CANCELLED:
            event = _taken_out(event, language)
        if issued:
            stamps.append(issued.stamp)
            event = replace(
                event,
                sequence=max(event.sequence, issued.sequence),
                stamp=max(event.stamp, issued.stamp),
            )
        events.append(event)
    calendar = Calendar(
        tuple(events),
        name=localized(schedule.title, language, schedule.language),
        source=who.address,
        color=color_name(schedule.accent),
    )
    return Rendered(render(calendar), max(stamps), min(ahead, default=None))


def _participates(enrolment: Enrolment | None, session: Session) -> bool:
    """Whoever leaves keeps what was over by then."""
    if enrolment is None:
        return False
    left = enrolment.status == EnrolmentStatus.WITHDRAWN
    return not left or session.ends <= enrolment.status_at


def _ledger(db: DbSession, guest: Guest | None) -> dict[str, _Issued]:
    if guest is None:
        return {}
    rows = db.exec(
        select(Invitation.session_id, Invitation.sequence, Invitation.stamp).where(
            Invitation.guest_id == guest.id, Invitation.method != ""
        )
    )
    return {row[0]: _Issued(row[1], row[2]) for row in rows}


def _declined(db: DbSession, who: Subscriber, schedule: Schedule) -> frozenset[str]:
    """The ids of the parts that they declined, where they have any."""
    parts = (p for s in schedule.sessions for g in s.segments for p in g.parts)
    if all(part.person_id != who.person_id for part in parts):
        return frozenset()
    query = (
        select(Part.id)
        .join(SessionRow, col(SessionRow.id) == col(Part.session_id))
        .where(
            SessionRow.cycle_id == who.cycle_id,
            Part.person_id == who.person_id,
            Part.status == PartStatus.DECLINED,
        )
    )
    return frozenset(db.exec(query))


def _join(links: Links, who: Subscriber, session: Session, own: tuple[Segment, ...]) -> str:
    """Where they go in: by the page of those with parts for a session in which they have one."""
    path = f"/sessions/{session.number}/join"
    if who.guest is not None and (own or who.enrolment is None):
        return links.part(who.guest.id, who.guest.link_generation, path)
    assert who.enrolment is not None
    return links.my(who.enrolment.id, who.enrolment.link_generation, path)


def _taken_out(event: Event, language: str) -> Event:
    """Off for this reader, while it takes place for others."""
    said = translations(language).gettext(_NOT_EXPECTED)
    return replace(event, description=said, location="", url="", conference="")

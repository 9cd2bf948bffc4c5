"""Invitations for organizers: whose calendar is stale and why, what was answered, sending again."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import col, select

from app.db import DbSession
from app.domain.answers import Answer, AnswerSource, Given, holds
from app.domain.documents import from_document
from app.domain.errors import N_, Clash, NotFound
from app.domain.faces import own_segments
from app.domain.invitations import Due, Method
from app.domain.schedule import Schedule, Session, SessionStatus
from app.domain.zone_shifts import by_the_clock
from app.models import Cycle, Guest, Invitation, Message, Person, Release
from app.services import answers, outbox
from app.services.actor import Actor
from app.services.guests import ensure_guests
from app.services.issuing import issue
from app.services.ledger import Plan, plan
from app.services.reach import try_again
from app.services.rows import find
from app.services.schedules import held_cycle, newest_release, refuse_archived


class Stale(StrEnum):
    """Why somebody's calendar does not say what is published."""

    NEW = "new"  # never invited
    CHANGED = "changed"  # told something that has changed since
    BACK = "back"  # told that it is off for them, and it is on
    ADDRESS = "address"  # told at another address
    CANCELLED = "cancelled"  # not told yet that the session is off
    LEFT = "left"  # not told yet that they are no longer in it
    LEFT_OUT = "left-out"  # an organizer left them out of the release
    NO_ADDRESS = "no-address"
    WAITING = "waiting"  # the mail is in the outbox
    FAILED = "failed"  # the mail could not be delivered
    BOUNCED = "bounced"  # the mail came back
    EXPIRED = "expired"  # the mail came too late


@dataclass(frozen=True, slots=True)
class StaleRow:
    """One calendar that does not say what is published, about one session."""

    why: Stale
    person_id: str
    name: str
    address: str
    session: Session
    message_id: str = ""  # the mail that did not arrive
    release_number: int = 0  # the one that they were left out of


@dataclass(frozen=True, slots=True)
class SessionAnswers:
    """How many were invited to a session and what they said. `again`: they answered another time,
    which is to be confirmed again; `silent` did not answer."""

    session: Session
    invited: int = 0
    by_answer: Mapping[Answer, int] = field(default_factory=dict)
    again: int = 0
    silent: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """Where the invitations of a cycle stand. `missing`: mails that would make all right."""

    cycle: Cycle
    release_number: int
    sessions: tuple[SessionAnswers, ...]
    stale: tuple[StaleRow, ...]
    missing: Counter[tuple[str, str]]  # by kind and language
    people: int  # whom they would go to

    @property
    def count_missing(self) -> int:
        """How many mails that is."""
        return self.missing.total()


def tally(planned: Plan) -> Counter[tuple[str, str]]:
    """How many mails of which kind in which language."""
    return Counter((planned.kind(due), planned.reader(due).language) for due in planned.due)


def overview(db: DbSession, actor: Actor, cycle_id: str, now: datetime) -> Overview:
    """Where everybody's calendar stands against the newest release. Nine queries.

    Raises NotFound; Clash, code ``not_published``, before the first release.
    """
    cycle = find(db, Cycle, cycle_id)
    release = _released(db, cycle_id)
    schedule = from_document(release.document)
    planned = plan(db, cycle, schedule, now)
    schedule = by_the_clock(schedule)
    rows = ledger_rows(db, cycle_id)
    stale = stale_rows(planned, schedule, rows, now)
    stale.sort(key=lambda row: (row.session.starts, row.session.number, row.name, row.person_id))
    return Overview(
        cycle=cycle,
        release_number=release.number,
        sessions=tuple(_answers(schedule, rows)),
        stale=tuple(stale),
        missing=tally(planned),
        people=len({due.entry.guest_id for due in planned.due}),
    )


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What the ledger says of one guest and one session, and the state of the mail that carries it
    (None: there is none)."""

    guest_id: str
    session_id: str
    method: str
    ends: datetime
    sequence: int
    time_sequence: int
    left_out: int
    answer: str
    answer_sequence: int
    message_id: str | None
    status: str | None
    person_id: str
    name: str
    address: str
    matters_until: datetime | None  # so long the mail that carries it is of use


def _released(db: DbSession, cycle_id: str) -> Release:
    release = newest_release(db, cycle_id)
    if release is None:
        raise Clash(
            N_("Publish the cycle first; then people can be invited."), code="not_published"
        )
    return release


def ledger_rows(
    db: DbSession, cycle_id: str, people: Collection[str] | None = None
) -> list[LedgerRow]:
    """The ledger of a cycle, or of these people in it. One query."""
    columns: Any = (
        Invitation.guest_id,
        Invitation.session_id,
        Invitation.method,
        Invitation.ends_at,
        Invitation.sequence,
        Invitation.time_sequence,
        Invitation.left_out,
        Invitation.answer,
        Invitation.answer_sequence,
        Invitation.message_id,
        Message.status,
        Person.id,
        Person.name,
        Invitation.address,
        Message.expires_at,
    )
    query: Any = (
        select(*columns)
        .join(Guest, col(Guest.id) == col(Invitation.guest_id))
        .join(Person, col(Person.id) == col(Guest.person_id))
        .outerjoin(Message, col(Message.id) == col(Invitation.message_id))
        .where(col(Guest.cycle_id) == cycle_id)
    )
    if people is not None:
        query = query.where(col(Guest.person_id).in_(people))
    return [LedgerRow(*row) for row in db.exec(query)]


def stale_rows(
    planned: Plan, schedule: Schedule, rows: Collection[LedgerRow], now: datetime
) -> list[StaleRow]:
    """The calendars that do not say what is published, of those whom `planned` and `rows` are
    about. No query."""
    stale = [*_untold(planned, rows), *_undelivered(schedule, rows, planned.due, now)]
    return [*stale, *without_address(planned, schedule, now)]


def _untold(planned: Plan, rows: Iterable[LedgerRow]) -> Iterable[StaleRow]:
    left_out = {(row.guest_id, row.session_id): row.left_out for row in rows if row.left_out}
    for due in planned.due:
        if due.to_old_address:
            continue  # the one to the new address tells of it
        reader = planned.reader(due)
        release = left_out.get((due.entry.guest_id, due.entry.session_id), 0)
        yield StaleRow(
            Stale.LEFT_OUT if release else Stale(due.why.value),
            reader.guest.person_id,
            reader.name,
            due.entry.address,
            due.session,
            release_number=release,
        )


_NOT_THERE = {
    "queued": Stale.WAITING,
    "failed": Stale.FAILED,
    "bounced": Stale.BOUNCED,
    "expired": Stale.EXPIRED,
}


def _undelivered(
    schedule: Schedule, rows: Iterable[LedgerRow], due: Collection[Due], now: datetime
) -> Iterable[StaleRow]:
    untold = {(each.entry.guest_id, each.entry.session_id) for each in due}
    sessions = {s.id: s for s in schedule.sessions}
    for row in rows:
        why = _NOT_THERE.get(row.status or "")
        session = sessions.get(row.session_id)
        if why is None or session is None or (row.guest_id, row.session_id) in untold:
            continue
        if max(row.ends, session.ends, row.matters_until or row.ends) > now:
            yield StaleRow(why, row.person_id, row.name, row.address, session, row.message_id or "")


def without_address(planned: Plan, schedule: Schedule, now: datetime) -> Iterable[StaleRow]:
    """A row for each session to come and each person whom it concerns and who has no address. No
    query."""
    for reader in planned.readers.values():
        if reader.guest.address:
            continue
        for session in schedule.sessions:
            guest = reader.guest
            concerned = guest.participates or own_segments(session, guest.person_id, guest.declined)
            if concerned and session.status is SessionStatus.SCHEDULED and session.ends > now:
                yield StaleRow(Stale.NO_ADDRESS, guest.person_id, reader.name, "", session)


def _answers(schedule: Schedule, rows: Iterable[LedgerRow]) -> Iterable[SessionAnswers]:
    found: dict[str, list[LedgerRow]] = {}
    for row in rows:
        if row.method == Method.REQUEST:
            found.setdefault(row.session_id, []).append(row)
    for session in schedule.sessions:
        mine = found.get(session.id, [])
        answered = [r for r in mine if r.answer]
        good = [r for r in answered if holds(r.answer_sequence, r.time_sequence)]
        counts = Counter(r.answer for r in good)
        yield SessionAnswers(
            session,
            invited=len(mine),
            by_answer={answer: counts[answer.value] for answer in Answer},
            again=len(answered) - len(good),
            silent=len(mine) - len(answered),
        )


def bring_up_to_date(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    now: datetime,
    *,
    people: Collection[str] | None = None,
    session_id: str | None = None,
    note: str = "",
) -> int:
    """Sends what is missing for calendars to say what is published; how many mails that takes.

    For everybody (`people` None) the cycle keeps calendars right by mail from then on; for some
    people only they are told, and only of that session where one is given.

    Raises NotFound; Clash, code ``not_published``, or for everybody ``cycle_archived``.
    """
    cycle = held_cycle(db, cycle_id)
    if people is None:
        refuse_archived(cycle)
    release = _released(db, cycle_id)
    if people is None:
        cycle.invites = True
    schedule = from_document(release.document)
    ensure_guests(db, cycle_id, schedule)
    planned = plan(db, cycle, schedule, now, only=people)
    if session_id is not None:
        due = tuple(each for each in planned.due if each.session.id == session_id)
        planned = replace(planned, due=due)
    return issue(db, cycle, release.number, planned, now, note=note)


def stop_inviting(db: DbSession, actor: Actor, cycle_id: str) -> None:
    """From now on nothing is sent by itself; what was sent stays in people's calendars.
    Raises NotFound."""
    held_cycle(db, cycle_id).invites = False
    db.flush()


def send_again(
    db: DbSession, actor: Actor, cycle_id: str, person_id: str, session_id: str, now: datetime
) -> int:
    """Sends somebody what their calendar should say of a session: what is missing, or else the
    last mail once more, the same. How many mails that is.

    Raises NotFound; Clash, code ``nothing_to_send``: there is nothing that concerns them.
    """
    held_cycle(db, cycle_id)
    try_again(db, person_id)  # if it comes back once more, it is marked once more
    if sent := bring_up_to_date(
        db, actor, cycle_id, now, people=[person_id], session_id=session_id
    ):
        return sent
    # The cycle is held by now, so the ledger stays with this mail until it is queued.
    message_id = db.exec(
        select(Invitation.message_id)
        .join(Guest, col(Guest.id) == col(Invitation.guest_id))
        .where(
            Guest.cycle_id == cycle_id,
            Guest.person_id == person_id,
            Invitation.session_id == session_id,
        )
    ).one_or_none()
    if message_id is None:
        raise Clash(
            N_("There is nothing to send: this session does not concern them."),
            code="nothing_to_send",
        )
    outbox.retry(db, actor, message_id, now)
    return 1


def set_answer(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    person_id: str,
    session_id: str,
    answer: Answer,
    now: datetime,
) -> Invitation:
    """An organizer writes down what somebody told them, also somebody who was left out or has no
    address. Raises NotFound where the ledger has no line for them and the session."""
    row = db.exec(
        select(Invitation)
        .join(Guest, col(Guest.id) == col(Invitation.guest_id))
        .where(
            Guest.cycle_id == cycle_id,
            Guest.person_id == person_id,
            Invitation.session_id == session_id,
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    given = Given(answer, now, row.sequence, AnswerSource.ORGANIZER)
    return answers.give(db, row.id, given) or row

"""The ledger: what every guest's calendar was told, what it still has to be told, and telling it.

Reading goes by columns, not rows: a cycle may have ten thousand guests. Whoever issues holds the
cycle, so of two at once the second sees what the first has issued.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, or_, update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.answers import partstat
from app.domain.documents import from_document
from app.domain.enrolment import EnrolmentStatus
from app.domain.ids import new_id
from app.domain.invitations import Due, Entry, Guest, Method, Why, next_messages
from app.domain.schedule import PartStatus, Schedule
from app.models import Cycle, Enrolment, Invitation, Part, Person, Session
from app.models import Guest as GuestRow
from app.services import outbox
from app.services.guests import ensure_guests
from app.services.rows import hold
from app.services.schedules import newest_release

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Reader:
    """A guest with what a mail to them needs."""

    guest: Guest
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be sent for calendars to say what a schedule says, and to whom."""

    due: tuple[Due, ...]
    readers: Mapping[str, Reader]  # by the guest's id

    def reader(self, due: Due) -> Reader:
        """Whom a message goes to."""
        return self.readers[due.entry.guest_id]


def kind_of(due: Due) -> str:
    """The kind of mail that carries a message."""
    if due.method is Method.CANCEL:
        return outbox.CANCEL
    return outbox.UPDATE if due.why is Why.CHANGED else outbox.INVITATION


def plan(
    db: DbSession,
    cycle: Cycle,
    schedule: Schedule,
    now: datetime,
    only: Collection[str] | None = None,
) -> Plan:
    """What has to be sent so that calendars say what `schedule` says; reads only, and writes to
    nobody. `only`: the ids of the people to look at. Five queries, whatever the number of guests.

    Somebody who is not a guest yet stands in it under the id ``new:<person id>``.
    """
    readers = _readers(db, cycle, schedule, only)
    entries = _entries(db, cycle.id, only)
    due = next_messages(entries, schedule, [r.guest for r in readers], now)
    return Plan(tuple(due), {r.guest.id: r for r in readers})


def _readers(
    db: DbSession, cycle: Cycle, schedule: Schedule, only: Collection[str] | None
) -> list[Reader]:
    declined: dict[str, set[str]] = {}
    rows = db.exec(
        select(Part.id, Part.person_id)
        .join(Session, col(Session.id) == col(Part.session_id))
        .where(Session.cycle_id == cycle.id, Part.status == PartStatus.DECLINED)
    )
    for part_id, person_id in rows:
        declined.setdefault(person_id, set()).add(part_id)

    guests = select(GuestRow.person_id, GuestRow.id).where(GuestRow.cycle_id == cycle.id)
    enrolments = select(Enrolment.person_id, Enrolment.name, Enrolment.language).where(
        Enrolment.cycle_id == cycle.id, Enrolment.status == EnrolmentStatus.CONFIRMED
    )
    if only is not None:
        guests = guests.where(col(GuestRow.person_id).in_(only))
        enrolments = enrolments.where(col(Enrolment.person_id).in_(only))
    guest_ids: dict[str, str] = dict(db.exec(guests).all())
    enrolled = {row[0]: (row[1], row[2]) for row in db.exec(enrolments)}
    cast = {p.person_id for s in schedule.sessions for g in s.segments for p in g.parts}
    if only is not None:
        cast &= set(only)

    concerned = or_(
        col(Person.id).in_(cast),
        col(Person.id).in_(select(Enrolment.person_id).where(Enrolment.cycle_id == cycle.id)),
        col(Person.id).in_(select(GuestRow.person_id).where(GuestRow.cycle_id == cycle.id)),
    )
    people = select(Person.id, Person.name, Person.email, Person.language).where(concerned)
    if only is not None:
        people = people.where(col(Person.id).in_(only))
    readers = []
    for person_id, name, email, language in db.exec(people.order_by(col(Person.id))):
        given = enrolled.get(person_id)
        guest = Guest(
            id=guest_ids.get(person_id, f"new:{person_id}"),
            person_id=person_id,
            address=email or "",
            participates=given is not None,
            declined=frozenset(declined.get(person_id, ())),
        )
        words = given[1] if given else language or cycle.language
        readers.append(Reader(guest, given[0] if given else name, words))
    return readers


def _entries(
    db: DbSession, cycle_id: str, only: Collection[str] | None
) -> dict[tuple[str, str], Entry]:
    columns: Any = (
        Invitation.guest_id,
        Invitation.session_id,
        Invitation.method,
        Invitation.sequence,
        Invitation.stamp,
        Invitation.digest,
        Invitation.address,
        Invitation.starts_at,
        Invitation.ends_at,
        Invitation.time_sequence,
    )
    query: Any = (
        select(*columns)
        .join(GuestRow, col(GuestRow.id) == col(Invitation.guest_id))
        .where(col(GuestRow.cycle_id) == cycle_id, col(Invitation.method) != "")
    )
    if only is not None:
        query = query.where(col(GuestRow.person_id).in_(only))
    return {
        (row[0], row[1]): Entry(row[0], row[1], Method(row[2]), *row[3:]) for row in db.exec(query)
    }


def issue(
    db: DbSession,
    cycle: Cycle,
    release_number: int,
    planned: Plan,
    now: datetime,
    *,
    leave_out: Collection[str] = (),
    note: str = "",
) -> int:
    """Writes down what was planned as issued and queues its mails; how many there are.

    The cycle must be held, everybody concerned be a guest (`ensure_guests` before planning).
    `leave_out`: the ids of people who are not told this time; the ledger notes it, and what they
    were told last stays what it was.
    """
    ids = {guest_id for guest_id, r in planned.readers.items() if r.guest.person_id in leave_out}
    told = [due for due in planned.due if due.entry.guest_id not in ids]
    out = [due for due in planned.due if due.entry.guest_id in ids]
    rows = _held_rows(db, {due.entry.guest_id for due in planned.due})
    messages = [
        _message(cycle, release_number, due, planned.reader(due), rows, now, note) for due in told
    ]
    outbox.enqueue_many(db, messages)
    _write(db, rows, told, [m["id"] for m in messages], release_number)
    _leave(db, rows, out, release_number)
    return len(messages)


def mail_to_come(
    db: DbSession,
    cycle: Cycle,
    release_number: int,
    planned: Plan,
    due: Due,
    now: datetime,
    note: str,
) -> dict[str, Any]:
    """The values of the mail that `issue` would queue for a message; queues nothing. One query."""
    rows = _rows(db, [due.entry.guest_id])
    return _message(cycle, release_number, due, planned.reader(due), rows, now, note)


def settle(db: DbSession, cycle_id: str, people: Collection[str], now: datetime) -> int:
    """Makes the calendars of these people right after something else than a release has changed
    what concerns them: an enrolment, a withdrawal, an answer to a part, a new address. How many
    mails that takes; none where the cycle does not invite. The cycle must be held.
    """
    if not people:
        return 0
    cycle = db.get(Cycle, cycle_id)
    release = newest_release(db, cycle_id) if cycle is not None and cycle.invites else None
    if cycle is None or release is None:
        return 0
    ensure_guests(db, cycle_id)
    planned = plan(db, cycle, from_document(release.document), now, only=people)
    return issue(db, cycle, release.number, planned, now)


def settle_everywhere(db: DbSession, person_id: str, now: datetime) -> int:
    """`settle` for somebody in every cycle that invites and keeps their calendar."""
    query = (
        select(Cycle.id)
        .join(GuestRow, col(GuestRow.cycle_id) == col(Cycle.id))
        .where(GuestRow.person_id == person_id, col(Cycle.invites).is_(True))
        .order_by(col(Cycle.id))
    )
    mails = 0
    for cycle_id in db.exec(query).all():
        hold(db, Cycle, cycle_id)
        mails += settle(db, cycle_id, [person_id], now)
    return mails


class _Held(NamedTuple):
    """What of a ledger's row a new message hangs on."""

    id: str
    method: str
    starts: datetime
    ends: datetime
    answer: str
    answer_sequence: int
    release_number: int


def _held_rows(db: DbSession, guest_ids: Collection[str]) -> dict[tuple[str, str], _Held]:
    """The ledger's rows of these guests, held: an answer may come in at this moment."""
    return _rows(db, guest_ids, held=True)


def _rows(
    db: DbSession, guest_ids: Collection[str], *, held: bool = False
) -> dict[tuple[str, str], _Held]:
    wanted, found = sorted(guest_ids), {}
    columns: Any = (
        Invitation.guest_id,
        Invitation.session_id,
        Invitation.id,
        Invitation.method,
        Invitation.starts_at,
        Invitation.ends_at,
        Invitation.answer,
        Invitation.answer_sequence,
        Invitation.release_number,
    )
    for start in range(0, len(wanted), _CHUNK):
        query: Any = (
            select(*columns)
            .where(col(Invitation.guest_id).in_(wanted[start : start + _CHUNK]))
            .order_by(col(Invitation.id))
        )
        for row in db.exec(query.with_for_update() if held else query):
            found[row[0], row[1]] = _Held(*row[2:])
    return found


def lane(guest_id: str, session_id: str, address: str) -> str:
    """Mails with the same lane are about one guest's entry of one session at one address."""
    where = hashlib.sha1(address_key(address).encode(), usedforsecurity=False).hexdigest()[:12]
    return f"{guest_id}:{session_id}:{where}"


def _message(
    cycle: Cycle,
    release_number: int,
    due: Due,
    reader: Reader,
    rows: Mapping[tuple[str, str], _Held],
    now: datetime,
    note: str,
) -> dict[str, Any]:
    entry = due.entry
    row = rows.get((entry.guest_id, entry.session_id))
    answer = (row.answer, row.answer_sequence) if row else ("", 0)
    return outbox.prepare(
        kind=kind_of(due),
        intent=f"{due.method.lower()}:{entry.guest_id}:{entry.session_id}:{entry.sequence}",
        to_name=reader.name,
        to_address=entry.address,
        language=reader.language,
        cycle_id=cycle.id,
        guest_id=entry.guest_id,
        session_id=entry.session_id,
        release_number=release_number,
        lane=lane(entry.guest_id, entry.session_id, entry.address),
        rank=entry.sequence,
        expires_at=max(entry.ends, due.session.ends),
        now=now,
        context={
            "guest_id": entry.guest_id,
            "session_id": entry.session_id,
            "release": release_number,
            "method": entry.method.value,
            "why": due.why.value,
            "sequence": entry.sequence,
            "stamp": _iso(entry.stamp),
            "partstat": partstat(*answer, entry.time_sequence),
            "starts": _iso(entry.starts),
            "ends": _iso(entry.ends),
            "was_starts": _iso(row.starts) if row and row.method else "",
            "was_ends": _iso(row.ends) if row and row.method else "",
            "was_release": row.release_number if row and row.method else 0,
            "note": note,
        },
    )


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _write(
    db: DbSession,
    rows: Mapping[tuple[str, str], _Held],
    told: Sequence[Due],
    message_ids: Sequence[str],
    release_number: int,
) -> None:
    new: list[dict[str, Any]] = []
    old: list[dict[str, Any]] = []
    for due, message_id in zip(told, message_ids, strict=True):
        if due.to_old_address:
            continue  # the row is that of the present address
        entry = due.entry
        values = {
            "uid": due.session.uid,
            "method": entry.method.value,
            "sequence": entry.sequence,
            "stamp": entry.stamp,
            "digest": entry.digest,
            "address": entry.address,
            "starts_at": entry.starts,
            "ends_at": entry.ends,
            "time_sequence": entry.time_sequence,
            "release_number": release_number,
            "message_id": message_id,
            "left_out": 0,
        }
        row = rows.get((entry.guest_id, entry.session_id))
        if row is None:
            new.append(_new_row(entry) | values)
        else:
            old.append({"row_id": row.id} | values)
    _insert(db, new)
    _change(db, old)


def _leave(
    db: DbSession,
    rows: Mapping[tuple[str, str], _Held],
    out: Iterable[Due],
    release_number: int,
) -> None:
    new: list[dict[str, Any]] = []
    old: list[dict[str, Any]] = []
    for due in out:
        row = rows.get((due.entry.guest_id, due.entry.session_id))
        if row is not None:
            old.append({"row_id": row.id, "left_out": release_number})
        elif not due.to_old_address:
            blank = {"uid": due.session.uid, "method": "", "left_out": release_number}
            blank |= {"starts_at": due.entry.starts, "ends_at": due.entry.ends}
            new.append(_new_row(due.entry) | blank)
    _insert(db, new)
    _change(db, old)


def _new_row(entry: Entry) -> dict[str, Any]:
    return {
        "id": new_id(),
        "guest_id": entry.guest_id,
        "session_id": entry.session_id,
        "created_at": entry.stamp,
    }


def _insert(db: DbSession, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _CHUNK):
        db.connection().execute(insert(Invitation), rows[start : start + _CHUNK])


def _change(db: DbSession, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        names = [name for name in rows[0] if name != "row_id"]
        statement = (
            update(Invitation)
            .where(col(Invitation.id) == bindparam("row_id"))
            .values({name: bindparam(name) for name in names})
        )
        for start in range(0, len(rows), _CHUNK):
            db.connection().execute(statement, rows[start : start + _CHUNK])

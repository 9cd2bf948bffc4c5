"""The ledger written: what is due goes down as issued, and its mails into the outbox.

Whoever issues holds the cycle, so of two at once the second sees what the first has issued. It goes
by columns, not rows: a cycle may have ten thousand guests.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, insert, update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.answers import partstat
from app.domain.documents import from_document
from app.domain.ids import new_id
from app.domain.invitations import Due, Entry
from app.domain.schedule import Session
from app.models import Cycle, Invitation, Message
from app.models import Guest as GuestRow
from app.services import outbox
from app.services.guests import ensure_guests
from app.services.ledger import FORMER, Plan, plan, unsent
from app.services.ledger_readers import Reader
from app.services.rows import hold
from app.services.schedules import newest_release

_CHUNK = 500


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

    The cycle must be held, everybody concerned be a guest (`ensure_guests` before planning, with
    the cast of what is published).
    `leave_out`: the ids of people who are not told this time; the ledger notes it, and what they
    were told last stays what it was.
    """
    ids = {guest_id for guest_id, r in planned.readers.items() if r.guest.person_id in leave_out}
    told = [due for due in planned.due if due.entry.guest_id not in ids]
    out = [due for due in planned.due if due.entry.guest_id in ids]
    rows = _rows(db, {due.entry.guest_id for due in planned.due}, now, held=True)
    messages = [_message(cycle, release_number, planned, due, rows, now, note) for due in told]
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
    rows = _rows(db, [due.entry.guest_id], now)
    return _message(cycle, release_number, planned, due, rows, now, note)


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
    schedule = from_document(release.document)
    ensure_guests(db, cycle_id, schedule)
    planned = plan(db, cycle, schedule, now, only=people)
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
    """What of a ledger's row a new message hangs on. `unsent`: the context of the mail that carries
    what was issued last, where it has not reached its reader."""

    id: str
    created: datetime
    method: str
    starts: datetime
    ends: datetime
    answer: str
    answer_sequence: int
    release_number: int
    unsent: Mapping[str, Any] | None

    @property
    def was(self) -> dict[str, Any]:
        """What the reader was told before: of what has not reached them they know nothing."""
        if self.unsent is not None:
            return {name: self.unsent.get(name, "") for name in ("was_starts", "was_ends")} | {
                "was_release": self.unsent.get("was_release", 0)
            }
        return {
            "was_starts": _iso(self.starts) if self.method else "",
            "was_ends": _iso(self.ends) if self.method else "",
            "was_release": self.release_number if self.method else 0,
        }


_NOTHING = {"was_starts": "", "was_ends": "", "was_release": 0}


def _rows(
    db: DbSession, guest_ids: Collection[str], now: datetime, *, held: bool = False
) -> dict[tuple[str, str], _Held]:
    """The ledger's rows of these guests. `held`: an answer may come in at this moment."""
    wanted, found = sorted(guest_ids), {}
    columns: Any = (
        Invitation.guest_id,
        Invitation.session_id,
        Invitation.id,
        Invitation.created_at,
        Invitation.method,
        Invitation.starts_at,
        Invitation.ends_at,
        Invitation.answer,
        Invitation.answer_sequence,
        Invitation.release_number,
        Message.context,
    )
    carried = and_(col(Message.id) == col(Invitation.message_id), unsent(now))
    for start in range(0, len(wanted), _CHUNK):
        query: Any = (
            select(*columns)
            .outerjoin(Message, carried)
            .where(col(Invitation.guest_id).in_(wanted[start : start + _CHUNK]))
            .order_by(col(Invitation.id))
        )
        for row in db.exec(query.with_for_update(of=Invitation) if held else query):
            found[row[0], row[1]] = _Held(*row[2:])
    return found


def lane(guest_id: str, session_id: str, address: str) -> str:
    """Mails with the same lane are about one guest's entry of one session at one address."""
    where = hashlib.sha1(address_key(address).encode(), usedforsecurity=False).hexdigest()[:12]
    return f"{guest_id}:{session_id}:{where}"


def _message(
    cycle: Cycle,
    release_number: int,
    planned: Plan,
    due: Due,
    rows: Mapping[tuple[str, str], _Held],
    now: datetime,
    note: str,
) -> dict[str, Any]:
    entry, reader = due.entry, planned.reader(due)
    row = rows.get((entry.guest_id, entry.session_id))
    answer = (row.answer, row.answer_sequence) if row else ("", 0)
    was = row.was if row else _NOTHING
    return outbox.prepare(
        kind=planned.kind(due),
        intent=_intent(due, reader),
        to_name=reader.name,
        to_address=entry.address,
        language=reader.language,
        cycle_id=cycle.id,
        guest_id=entry.guest_id,
        session_id=entry.session_id,
        release_number=release_number,
        lane=lane(entry.guest_id, entry.session_id, entry.address),
        rank=entry.sequence,
        # As long as what their calendar shows is still to come, it has to be put right.
        expires_at=max(entry.ends, due.session.ends, *_ends(row, was)),
        now=now,
        context={
            "guest_id": entry.guest_id,
            "session_id": entry.session_id,
            "release": release_number,
            "method": entry.method.value,
            "why": due.why.value,
            "sequence": entry.sequence,
            "stamp": _iso(entry.stamp),
            "created": _iso(row.created if row else entry.stamp),
            "partstat": partstat(*answer, entry.time_sequence),
            "starts": _iso(entry.starts),
            "ends": _iso(entry.ends),
            "declined": sorted(_theirs(due)),
            "note": note,
            **was,
        },
    )


def _intent(due: Due, reader: Reader) -> str:
    entry = due.entry
    former = address_key(entry.address) != address_key(reader.guest.address)
    method = FORMER + "cancel" if former else due.method.lower()
    return f"{method}:{entry.guest_id}:{entry.session_id}:{entry.sequence}"


def _ends(row: _Held | None, was: Mapping[str, Any]) -> Iterable[datetime]:
    if row is not None and row.method:
        yield row.ends
    if was["was_ends"]:
        yield datetime.fromisoformat(was["was_ends"])


def _theirs(due: Due) -> Iterable[str]:
    """Which parts in the session the mail does not speak of."""
    if due.declined:
        for segment in due.session.segments:
            yield from (part.id for part in segment.parts if part.id in due.declined)


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
            "language": entry.language,
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
            blank = blank_row(due.entry.guest_id, due.session).model_dump()
            new.append(blank | {"created_at": due.entry.stamp, "left_out": release_number})
    _insert(db, new)
    _change(db, old)


def blank_row(guest_id: str, session: Session) -> Invitation:
    """A row that says that nothing was issued to a guest: for somebody who is left out, or who
    answers without having been invited. It knows what is published, so that an answer to it counts
    for that."""
    return Invitation(
        guest_id=guest_id,
        session_id=session.id,
        uid=session.uid,
        sequence=session.sequence,
        starts_at=session.starts,
        ends_at=session.ends,
        time_sequence=session.sequence,
    )


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

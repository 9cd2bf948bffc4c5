"""The ledger read: what every guest's calendar was told, and what it still has to be told.

Reading goes by columns, not rows: a cycle may have ten thousand guests. `issuing` tells it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.invitations import Due, Entry, Guest, Method, Said, Why, next_messages
from app.domain.schedule import Schedule
from app.domain.zone_shifts import by_the_clock
from app.models import Cycle, Invitation, Message
from app.models import Guest as GuestRow
from app.services import outbox
from app.services.ledger_readers import Reader, readers_of

FORMER = "former:"
"""How the intent of a CANCEL begins that goes to an address which is its guest's no longer."""

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be sent for calendars to say what a schedule says, and to whom. `unread`: the
    guest and session ids of first invitations of which nothing has gone out."""

    due: tuple[Due, ...]
    readers: Mapping[str, Reader]  # by the guest's id
    unread: frozenset[_Key] = frozenset()

    def reader(self, due: Due) -> Reader:
        """Whom a message goes to."""
        return self.readers[due.entry.guest_id]

    def kind(self, due: Due) -> str:
        """The kind of mail that carries a message. Who has not read an invitation is not told that
        it has changed."""
        if due.method is Method.CANCEL:
            return outbox.CANCEL
        first = (due.entry.guest_id, due.entry.session_id) in self.unread
        return outbox.UPDATE if due.why is Why.CHANGED and not first else outbox.INVITATION


def plan(
    db: DbSession,
    cycle: Cycle,
    schedule: Schedule,
    now: datetime,
    only: Collection[str] | None = None,
) -> Plan:
    """What has to be sent so that calendars say what `schedule` says; reads only, and writes to
    nobody. `only`: the ids of the people to look at. At most seven queries, whatever the number of
    guests.

    Somebody who is not a guest yet stands in it under the id ``new:<person id>``.
    """
    readers = readers_of(db, cycle, schedule, only)
    entries, unread = _entries(db, cycle.id, now, only)
    guests = [r.guest for r in readers]
    said = _said(db, cycle.id, guests, entries, everybody=only is None)
    # A mail names the local time. Whoever was told another instant before newer zone data came is
    # told by a release (`services.zone_guard`), and not by whatever else happens.
    due = next_messages(entries, by_the_clock(schedule), guests, now, said, also=schedule)
    return Plan(tuple(due), {g.id: r for g, r in zip(guests, readers, strict=True)}, unread)


def _entries(
    db: DbSession, cycle_id: str, now: datetime, only: Collection[str] | None
) -> tuple[dict[_Key, Entry], frozenset[_Key]]:
    """What was issued, and which of it are invitations of which nothing has gone out."""
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
        Invitation.language,
        Message.kind,
    )
    query: Any = (
        select(*columns)
        .join(GuestRow, col(GuestRow.id) == col(Invitation.guest_id))
        .outerjoin(Message, and_(col(Message.id) == col(Invitation.message_id), unsent(now)))
        .where(col(GuestRow.cycle_id) == cycle_id, col(Invitation.method) != "")
    )
    if only is not None:
        query = query.where(col(GuestRow.person_id).in_(only))
    entries, unread = {}, set()
    for row in db.exec(query):
        key = (row[0], row[1])
        entries[key] = Entry(row[0], row[1], Method(row[2]), *row[3:11])
        if row[11] == outbox.INVITATION:
            unread.add(key)
    return entries, frozenset(unread)


def unsent(now: datetime) -> Any:
    """The condition that a mail has not reached its reader: it waits and nobody is sending it, or
    it has ended without having been delivered. `now` is aware."""
    waits = and_(
        col(Message.status) == "queued",
        or_(col(Message.leased_until).is_(None), col(Message.leased_until) <= now),
    )
    return or_(waits, col(Message.status).in_(["failed", "expired", "bounced"]))


def _said(
    db: DbSession,
    cycle_id: str,
    guests: Collection[Guest],
    entries: Mapping[_Key, Entry],
    *,
    everybody: bool,
) -> dict[_Key, Said]:
    """What mailboxes were told by way of others than those whose addresses they are now."""
    address_of = {g.id: address_key(g.address) for g in guests}
    found: dict[_Key, Said] = {}

    def note(address: str, session_id: str, sequence: int, stamp: datetime) -> None:
        key = (address_key(address), session_id)
        held = found.get(key, (sequence, stamp))
        found[key] = (max(sequence, held[0]), max(stamp, held[1]))

    for (guest_id, session_id), entry in entries.items():
        if address_key(entry.address) != address_of.get(guest_id):
            note(entry.address, session_id, entry.sequence, entry.stamp)
    former: Any = (
        select(Message.to_address, Message.session_id, Message.context)
        .where(Message.cycle_id == cycle_id)
        .where(col(Message.intent) >= FORMER, col(Message.intent) < FORMER + "~")
    )
    for address, session_id, context in db.exec(former):
        note(address, session_id, context["sequence"], datetime.fromisoformat(context["stamp"]))
    if not everybody and (addresses := {g.address for g in guests if g.address}):
        others: Any = (
            select(Invitation.address, Invitation.session_id, Invitation.sequence, Invitation.stamp)
            .join(GuestRow, col(GuestRow.id) == col(Invitation.guest_id))
            .where(
                col(GuestRow.cycle_id) == cycle_id,
                col(Invitation.address).in_(addresses),
                col(Invitation.guest_id).not_in(list(address_of)),
            )
        )
        for row in db.exec(others):
            note(*row)
    return found

"""Whom it concerns that calendars say what a schedule says, of a plan that was made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import search_key
from app.domain.invitations import Due, Why
from app.domain.schedule import Schedule
from app.models import Guest, Invitation
from app.services.invitations import without_address
from app.services.ledger import Plan
from app.services.ledger_readers import Reader
from app.services.paging import Numbers, numbered

PER_PAGE = 100
_MAX_QUERY = 200


@dataclass(frozen=True, slots=True)
class Concerned:
    """Somebody who has to be told something, in the order of sessions as the plan has it.
    `wrong`: without it their calendar would say something that is not so."""

    reader: Reader
    due: tuple[Due, ...]

    @property
    def wrong(self) -> bool:
        """Whether their calendar has an entry, which is not right any more."""
        return any(each.why is not Why.NEW for each in self.due)


def concerned_by(planned: Plan) -> list[Concerned]:
    """Those whose calendar would be wrong first, then by name. No query."""
    by_guest: dict[str, list[Due]] = {}
    for due in planned.due:
        by_guest.setdefault(due.entry.guest_id, []).append(due)
    found = [Concerned(planned.readers[guest], tuple(due)) for guest, due in by_guest.items()]
    return sorted(found, key=lambda who: (not who.wrong, *_by_name(who.reader)))


@dataclass(frozen=True, slots=True)
class ConcernedPage:
    """A numbered page of them."""

    rows: Sequence[Concerned]
    numbers: Numbers


def page_of(everybody: list[Concerned], query: str = "", number: int = 1) -> ConcernedPage:
    """A page of those in whose name and address every word of `query` stands; one that is not
    there gives the nearest. No query."""
    words = search_key(query[:_MAX_QUERY]).split()
    found = [
        who
        for who in everybody
        if not words or all(word in _looked_in(who.reader) for word in words)
    ]
    numbers = numbered(len(found), number, PER_PAGE)
    return ConcernedPage(numbers.of(found), numbers)


def _looked_in(reader: Reader) -> str:
    return search_key(reader.name, reader.guest.address)


def untold(planned: Plan, schedule: Schedule, now: datetime) -> list[Reader]:
    """Those who have no address though sessions to come concern them, by name. No query."""
    ids = {row.person_id for row in without_address(planned, schedule, now)}
    found = [each for each in planned.readers.values() if each.guest.person_id in ids]
    return sorted(found, key=_by_name)


def _by_name(reader: Reader) -> tuple[str, str]:
    return search_key(reader.name), reader.guest.person_id


def ever_told(db: DbSession, cycle_id: str) -> bool:
    """Whether anybody's calendar was told anything of a cycle. One query."""
    query = (
        select(Invitation.id)
        .join(Guest, col(Guest.id) == col(Invitation.guest_id))
        .where(Guest.cycle_id == cycle_id, Invitation.method != "")
    )
    return db.exec(query.limit(1)).first() is not None

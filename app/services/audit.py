"""The trail, read: who did what to what in a cycle, or in the installation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.text import localized
from app.models import (
    AuditEntry,
    Cycle,
    Enrolment,
    Initiative,
    Institution,
    Person,
    Session,
    User,
)
from app.models.trail import is_now, say_nothing_private
from app.services.actor import Actor
from app.services.paging import paginate


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for; empty: everything. `since`, `until`: aware UTC, half open."""

    actor_id: str = ""
    noun: str = ""
    row_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """What things are called now, by their ids; what is gone, or was erased, has no name."""

    by_id: Mapping[str, str]

    def of(self, row_id: object) -> str:
        """The name, or nothing."""
        return self.by_id.get(str(row_id), "")


def entries(
    db: DbSession,
    actor: Actor,
    cycle_id: str | None,
    wanted: Filter,
    after: str | None = None,
    limit: int = 100,
) -> tuple[list[AuditEntry], str | None]:
    """Lines of the trail of a cycle, the newest first, and the cursor after them; of what is in no
    cycle, where `cycle_id` is None. One query.

    Raises Invalid: at ``after``.
    """
    statement = select(AuditEntry).where(AuditEntry.cycle_id == cycle_id)
    if wanted.actor_id:
        statement = statement.where(AuditEntry.actor_id == wanted.actor_id.replace("\0", ""))
    if wanted.noun:
        statement = statement.where(AuditEntry.noun == wanted.noun.replace("\0", ""))
    if wanted.row_id:
        statement = statement.where(AuditEntry.row_id == wanted.row_id.replace("\0", ""))
    if wanted.since is not None:
        statement = statement.where(col(AuditEntry.at) >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(col(AuditEntry.at) < wanted.until)
    return paginate(db, statement, [AuditEntry.id], after, limit, descending=True)


def actors(db: DbSession, actor: Actor, cycle_id: str | None) -> list[tuple[str, str]]:
    """Accounts that have done something there: id and name, by name."""
    query = (
        select(AuditEntry.actor_id, AuditEntry.actor_name)
        .where(
            AuditEntry.cycle_id == cycle_id,
            col(AuditEntry.actor_kind).in_(("organizer", "program")),
        )
        .distinct()
    )
    found = {row[0]: row[1] for row in db.exec(query)}
    return sorted(found.items(), key=lambda each: (each[1].casefold(), each[0]))


def names_in(db: DbSession, lines: Sequence[AuditEntry], language: str) -> Names:
    """What the rows that are referred to are called today. Seven queries at most."""
    ids = {line.row_id for line in lines} | {line.actor_id for line in lines}
    for line in lines:
        for values in (line.before, line.after, line.private_before, line.private_after):
            ids |= {str(v) for k, v in values.items() if k.endswith("_id") and v}
    found: dict[str, str] = {}
    plain: tuple[tuple[Any, Any], ...] = (
        (Person.id, Person.name),
        (Enrolment.id, Enrolment.name),
        (Institution.id, Institution.name),
        (Initiative.id, Initiative.name),
        (User.id, User.name),
    )
    for key, name in plain:
        found |= dict(db.exec(select(key, name).where(col(key).in_(ids))).all())
    sessions = select(Session.id, Session.number, Session.title).where(col(Session.id).in_(ids))
    for row_id, number, title in db.exec(sessions):
        found[row_id] = f"{number} · {localized(title, language, language)}"
    cycles = select(Cycle.id, Cycle.title, Cycle.language).where(col(Cycle.id).in_(ids))
    for row_id, title, own in db.exec(cycles):
        found[row_id] = localized(title, language, own)
    return Names(found)


def erase(db: DbSession, person_id: str, cycles: Collection[str] | None = None) -> int:
    """Empties what the trail says of somebody, in these cycles or everywhere (None); that it
    happened, and who did it, stays. How many lines that were. What this transaction itself would
    write down of anybody is left out too."""
    say_nothing_private(db)
    lines = update(AuditEntry).where(col(AuditEntry.person_id) == person_id)
    if cycles is not None:
        lines = lines.where(col(AuditEntry.cycle_id).in_(cycles))
    nobody: dict[str, Any] = {"private_before": {}, "private_after": {}, "person_id": None}
    done: Any = db.connection().execute(lines.values(nobody))
    return int(done.rowcount)


def erase_cycle(db: DbSession, cycle_id: str) -> None:
    """Empties what the trail of a cycle says of anybody, as `erase` does for one."""
    say_nothing_private(db)
    lines = update(AuditEntry).where(
        col(AuditEntry.cycle_id) == cycle_id, col(AuditEntry.person_id).is_not(None)
    )
    db.connection().execute(lines.values(private_before={}, private_after={}, person_id=None))


def known_as(db: DbSession, person_id: str) -> tuple[set[str], set[str]]:
    """Names and addresses that the trail knows somebody by, those of before too. One query."""
    query = select(AuditEntry.private_before, AuditEntry.private_after).where(
        AuditEntry.person_id == person_id, AuditEntry.noun == "person"
    )
    said = [values for line in db.exec(query) for values in line]
    names, addresses = ({each.get(key) or "" for each in said} for key in ("name", "email"))
    return names - {""}, addresses - {""}


def move(db: DbSession, before_id: str, person_id: str) -> None:
    """Lets what the trail says of one person, here and before, be said of another, who they turned
    out to be, so that it is erased with theirs."""
    is_now(db, before_id, person_id)
    lines = update(AuditEntry).where(col(AuditEntry.person_id) == before_id)
    db.connection().execute(lines.values(person_id=person_id))


def erase_rows(db: DbSession, noun: str, row_ids: Collection[str]) -> None:
    """Empties what the trail says of rows that go with somebody."""
    lines = update(AuditEntry).where(
        col(AuditEntry.noun) == noun, col(AuditEntry.row_id).in_(sorted(row_ids))
    )
    nothing: dict[str, Any] = {
        key: {} for key in ("before", "after", "private_before", "private_after")
    }
    db.connection().execute(lines.values(nothing))

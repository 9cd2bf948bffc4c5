"""Releases looked at: what each changed, and the difference between any two."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.changes import Change, changes, release
from app.domain.documents import from_document
from app.domain.errors import N_, FieldError, Invalid, NotFound
from app.domain.schedule import Schedule
from app.models import Guest, Invitation, Message, Person, Release
from app.services.actor import Actor
from app.services.outbox import INVITATION_KINDS
from app.services.publishing import ToldRelease, told_release
from app.services.schedules import draft_schedule, schedule_of_release, stored_schedule

MOST_TOLD = 50
"""So many releases are told to the public."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which release, without what it says. `published_at`: an aware UTC instant."""

    number: int
    published_at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two states of a cycle's schedule and what is different in the second."""

    before: Schedule
    after: Schedule
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a release that was just made has done: so many changes, so many mails queued, so many
    people left out who should have had one."""

    number: int
    changes: int
    mails: int
    left_out: int


def outcome(db: DbSession, release_: Release) -> Outcome:
    """What a release that was just made has done. Three queries."""
    told = told_release(db, release_)
    mails = mails_by_release(db, release_.cycle_id, [release_.number])
    out = (
        select(func.count(func.distinct(col(Invitation.guest_id))))
        .join(Guest, col(Guest.id) == col(Invitation.guest_id))
        .where(Guest.cycle_id == release_.cycle_id, Invitation.left_out == release_.number)
    )
    number = release_.number
    return Outcome(number, len(told.changes), mails.get(number, 0), db.exec(out).one())


def newest_told(db: DbSession, cycle_id: str, most: int = MOST_TOLD) -> list[ToldRelease]:
    """The newest releases of a cycle, the newest first, each with its changes. One query."""
    statement = (
        select(Release)
        .where(Release.cycle_id == cycle_id)
        .order_by(col(Release.number).desc())
        .limit(most + 1)
    )
    rows = list(db.exec(statement))
    schedules = [from_document(row.document) for row in rows]
    before: list[Schedule | None] = [*schedules[1:], None]
    told = [
        ToldRelease(row, changes(was, now))
        for row, was, now in zip(rows, before, schedules, strict=True)
    ]
    return told[:most]


def stamps(db: DbSession, actor: Actor, cycle_id: str) -> list[Stamp]:
    """The releases of a cycle, the newest first. One query, which reads no schedule."""
    columns: Any = (Release.number, Release.published_at, Release.note)
    query: Any = select(*columns).where(Release.cycle_id == cycle_id)
    return [Stamp(*row) for row in db.exec(query.order_by(col(Release.number).desc()))]


def compare(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    first: int | None,
    second: int | None,
    now: datetime,
) -> Comparison:
    """What is different in the second of two releases, given by number; None is the draft, as it
    would be published now. At most seven queries. Raises NotFound."""
    before = _schedule(db, cycle_id, first, now)
    after = before if first == second else _schedule(db, cycle_id, second, now)
    return Comparison(before, after, changes(before, after))


def _schedule(db: DbSession, cycle_id: str, number: int | None, now: datetime) -> Schedule:
    if number is None:
        return release(stored_schedule(db, cycle_id), draft_schedule(db, cycle_id), now)
    found = schedule_of_release(db, cycle_id, number)
    if found is None:
        raise NotFound
    return found


def mails_by_release(
    db: DbSession, cycle_id: str, numbers: Collection[int] | None = None
) -> dict[int, int]:
    """How many mails were queued to tell calendars of each release (of these, or of all). One
    query."""
    query = select(Message.release_number, func.count()).where(
        Message.cycle_id == cycle_id, col(Message.kind).in_(INVITATION_KINDS)
    )
    if numbers is not None:
        query = query.where(col(Message.release_number).in_(numbers))
    return dict(db.exec(query.group_by(col(Message.release_number))).all())


def people_to_leave_out(db: DbSession, actor: Actor, ids: Sequence[str]) -> set[str]:
    """The ids of people whom a program asks not to tell. One query, none if there are no ids.

    Raises Invalid, at ``leave_out``: an id that is nobody's. Somebody would be told who should not.
    """
    if not ids:
        return set()
    sane = [each for each in ids if each.isascii() and "\0" not in each]  # what PostgreSQL takes
    found = set(db.exec(select(Person.id).where(col(Person.id).in_(sane))).all())
    wrong = [
        FieldError(
            f"leave_out.{place}",
            N_("This person is not in the directory."),
            code="unknown_person",
        )
        for place, each in enumerate(ids)
        if each not in found
    ]
    if wrong:
        raise Invalid(*wrong)
    return found

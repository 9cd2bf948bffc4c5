"""From the draft to a release: what clashes, what would change, and the act itself."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from app.db import DbSession
from app.domain import conflicts as rules
from app.domain.addresses import address_key
from app.domain.changes import Change, changes, release
from app.domain.conflicts import Conflict, Severity
from app.domain.documents import from_document, to_document
from app.domain.errors import N_, Clash, Invalid
from app.domain.schedule import CycleStatus, Schedule
from app.models import Cycle, Person, Release
from app.services.actor import Actor
from app.services.guests import ensure_guests
from app.services.holidays import holidays_for
from app.services.issuing import issue
from app.services.ledger import Plan, plan
from app.services.part_details import unavailable_of
from app.services.rows import find
from app.services.schedules import (
    draft_schedule,
    held_cycle,
    other_schedules,
    released_schedule,
)

LONGEST_NOTE = 2_000
"""Characters of an organizer's note."""

_MOST_ADDRESSES = 500


@dataclass(frozen=True, slots=True)
class Preview:
    """What publishing now would do. `before` is the newest release, None before the first;
    `nothing_new`: whoever reads the schedule would not see a difference."""

    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]
    next_schedule: Schedule
    nothing_new: bool
    before: Schedule | None = None

    @property
    def errors(self) -> tuple[Conflict, ...]:
        """What keeps it from being published."""
        return tuple(c for c in self.conflicts if c.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Conflict, ...]:
        """What has to be read before."""
        return tuple(c for c in self.conflicts if c.severity is Severity.WARNING)


@dataclass(frozen=True, slots=True)
class ToldRelease:
    """A release with what was different from the one before."""

    release: Release
    changes: tuple[Change, ...]


def find_conflicts(
    db: DbSession, actor: Actor, cycle_id: str, now: datetime
) -> tuple[Conflict, ...]:
    """Everything that clashes or is missing in the draft, other cycles of its people included,
    by time. Names of holidays come in the actor's language. At most thirteen queries.

    Raises NotFound.
    """
    return conflicts_of(db, actor, draft_schedule(db, cycle_id), now)


def conflicts_of(
    db: DbSession, actor: Actor, draft: Schedule, now: datetime
) -> tuple[Conflict, ...]:
    """`find_conflicts` for a draft that has been loaded. At most eight queries."""
    return rules.conflicts(
        draft,
        other_schedules(db, draft.id, draft),
        holidays=holidays_for(draft, actor.language),
        now=now,
        unavailable=unavailable_of(db, draft),
    )


def preview(db: DbSession, actor: Actor, cycle_id: str, now: datetime) -> Preview:
    """What would change for whoever reads the schedule if it were published now, and what speaks
    against it. At most fourteen queries. Raises NotFound."""
    return preview_of(db, actor, draft_schedule(db, cycle_id), now)


def preview_of(db: DbSession, actor: Actor, draft: Schedule, now: datetime) -> Preview:
    """`preview` for a draft that has been loaded. At most nine queries."""
    before = released_schedule(db, draft.id)
    after = release(before, draft, now)
    different = changes(before, after)
    return Preview(
        changes=different,
        conflicts=conflicts_of(db, actor, draft, now),
        next_schedule=after,
        nothing_new=before is not None and not different and _same_face(before, after),
        before=before,
    )


def reach(db: DbSession, actor: Actor, cycle_id: str, found: Preview, now: datetime) -> Plan:
    """Who would have to be told what, were that preview published and did the cycle invite.

    Seven queries, whatever the number of people. Raises NotFound.
    """
    return plan(db, find(db, Cycle, cycle_id), found.next_schedule, now)


def publish(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    *,
    accept_warnings: bool,
    now: datetime,
    invite: bool = False,
    leave_out: Collection[str] = (),
    note: str = "",
) -> Release:
    """Freezes the draft as the next release, shows it to everybody, and has the mails sent that
    make the calendars of those concerned say the same.

    Of two at once the second waits and then sees what the first has published. The release holds
    no meeting link, and nobody's address.

    Args:
        invite: from now on the cycle keeps calendars right by mail; one that does goes on.
        leave_out: the ids of people who are not told this time.
        note: an organizer's own words, in the mails and with the release, where all can read it.

    Raises:
        NotFound: there is no such cycle.
        Clash: code ``cycle_archived``; ``schedule_empty`` (no session that could be shown);
            ``nothing_to_publish``; ``schedule_errors`` (parameter ``count``); ``schedule_warnings``
            (the same) unless `accept_warnings` says that they were read.
        Invalid: at ``note``, if it is longer than 2,000 characters.
    """
    check_note(note)
    cycle = held_cycle(db, cycle_id)
    if cycle.status == CycleStatus.ARCHIVED:
        raise Clash(
            N_("This cycle is archived. Restore it first, then publish."), code="cycle_archived"
        )
    found = preview(db, actor, cycle_id, now)
    _check(found, cycle, accept_warnings=accept_warnings)
    row = Release(
        cycle_id=cycle_id,
        number=cycle.release_number + 1,
        published_at=now,
        published_by=actor.name,
        note=note.strip(),
        document=to_document(found.next_schedule),
    )
    db.add(row)
    cycle.release_number = row.number
    cycle.status = str(CycleStatus.PUBLISHED)
    cycle.invites = cycle.invites or invite
    db.flush()
    if cycle.invites:
        ensure_guests(db, cycle_id, found.next_schedule)
        planned = plan(db, cycle, found.next_schedule, now)
        issue(db, cycle, row.number, planned, now, leave_out=leave_out, note=row.note)
    return row


def check_note(note: str) -> None:
    """Raises Invalid, at ``note``, if an organizer's note is longer than 2,000 characters."""
    if len(note.strip()) > LONGEST_NOTE:
        raise Invalid.one(
            "note",
            N_("At most %(most)s characters, please."),
            code="too_long",
            most=LONGEST_NOTE,
        )


def people_with(db: DbSession, actor: Actor, cycle_id: str, addresses: str) -> set[str]:
    """The ids of the people with these addresses, one on each line (or between commas).

    Raises Invalid, at ``leave_out``: an address that belongs to nobody.
    """
    typed = [each.strip() for each in re.split(r"[\s,;]+", addresses) if each.strip()]
    keys = {address_key(each.replace("\0", "")): each for each in typed[:_MOST_ADDRESSES]}
    if not keys:
        return set()
    query = select(Person.email_key, Person.id).where(col(Person.email_key).in_(keys))
    found: dict[str | None, str] = dict(db.exec(query).all())
    unknown = [each for key, each in keys.items() if key not in found]
    if unknown:
        raise Invalid.one(
            "leave_out",
            N_("Nobody in the directory has the address %(email)s."),
            code="unknown_address",
            email=unknown[0][:254],
        )
    return set(found.values())


def list_releases(db: DbSession, actor: Actor, cycle_id: str) -> list[Release]:
    """The releases of a cycle, the newest first. Two queries. Raises NotFound."""
    find(db, Cycle, cycle_id)
    statement = (
        select(Release).where(Release.cycle_id == cycle_id).order_by(col(Release.number).desc())
    )
    return list(db.exec(statement))


def told_releases(db: DbSession, actor: Actor, cycle_id: str) -> list[ToldRelease]:
    """The releases of a cycle, the newest first, each with its changes. Two queries.

    Raises NotFound.
    """
    told: list[ToldRelease] = []
    before: Schedule | None = None
    for row in reversed(list_releases(db, actor, cycle_id)):
        schedule = from_document(row.document)
        told.insert(0, ToldRelease(row, changes(before, schedule)))
        before = schedule
    return told


def told_release(db: DbSession, release_: Release) -> ToldRelease:
    """A release that was just made, with its changes. One query."""
    statement = select(Release).where(
        Release.cycle_id == release_.cycle_id, Release.number == release_.number - 1
    )
    last = db.exec(statement).one_or_none()
    before = None if last is None else from_document(last.document)
    return ToldRelease(release_, changes(before, from_document(release_.document)))


def _same_face(before: Schedule, after: Schedule) -> bool:
    """Whether what `changes` does not tell of, but pages show, is the same."""
    return (before.slug, before.language, before.accent, before.institutions) == (
        after.slug,
        after.language,
        after.accent,
        after.institutions,
    )


def _check(found: Preview, cycle: Cycle, *, accept_warnings: bool) -> None:
    if not found.next_schedule.sessions:
        raise Clash(
            N_("There is no session to publish yet. Add one, or set one to scheduled."),
            code="schedule_empty",
        )
    if found.nothing_new and cycle.status == CycleStatus.PUBLISHED:
        raise Clash(
            N_("Everything is published already: nothing has changed since."),
            code="nothing_to_publish",
        )
    if found.errors:
        raise Clash(
            N_("The schedule has conflicts that must be mended first: %(count)s."),
            code="schedule_errors",
            count=len(found.errors),
        )
    if found.warnings and not accept_warnings:
        raise Clash(
            N_("Please read the warnings (%(count)s), then publish."),
            code="schedule_warnings",
            count=len(found.warnings),
        )

"""From the draft to a release: what clashes, what would change, and the act itself."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, select

from app.db import DbSession
from app.domain import conflicts as rules
from app.domain.addresses import address_key
from app.domain.changes import Change, changes, release
from app.domain.conflicts import Conflict, Severity
from app.domain.documents import from_document, to_document
from app.domain.errors import N_, Clash, Invalid, Stale
from app.domain.schedule import CycleStatus, Schedule
from app.models import Cycle, Person, Release
from app.services.actor import Actor
from app.services.guests import ensure_guests
from app.services.holidays import holidays_for
from app.services.issuing import issue
from app.services.ledger import Plan, plan
from app.services.part_details import unavailable_of
from app.services.reopening import hold_closed, reopen_moved
from app.services.rows import find
from app.services.schedules import (
    draft_schedule,
    held_cycle,
    newest_release,
    other_schedules,
    refuse_archived,
    stored_schedule,
)
from app.services.webhook_events import tell_release

LONGEST_NOTE = 2_000
"""Characters of an organizer's note."""

_BRACKETS = re.compile(r"<\s*([^<>\s]+)\s*>")
_AT_ONCE = 500
"""So many addresses are looked up by one query."""

_AGAIN = timedelta(minutes=1)


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
    others = other_schedules(db, draft.id, draft)
    return rules.conflicts(
        draft,
        [each if actor.knows(each.id) else each.veiled() for each in others],
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
    before = stored_schedule(db, draft.id)
    after = release(before, draft, now)
    different = changes(before, after)
    return Preview(
        changes=different,
        conflicts=conflicts_of(db, actor, draft, now),
        next_schedule=after,
        nothing_new=before is not None and not different and _same_face(before, after),
        before=before,
    )


def reach(db: DbSession, actor: Actor, cycle_id: str, schedule: Schedule, now: datetime) -> Plan:
    """Who would have to be told what, were that schedule published and did the cycle invite.

    Seven queries, whatever the number of people. Raises NotFound.
    """
    return plan(db, find(db, Cycle, cycle_id), schedule, now)


def publish(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    *,
    accept_warnings: bool,
    now: datetime,
    revision: int | None = None,
    invite: bool = False,
    leave_out: Collection[str] = (),
    note: str = "",
) -> Release:
    """Freezes the draft as the next release, shows it to everybody, and has the mails sent that
    make the calendars of those concerned say the same.

    Of two at once the second waits and then sees what the first has published. The release holds
    no meeting link, and nobody's address.

    Args:
        revision: the cycle's, as it was when what is published was shown.
        invite: from now on the cycle keeps calendars right by mail; one that does goes on.
        leave_out: the ids of people who are not told this time.
        note: an organizer's own words, in the mails and with the release, where all can read it.

    Raises:
        NotFound: there is no such cycle.
        Stale: `revision` is given and is not the cycle's: nobody has seen what would be published.
        Clash: code ``cycle_archived``; ``schedule_empty`` (no session that could be shown);
            ``nothing_to_publish``; ``schedule_errors`` (parameter ``count``); ``schedule_warnings``
            (the same) unless `accept_warnings` says that they were read.
        Invalid: at ``note``, if it is longer than 2,000 characters.
    """
    check_note(note)
    cycle = hold_as_shown(db, cycle_id, revision)
    found = preview(db, actor, cycle_id, now)
    _check(found, cycle, accept_warnings=accept_warnings)
    cycle.status = str(CycleStatus.PUBLISHED)
    cycle.invites = cycle.invites or invite
    return make_release(
        db, actor, cycle, found.next_schedule, now, leave_out=leave_out, note=note.strip()
    )


def hold_as_shown(db: DbSession, cycle_id: str, revision: int | None) -> Cycle:
    """The cycle, held, for publishing what was shown of it at this revision (None: whatever), and
    before it its closed sessions, which a release may open again.

    Raises NotFound; Stale; Clash, code ``cycle_archived``.
    """
    hold_closed(db, cycle_id)
    cycle = held_cycle(db, cycle_id)
    refuse_archived(cycle)
    if revision is not None and revision != cycle.revision:
        raise Stale(
            N_("Somebody changed the schedule while you were reading. Look at it once more.")
        )
    return cycle


def make_release(
    db: DbSession,
    actor: Actor,
    cycle: Cycle,
    schedule: Schedule,
    now: datetime,
    *,
    leave_out: Collection[str] = (),
    note: str = "",
) -> Release:
    """The next release of a cycle that is held, and the mails that it takes if the cycle invites.
    Closed sessions whose end it moves beyond their closing are open again.
    Whoever makes one has looked at whether it may be."""
    row = Release(
        cycle_id=cycle.id,
        number=cycle.release_number + 1,
        published_at=now,
        published_by=actor.name,
        note=note,
        document=to_document(schedule),
    )
    db.add(row)
    cycle.release_number = row.number
    cycle.zones_moved = False
    db.flush()
    reopen_moved(db, actor, cycle.id, schedule, now)
    if cycle.invites:
        ensure_guests(db, cycle.id, schedule)
        planned = plan(db, cycle, schedule, now)
        issue(db, cycle, row.number, planned, now, leave_out=leave_out, note=note)
    tell_release(db, row)
    return row


def just_published(
    db: DbSession, actor: Actor, cycle_id: str, revision: int, now: datetime
) -> Release | None:
    """The release that somebody asks for once more, by a second click or by sending a form again:
    the newest one, if it is their own, nothing is new since, and it was made of this revision or a
    minute ago at most. None: there is none. At most seventeen queries. Raises NotFound."""
    cycle, newest = find(db, Cycle, cycle_id), newest_release(db, cycle_id)
    if newest is None or newest.published_by != actor.name:
        return None
    # Publishing raises the revision by one.
    if cycle.revision != revision + 1 and now - newest.published_at > _AGAIN:
        return None
    return newest if preview(db, actor, cycle_id, now).nothing_new else None


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
    """The ids of the people with these addresses, one on each line (or between commas), bare or
    after a name: ``Ana <ana@example.org>``. One query for each 500.

    Raises Invalid, at ``leave_out``: an address that belongs to nobody.
    """
    keys = {address_key(each.replace("\0", "")): each for each in _typed(addresses)}
    found: dict[str | None, str] = {}
    wanted = list(keys)
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        query = select(Person.email_key, Person.id).where(col(Person.email_key).in_(some))
        found |= dict(db.exec(query).all())
    unknown = [each for key, each in keys.items() if key not in found]
    if unknown:
        raise Invalid.one(
            "leave_out",
            N_("Nobody in the directory has the address %(email)s."),
            code="unknown_address",
            email=unknown[0][:254],
        )
    return set(found.values())


def left_out_by_address(
    db: DbSession, actor: Actor, cycle_id: str, addresses: str, now: datetime
) -> set[str]:
    """`people_with` for those who are not to be told of what publishing now would change.

    Raises NotFound; Invalid, at ``leave_out``: somebody whom it does not concern. Their mail may
    go to another address, and whoever typed this one believes that none is sent.
    """
    people = people_with(db, actor, cycle_id, addresses)
    if not people:
        return people
    planned = reach(db, actor, cycle_id, preview(db, actor, cycle_id, now).next_schedule, now)
    concerned = {planned.reader(due).guest.person_id for due in planned.due}
    others = people - concerned
    if others:
        query = select(Person.email).where(col(Person.id) == min(others))
        raise Invalid.one(
            "leave_out",
            N_("This release does not concern %(email)s: nothing is sent there. Take it out."),
            code="not_concerned",
            email=db.exec(query).one() or "",
        )
    return people


def _typed(addresses: str) -> Iterator[str]:
    for line in addresses.splitlines():
        # A name may hold commas; what stands beside it without brackets is a name or an address.
        bare = _BRACKETS.sub(" ", line)
        words = [each for each in re.split(r"[\s,;]+", bare) if each]
        yield from _BRACKETS.findall(line)
        yield from words if bare == line else (each for each in words if "@" in each)


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

"""What people with parts say of themselves: names, biography, photo, slides, when they cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.errors import N_, Invalid, NotFound
from app.domain.materials import MaterialKind
from app.domain.schedule import Schedule
from app.languages import translations
from app.models import Cycle, Guest, Material, Part, Person, Session
from app.schemas.material import MaterialIn
from app.schemas.part import GuestDetailsIn, SlidesIn, UnavailableIn
from app.schemas.types import line_of
from app.services import materials
from app.services.access import cycles_of_people, kin_of, seen_by_others
from app.services.actor import SYSTEM
from app.services.files import MEGABYTE, Stored, download_name, stem_of
from app.services.rows import find, hold, person_key
from app.services.schedules import hold_cycles
from app.services.wall_times import settle

MOST_HOURS = 100
MOST_SLIDES = 20
MOST_BYTES = 200 * MEGABYTE
"""Of all the slides that one person gives to a cycle."""

MOST_TITLE = 200
_LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Hours:
    """When somebody cannot: aware UTC instants, half-open."""

    starts: datetime
    ends: datetime


def details_of(db: DbSession, guest: Guest) -> tuple[str, str]:
    """Position and institution as they stand with their latest part in this cycle; without one,
    the position in the directory. One query."""
    query = (
        select(Part.position, Part.institution)
        .join(Session, col(Session.id) == col(Part.session_id))
        .where(Part.person_id == guest.person_id, Session.cycle_id == guest.cycle_id)
        .order_by(col(Session.starts_at).desc(), col(Part.id).desc())
        .limit(1)
    )
    return db.exec(query).first() or (guest.person.position, "")


def save_details(db: DbSession, guest: Guest, given: GuestDetailsIn, now: datetime) -> None:
    """Keeps what somebody says of themselves. Position and institution go with their parts in this
    cycle that are not over: what was said in the past stays as of that day.

    The name is the same in every cycle, and this link is one cycle's, whose organizers know it too.

    Raises:
        Invalid: at ``name``, code ``shared``: it is another one, and they are in a cycle of another
            team as well, or another team has written them down.
    """
    hold_cycles(db, [guest.person_id])
    person = hold(db, Person, guest.person_id)
    if given.name != person.name and _is_shared(db, guest):
        raise Invalid.one(
            "name",
            N_(
                "You also take part in a cycle of other organizers, where this name stands too. "
                "Ask the organizers to change it."
            ),
            code="shared",
        )
    theirs = select(Part.session_id).where(Part.person_id == guest.person_id)
    sessions = select(Session.id).where(
        Session.cycle_id == guest.cycle_id,
        col(Session.ends_at) > now,
        col(Session.id).in_(theirs),
    )
    ids = db.exec(sessions).all()
    person.name, person.zone, person.language = given.name, given.zone, given.language
    person.position = person.position or given.position
    person.search_key = person_key(person)
    parts = select(Part).where(Part.person_id == guest.person_id, col(Part.session_id).in_(ids))
    for part in db.exec(parts.execution_options(populate_existing=True)):
        part.position, part.institution = given.position, given.institution
    _held(db, guest).biography = given.biography
    db.flush()


def _is_shared(db: DbSession, guest: Guest) -> bool:
    """Whether another team than that of the guest's cycle knows them too."""
    kin, known = kin_of(db, guest.cycle_id), [guest.person_id]
    return bool(cycles_of_people(db, known) - kin) or seen_by_others(db, known, kin)


def set_photo(db: DbSession, guest: Guest, stored: Stored | None) -> None:
    """Their photo from now on; None: no photo. The file of before goes with the next tidying."""
    _held(db, guest).photo = stored.name if stored else ""
    db.flush()


def hours_of(guest: Guest) -> list[Hours]:
    """When they cannot, by time."""
    pairs = (Hours(*map(datetime.fromisoformat, pair)) for pair in guest.unavailable)
    return sorted(pairs, key=lambda each: (each.starts, each.ends))


def unavailable_of(db: DbSession, draft: Schedule) -> dict[str, list[tuple[datetime, datetime]]]:
    """When the people with a part in a draft cannot, by their id. One query, none where nobody has
    a part."""
    people = {p.person_id for s in draft.sessions for g in s.segments for p in g.parts}
    if not people:
        return {}
    guests = select(Guest).where(Guest.cycle_id == draft.id, col(Guest.person_id).in_(people))
    return {
        guest.person_id: [(each.starts, each.ends) for each in hours_of(guest)]
        for guest in db.exec(guests)
        if guest.unavailable
    }


def add_hours(
    db: DbSession, guest: Guest, given: UnavailableIn, zone: str, now: datetime
) -> list[Hours]:
    """Adds hours when they cannot, in local times of `zone`. Where one exists twice the earlier
    counts for the beginning, the later for the end: all of it is meant.

    Raises:
        Invalid: at ``starts`` or ``ends``: ``skipped_time``, ``order`` (it ends before it begins),
            ``too_long`` (more than a year), ``over``; ``full``.
    """
    starts = settle(given.starts, zone, 0, field="starts").instant
    ends = settle(given.ends, zone, 1, field="ends").instant
    if ends <= starts:
        raise Invalid.one("ends", N_("This must be after the beginning."), code="order")
    if ends - starts > _LONGEST:
        raise Invalid.one("ends", N_("Choose a year at most."), code="too_long")
    if ends <= now:
        raise Invalid.one("ends", N_("This is over. Choose a time to come."), code="over")
    held = _held(db, guest)
    hours = [*hours_of(held)]
    if Hours(starts, ends) not in hours:
        hours.append(Hours(starts, ends))
    if len(hours) > MOST_HOURS:
        raise Invalid.one(
            "starts", N_("These are too many. Take out some that are over."), code="full"
        )
    return _keep_hours(db, held, hours)


def remove_hours(db: DbSession, guest: Guest, starts: str, ends: str) -> list[Hours]:
    """Takes such hours out, given as they are kept (RFC 3339, UTC). Twice is once."""
    held = _held(db, guest)
    hours = [
        each for each in hours_of(held) if (_text(each.starts), _text(each.ends)) != (starts, ends)
    ]
    return _keep_hours(db, held, hours)


def slides_of(db: DbSession, guest: Guest) -> list[Material]:
    """What they have given, by session and in order. One query."""
    query = select(Material).where(Material.given_by == guest.id)
    return list(db.exec(query.order_by(col(Material.session_id), col(Material.position))))


def room_for_slides(db: DbSession, guest: Guest, part_id: str) -> int:
    """How many bytes of slides they may still give for one of their parts.

    Raises:
        NotFound: they have no such part in this cycle.
        Invalid: at ``file`` (``full``): they have given as much as they may.
    """
    part = find(db, Part, part_id)
    session = find(db, Session, part.session_id)
    if part.person_id != guest.person_id or session.cycle_id != guest.cycle_id:
        raise NotFound
    given: Any = select(func.count(), func.coalesce(func.sum(Material.size), 0))
    count, size = db.exec(given.where(Material.given_by == guest.id)).one()
    if count >= MOST_SLIDES:
        raise Invalid.one(
            "file",
            N_("You have given %(most)s files. Take one away first."),
            code="full",
            most=MOST_SLIDES,
        )
    if MOST_BYTES - size < MEGABYTE:
        raise _no_room()
    return MOST_BYTES - int(size)


def _no_room() -> Invalid:
    return Invalid.one(
        "file",
        N_("Your files have more than %(most)s MB together. Take one away first."),
        code="full",
        most=MOST_BYTES // MEGABYTE,
    )


def add_slides(
    db: DbSession, guest: Guest, part_id: str, given: SlidesIn, stored: Stored, file_name: str
) -> Material:
    """Slides for one of their parts: participants see them once the session is over, unless an
    organizer shows them before.

    Raises:
        NotFound: they have no such part in this cycle.
        Invalid: ``full``: too many, or too much.
    """
    part = find(db, Part, part_id)
    # In the order in which all others take them: the flush raises the cycle's revision.
    session = hold(db, Session, part.session_id)
    cycle = hold(db, Cycle, session.cycle_id)
    _held(db, guest)
    if room_for_slides(db, guest, part_id) < stored.size:
        raise _no_room()
    name = download_name(file_name, stored.media_type)
    new = MaterialIn(
        title=given.title or _title_of(file_name, stored, cycle.language),
        kind=MaterialKind.SLIDES,
        segment_id=part.segment_id,
        after_session=True,
    )
    return materials.add_file(db, SYSTEM, session.id, new, stored, name, given_by=guest.id)


def _title_of(file_name: str, stored: Stored, language: str) -> str:
    found = line_of(stem_of(file_name, stored.media_type), MOST_TITLE)
    return found or translations(language).gettext(N_("Slides"))


def own_slides(db: DbSession, guest: Guest, material_id: str) -> Material:
    """A file that they gave themselves. Raises NotFound."""
    row = find(db, Material, material_id)
    if row.given_by != guest.id:
        raise NotFound
    return row


def remove_slides(db: DbSession, guest: Guest, material_id: str) -> None:
    """Takes away a file that they gave themselves. Raises NotFound."""
    materials.remove_material(db, SYSTEM, own_slides(db, guest, material_id).id)


def _held(db: DbSession, guest: Guest) -> Guest:
    """The guest's row as it is now, held until the transaction ends."""
    query = select(Guest).where(Guest.id == guest.id).with_for_update(key_share=True)
    return db.exec(query.execution_options(populate_existing=True)).one()


def _keep_hours(db: DbSession, held: Guest, hours: Sequence[Hours]) -> list[Hours]:
    held.unavailable = [
        [_text(each.starts), _text(each.ends)]
        for each in sorted(hours, key=lambda each: (each.starts, each.ends))
    ]
    db.flush()
    return hours_of(held)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")

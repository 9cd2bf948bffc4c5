"""What the pages about one session show beside its fields: hours elsewhere, and what clashes.

Everything is computed from what stands in the form, saved or not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from babel import dates

from app.domain import agenda, schedule
from app.domain.conflict_values import Code, Conflict
from app.domain.parts import Standing, standing
from app.domain.schedule import PartRole, Schedule, SegmentKind
from app.domain.zones import wall_time, zone, zone_names
from app.languages import babel_locale, city, time_of_day, translations, zone_label
from app.models import Part, Person, Session
from app.web.agenda_form import SegmentRow
from app.web.sentences import Presenter
from app.web.session_form import Typed

_PLACES_NAMED = 3
_NAMES_NAMED = 3


@dataclass(frozen=True, slots=True)
class Hours:
    """When a row of the agenda is; `ends` None where its length is not one."""

    starts: datetime
    ends: datetime | None


@dataclass(slots=True)
class Shown:
    """The conflicts of a session: at its rows by their place, and those of the whole."""

    at_rows: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    of_session: list[dict[str, Any]] = field(default_factory=list)
    errors: int = 0
    warnings: int = 0


def lay_out(starts: datetime, rows: Sequence[SegmentRow]) -> list[Hours]:
    """The hours of each row; one without a length takes no time."""
    items = [agenda.Item(row.length or 0, row.pin) for row in rows]
    return [
        Hours(begin, end if row.length else None)
        for row, (begin, end) in zip(rows, agenda.lay_out(starts, items), strict=True)
    ]


def row_key(place: int, row: SegmentRow) -> str:
    """The segment's id, or one of its own for a row that is not saved."""
    return row.id or f"row-{place}"


def typed_draft(
    draft: Schedule,
    session: Session,
    typed: Typed,
    minutes: int,
    values: Mapping[str, str],
    rows: Sequence[SegmentRow],
    people: Mapping[str, Person],
) -> Schedule:
    """The draft with this session as it stands in the form. Rows without a length are left out,
    and so are parts of nobody."""
    known = next((s for s in draft.sessions if s.id == session.id), None)
    if known is None:
        return draft
    kept = {(g.id, p.person_id, str(p.role)): p for g in known.segments for p in g.parts}
    starts = typed.wall.instant
    segments = tuple(
        schedule.Segment(
            id=row_key(place, row),
            kind=SegmentKind(row.kind),
            title=row.title,
            starts=hours.starts,
            ends=hours.ends,
            parts=tuple(_parts(place, row, people, kept)),
        )
        for place, (row, hours) in enumerate(zip(rows, lay_out(starts, rows), strict=True))
        if hours.ends is not None and row.kind in set(SegmentKind)
    )
    now = replace(
        known,
        zone=values["zone"],
        wall_start=typed.wall.wall,
        starts=starts,
        ends=starts + timedelta(minutes=minutes),
        meeting_url=values["meeting_url"],
        segments=segments,
    )
    sessions = tuple(now if s.id == session.id else s for s in draft.sessions)
    return replace(draft, sessions=sessions)


def _parts(
    place: int,
    row: SegmentRow,
    people: Mapping[str, Person],
    kept: Mapping[tuple[str, str, str], schedule.Part],
) -> Iterable[schedule.Part]:
    for index, part in enumerate(row.parts):
        person = people.get(part.person)
        if person is None or part.role not in set(PartRole):
            continue
        yield kept.get((row.id, person.id, part.role)) or schedule.Part(
            id=f"{row_key(place, row)}-{index}",
            person_id=person.id,
            name=person.name,
            role=PartRole(part.role),
            position=person.position,
            country=person.country,
            zone=person.zone,
        )


def conflicts_shown(
    conflicts: Iterable[Conflict],
    draft: Schedule,
    number: int,
    rows: Sequence[SegmentRow],
    presenter: Presenter,
    cycle_href: str,
) -> Shown:
    """The conflicts of session `number`, each at its row, with the way to the other side of it.

    Where both sides are in this session, it stands at both rows.
    """
    places = {row_key(place, row): place for place, row in enumerate(rows)}
    shown = Shown()
    for conflict in conflicts:
        other = conflict.other
        elsewhere = other is not None and other.cycle_id != draft.id
        of_other = other.session_number if other is not None and not elsewhere else None
        if number not in (conflict.session_number, of_other):
            continue
        if conflict.severity.value == "error":
            shown.errors += 1
        else:
            shown.warnings += 1
        mine = places.get(conflict.segment_id or "") if conflict.session_number == number else None
        its = places.get((other.segment_id or "") if other else "") if of_other == number else None
        sides = {place for place in (mine, its) if place is not None}
        item = presenter.conflict(conflict, cycle_href)
        for place in sorted(sides):
            away = next(iter(sides - {place}), None)
            link = _way(conflict, number, away, presenter, cycle_href)
            shown.at_rows.setdefault(place, []).append(item | link)
        if not sides:
            shown.of_session.append(item | _way(conflict, number, None, presenter, cycle_href))
    return shown


def _way(
    conflict: Conflict, number: int, away: int | None, presenter: Presenter, cycle_href: str
) -> dict[str, str]:
    """Where the other side of a conflict is; nowhere else for one that has no other side."""
    gettext = presenter.gettext
    if away is not None:
        return {"href": f"#segment-{away}-title", "link": gettext("Show the other one")}
    other = conflict.other
    numbers = {conflict.session_number}
    if other is not None and other.cycle_id == conflict.subject.cycle_id:
        numbers.add(other.session_number or number)
    for away_number in sorted(numbers - {number}):
        link = gettext("Open session %(number)s") % {"number": away_number}
        return {"href": f"{cycle_href}/sessions/{away_number}", "link": link}
    if conflict.code is Code.LINK_MISSING:
        return {"href": "#meeting_url", "link": gettext("Enter it")}
    return {"href": "", "link": ""}


def offset(instant: datetime, zone_name: str) -> str:
    """How far the zone is from UTC then: "-04:00"."""
    return instant.astimezone(zone(zone_name)).isoformat()[-6:]


def folds(time: Typed | None, language: str) -> list[tuple[str, str]]:
    """The choice between the two instants of a local time that exists twice; else none."""
    if time is None or not time.twice:
        return []
    gettext = translations(language).gettext
    sentences = (
        gettext("The first time, at UTC%(offset)s"),
        gettext("The second time, an hour or so later, at UTC%(offset)s"),
    )
    return [
        (str(fold), sentence % {"offset": offset(instant, time.wall.zone)})
        for fold, (sentence, instant) in enumerate(zip(sentences, time.wall.instants, strict=True))
    ]


@dataclass(frozen=True, slots=True)
class Called:
    """Somebody on the call sheet: when they are first needed, in the session's zone and in their
    own, and for what."""

    name: str
    email: str
    at: str
    local: str
    roles: tuple[str, ...]


def call_sheet(session: Session, language: str) -> list[Called]:
    """Everybody with a part in the saved agenda, in the order in which they are needed."""
    items = [agenda.Item(segment.minutes, segment.offset) for segment in session.segments]
    laid = agenda.lay_out(session.starts_at, items)
    first: dict[str, tuple[datetime, Person, dict[str, None]]] = {}
    timed = sorted(
        zip(laid, session.segments, strict=True), key=lambda pair: (pair[0], pair[1].position)
    )
    for (starts, _), segment in timed:
        for part in segment.parts:
            known = first.setdefault(part.person_id, (starts, part.person, {}))
            known[2][part.role] = None
    return [
        Called(
            name=person.name,
            email=person.email or "",
            at=time_of_day(starts, session.zone),
            local=local_hours(starts, None, person.zone, session.zone, language),
            roles=tuple(roles),
        )
        for starts, person, roles in first.values()
    ]


def run_of_show(session: Session, language: str) -> list[dict[str, Any]]:
    """The saved agenda of a session (loaded with its parts), for components/run_of_show.html: hours
    in the session's zone, and beside each person those where they live."""
    items = [agenda.Item(segment.minutes, segment.offset) for segment in session.segments]
    laid = agenda.lay_out(session.starts_at, items)
    return [
        {
            "start": time_of_day(starts, session.zone),
            "end": time_of_day(ends, session.zone),
            "kind": segment.kind,
            "title": segment.title,
            "minutes": segment.minutes,
            "people": [
                {
                    "name": part.person.name,
                    "position": part.position,
                    "institution": part.institution,
                    "role": part.role,
                    "state": _state(part, starts),
                    "local_time": local_hours(
                        starts, ends, part.person.zone, session.zone, language
                    ),
                }
                for part in segment.parts
            ],
        }
        for segment, (starts, ends) in zip(session.segments, laid, strict=True)
    ]


def _state(part: Part, starts: datetime) -> str:
    """Where a part stands, on paper: of whom nobody has asked yet nothing is said."""
    found = standing(part.status, part.answered_start, starts)
    return "" if found is Standing.PLANNED else found.value


def local_hours(
    starts: datetime, ends: datetime | None, there: str, home: str, language: str
) -> str:
    """The hours where somebody lives, "16:10–17:00, Madrid time"; empty where they are those of the
    session's own zone, and where nobody knows."""
    if there not in zone_names() or wall_time(starts, there) == wall_time(starts, home):
        return ""
    until = f"–{time_of_day(ends, there)}" if ends else ""
    day = _other_day(starts, there, home, language)
    hours = f"{day}{time_of_day(starts, there)}{until}"
    return f"{hours}, {zone_label(there, language)}"


def _other_day(starts: datetime, there: str, home: str, language: str) -> str:
    local = wall_time(starts, there).date()
    if local == wall_time(starts, home).date():
        return ""
    name: str = dates.format_date(local, "EEEE", locale=babel_locale(language))
    return f"{name} "


def zone_rows(
    starts: datetime,
    minutes: int,
    home: str,
    participants: Mapping[str, int],
    speakers: Iterable[tuple[str, str]],
    language: str,
) -> list[dict[str, Any]]:
    """What components/zone_strip.html takes: one row for all places whose clocks agree then.

    `participants` counts by zone, `speakers` are (name, zone). West comes first, as on a map.
    """
    named: dict[str, list[str]] = {}
    for name, there in speakers:
        if there in zone_names() and name not in named.setdefault(there, []):
            named[there].append(name)
    zones = {z for z in {home, *participants, *named} if z in zone_names()}
    by_clock: dict[datetime, list[str]] = {}
    for there in zones:
        by_clock.setdefault(wall_time(starts, there), []).append(there)
    rows = []
    for local, clocks in sorted(by_clock.items()):
        places = sorted(
            clocks, key=lambda z: (z != home, -participants.get(z, 0), city(z, language))
        )
        count = sum(participants.get(z, 0) for z in places)
        people = [name for z in places for name in named.get(z, [])]
        end = starts + timedelta(minutes=minutes)
        day = _other_day(starts, places[0], home, language)
        hours = f"{day}{local:%H:%M}–{time_of_day(end, places[0])}"
        rows.append(
            {
                "place": _some([city(z, language) for z in places], _PLACES_NAMED, language),
                "minute": local.hour * 60 + local.minute,
                "length": minutes,
                "hours": hours,
                "people": _who(count, people, language),
            }
        )
    return rows


def _who(count: int, names: Sequence[str], language: str) -> str:
    found = []
    if count:
        words = translations(language).ngettext(
            "%(count)s participant", "%(count)s participants", count
        )
        found.append(words % {"count": count})
    if names:
        found.append(_some(names, _NAMES_NAMED, language))
    return " · ".join(found)


def _some(names: Sequence[str], most: int, language: str) -> str:
    """The first names, and how many more there are."""
    unique = list(dict.fromkeys(names))
    if len(unique) <= most + 1:
        return ", ".join(unique)
    words = translations(language).ngettext(
        "%(names)s and %(count)s more", "%(names)s and %(count)s more", len(unique) - most
    )
    return words % {"names": ", ".join(unique[:most]), "count": len(unique) - most}

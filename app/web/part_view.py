"""What people with parts see of them: plain values for templates."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from app.domain.text import localized
from app.models import Cycle, Material
from app.services.calendars import organizer_name
from app.services.materials import Given
from app.services.my_parts import MyPart, MySession
from app.services.part_join import join_window_of
from app.services.schedules import schedule_of
from app.web import public_view as view


def cycle_context(cycle: Cycle, path: str, language: str, zone: str) -> dict[str, Any]:
    """What every page of theirs shows; the cycle, loaded with its institutions, may be a draft."""
    out = cycle.release_number > 0
    name = organizer_name(schedule_of(cycle, []))
    return {
        "cycle": cycle,
        "slug": cycle.slug,
        "cycle_title": localized(cycle.title, language, cycle.language),
        "zone": zone,
        "organizer_name": name,
        "home_name": name,
        "home_href": f"/c/{cycle.slug}" if out else path,
        "accent_href": view.accent_href(cycle.slug, cycle.accent) if out else "",
        "privacy_href": f"/c/{cycle.slug}/privacy" if out else "",
        "published": out,
        "part_path": path,
    }


def sessions(
    mine: Iterable[MySession],
    given: Iterable[Given],
    cycle: Cycle,
    language: str,
    zone: str,
    now: datetime,
) -> list[dict[str, Any]]:
    """Their sessions by time, each with their parts in it and its whole agenda."""
    slides = [one.material for one in given]
    found = [_session(each, slides, cycle, language, zone, now) for each in mine]
    # What is over comes last; the rest by their first part: that is when they are wanted.
    return sorted(found, key=lambda each: each["past"])


def _session(
    each: MySession,
    slides: Sequence[Material],
    cycle: Cycle,
    language: str,
    zone: str,
    now: datetime,
) -> dict[str, Any]:
    told, shown = each.told, each.shown
    opens, closes = join_window_of(told)
    new = cycle.release_number > 0 and not told.released
    return {
        "number": told.number,
        "title": localized(told.title, language, cycle.language),
        "starts": told.starts,
        "ends": told.ends,
        "home": told.zone,
        "state": "draft" if new else shown.state(now),
        "past": now >= told.ends,
        "planned": each.planned if each.moves else None,
        "agenda": view.agenda_items(shown, zone, now),
        "can_join": shown.status == "scheduled" and opens <= now < closes,
        "parts": [_part(part, each, slides, now) for part in each.parts],
    }


def _part(
    each: MyPart, session: MySession, slides: Sequence[Material], now: datetime
) -> dict[str, Any]:
    part, placed = each.part, each.planned
    wanted = session.planned.status == "scheduled"
    return {
        "id": part.id,
        "role": part.role,
        "kind": each.segment.kind.value,
        "title": each.segment.title,
        "starts": each.segment.starts,
        "ends": each.segment.ends,
        "new": session.told.released and not each.published,
        "gone": placed is None,
        "planned": placed.segment if placed and wanted and each.moves else None,
        "asked_for": placed.segment.starts if placed else None,
        "standing": placed.standing.value if placed else "",
        "again": placed is not None and placed.was_answered,
        "comment": placed.part.comment if placed else "",
        "open": placed is not None and session.is_open and placed.is_open(now),
        "others": _others(each),
        "slides": sum(row.segment_id == each.segment.id for row in slides),
    }


def _others(each: MyPart) -> list[dict[str, str]]:
    return [
        {
            "name": part.name,
            "position": part.position,
            "institution": part.institution,
            "role": part.role.value,
        }
        for part in each.segment.parts
        if part.person_id != each.part.person_id
    ]

"""What people with parts see of them: plain values for templates."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from app.domain.text import localized
from app.models import Cycle, Material
from app.services.calendars import organizer_name
from app.services.part_join import join_window_of
from app.services.parts import Placed
from app.services.schedules import schedule_of, session_of
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
    placed: Sequence[Placed],
    slides: Iterable[Material],
    cycle: Cycle,
    language: str,
    zone: str,
    now: datetime,
) -> list[dict[str, Any]]:
    """Their sessions by time, each with their parts in it and its whole agenda."""
    given = list(slides)
    found: dict[str, dict[str, Any]] = {}
    for each in placed:
        row = each.session
        if row.id not in found:
            session = session_of(row)
            opens, closes = join_window_of(row)
            found[row.id] = {
                "number": row.number,
                "title": localized(row.title, language, cycle.language),
                "starts": row.starts_at,
                "ends": row.ends_at,
                "home": row.zone,
                "state": session.state(now),
                "agenda": view.agenda_items(session, zone, now),
                "can_join": row.status == "scheduled" and opens <= now < closes,
                "parts": [],
            }
        found[row.id]["parts"].append(
            {
                "id": each.part.id,
                "role": each.part.role,
                "kind": each.segment.kind.value,
                "title": each.segment.title,
                "starts": each.segment.starts,
                "ends": each.segment.ends,
                "standing": each.standing.value,
                "comment": each.part.comment,
                "open": each.is_open(now),
                "others": _others(each),
                "slides": [m for m in given if m.segment_id == each.segment.id],
            }
        )
    # What is over comes last; the rest by their first part: that is when they are wanted.
    return sorted(found.values(), key=lambda each: each["state"] == "over")


def _others(each: Placed) -> list[dict[str, str]]:
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

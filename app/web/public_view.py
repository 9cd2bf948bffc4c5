"""A published schedule as the public pages show it: plain values for templates."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from markupsafe import Markup

from app.domain.accent import readable
from app.domain.faces import announced
from app.domain.schedule import CycleStatus, InstitutionRole, Schedule, Session, SessionStatus
from app.domain.text import localized
from app.domain.zones import zone
from app.languages import date_long, time_of_day, zone_label
from app.services.calendars import organizer_name
from app.services.links import Links
from app.services.public import PublishedCycle

_SHORT = 200  # characters of a description in previews


def next_turn(
    sessions: Iterable[Session], now: datetime, other: datetime | None = None
) -> float | None:
    """When the state of one, or the segment that is on, changes next, or at `other` if that is
    sooner: seconds since 1970."""
    turns = [
        turn
        for session in sessions
        for turn in (session.starts, session.ends, *(s.starts for s in session.segments))
        if turn > now
    ]
    first = min([*turns, *([other] if other else [])], default=None)
    return first.timestamp() if first else None


def agenda_items(session: Session, zone_name: str, now: datetime) -> list[dict[str, Any]]:
    """The agenda as the macro run_of_show() takes it."""
    live = session.state(now) == "live"
    return [
        {
            "start": time_of_day(segment.starts, zone_name),
            "end": time_of_day(segment.ends, zone_name),
            "kind": segment.kind.value,
            "title": segment.title,
            "now": live and segment.starts <= now < segment.ends,
            "people": [
                {
                    "name": part.name,
                    "position": part.position,
                    "institution": part.institution,
                    "role": part.role.value,
                }
                for part in segment.parts
            ],
        }
        for segment in session.segments
    ]


def names_of(session: Session) -> str:
    """Who is announced, by name, for the line under a session's title."""
    return ", ".join(person.name for person in announced(session))


def short(text: str) -> str:
    """The beginning of a text on one line, for previews."""
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else line[:_SHORT].rsplit(None, 1)[0] + " …"


def cycle_context(cycle: PublishedCycle, language: str, reader_zone: str) -> dict[str, Any]:
    """What every page of a cycle shows: names, header, footer, zone."""
    schedule = cycle.schedule
    slug = schedule.slug
    return {
        "cycle": cycle.cycle,
        "schedule": schedule,
        "slug": slug,
        "cycle_title": localized(schedule.title, language, schedule.language),
        "zone": reader_zone or schedule.zone,
        "organizer_name": organizer_name(schedule),
        "home_name": organizer_name(schedule),
        "home_href": f"/c/{slug}",
        "accent_href": accent_href(slug, schedule.accent),
        "privacy_href": f"/c/{slug}/privacy",
        "can_enrol": cycle.cycle.enrolment_open and cycle.cycle.status == CycleStatus.PUBLISHED,
        "total": len(schedule.sessions),
    }


def accent_href(slug: str, accent: str) -> str:
    """The address of the cycle's colours; it changes when they do, so that they can be kept."""
    return f"/c/{slug}/accent.css?v={accent_digest(accent)}" if accent else ""


def accent_digest(accent: str) -> str:
    """Names the colours that an accent is made into."""
    if not accent:
        return "none"
    found = readable(accent)
    return (found.accent + found.dark).replace("#", "")


def institutions_by_role(schedule: Schedule) -> list[tuple[InstitutionRole, list[str]]]:
    """Who carries the cycle, role by role, acronyms in brackets."""
    found = []
    for role in InstitutionRole:
        names = [
            f"{i.name} ({i.acronym})" if i.acronym else i.name
            for i in schedule.institutions
            if i.role is role
        ]
        if names:
            found.append((role, names))
    return found


def when_words(session: Session, language: str, zone_name: str) -> str:
    """One line for previews: day, hours and zone in words."""
    return (
        f"{date_long(session.starts, language, zone_name)}, "
        f"{time_of_day(session.starts, zone_name)}–{time_of_day(session.ends, zone_name)}, "
        f"{zone_label(zone_name, language)}"
    )


def session_ld(schedule: Schedule, session: Session, language: str, links: Links) -> Markup:
    """schema.org/EducationEvent of a session, safe inside a script element."""
    return _script(_event_ld(schedule, session, language, links))


def cycle_ld(schedule: Schedule, language: str, links: Links) -> Markup:
    """schema.org/EducationEvent of a cycle with its sessions."""
    sessions = [s for s in schedule.sessions if s.status is not SessionStatus.CANCELLED]
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "EducationEvent",
        "name": localized(schedule.title, language, schedule.language),
        "url": links.url(f"/c/{schedule.slug}"),
        "description": localized(schedule.description, language, schedule.language),
        "inLanguage": schedule.language,
        "eventAttendanceMode": "https://schema.org/OnlineEventAttendanceMode",
        "location": {"@type": "VirtualLocation", "url": links.url(f"/c/{schedule.slug}")},
        "organizer": _organizers(schedule),
        "subEvent": [
            {
                "@type": "EducationEvent",
                "name": localized(s.title, language, schedule.language),
                "url": links.url(f"/c/{schedule.slug}/{s.number}"),
                **_times(s),
            }
            for s in sessions
        ],
    }
    if sessions:
        data["startDate"] = _local(min(sessions, key=lambda s: s.starts).starts, schedule.zone)
        data["endDate"] = _local(max(sessions, key=lambda s: s.ends).ends, schedule.zone)
    return _script(data)


def _event_ld(schedule: Schedule, session: Session, language: str, links: Links) -> dict[str, Any]:
    url = links.url(f"/c/{schedule.slug}/{session.number}")
    off = session.status is SessionStatus.CANCELLED
    return {
        "@context": "https://schema.org",
        "@type": "EducationEvent",
        "name": localized(session.title, language, schedule.language),
        "url": url,
        **_times(session),
        "eventStatus": f"https://schema.org/Event{'Cancelled' if off else 'Scheduled'}",
        "eventAttendanceMode": "https://schema.org/OnlineEventAttendanceMode",
        "location": {"@type": "VirtualLocation", "url": url},
        "description": localized(session.description, language, schedule.language),
        "inLanguage": schedule.language,
        "organizer": _organizers(schedule),
        "performer": [
            {
                "@type": "Person",
                "name": name,
                **({"jobTitle": position} if position else {}),
                **({"affiliation": {"@type": "Organization", "name": place}} if place else {}),
            }
            for name, position, place, _ in announced(session)
        ],
        "superEvent": {
            "@type": "EducationEvent",
            "name": localized(schedule.title, language, schedule.language),
            "url": links.url(f"/c/{schedule.slug}"),
        },
    }


def _times(session: Session) -> dict[str, str]:
    return {
        "startDate": _local(session.starts, session.zone),
        "endDate": _local(session.ends, session.zone),
    }


def _local(instant: datetime, zone_name: str) -> str:
    return instant.astimezone(zone(zone_name)).isoformat()


def _organizers(schedule: Schedule) -> list[dict[str, str]]:
    roles = (InstitutionRole.ORGANIZER, InstitutionRole.HOST)
    return [
        {"@type": "Organization", "name": i.name} for i in schedule.institutions if i.role in roles
    ]


def _script(data: dict[str, Any]) -> Markup:
    """JSON that cannot end the script element it stands in: every ``<`` is written as an escape."""
    kept = {key: value for key, value in data.items() if value not in ("", [])}
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 (escaped above)

"""What a calendar entry says of a session to one reader, and a digest of it. Pure rules."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from app.domain.schedule import Part, PartRole, Schedule, Segment, Session
from app.domain.text import localized

ANNOUNCED = frozenset({PartRole.HOST, PartRole.SPEAKER, PartRole.MODERATOR, PartRole.PANELIST})
"""Those whom everybody's calendar entry names. Interpreters are not announced."""


class Announced(NamedTuple):
    """Somebody as a calendar entry names them."""

    name: str
    position: str
    institution: str
    roles: tuple[PartRole, ...]


def own_segments(
    session: Session, person_id: str, declined: frozenset[str] = frozenset()
) -> tuple[Segment, ...]:
    """The segments in which a person has a part that they did not decline, in order."""
    return tuple(
        segment
        for segment in session.segments
        if any(p.person_id == person_id and p.id not in declined for p in segment.parts)
    )


def face(schedule: Schedule, session: Session, language: str) -> str:
    """A digest of what a participant's calendar entry says of a session in a language."""
    return _digest(_common(schedule, session, language))


def face_with_parts(
    schedule: Schedule,
    session: Session,
    language: str,
    person_id: str,
    segments: Iterable[Segment],
) -> str:
    """The same for somebody with parts: also their segments, their roles, who else is on."""
    own = [
        [
            segment.title,
            segment.kind.value,
            _text(segment.starts),
            _text(segment.ends),
            sorted(p.role.value for p in segment.parts if p.person_id == person_id),
            [[p.name, p.position, p.institution, p.role.value] for p in segment.parts],
        ]
        for segment in segments
    ]
    return _digest([_common(schedule, session, language), own])


def announced(session: Session) -> list[Announced]:
    """Those whom a calendar entry names, in the order of the agenda. Somebody with several parts is
    named once, as in the first of them, with all the roles."""
    first: dict[str, Part] = {}
    roles: dict[str, list[PartRole]] = {}
    for part in (p for segment in session.segments for p in segment.parts):
        if part.role in ANNOUNCED:
            first.setdefault(part.person_id, part)
            had = roles.setdefault(part.person_id, [])
            if part.role not in had:
                had.append(part.role)
    return [
        Announced(part.name, part.position, part.institution, tuple(roles[person_id]))
        for person_id, part in first.items()
    ]


def _common(schedule: Schedule, session: Session, language: str) -> list[object]:
    return [
        session.uid,
        session.number,  # the address of the join page has it
        localized(schedule.title, language, schedule.language),
        localized(session.title, language, schedule.language),
        localized(session.description, language, schedule.language),
        session.zone,
        session.wall_start.isoformat(),
        _text(session.starts),
        _text(session.ends),
        [
            [who.name, who.position, who.institution, [role.value for role in who.roles]]
            for who in announced(session)
        ],
    ]


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()


def _digest(values: object) -> str:
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:40]

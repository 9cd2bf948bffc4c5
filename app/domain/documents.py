"""A schedule as a document that can be kept as JSON, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.domain.schedule import (
    CycleInstitution,
    InstitutionRole,
    Part,
    PartRole,
    Schedule,
    Segment,
    SegmentKind,
    Session,
    SessionStatus,
)

VERSION = 1
"""Goes up when a reader of the last version would misread the next one."""


class UnreadableDocument(ValueError):
    """Not a schedule's document, or one of a later version of this program."""


def to_document(schedule: Schedule) -> dict[str, Any]:
    """The schedule in types that JSON has; instants as ISO 8601 in UTC, wall times without zone."""
    return {
        "version": VERSION,
        "id": schedule.id,
        "slug": schedule.slug,
        "title": dict(schedule.title),
        "language": schedule.language,
        "zone": schedule.zone,
        "description": dict(schedule.description),
        "accent": schedule.accent,
        "institutions": [
            {
                "id": each.id,
                "name": each.name,
                "role": each.role.value,
                "acronym": each.acronym,
                "country": each.country,
            }
            for each in schedule.institutions
        ],
        "sessions": [_session_document(each) for each in schedule.sessions],
    }


def _session_document(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "uid": session.uid,
        "number": session.number,
        "title": dict(session.title),
        "zone": session.zone,
        "wall_start": session.wall_start.isoformat(),
        "fold": session.wall_start.fold,
        "starts": _text(session.starts),
        "ends": _text(session.ends),
        "description": dict(session.description),
        "status": session.status.value,
        "meeting_url": session.meeting_url,
        "segments": [_segment_document(each) for each in session.segments],
        "sequence": session.sequence,
        "stamp": _text(session.stamp) if session.stamp else None,
        "created": _text(session.created) if session.created else None,
        "time_since": _text(session.time_since) if session.time_since else None,
    }


def _segment_document(segment: Segment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "kind": segment.kind.value,
        "title": segment.title,
        "starts": _text(segment.starts),
        "ends": _text(segment.ends),
        "parts": [
            {
                "id": part.id,
                "person_id": part.person_id,
                "name": part.name,
                "role": part.role.value,
                "position": part.position,
                "institution": part.institution,
                "country": part.country,
                "zone": part.zone,
            }
            for part in segment.parts
        ],
    }


def from_document(document: Mapping[str, Any]) -> Schedule:
    """The schedule that `to_document` wrote, equal to it. Raises UnreadableDocument."""
    if document.get("version") != VERSION:
        raise UnreadableDocument(
            f"a schedule's document of version {document.get('version')!r}, not {VERSION}"
        )
    try:
        return _schedule(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableDocument(f"not a schedule's document: {error!r}") from error


def _schedule(document: Mapping[str, Any]) -> Schedule:
    return Schedule(
        id=document["id"],
        slug=document["slug"],
        title=dict(document["title"]),
        language=document["language"],
        zone=document["zone"],
        description=dict(document["description"]),
        accent=document["accent"],
        institutions=tuple(
            CycleInstitution(**{**each, "role": InstitutionRole(each["role"])})
            for each in document["institutions"]
        ),
        sessions=tuple(_session(each) for each in document["sessions"]),
    )


def _session(document: Mapping[str, Any]) -> Session:
    return Session(
        id=document["id"],
        uid=document["uid"],
        number=document["number"],
        title=dict(document["title"]),
        zone=document["zone"],
        wall_start=datetime.fromisoformat(document["wall_start"]).replace(fold=document["fold"]),
        starts=_instant(document["starts"]),
        ends=_instant(document["ends"]),
        description=dict(document["description"]),
        status=SessionStatus(document["status"]),
        meeting_url=document["meeting_url"],
        segments=tuple(_segment(each) for each in document["segments"]),
        sequence=document["sequence"],
        stamp=_instant(document["stamp"]) if document["stamp"] else None,
        created=_instant(document["created"]) if document["created"] else None,
        # Older releases do not say it.
        time_since=_instant(since) if (since := document.get("time_since")) else None,
    )


def _segment(document: Mapping[str, Any]) -> Segment:
    return Segment(
        id=document["id"],
        kind=SegmentKind(document["kind"]),
        title=document["title"],
        starts=_instant(document["starts"]),
        ends=_instant(document["ends"]),
        parts=tuple(Part(**{**each, "role": PartRole(each["role"])}) for each in document["parts"]),
    )


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)

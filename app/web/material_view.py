"""Materials as pages show them: plain values for components/materials.html."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.domain.schedule import Session
from app.models import Material


def items(rows: Iterable[Material], base: str, session: Session | None = None) -> list[Any]:
    """For the macro materials(): `base` is the address below which files are downloaded, `session`
    the published one, which names their segments."""
    segments = {s.id: s.title for s in session.segments} if session else {}
    return [
        {
            "title": row.title,
            "kind": row.kind,
            "href": f"{base}/materials/{row.id}" if row.file else row.url,
            "size": row.size if row.file else 0,
            "segment": segments.get(row.segment_id or "", ""),
        }
        for row in rows
    ]


def of_sessions(
    by_session: Mapping[str, list[Material]], sessions: Iterable[Session], base: str
) -> dict[int, list[Any]]:
    """The same for several sessions, by number; only those that have some."""
    return {s.number: items(by_session[s.id], base, s) for s in sessions if by_session.get(s.id)}

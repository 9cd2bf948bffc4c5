"""A cycle at a glance, laid out for its page."""

from datetime import datetime, timedelta
from typing import Any

from app.domain.sentences import fill
from app.domain.text import localized
from app.languages import date_short
from app.services.glance import Glance, StripSession, Todo
from app.web.sentences import Presenter

_PLACES = {
    "publish": "/publish",
    "participants": "/participants",
    "settings": "/settings",
    "privacy": "/privacy",
    "attendance": "/attendance",
    "parts": "/parts",
    "completion": "/completion?state=at_risk",
    "webhooks": "/webhooks",
}


def todo_items(glance: Glance, presenter: Presenter) -> list[dict[str, str]]:
    """What components/todo.html takes, in order of urgency."""
    return [_todo(todo, f"/organize/c/{glance.cycle.slug}", presenter) for todo in glance.todos]


def _todo(todo: Todo, base: str, presenter: Presenter) -> dict[str, str]:
    if todo.where == "mail":
        href = "/organize/mail?status=failed"
    elif todo.where == "returned":
        href = "/organize/mail?status=bounced"
    elif todo.where == "replies":
        href = f"/organize/replies?cycle={base.rpartition('/')[2]}"
    elif todo.where == "session":
        number = todo.session_number
        href = f"{base}/sessions/{number}" if number else f"{base}/sessions"
    elif todo.where == "materials":
        href = f"{base}/sessions/{todo.session_number}/materials"
    elif todo.where == "closing":
        href = f"{base}/sessions/{todo.session_number}/attendance/close"
    elif todo.where == "reports":
        href = f"{base}/sessions/{todo.session_number}/attendance/reports"
    elif todo.where == "attendance" and todo.session_number:
        href = f"{base}/sessions/{todo.session_number}/attendance"
    else:
        href = base + _PLACES[todo.where]
    sentence = fill(presenter.gettext(todo.sentence), todo.params, presenter.present)
    return {"sentence": sentence, "href": href, "urgency": todo.severity}


def strip(glance: Glance, presenter: Presenter, now: datetime) -> dict[str, Any]:
    """What components/session_strip.html takes."""
    cycle, sessions = glance.cycle, glance.sessions
    if not sessions:
        return {"items": [], "today": None}
    first = min(s.starts for s in sessions)
    span = max(max(s.starts for s in sessions) - first, timedelta(days=1))

    def at(instant: datetime) -> int:
        return round(1000 * ((instant - first) / span))

    def note(session: StripSession) -> str:
        if session.attended:
            words = presenter.ngettext("%(count)s present", "%(count)s present", session.attended)
            return words % {"count": session.attended}
        if session.errors:
            words = presenter.ngettext("%(count)s conflict", "%(count)s conflicts", session.errors)
            return words % {"count": session.errors}
        return ""

    items = [
        {
            "number": s.number,
            "title": localized(s.title, presenter.language, cycle.language),
            "href": f"/organize/c/{cycle.slug}/sessions/{s.number}",
            "date": date_short(s.starts, presenter.language, cycle.zone),
            "state": s.state,
            "note": note(s),
            "at": at(s.starts),
        }
        for s in sessions
    ]
    today = at(now)
    return {"items": items, "today": today if 0 <= today <= 1000 else None}


def curve(glance: Glance, width: int = 600, height: int = 120) -> dict[str, Any] | None:
    """Enrolments as a rising line: its points in a box of this size, and what the axes say."""
    days = glance.enrolments_per_day
    if len(days) < 2:
        return None
    first, last = days[0][0], days[-1][0]
    total = sum(count for _, count in days)
    span = max((last - first).days, 1)
    points, sofar = [f"0,{height}"], 0
    for day, count in days:
        x = round(width * (day - first).days / span, 1)
        points.append(f"{x},{round(height * (1 - sofar / total), 1)}")
        sofar += count
        points.append(f"{x},{round(height * (1 - sofar / total), 1)}")
    return {"points": " ".join(points), "width": width, "height": height, "first": first,
            "last": last, "total": total}  # fmt: skip

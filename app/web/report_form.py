"""The forms on a report's page: answers to what it leaves open."""

from datetime import datetime
from typing import Any

from app.domain.errors import N_, Invalid
from app.domain.zones import resolve_wall
from app.models import ReportImport
from app.schemas.report import AnswersIn
from app.web.forms import Form
from app.web.problems import validate


def answers_of(form: Form, row: ReportImport, ends: datetime, home: str) -> AnswersIn:
    """What a form answers. Questions that it leaves empty stay open. `ends` and `home`: the end of
    the session, an aware instant, and its zone.

    Raises Invalid, if it answers none, or something that cannot be.
    """
    data: dict[str, Any] = {}
    if order := form.text("date_order"):
        data["date_order"] = order
    if zone := form.text("other_zone") or form.text("zone"):
        data["zone"] = zone
    data |= _open_until(form, row, ends, home)
    if header := form.text("header"):
        places = sorted(
            int(name[7:]) for name in form.values if name[:7] == "column-" and name[7:].isdigit()
        )
        named = [form.or_none(f"column-{place}") for place in places]
        if any(named):
            data["columns"] = {"header": header, "sheet": form.text("sheet"), "columns": named}
    if not data:
        raise Invalid.one("", N_("Choose an answer first."), code="missing")
    return validate(AnswersIn, data)


def _open_until(form: Form, row: ReportImport, ends: datetime, home: str) -> dict[str, Any]:
    choice = form.text("open_until")
    if choice == "none":
        return {"leave_open_out": True}
    if choice == "end":
        return {"open_until": ends}
    if choice == "last":
        last = next((q["last"] for q in row.reading["questions"] if q["kind"] == "open_until"), "")
        until = datetime.fromisoformat(last) if last else ends
        if until.tzinfo is None:  # by the clock that is answered at the same time
            zone = form.text("other_zone") or form.text("zone") or row.reading.get("zone", "")
            try:
                until = resolve_wall(until, zone or home).instant
            except ValueError:  # no such zone, which is said elsewhere
                return {}
        return {"open_until": until}
    return {}

"""A material in a form: as it stands, as typed, and as the schemas want it."""

from collections.abc import Mapping
from typing import Any

from app.domain.errors import N_, FieldError, Invalid
from app.domain.materials import Audience, MaterialKind
from app.domain.zones import wall_time
from app.models import Material, Session
from app.schemas.material import MaterialIn, MaterialLinkIn
from app.web import session_form
from app.web.forms import Form
from app.web.problems import Schema, validate

Values = dict[str, str]

NOW, AFTER, LATER = "now", "after", "later"
"""From when on it may be seen, in the form."""

_NAMES = ("title", "kind", "url", "audience", "segment_id", "visible", "date", "time", "fold")
_IN_FORM = {"visible_wall": "time", "after_session": "visible"}


def blank(kind: MaterialKind) -> Values:
    """A new one."""
    values = dict.fromkeys(_NAMES, "")
    return values | {"kind": kind, "audience": Audience.PARTICIPANTS, "visible": NOW}


def shown(row: Material, session: Session) -> Values:
    """One as it stands, its time in the session's zone."""
    values = dict.fromkeys(_NAMES, "")
    values |= {name: getattr(row, name) for name in ("title", "kind", "url", "audience")}
    values |= {"segment_id": row.segment_id or "", "visible": AFTER if row.after_session else NOW}
    if row.visible_from is not None:
        wall = wall_time(row.visible_from, session.zone)
        values |= {"visible": LATER, "date": f"{wall:%Y-%m-%d}", "time": f"{wall:%H:%M}"}
        typed = session_form.typed_time({**values, "zone": session.zone, "fold": "0"})
        if typed is not None and typed.twice:
            values["fold"] = str(typed.wall.instants.index(row.visible_from))
    return values


def read(form: Form) -> Values:
    """What was typed."""
    return {name: form.text(name) for name in _NAMES}


def to_link(values: Mapping[str, str]) -> MaterialLinkIn:
    """What was typed, of a link. Raises Invalid for all that is wrong."""
    return _to(MaterialLinkIn, values, {"url": values["url"]})


def to_file(values: Mapping[str, str], wrong: Invalid | None = None) -> MaterialIn:
    """What was typed, of a file. Raises Invalid for all that is wrong, and for what is `wrong` with
    the file itself."""
    try:
        command = _to(MaterialIn, values, {})
    except Invalid as error:
        raise Invalid(*(wrong.fields if wrong else ()), *error.fields) from None
    if wrong is not None:
        raise wrong
    return command


def typed_time(values: Mapping[str, str], session: Session) -> session_form.Typed | None:
    """From when on it may be seen, in the session's zone; None as long as that is no time."""
    if values["visible"] != LATER:
        return None
    return session_form.typed_time({**values, "zone": session.zone})


def in_form(name: str) -> str:
    """The form's name of a schema's field."""
    return _IN_FORM.get(name, name)


def _to(schema: type[Schema], values: Mapping[str, str], more: dict[str, Any]) -> Schema:
    data: dict[str, Any] = {
        **more,
        "title": values["title"],
        "kind": values["kind"],
        "audience": values["audience"],
        "segment_id": values["segment_id"] or None,
        "after_session": values["visible"] == AFTER,
    }
    if values["visible"] == LATER:
        data["fold"] = int(values["fold"]) if values["fold"] in ("0", "1") else None
        return session_form.with_start(schema, data, "visible_wall", values)
    wrong = None
    if values["visible"] not in (NOW, AFTER):
        wrong = FieldError("visible", N_("Choose from when on it may be seen."))
    elif values["date"] or values["time"]:
        # What was meant to be kept back must not come out because of a choice not made.
        said = N_("You gave a day or a time. Choose “From a day and time on”, or empty the two.")
        wrong = FieldError("visible", said, code="two_times")
    if wrong is None:
        return validate(schema, data)
    try:
        validate(schema, data)
    except Invalid as error:
        raise Invalid(wrong, *error.fields) from None
    raise Invalid(wrong)

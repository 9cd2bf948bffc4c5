"""A series of sessions in a form."""

import re

from app.domain.text import LANGUAGES
from app.models import Cycle
from app.schemas.session import SeriesIn
from app.web import session_form
from app.web.forms import Form
from app.web.session_form import Values

_NAMES = ("date", "time", "zone", "minutes", "meeting_url", "every", "every_days", "count", "skip")
USUAL = ("7", "14", "1")
"""Steps in days that have a word of their own; any other one is typed."""


def blank(cycle: Cycle) -> Values:
    """Every week, in the cycle's zone."""
    values = dict.fromkeys((*_NAMES, *(f"title-{code}" for code in LANGUAGES)), "")
    return values | {
        "zone": cycle.zone,
        "minutes": "90",
        "every": "7",
        "count": "4",
        "fold": "",
    }


def read(form: Form) -> Values:
    """What was typed."""
    names = (*_NAMES, *(f"title-{code}" for code in LANGUAGES), "fold")
    return {name: form.text(name) for name in names}


def to_command(values: Values) -> SeriesIn:
    """What was typed. Raises Invalid for all that is wrong."""
    every = values["every"] if values["every"] in USUAL else values["every_days"]
    data = {
        "title": session_form.texts(values, "title"),
        "zone": values["zone"] or None,
        "minutes": values["minutes"],
        "meeting_url": values["meeting_url"],
        "every_days": every,
        "count": values["count"],
        "skip": [day for day in re.split(r"[\s,;]+", values["skip"]) if day],
    }
    return session_form.with_start(SeriesIn, data, "first_wall_start", values)

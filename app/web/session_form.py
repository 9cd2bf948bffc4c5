"""A session's own fields in a form: as they stand, as typed, and as the schemas want them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from app.domain.errors import N_, FieldError, Invalid
from app.domain.series import FIRST_YEAR, LAST_YEAR
from app.domain.text import LANGUAGES
from app.domain.zones import WallKind, WallTime, resolve_wall, zone_names
from app.languages import OWN_NAMES, translations
from app.models import Cycle, Session
from app.web.forms import Form
from app.web.problems import Schema, validate

Values = dict[str, str]

_PLAIN = (
    "date",
    "time",
    "zone",
    "fold",
    "minutes",
    "number",
    "meeting_url",
    "meeting_passcode",
    "backstage_url",
    "check_in_before",
    "check_in_after",
    "check_in_word",
    "check_in_word_rotates",
    "status",
)
_MAY_BE_EMPTIED = ("meeting_url", "meeting_passcode", "backstage_url", "check_in_word", "minutes")
_LABELS = {
    "date": N_("Day"),
    "time": N_("Begins"),
    "zone": N_("Time zone"),
    "minutes": N_("Minutes"),
    "number": N_("Number"),
    "meeting_url": N_("Meeting link"),
    "meeting_passcode": N_("Passcode"),
    "backstage_url": N_("Backstage link"),
    "check_in_before": N_("Check-in opens, minutes before the start"),
    "check_in_after": N_("Check-in closes, minutes after the end"),
    "check_in_word": N_("Check-in word"),
    "check_in_word_rotates": N_("Which word is asked for"),
    "status": N_("Status"),
}
_IN_FORM = {
    "wall_start": "time",
    "first_wall_start": "time",
    "first_wall": "time",
    "title": "title-{main}",
}


def names() -> tuple[str, ...]:
    """The form's fields, those in several languages included."""
    texts = [f"{name}-{code}" for name in ("title", "description") for code in LANGUAGES]
    return (*texts, *_PLAIN)


def labels(language: str) -> dict[str, str]:
    """What the fields are called, for a list of them."""
    gettext = translations(language).gettext
    found = {name: gettext(words) for name, words in _LABELS.items()}
    for name, words in (("title", gettext("Title")), ("description", gettext("Description"))):
        found |= {f"{name}-{code}": f"{words} ({own})" for code, own in OWN_NAMES.items()}
    return found


def blank(cycle: Cycle, *, after: Session | None = None) -> Values:
    """A new session: at the hour, of the length and in the zone of the one before it."""
    values = dict.fromkeys(names(), "")
    values |= {
        "zone": after.zone if after else cycle.zone,
        "time": f"{after.wall_start:%H:%M}" if after else "",
        "minutes": str(after.minutes) if after else "90",
        "check_in_before": "15",
        "check_in_after": "30",
        "check_in_word_rotates": "no",
        "status": "scheduled",
    }
    return values


def shown(session: Session) -> Values:
    """A session as it stands."""
    values = dict.fromkeys(names(), "")
    values |= {f"title-{code}": text for code, text in session.title.items()}
    values |= {f"description-{code}": text for code, text in session.description.items()}
    return values | {
        "date": f"{session.wall_start:%Y-%m-%d}",
        "time": f"{session.wall_start:%H:%M}",
        "zone": session.zone,
        "fold": str(session.fold),
        "minutes": str(session.minutes),
        "number": str(session.number),
        "meeting_url": session.meeting_url,
        "meeting_passcode": session.meeting_passcode,
        "backstage_url": session.backstage_url,
        "check_in_before": str(session.check_in_before),
        "check_in_after": str(session.check_in_after),
        "check_in_word": session.check_in_word,
        "check_in_word_rotates": "yes" if session.check_in_word_rotates else "no",
        "status": session.status,
    }


def read(form: Form, *, otherwise: Mapping[str, str] | None = None) -> Values:
    """What was typed; a field that the form did not have is as it stands."""
    kept = otherwise or {}
    return {
        name: form.text(name) if name in form.values else kept.get(name, "") for name in names()
    }


def to_command(schema: type[Schema], values: Mapping[str, str]) -> Schema:
    """What was typed as SessionIn or SessionChange. Raises Invalid for all that is wrong."""
    found: dict[str, Any] = {
        "title": texts(values, "title"),
        "description": texts(values, "description"),
        "fold": int(values["fold"]) if values["fold"] in ("0", "1") else None,
    }
    for name in ("zone", "minutes", "number", *_PLAIN[6:]):
        if values[name] or name in _MAY_BE_EMPTIED:
            found[name] = values[name]
    if "check_in_word_rotates" in found:
        found["check_in_word_rotates"] = found["check_in_word_rotates"] == "yes"
    return with_start(schema, found, "wall_start", values)


def texts(values: Mapping[str, str], name: str) -> dict[str, str]:
    """One of the fields in several languages."""
    found = {code: values[f"{name}-{code}"] for code in LANGUAGES}
    return {code: text for code, text in found.items() if text}


def in_form(name: str, main: str) -> str:
    """The form's name of a schema's field; `main` is the language that must be filled in."""
    if name.startswith("skip-"):  # the dates of a series stand in one field
        return "skip"
    return _IN_FORM.get(name, name).format(main=main)


def with_start(
    schema: type[Schema], data: Mapping[str, Any], name: str, values: Mapping[str, str]
) -> Schema:
    """`data` as a schema, with the local time in the form under `name`. Raises Invalid at ``date``
    and ``time`` and at whatever else is wrong: all of it at once."""
    errors = []
    day, hour = _day(values["date"]), _hour(values["time"])
    if day is None:
        errors.append(FieldError("date", N_("Enter the day like 2026-11-26."), code="date"))
    if hour is None:
        errors.append(FieldError("time", N_("Enter the time like 09:00."), code="time"))
    # Without a day there is still a schema to ask about the rest; its answer is not used.
    start = datetime.combine(day or date(2000, 1, 1), hour or time())
    try:
        command = validate(schema, {**data, name: start})
    except Invalid as error:
        raise Invalid(*errors, *error.fields) from None
    if errors:
        raise Invalid(*errors)
    return command


def _day(text: str) -> date | None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _hour(text: str) -> time | None:
    match = re.fullmatch(r"([01]?[0-9]|2[0-3])[:.h]([0-5][0-9])(?::[0-5][0-9])?", text)
    return time(int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class Typed:
    """When the session would be, as typed: the wall time and how it reads in its zone."""

    wall: WallTime
    fold: int

    @property
    def twice(self) -> bool:
        """Whether it has to be asked which of two is meant."""
        return self.wall.kind is WallKind.TWICE


def typed_time(values: Mapping[str, str]) -> Typed | None:
    """The local time in the form, None as long as it is none."""
    day, hour = _day(values["date"]), _hour(values["time"])
    if day is None or hour is None or values["zone"] not in zone_names():
        return None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        return None
    fold = 1 if values["fold"] == "1" else 0
    return Typed(resolve_wall(datetime.combine(day, hour), values["zone"], fold), fold)


def typed_minutes(values: Mapping[str, str]) -> int | None:
    """The length in the form, None as long as it is none."""
    text = values["minutes"]
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= 1440 else None

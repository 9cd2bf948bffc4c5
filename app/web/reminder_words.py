"""Reminders in words, and the form of one."""

from collections.abc import Mapping
from gettext import NullTranslations
from typing import Any

from app.domain.errors import N_, Invalid
from app.domain.reminders import Anchor, Audience
from app.languages import translations
from app.schemas.reminder import MOST_MINUTES, ReminderIn
from app.web.forms import Form
from app.web.problems import validate

AUDIENCES: Mapping[str, str] = {
    Audience.ALL: N_("Everybody who has not declined"),
    Audience.UNANSWERED: N_("Those who have not answered"),
    Audience.ACCEPTED: N_("Those who accepted"),
    Audience.SPEAKERS: N_("Those with a part"),
}
OUTCOMES: Mapping[str, str] = {
    "sent": N_("Sent"),
    "late": N_("Sent late, and said so"),
    "missed": N_("Missed: it was too late"),
    "covered": N_("Left to a later one that was due as well"),
    "open": N_("Stopped: the session was moved or cancelled"),
}
UNITS: Mapping[str, tuple[int, str]] = {
    "minutes": (1, N_("minutes")),
    "hours": (60, N_("hours")),
    "days": (24 * 60, N_("days")),
}
ANCHORS: Mapping[str, str] = {
    Anchor.START: N_("before the start"),
    Anchor.END: N_("after the end"),
}


def when_words(anchor: str, minutes: int, language: str) -> str:
    """ "1 day before the start", "30 minutes after the end"."""
    speak = translations(language)
    if minutes == 0:
        at_start = anchor == Anchor.START
        return speak.gettext("At the start") if at_start else speak.gettext("At the end")
    distance = _distance(minutes, speak)
    sentence = (
        speak.gettext("%(distance)s before the start")
        if anchor == Anchor.START
        else speak.gettext("%(distance)s after the end")
    )
    return sentence % {"distance": distance}


def _distance(minutes: int, speak: NullTranslations) -> str:
    unit, amount = _split(minutes)
    if unit == "days":
        return speak.ngettext("%(num)s day", "%(num)s days", amount) % {"num": amount}
    if unit == "hours":
        return speak.ngettext("%(num)s hour", "%(num)s hours", amount) % {"num": amount}
    return speak.ngettext("%(minutes)s minute", "%(minutes)s minutes", amount) % {"minutes": amount}


def _split(minutes: int) -> tuple[str, int]:
    for name in ("days", "hours"):
        size, _ = UNITS[name]
        if minutes and minutes % size == 0:
            return name, minutes // size
    return "minutes", minutes


def blank() -> dict[str, str]:
    """The form of a reminder that is not there yet."""
    return shown(Anchor.START, 24 * 60, Audience.ALL)


def shown(anchor: str, minutes: int, audience: str) -> dict[str, str]:
    """The form of one that is."""
    unit, amount = _split(minutes)
    return {"minutes": str(amount), "unit": unit, "anchor": anchor, "audience": audience}


def typed(form: Form) -> dict[str, str]:
    """What was typed, to be shown again."""
    return form.pick("minutes", "unit", "anchor", "audience")


def read(form: Form) -> ReminderIn:
    """What was typed, as a command. Raises Invalid."""
    values: dict[str, Any] = typed(form)
    size, _ = UNITS.get(values.pop("unit"), UNITS["minutes"])
    amount = values["minutes"]
    if amount.isascii() and amount.isdigit() and len(amount) < 7:
        values["minutes"] = int(amount) * size
        if values["minutes"] > MOST_MINUTES:
            raise Invalid.one("minutes", N_("Choose at most %(days)s days."), days=60)
    return validate(ReminderIn, values)

"""What was found in a report, in the reader's words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.domain.errors import N_
from app.domain.zones import zone_names
from app.languages import day, zone_label
from app.models import ReportImport

Speak = Callable[[str], str]

PROVIDERS = {
    "zoom": "Zoom",
    "teams": "Microsoft Teams",
    "meet": "Google Meet",
    "webex": "Webex",
}
_OTHER = N_("another provider")
_LAYOUTS = {
    "events": N_("a row for each joining and each leaving"),
    "event_log": N_("the log of a live event"),
    "joins": N_("a row for each time that somebody was in"),
    "sections": N_("numbered sections"),
    "webinar": N_("hosts, panelists and attendees of a webinar"),
    "clock": N_("times without a date"),
    "totals": N_("minutes for each person, no times"),
    "unknown": N_("not known yet"),
}
_ORDERS = {
    "day_first": N_("the day first"),
    "month_first": N_("the month first"),
    "year_first": N_("the year first"),
}
_SETTLED = {
    "form": N_("it can be read in one way only"),
    "value": N_("one of the figures is greater than 12"),
    "session": N_("only so is it near to the session"),
    "file_name": N_("the date in the file’s name says so"),
    "chosen": N_("you said so"),
    "open": N_("not settled yet"),
}
_ZONE_KNOWN = {
    "stated": N_("the file says so"),
    "chosen": N_("you said so"),
    "open": N_("the file does not say"),
}
_COLUMNS = {
    "name": N_("Name"),
    "first_name": N_("First name"),
    "last_name": N_("Last name"),
    "email": N_("E-mail address"),
    "joined": N_("When they joined"),
    "left": N_("When they left"),
    "first_joined": N_("When they first joined"),
    "last_left": N_("When they last left"),
    "duration": N_("Duration, with its unit in each cell"),
    "minutes": N_("Minutes"),
    "seconds": N_("Seconds"),
    "action": N_("Joined or left"),
    "at": N_("When that was"),
}
_LANGUAGES = {
    "en": N_("English"),
    "es": N_("Spanish"),
    "pt": N_("Portuguese"),
    "fr": N_("French"),
    "de": N_("German"),
}
_ENCODINGS = {"xlsx": N_("Excel workbook")}


@dataclass(frozen=True, slots=True)
class ReadingView:
    """What was found, in words; `questions` as they are kept, with words beside."""

    provider: str
    layout: str
    language: str
    encoding: str
    zone: str
    dates: str
    tables: list[dict[str, Any]]
    questions: list[dict[str, Any]]
    remarks: list[str]
    not_kept: list[str]
    answered: bool
    columns: list[tuple[str, str]]


def provider_name(provider: str, speak: Speak) -> str:
    """What a provider is called."""
    return PROVIDERS.get(provider) or speak(_OTHER)


def remark(kept: Mapping[str, Any] | None, speak: Speak, language: str) -> str:
    """A sentence of the reader's, filled in."""
    if not kept:
        return ""
    params = {k: _day_or_text(v, language) for k, v in kept["params"].items()}
    sentence = speak(kept["sentence"])
    return sentence % params if params else sentence


def reading(row: ReportImport, speak: Speak, language: str) -> ReadingView:
    """What was found in a report."""
    found = row.reading
    tables = [
        {**each, "why": remark(each["why"], speak, language)} for each in found.get("tables", ())
    ]
    not_kept = dict.fromkeys(h for each in tables for h in each["not_kept"] if h)
    return ReadingView(
        provider=provider_name(row.provider, speak),
        layout=_word(_LAYOUTS, row.layout, speak),
        language=_word(_LANGUAGES, found.get("language", ""), speak),
        encoding=_word(_ENCODINGS, found.get("encoding", ""), speak),
        zone=_zone(found, speak, language),
        dates=_dates(found, speak),
        tables=tables,
        questions=[_question(each, language) for each in found.get("questions", ())],
        remarks=[remark(each, speak, language) for each in found.get("remarks", ())],
        not_kept=list(not_kept),
        answered=bool(found.get("answers")),
        columns=[(key, speak(words)) for key, words in _COLUMNS.items()],
    )


def _word(words: Mapping[str, str], value: str, speak: Speak) -> str:
    return speak(words[value]) if value in words else value.upper()


def _zone(found: Mapping[str, Any], speak: Speak, language: str) -> str:
    known = found.get("zone_known", "")
    if known not in _ZONE_KNOWN:
        return ""
    how = speak(_ZONE_KNOWN[known])
    name = found.get("zone", "")
    return f"{_place(name, language)} ({how})" if name else how


def _place(name: str, language: str) -> str:
    return zone_label(name, language) if name in zone_names() else name


def _dates(found: Mapping[str, Any], speak: Speak) -> str:
    settled = found.get("settled", "")
    if settled not in _SETTLED:
        return ""
    how, order = speak(_SETTLED[settled]), found.get("date_order", "")
    return f"{speak(_ORDERS[order])} ({how})" if order else how


def _question(kept: Mapping[str, Any], language: str) -> dict[str, Any]:
    shown = dict(kept)
    if kept["kind"] == "date_order":
        for name in ("day_first", "month_first"):
            shown[name] = _day_or_text(kept[name], language) if kept[name] else ""
    if kept["kind"] == "zone":
        shown["fits"] = [{**f, "label": _place(f["zone"], language)} for f in kept["fits"]]
    if kept["kind"] == "open_until":
        shown["last"] = f"{datetime.fromisoformat(kept['last']):%H:%M}"
        shown["aware"] = datetime.fromisoformat(kept["last"]).tzinfo is not None
        shown["instant"] = datetime.fromisoformat(kept["last"])
    return shown


def _day_or_text(value: Any, language: str) -> Any:
    """Days are kept as text, and are said as people say them."""
    if isinstance(value, str) and len(value) == 10 and value[4] == "-":
        try:
            return day(date.fromisoformat(value), language)
        except ValueError:
            return value
    return value

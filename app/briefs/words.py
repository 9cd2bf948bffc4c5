"""What a brief says, in its language: strings and numbers for the template."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

from app.briefs.values import Brief, Item
from app.domain import words
from app.domain.accent import readable
from app.domain.text import one_line
from app.languages import (
    country_name,
    date_long,
    listed,
    time_of_day,
    translations,
    zone_label,
)

HOUSE_ACCENT = "#14566b"
MOST_COUNTRIES = 8
MOST_MATERIALS = 5
MOST_ITEMS = 60
MOST_PEOPLE = 8  # of one segment


def brief_words(brief: Brief) -> dict[str, Any]:
    """All that the template shows but the QR code."""
    speak = translations(brief.language)
    gettext = speak.gettext
    title = _cut(brief.title, 200)
    session = gettext("Session %(number)s") % {"number": brief.number}
    organizers = [_cut(each, 90) for each in brief.organizers]
    day = date_long(brief.starts, brief.language, brief.zone)
    zone = zone_label(brief.zone, brief.language)
    start, end = (time_of_day(at, brief.zone) for at in (brief.starts, brief.ends))
    at = brief.at.astimezone(UTC)
    return {
        "language": brief.language,
        "document_title": f"{session}: {title}",
        "author": organizers,
        "description": _cut(brief.cycle, 160),
        "made_at": {
            name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")
        },
        "accent": readable(brief.accent or HOUSE_ACCENT).accent,
        "cycle": _cut(brief.cycle, 160),
        "session": session,
        "title": title,
        "when": f"{day[:1].upper()}{day[1:]}, {start}\u2013{end}, {zone}",
        "organizers": _cut(listed(organizers, brief.language), 300) if organizers else "",
        "provisional": _provisional(brief, gettext),
        "figures": _figures(brief, speak),
        "agenda_title": gettext("What, and who spoke"),
        "agenda": [_item(each, brief, gettext) for each in brief.agenda[:MOST_ITEMS]],
        "agenda_beyond": max(len(brief.agenda) - MOST_ITEMS, 0),
        # For every number of items that may be left out: the template finds out how many.
        "agenda_more": [
            speak.ngettext("and one more", "and %(count)s more", count) % {"count": count}
            for count in range(1, len(brief.agenda) + 1)
        ],
        "sections": [each for each in _sections(brief, speak) if each["rows"] or each["text"]],
        "materials_title": gettext("Materials") if brief.materials else "",
        "materials": [
            {"title": _cut(each.title, 90), "address": each.address}
            for each in brief.materials[:MOST_MATERIALS]
        ],
        "materials_more": _more(speak, len(brief.materials) - MOST_MATERIALS),
        "made": gettext("As of %(when)s, %(zone)s.")
        % {
            "when": f"{date_long(brief.at, brief.language, brief.zone)}, "
            f"{time_of_day(brief.at, brief.zone)}",
            "zone": zone,
        },
        "address": brief.address,
        "shown_address": brief.address.partition("://")[2],
    }


def _figures(brief: Brief, speak: Any) -> list[dict[str, str]]:
    """The numbers that are read first."""
    gettext = speak.gettext
    countries = brief.country_count
    found = [
        (
            str(brief.attended),
            gettext("attended, of %(count)s who enrolled") % {"count": brief.enrolled},
        ),
        (str(countries), speak.ngettext("country", "countries", countries)),
    ]
    if brief.mean is not None:
        found.append((str(round(brief.mean)), gettext("minutes on average")))
    return [{"number": number, "label": label} for number, label in found]


def _provisional(brief: Brief, gettext: Callable[[str], str]) -> str:
    if not brief.over:
        return gettext("This session is not over yet.")
    if not brief.closed:
        return gettext("Provisional: the attendance of this session has not been closed.")
    if brief.to_settle:
        return gettext("Provisional: reports of the meeting are still being looked at.")
    return ""


def _item(item: Item, brief: Brief, gettext: Callable[[str], str]) -> dict[str, str]:
    people = []
    for each in item.people[:MOST_PEOPLE]:
        role = gettext(words.ROLES[each.role])
        known = f"{role}, {_cut(each.institution, 80)}" if each.institution else role
        people.append(f"{_cut(each.name, 80)} ({known})")
    if len(item.people) > MOST_PEOPLE:
        people.append("\u2026")
    return {
        "time": time_of_day(item.starts, brief.zone),
        "title": _cut(item.title, 160) or gettext(words.SEGMENTS[item.kind]),
        "people": "; ".join(people),
    }


def _sections(brief: Brief, speak: Any) -> list[dict[str, Any]]:
    gettext = speak.gettext
    statuses = [
        (gettext(word), brief.statuses[status])
        for status, word in words.ATTENDANCE.items()
        if brief.statuses.get(status)
    ]
    bases = [
        (gettext(word), brief.bases[basis])
        for basis, word in words.BASES.items()
        if brief.bases.get(basis)
    ]
    unverified = ""
    if brief.unverified:
        sentence = speak.ngettext(
            "Of one person it is not known for how long.",
            "Of %(count)s people it is not known for how long.",
            brief.unverified,
        )
        unverified = sentence % {"count": brief.unverified}
    return [
        {
            "title": gettext("From where"),
            "rows": _rows(_countries(brief, gettext), bars=True),
            "text": "",
        },
        {"title": gettext("Attendance"), "rows": _rows(statuses), "text": ""},
        {"title": gettext("How it is known"), "rows": _rows(bases), "text": unverified},
        {"title": gettext("Feedback"), "rows": [], "text": _feedback(brief, speak)},
    ]


def _countries(brief: Brief, gettext: Callable[[str], str]) -> list[tuple[str, int]]:
    """The largest by name, all others together."""
    rows = [(country_name(code, brief.language), n) for code, n in brief.countries[:MOST_COUNTRIES]]
    others = brief.others + sum(n for _, n in brief.countries[MOST_COUNTRIES:])
    return [*rows, (gettext("Others"), others)] if others else rows


def _feedback(brief: Brief, speak: Any) -> str:
    if not brief.opinions:
        return ""
    sentence = speak.ngettext("One answer.", "%(count)s answers.", brief.opinions)
    said: str = sentence % {"count": brief.opinions}
    if brief.rating is not None:
        rating = f"{brief.rating:.1f}"
        if brief.language != "en":
            rating = rating.replace(".", ",")
        sentence = speak.gettext("On average %(rating)s of 5, in %(count)s ratings.")
        said += " " + sentence % {"rating": rating, "count": brief.ratings}
    return said


def _rows(found: list[tuple[str, int]], *, bars: bool = False) -> list[dict[str, Any]]:
    """Rows with their numbers, and with the share of the largest where they have bars."""
    largest = max((n for _, n in found), default=0)
    return [
        {"label": label, "number": str(n), "share": n / largest if bars and largest else 0}
        for label, n in found
    ]


def _more(speak: Any, count: int) -> str:
    if count <= 0:
        return ""
    said: str = speak.ngettext("and one more", "and %(count)s more", count) % {"count": count}
    return said


def _cut(text: str, most: int) -> str:
    """In one line, and not longer than that: the page has an end."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}\u2026"

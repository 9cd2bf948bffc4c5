"""Durations as reports write them, in whole seconds."""

import re

from app.meetings.keys import plain
from app.meetings.values import Column

_UNITS = {
    86400: "d|day|days|dia|dias|jour|jours|j|tag|tage",
    3600: "h|hr|hrs|hour|hours|hora|horas|heure|heures|std|stunde|stunden",
    60: "m|min|mins|minute|minutes|minuto|minutos|minuten",
    1: "s|sec|secs|second|seconds|seg|segs|segundo|segundos|seconde|secondes|sek|sekunde|sekunden",
}
_SECONDS = {word: size for size, words in _UNITS.items() for word in words.split("|")}
_PIECE = re.compile(r"\s*(?:(?:,|and|y|e|et|und)\s+)?(\d{1,7})(?:[.,](\d{1,3}))?\s*([a-z]+)\.?,?")
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)(?:[.,]\d+)?")
_ISO = re.compile(r"p(?:(\d{1,3})d)?(?:t(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})(?:\.\d+)?s)?)?")
_BARE = re.compile(r"(\d{1,7})(?:[.,](\d{1,3}))?")
_MOST = 7 * 86400
"""Seconds; whoever was in a meeting for longer than a week was not."""


def seconds(cell: str, column: Column = Column.DURATION) -> int | None:
    """How long that is; None where it is no duration, or its unit is not known.

    A figure alone is in the unit that the column has (`Column.MINUTES`, `Column.SECONDS`), else in
    none. ``49:22`` may be hours or minutes, so it is no duration.
    """
    text = plain(cell).strip()
    bare = _BARE.fullmatch(text)
    if bare:
        size = {Column.MINUTES: 60, Column.SECONDS: 1}.get(column)
        found = None if size is None else _part(bare[1], bare[2], size)
    elif clock := _CLOCK.fullmatch(text):
        found = int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3])
    elif (iso := _ISO.fullmatch(text)) and any(iso.groups()):
        days, hours, minutes, rest = (int(each or 0) for each in iso.groups())
        found = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    else:
        found = _in_words(text)
    return found if found is not None and found <= _MOST else None


def _in_words(text: str) -> int | None:
    total, at, last = 0, 0, _MOST
    while piece := _PIECE.match(text, at):
        size = _SECONDS.get(piece[3])
        if size is None or size >= last:
            return None  # 5 min 3 h: something else was meant
        total += _part(piece[1], piece[2], size)
        at, last = piece.end(), size
    return total if at and not text[at:].strip() else None


def _part(whole: str, fraction: str | None, size: int) -> int:
    found = int(whole) * size
    return found + round(int(fraction) * size / 10 ** len(fraction)) if fraction else found

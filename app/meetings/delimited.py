"""Text to lines of cells: comma, tab, semicolon, as written by a provider or saved again.

The standard library's reader does the quoting. What it is fed is bounded, so that a quotation mark
that is never closed does not swallow the file.
"""

import csv
import io
from collections.abc import Iterator

from app.domain.errors import N_
from app.meetings.headers import known
from app.meetings.keys import clean
from app.meetings.refusals import (
    MOST_COLUMNS,
    MOST_ROWS,
    Refused,
    no_table,
    too_many_columns,
    too_many_rows,
)
from app.meetings.sheets import Line, Sheet

DELIMITERS = ("\t", ",", ";", "|")
_LONGEST_LINE = 64 * 1024  # characters
_MOST_LINES = 100_000
_LONGEST_RECORD = 100  # lines
_LOOKED_AT = 100  # lines, for the delimiter
_OPEN_QUOTE = N_(
    "A quotation mark in row %(row)s is never closed. Download the report again, or mend that row."
)
_LONG_LINE = N_("Row %(row)s is longer than any row of a report.")


def read_delimited(text: str) -> tuple[Sheet, str]:
    """The lines of a text, and what its cells are divided by.

    Raises Refused for what no report has: lines and rows without end, too many of them, quotation
    marks that are never closed.
    """
    lines = _lines(text)
    delimiter, first = "", 0
    if lines and (said := lines[0].strip().lower()).startswith("sep=") and len(said) <= 5:
        delimiter, first = said[4:] or "\t", 1
    if delimiter not in DELIMITERS:
        delimiter = _delimiter(lines[first:])
    found: list[Line] = []
    for number, cells in _records(lines, first, delimiter):
        found.append(Line(number, cells))
        if len(found) > MOST_ROWS:
            raise too_many_rows(MOST_ROWS)
    return Sheet("", tuple(found)), delimiter


def _lines(text: str) -> list[str]:
    lines: list[str] = []
    for line in io.StringIO(text, newline=None):
        lines.append(line)
        if len(line) > _LONGEST_LINE:
            raise Refused(_LONG_LINE, code="hostile", row=len(lines))
        if len(lines) > _MOST_LINES:
            raise too_many_rows(_MOST_LINES)
    return lines


def _delimiter(lines: list[str]) -> str:
    """What divides most known headers; where none is known, what divides all lines alike."""
    head = lines[:_LOOKED_AT]

    def worth(delimiter: str) -> tuple[int, int]:
        rows = [line.rstrip("\n").split(delimiter, MOST_COLUMNS) for line in head if line.strip()]
        headers = max((known([cell.strip('" ') for cell in row]) for row in rows), default=0)
        wide = sorted(len(row) for row in rows if len(row) > 1)
        usual = wide[len(wide) // 2] if wide else 0
        return headers if headers > 1 else 0, sum(len(row) == usual for row in rows if usual)

    worths = {each: worth(each) for each in DELIMITERS}
    best = max(DELIMITERS, key=lambda each: worths[each])
    if worths[best] == (0, 0):
        raise no_table()
    return best


def _records(lines: list[str], first: int, delimiter: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    feed = _Feed(lines, first)
    reader = csv.reader(feed, delimiter=delimiter)
    while True:
        feed.begun = feed.at
        try:
            row = next(reader, None)
        except csv.Error:
            raise Refused(_OPEN_QUOTE, code="hostile", row=feed.begun + 1) from None
        if row is None:
            return
        while row and not row[-1].strip():
            row.pop()
        if len(row) > MOST_COLUMNS:
            raise too_many_columns(feed.begun + 1)
        cells = [clean(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield feed.begun + 1, tuple(cells)


class _Feed:
    """Gives a reader its lines. If it asks for too many at once, or still wants one after the last,
    a quotation mark is open."""

    def __init__(self, lines: list[str], first: int) -> None:
        self._lines = lines
        self.at = self.begun = first

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        open_ = self.at > self.begun
        if open_ and (self.at - self.begun > _LONGEST_RECORD or self.at >= len(self._lines)):
            raise Refused(_OPEN_QUOTE, code="hostile", row=self.begun + 1)
        if self.at >= len(self._lines):
            raise StopIteration
        self.at += 1
        return self._lines[self.at - 1]

"""The process in which workbooks are read: it may use little and has nothing.

It is given a workbook on its input, limits itself before it looks at it, writes what is in the
cells to its output, and ends. What it cannot be trusted with it does not get: no environment, no
network that it needs, no file that it may write.
"""

import json
import sys
import warnings
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import Any

from app.confined import limit
from app.meetings.archives import bomb, damaged, lean
from app.meetings.refusals import MEGABYTE, MOST_COLUMNS, Refused, too_many_columns

MEMORY = 512 * MEGABYTE
CPU = 8
"""Seconds."""
_MOST_SHEETS = 20
_MOST_TEXT = 8 * MEGABYTE  # characters, of all cells together
_LONGEST = 2_000  # characters of a cell
_LAST_ROW = 1_048_576  # that a sheet can have


def main() -> None:
    """Reads a workbook from the input and writes its sheets, or why it is refused, as JSON."""
    limit(memory=MEMORY, cpu=CPU, files=32, alone=True)
    sys.setrecursionlimit(500)
    try:
        found: dict[str, object] = {"sheets": list(_sheets(lean(sys.stdin.buffer.read())))}
    except Refused as refused:
        found = _told(refused)
    except (MemoryError, RecursionError):
        found = _told(bomb())
    except Exception:  # what a library raises over a damaged file is any of a hundred kinds
        found = _told(damaged())
    sys.stdout.buffer.write(json.dumps(found).encode())


def _told(refused: Refused) -> dict[str, object]:
    (only,) = refused.fields
    return {"refused": [only.sentence, only.code, dict(only.params)]}


def _sheets(data: bytes) -> Iterator[dict[str, object]]:
    warnings.simplefilter("ignore")
    from openpyxl import load_workbook

    book = load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
    left = _MOST_TEXT
    for sheet in book.worksheets[:_MOST_SHEETS]:
        sheet.reset_dimensions()  # what a sheet says of its size is not believed
        rows = []
        for number, cells in _rows(sheet.iter_rows(values_only=True)):
            left -= sum(map(len, cells))
            if left < 0:
                raise bomb()
            rows.append([number, cells])
        yield {"name": sheet.title, "hidden": sheet.sheet_state != "visible", "rows": rows}


def _rows(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, list[str]]]:
    for number, values in enumerate(rows, 1):
        if number > _LAST_ROW:
            raise damaged()
        width = len(values)
        while width and values[width - 1] is None:
            width -= 1
        if width > MOST_COLUMNS:
            raise too_many_columns(number)
        if width:
            yield number, [_text(value) for value in values[:width]]


def _text(value: object) -> str:
    """A cell as text: dates as ISO 8601, times and durations as h:mm:ss, whole numbers without a
    point."""
    match value:
        case None:
            return ""
        case str():
            return value[:_LONGEST]
        case bool():
            return "TRUE" if value else "FALSE"
        case datetime():
            # A spreadsheet's fraction of a day is seldom a whole second.
            return (value + timedelta(milliseconds=500)).replace(microsecond=0).isoformat()
        case date():
            return value.isoformat()
        case time():
            return value.replace(microsecond=0).isoformat()
        case timedelta():
            seconds = round(value.total_seconds())
            return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case _:
            return str(value)[:_LONGEST]

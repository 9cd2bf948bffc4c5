"""Reports made of bytes, as providers and spreadsheet programs write them."""

import io
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from app.meetings.reading import read_report
from app.meetings.refusals import Refused
from app.meetings.values import Hints, Report, Row

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT.parent / "shared" / "provider-reports"
needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason=f"the providers' reports are not at {SAMPLES.name} beside the tree"
)

# 17 March 2026, from 10:00 to 12:00 in Bogotá.
STARTS, ENDS = datetime(2026, 3, 17, 15, tzinfo=UTC), datetime(2026, 3, 17, 17, tzinfo=UTC)
SHEET = "xl/worksheets/sheet1.xml"


def hints(**more: Any) -> Hints:
    """What is known of the session, and more."""
    return Hints(**{"starts": STARTS, "ends": ENDS, "zone": "America/Bogota", **more})


def at_bogota(**more: Any) -> Hints:
    """The same, with the zone of the times answered."""
    return hints(times_zone="America/Bogota", **more)


def read(text: str, name: str = "report.csv", given: Hints | None = None) -> Report:
    """What a text says, encoded as UTF-8."""
    return read_report(text.encode(), name, given or at_bogota())


def refusal(data: bytes, name: str = "report.csv", given: Hints | None = None) -> Refused:
    """Why a file is refused."""
    with pytest.raises(Refused) as raised:
        read_report(data, name, given or at_bogota())
    return raised.value


def spans(report: Report) -> list[tuple[str, str, str]]:
    """Who was in from when to when, by the clock of the report or in UTC."""

    def clock(at: datetime | None) -> str:
        return f"{at:%m-%d %H:%M:%S}" if at else "?"

    return [(row.name, clock(row.joined), clock(row.left)) for row in report.rows]


def one(report: Report) -> Row:
    """The only row."""
    (row,) = report.rows
    return row


def numbers(report: Report) -> list[int]:
    """Every row of the file that is spoken of, in order; one that is twice stands twice."""
    found = [number for row in report.rows for number in row.numbers]
    found += [each.number for each in report.set_aside]
    return sorted(found + [each.number for each in report.unreadable])


def workbook(*sheets: list[list[Any]], hidden: tuple[int, ...] = ()) -> bytes:
    """An XLSX workbook with these sheets."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for place, rows in enumerate(sheets):
        sheet = book.create_sheet(f"Sheet {place + 1}")
        for row in rows:
            sheet.append(row)
        if place in hidden:
            sheet.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parts(book: bytes) -> dict[str, bytes]:
    """What a workbook is packed of."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(contents: dict[str, bytes]) -> bytes:
    """An archive of these."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in contents.items():
            archive.writestr(name, part)
    return out.getvalue()


def with_cells(book: bytes, cells: str) -> bytes:
    """A workbook whose first sheet has this XML for its rows."""
    contents = parts(book)
    sheet = contents[SHEET].decode()
    begin, end = sheet.index("<sheetData>") + 11, sheet.index("</sheetData>")
    contents[SHEET] = (sheet[:begin] + cells + sheet[end:]).encode()
    return packed(contents)


def noise(size: int) -> str:
    """Letters that do not pack well."""
    return os.urandom(size // 2 + 1).hex()[:size]

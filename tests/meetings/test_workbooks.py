"""Workbooks: what is in their cells, and in which process they are read."""

import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from datetime import time as clock
from typing import Any

import pytest

from app.domain.errors import Busy
from app.meetings import workbook_reader, workbooks
from app.meetings.lines import RawRow
from app.meetings.reading import read_report
from app.meetings.values import Presence, Report, Settled
from tests.meetings.reports import (
    SHEET,
    at_bogota,
    one,
    packed,
    parts,
    refusal,
    spans,
    with_cells,
    workbook,
)

HEADERS = ["Name", "Email", "Join time", "Leave time", "Duration"]
TEN = datetime(2026, 3, 17, 10)
ANA = ["Ana", "ana@example.org", TEN, TEN + timedelta(hours=1), 60]
NAME = "report.xlsx"


def read(book: bytes, **more: Any) -> Report:
    return read_report(book, NAME, at_bogota(**more))


def test_dates_are_dates() -> None:
    report = read(workbook([["Report of today"], [], HEADERS, ANA, [], ["Inés", "", TEN]]))
    assert (report.encoding, report.delimiter, report.settled) == ("xlsx", "", Settled.FORM)
    assert [(row.name, row.numbers, row.presence) for row in report.rows] == [
        ("Ana", (4,), Presence.INTERVAL),
        ("Inés", (6,), Presence.OPEN),  # numbered as a spreadsheet program does
    ]
    assert spans(report)[0] == ("Ana", "03-17 15:00:00", "03-17 16:00:00")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (timedelta(hours=1, minutes=49, seconds=22), 6562),
        (clock(1, 49, 22), 6562),
        ("1 h 49 min", 6540),
    ],
)
def test_durations_in_cells(value: object, seconds: int) -> None:
    report = read(workbook([["Name", "Duration"], ["Ana", value]]))
    assert one(report).seconds == seconds


@pytest.mark.parametrize("value", [59, 59.0, "59", True])
def test_figures_in_cells(value: object) -> None:
    report = read(workbook([["Name", "Duration (minutes)"], ["Ana", value], ["Inés", 30.5]]))
    assert report.rows[-1].seconds == 1830
    if value is True:
        assert [str(each.reason) for each in report.unreadable] == [
            "“TRUE” under “Duration (minutes)” is no duration that can be read."
        ]
    else:
        assert report.rows[0].seconds == 59 * 60


def test_text_in_cells_is_read_as_in_a_file_of_text() -> None:
    rows = [["Nombre", "Hora de entrada", "Hora de salida"]]
    rows += [["Ana\u00a0Ruiz (Invitado)", "17/03/2026 10:00 a.\u202fm.", "17/03/2026 11:00 a. m."]]
    assert spans(read(workbook(rows))) == [("Ana Ruiz", "03-17 15:00:00", "03-17 16:00:00")]


def test_a_date_without_a_time_is_no_time() -> None:
    report = read(workbook([HEADERS, ["Ana", "", date(2026, 3, 17), TEN]]))
    assert report.rows[0].joined is not None or report.unreadable


def test_several_sheets() -> None:
    book = workbook([["Notes"], ["nothing"]], [HEADERS, ANA], [HEADERS, ANA], hidden=(2,))
    report = read(book)
    assert [(table.sheet, table.rows) for table in report.tables] == [("Sheet 2", 1)]
    assert [str(each) for each in report.remarks] == ["The hidden sheet “Sheet 3” was not read."]


def test_dates_that_a_spreadsheet_program_may_have_swapped() -> None:
    """Of a file with the day first, one that takes the month to be first makes dates of what it
    can, wrong ones, and leaves the rest as text."""
    rows: list[list[Any]] = [
        HEADERS,
        ["Ana", "", "17/03/2026 10:00", "17/03/2026 11:00"],
        ["Inés", "", datetime(2026, 12, 3, 10), datetime(2026, 12, 3, 11)],
        ["Paz", "", datetime(2026, 3, 17, 10), datetime(2026, 3, 17, 11)],  # near the session
    ]
    report = read(workbook(rows))
    assert [row.name for row in report.rows] == ["Ana", "Paz"]
    assert [(each.number, str(each.reason)) for each in report.unreadable] == [
        (
            3,
            "A spreadsheet program may have swapped day and month here. "
            "Upload the file as it was downloaded.",
        )
    ]


def test_mistrusted_rows_are_not_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty thousand of them would take minutes if each were looked for among all the others."""

    def compared(one: RawRow, other: object) -> bool:
        raise AssertionError("two rows were compared")

    monkeypatch.setattr(RawRow, "__eq__", compared)
    rows: list[list[Any]] = [
        HEADERS,
        ["Ana", "", "17/03/2026 10:00", "17/03/2026 11:00"],
        ["Inés", "", datetime(2026, 12, 3, 10), datetime(2026, 12, 3, 11)],
    ]
    assert len(read(workbook(rows)).unreadable) == 1


def test_a_sheet_that_lies_about_its_size() -> None:
    contents = parts(workbook([HEADERS, ANA]))
    sheet = contents[SHEET].replace(b"A1:E2", b"A1:XFD1048576")
    begun = time.monotonic()
    report = read(packed(contents | {SHEET: sheet}))
    assert len(report.rows) == 1
    assert time.monotonic() - begun < 30  # to read as much as it says takes minutes


def test_a_cell_in_the_last_row_of_a_sheet() -> None:
    book = workbook([HEADERS, ANA])
    sheet = parts(book)[SHEET].decode()
    rows = sheet[sheet.index("<sheetData>") + 11 : sheet.index("</sheetData>")]
    far = '<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>Inés</t></is></c></row>'
    report = read(with_cells(book, rows + far))
    assert [each.number for each in report.unreadable] == [1048576]


def test_what_the_cells_need_not_is_not_even_unpacked() -> None:
    contents = parts(workbook([HEADERS, ANA])) | {"xl/drawings/drawing1.xml": b"<broken"}
    assert len(read(packed(contents)).rows) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_the_process_is_limited() -> None:
    told = subprocess.run(
        [sys.executable, "-c", LIMITED + TRY],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["memory", "files"]


LIMITED = (
    "from app.confined import limit; from app.meetings.workbook_reader import CPU, MEMORY; "
    "limit(memory=MEMORY, cpu=CPU, files=32, alone=True); "
)
TRY = """
try: bytearray(1 << 30)
except MemoryError: print('memory')
import tempfile
try:
    with tempfile.TemporaryFile() as f: f.write(b'x'); f.flush()
except OSError: print('files')
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "_PATIENCE", 0.3)


def test_a_process_that_hangs_is_ended(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "_COMMAND", "import time; time.sleep(60)")
    begun = time.monotonic()
    refused = refusal(workbook([HEADERS, ANA]), NAME)
    assert refused.reason.startswith("This workbook takes too long to read.")
    assert time.monotonic() - begun < 30  # of 60


@pytest.mark.parametrize(
    "command",
    [
        "import os; os.kill(os.getpid(), 9)",
        "print('{\"sheets\": [')",
        "print('{}')",
        "print('[1]')",
        'print(\'{"sheets": [{"name": 1}]}\')',
    ],
)
def test_a_process_that_dies_or_says_nonsense(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "_COMMAND", command)
    assert refusal(workbook([HEADERS, ANA]), NAME).code == "damaged"


def test_a_process_that_does_not_stop_talking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "_LONGEST_ANSWER", 1 << 20)
    monkeypatch.setattr(workbooks, "_COMMAND", "while True: print('x' * 10000)")
    assert refusal(workbook([HEADERS, ANA]), NAME).code == "hostile"


def test_a_process_has_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVOCA_SECRET_KEY", "a secret")
    seen = (
        "import os, json; print(json.dumps({'refused': [','.join(sorted(os.environ)), 'x', {}]}))"
    )
    monkeypatch.setattr(workbooks, "_COMMAND", seen)
    assert "CONVOCA_SECRET_KEY" not in refusal(workbook([HEADERS, ANA]), NAME).reason


def test_only_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "_PATIENCE", 0.3)
    held = [workbooks._AT_ONCE.acquire(timeout=5) for _ in range(2)]
    try:
        assert held == [True, True]
        with pytest.raises(Busy):
            read(workbook([HEADERS, ANA]))
    finally:
        for _ in held:
            workbooks._AT_ONCE.release()
    monkeypatch.undo()
    assert len(read(workbook([HEADERS, ANA])).rows) == 1


def test_cells_as_text() -> None:
    values = [None, "x" * 5000, datetime(2026, 3, 17, 9, 59, 59, 999_999), 1e300, float("nan")]
    assert [len(workbook_reader._text(value)) for value in values] == [0, 2000, 19, 301, 3]
    assert workbook_reader._text(values[2]) == "2026-03-17T10:00:00"

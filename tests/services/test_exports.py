"""Files for spreadsheets."""

import csv
import io
import re
from datetime import datetime
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.escape import unescape

from app.db import DbSession
from app.domain.attendance import Kind, Status
from app.models import Initiative
from app.schemas.enrolment import MarkIn
from app.services import attendance, check_in, exports
from app.services.actor import SYSTEM, AccountStanding, Actor
from app.services.attendance import AttendanceRow
from app.services.enrolment_lists import all_enrolments
from app.services.publishing import publish
from tests.factories import NOW, Make
from tests.services.attendance_world import Attended

START = datetime.fromisoformat("2026-12-01T14:00:30.5+00:00")
ZONE = "America/Bogota"  # UTC-5
MOMENT = datetime(2026, 12, 1, 9, 0, 30)
ANA = ["Ana Ruiz", "ana@example.org", "CL", 'CORFO, "Chile"', "Clúster Ñuble"]
BRUNO = ["Bruno", "", "", "", ""]
EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1+1", "＋1", "－1", "＠SUM(A1)"]
AMID = [
    "Ana;=1+1",
    "Ana; =1+1",
    'Ana;"=1+1"',
    'Ana;""=1+1',
    "Ana;;@SUM(A1)",
    "Ana\t+1",
    "Ana|-1",
    "Ana\n=1+1",
    "Ana\r\n=1+1",
    ' "＝1+1',
    "Ana;\t\t=1;=2",
]

ATTENDANCE_HEAD = [
    "Name",
    "E-mail",
    "Country",
    "Institution",
    "Initiative",
    "Attendance",
    "Minutes",
    "Evidence",
    f"Checked in at ({ZONE})",
    f"Marked at ({ZONE})",
    "Marked by",
    "Reason",
]
PARTICIPANTS_HEAD = [
    *ATTENDANCE_HEAD[:5],
    "Status",
    "Language",
    "Time zone",
    f"Enrolled at ({ZONE})",
    f"Agreed to the privacy notice at ({ZONE})",
]


def english(sentence: str) -> str:
    return sentence


def read_csv(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def read_xlsx(data: bytes) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


@pytest.fixture
def rows(db: DbSession, make: Make) -> list[AttendanceRow]:
    cycle = make.cycle()
    session = make.session(cycle)
    publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    initiative = Initiative(name="Clúster Ñuble")
    db.add(initiative)
    ana = make.enrolment(
        cycle,
        make.person(name="Ana Ruiz", email="ana@example.org"),
        country="CL",
        institution='CORFO, "Chile"',
        initiative_id=initiative.id,
    )
    bruno = make.enrolment(cycle, make.person(name="Bruno", email=None))
    check_in.check_in(db, ana, 1, START, "room")
    mark = MarkIn(enrolment_id=bruno.id, status=Status.EXCUSED, reason="=Ill")
    attendance.mark(
        db,
        Actor(id="o", name="Olga", standing=AccountStanding.ADMINISTRATOR),
        session.id,
        mark,
        START,
    )
    return attendance.attendance(db, SYSTEM, session.id)


def test_attendance_csv(rows: list[AttendanceRow]) -> None:
    data = exports.attendance_csv(rows, english, ZONE)
    assert read_csv(data) == [
        ATTENDANCE_HEAD,
        [*ANA, "Present", "", "Checked in", MOMENT.isoformat(" "), "", "", ""],
        [*BRUNO, "Excused", "", "Marked by hand", "", MOMENT.isoformat(" "), "Olga", "'=Ill"],
    ]
    assert data.endswith(b"\r\n")


def test_attendance_xlsx(rows: list[AttendanceRow]) -> None:
    assert read_xlsx(exports.attendance_xlsx(rows, english, ZONE)) == [
        ATTENDANCE_HEAD,
        [*ANA, "Present", None, "Checked in", MOMENT, None, None, None],
        [*(cell or None for cell in BRUNO), "Excused", None, "Marked by hand", None, MOMENT, "Olga",
         "=Ill"],
    ]  # fmt: skip


def test_words_are_translated(rows: list[AttendanceRow]) -> None:
    table = read_csv(exports.attendance_csv(rows, str.upper, ZONE))
    assert table[0][0] == "NAME"
    assert [row[5] for row in table[1:]] == ["PRESENT", "EXCUSED"]


@pytest.mark.parametrize("evil", EVIL)
def test_no_cell_is_a_formula(db: DbSession, make: Make, evil: str) -> None:
    cycle = make.cycle()
    make.enrolment(cycle, make.person(name=evil), institution=evil)
    rows = all_enrolments(db, SYSTEM, cycle.id)
    line = read_csv(exports.participants_csv(rows, english))[1]
    assert (line[0], line[3]) == (f"'{evil}", f"'{evil}")
    book = openpyxl.load_workbook(io.BytesIO(exports.participants_xlsx(rows, english)))
    sheet = book.active
    assert sheet is not None
    cells = [sheet.cell(2, column) for column in (1, 4)]
    assert [(cell.data_type, unescape(str(cell.value))) for cell in cells] == [("s", evil)] * 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("evil", AMID)
def test_nor_where_a_spreadsheet_divides_otherwise(evil: str, delimiter: str) -> None:
    """What divides cells is a setting of the reader's system, not ours to choose."""
    data = exports.to_csv(["A", evil], [["Ana", evil, evil]]).decode("utf-8-sig")
    cells = [
        cell.lstrip(' "')
        for line in re.split(r"[\r\n]+", data)
        for row in csv.reader([line], delimiter=delimiter)
        for cell in row
    ]
    assert [cell for cell in cells if re.match(r"[=+@＝＋－＠-]", cell)] == []


@pytest.mark.parametrize("plain", ["a = b", "C++; Java", "1-2", "a@b.org; c@d.org", "x;y", "(-1)"])
def test_other_text_stays_as_it_is(plain: str) -> None:
    assert read_csv(exports.to_csv(["A"], [[plain]])) == [["A"], [plain]]


def test_participants(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    made = START.replace(microsecond=0)
    make.enrolment(
        cycle,
        make.person(name="Zoé 漢字", email="zoe@example.org"),
        status="waitlisted",
        created_at=made,
        consent_at=made,
    )
    rows = all_enrolments(db, SYSTEM, cycle.id)
    start = ["Zoé 漢字", "zoe@example.org"]
    assert read_csv(exports.participants_csv(rows, english, ZONE)) == [
        PARTICIPANTS_HEAD,
        [*start, "", "", "", "On the waiting list", "es", ZONE, *[MOMENT.isoformat(" ")] * 2],
    ]
    assert read_xlsx(exports.participants_xlsx(rows, english, ZONE)) == [
        PARTICIPANTS_HEAD,
        [*start, None, None, None, "On the waiting list", "es", ZONE, MOMENT, MOMENT],
    ]


def test_nobody_yet() -> None:
    assert read_csv(exports.attendance_csv([], english, ZONE)) == [ATTENDANCE_HEAD]
    assert read_xlsx(exports.attendance_xlsx([], english, ZONE)) == [ATTENDANCE_HEAD]
    assert read_csv(exports.participants_csv([], english, ZONE)) == [PARTICIPANTS_HEAD]
    assert read_xlsx(exports.participants_xlsx([], english, ZONE)) == [PARTICIPANTS_HEAD]


def test_what_reports_say_is_told_with_its_minutes(db: DbSession) -> None:
    world = Attended(db)
    ana, eva = world.participant("Ana"), world.participant("Eva")
    world.there(ana, 1, 10, 90)
    world.seen(eva, 1, Kind.TOTAL, source="zoom", seconds=1799)
    rows = attendance.attendance(db, SYSTEM, world.sessions[0].id)
    text = exports.attendance_csv(rows, str).decode("utf-8-sig")
    told = [(row[0], *row[5:8]) for row in csv.reader(io.StringIO(text))]
    assert told[1:] == [
        ("Ana", "Present", "65", "Report of the meeting, with times"),
        ("Eva", "Part of it", "29", "Report of the meeting, minutes only"),
    ]

"""Participants and attendance as files for spreadsheets.

Whatever somebody typed on enrolling ends up here, and a spreadsheet runs a cell that looks like a
formula. In XLSX every text is a string cell. In CSV an apostrophe stands in front of what would be
a formula, also in the middle of a cell: a spreadsheet that divides by semicolons, as in much of
Europe and Latin America, begins a cell after each, and a line after each line break.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import xlsxwriter

from app.domain import words
from app.domain.attendance import Basis, Record
from app.domain.certificates import shown_code
from app.domain.enrolment import EnrolmentStatus, Gender
from app.domain.errors import N_
from app.domain.zones import wall_time
from app.models import Enrolment
from app.services.attendance import AttendanceRow
from app.services.certificate_lists import Standing

Gettext = Callable[[str], str]
Cell = str | int | float | datetime | None
"""Text, a number, a local time (naive), or nothing."""
Sheet = tuple[str, Sequence[str], Sequence[Sequence[Cell]]]
"""A sheet of a workbook: its name, the names of its columns, its rows."""

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_SIGNS = r"=+@\-\uff0b\uff0d\uff1d\uff20"  # the wide ones mean the same to some programs
_SPACE = r" \"\v\f\u0085\u00a0\u2000-\u200b\u3000\ufeff"
_FORMULA = re.compile(rf"^(?=[{_SIGNS}\t\r\n])|(?:^|(?<=[;|\t\r\n]))([{_SPACE}]*+)(?=[{_SIGNS}])")
_WIDEST = 60  # characters


def attendance_csv(rows: Iterable[AttendanceRow], gettext: Gettext, zone: str = "UTC") -> bytes:
    """A session's attendance, a row each, with a row of names above, in the reader's language.
    Times are local ones in the IANA zone, which is named above them."""
    return to_csv(*_attendance(rows, gettext, zone))


def attendance_xlsx(rows: Iterable[AttendanceRow], gettext: Gettext, zone: str = "UTC") -> bytes:
    """The same as a workbook of one sheet."""
    return to_xlsx(gettext(N_("Attendance")), *_attendance(rows, gettext, zone))


def participants_csv(
    rows: Iterable[Enrolment], gettext: Gettext, zone: str = "UTC", *, gender: bool = False
) -> bytes:
    """Enrolments (with person and initiative loaded), a row each. Times as in `attendance_csv`;
    `gender`: with what was answered to that."""
    return to_csv(*_participants(rows, gettext, zone, gender))


def participants_xlsx(
    rows: Iterable[Enrolment], gettext: Gettext, zone: str = "UTC", *, gender: bool = False
) -> bytes:
    """The same as a workbook of one sheet."""
    return to_xlsx(gettext(N_("Participants")), *_participants(rows, gettext, zone, gender))


def certificates_csv(rows: Iterable[Standing], gettext: Gettext, zone: str = "UTC") -> bytes:
    """Certificates, a row each. Times as in `attendance_csv`."""
    return to_csv(*_certificates(rows, gettext, zone))


def certificates_xlsx(rows: Iterable[Standing], gettext: Gettext, zone: str = "UTC") -> bytes:
    """The same as a workbook of one sheet."""
    return to_xlsx(gettext(N_("Certificates")), *_certificates(rows, gettext, zone))


def _certificates(
    rows: Iterable[Standing], gettext: Gettext, zone: str
) -> tuple[list[str], list[list[Cell]]]:
    head = [
        gettext(N_("Name")),
        gettext(N_("Code")),
        gettext(N_("Status")),
        gettext(N_("Minutes")),
        gettext(N_("Sessions")),
        gettext(N_("Language")),
        with_zone(gettext(N_("Issued at")), zone),
        gettext(N_("Issued by")),
        with_zone(gettext(N_("Revoked or replaced at")), zone),
        gettext(N_("Reason")),
    ]
    body: list[list[Cell]] = [
        [
            each.row.holder,
            shown_code(each.row.code),
            gettext(words.CERTIFICATES[each.state]),
            each.row.document["minutes"],
            each.row.document["sessions"],
            each.row.language,
            local_time(each.row.issued_at, zone),
            each.row.issued_by,
            local_time(each.row.ended_at, zone),
            each.row.reason,
        ]
        for each in rows
    ]
    return head, body


def _attendance(
    rows: Iterable[AttendanceRow], gettext: Gettext, zone: str
) -> tuple[list[str], list[list[Cell]]]:
    head = [
        *who_head(gettext),
        gettext(N_("Attendance")),
        gettext(N_("Minutes")),
        gettext(N_("Evidence")),
        with_zone(gettext(N_("Checked in at")), zone),
        with_zone(gettext(N_("Marked at")), zone),
        gettext(N_("Marked by")),
        gettext(N_("Reason")),
    ]
    return head, [[*who(r.enrolment), *_seen(r.record, gettext, zone)] for r in rows]


def _seen(record: Record, gettext: Gettext, zone: str) -> list[Cell]:
    marked = record.basis is Basis.MARK
    basis = words.BASES[record.basis]
    return [
        gettext(words.ATTENDANCE[record.status]),
        record.minutes,
        gettext(basis) if basis else "",
        local_time(record.checked_in, zone),
        local_time(record.at if marked else None, zone),
        record.recorded_by if marked else "",
        record.reason if marked else "",
    ]


def _participants(
    rows: Iterable[Enrolment], gettext: Gettext, zone: str, gender: bool
) -> tuple[list[str], list[list[Cell]]]:
    head = [
        *who_head(gettext),
        *([gettext(N_("Gender"))] if gender else []),
        gettext(N_("Status")),
        gettext(N_("Language")),
        gettext(N_("Time zone")),
        with_zone(gettext(N_("Enrolled at")), zone),
        with_zone(gettext(N_("Agreed to the privacy notice at")), zone),
    ]
    body: list[list[Cell]] = [
        [
            *who(row),
            *([gender_words(row.gender, gettext)] if gender else []),
            gettext(words.ENROLMENTS[EnrolmentStatus(row.status)]),
            row.language,
            row.zone,
            local_time(row.created_at, zone),
            local_time(row.consent_at, zone),
        ]
        for row in rows
    ]
    return head, body


def who_head(gettext: Gettext) -> list[str]:
    """The names of the columns that say who somebody is."""
    return [
        gettext(N_("Name")),
        gettext(N_("E-mail")),
        gettext(N_("Country")),
        gettext(N_("Institution")),
        gettext(N_("Initiative")),
    ]


def who(row: Enrolment) -> list[Cell]:
    """What stands in them; person and initiative must be loaded."""
    initiative = row.initiative.name if row.initiative else ""
    return [row.name, row.person.email or "", row.country, row.institution, initiative]


def gender_words(gender: str, gettext: Gettext) -> str:
    """What somebody answered, in words; empty where they did not."""
    return gettext(words.GENDERS[Gender(gender)]) if gender else ""


def with_zone(name: str, zone: str) -> str:
    """The name of a column of local times."""
    return f"{name} ({zone})"


def local_time(instant: datetime | None, zone: str) -> datetime | None:
    """An aware instant as the local time in the zone, naive and to the second."""
    return None if instant is None else wall_time(instant, zone).replace(microsecond=0)


def to_csv(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """UTF-8 with a byte order mark, without which Excel takes it for something else; RFC 4180."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for row in (head, *rows):
        writer.writerow([_plain(cell) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _plain(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return cell.isoformat(" ")
        case int() | float():
            return str(cell)
        case _:
            return _FORMULA.sub(r"\1'", cell)


def to_xlsx(name: str, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """A workbook of one sheet, called `name`, in which every text is a string cell."""
    return to_workbook([(name, head, rows)])


def to_workbook(sheets: Iterable[Sheet]) -> bytes:
    """A workbook of these sheets, whose names differ, in which every text is a string cell."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    for name, head, rows in sheets:
        _fill(book.add_worksheet(name[:31]), head, rows, bold, moment)
    book.close()
    return file.getvalue()


def _fill(
    sheet: Any, head: Sequence[str], rows: Sequence[Sequence[Cell]], bold: Any, moment: Any
) -> None:
    for column, title in enumerate(head):
        sheet.write_string(0, column, title, bold)
        longest = max((len(_plain(row[column])) for row in rows), default=0)
        sheet.set_column(column, column, min(max(longest, 12) + 2, _WIDEST))
    for number, row in enumerate(rows, 1):
        for column, cell in enumerate(row):
            match cell:
                case None | "":
                    pass
                case datetime():
                    sheet.write_datetime(number, column, cell, moment)
                case int() | float():
                    sheet.write_number(number, column, cell)
                case _:
                    sheet.write_string(number, column, cell)
    sheet.freeze_panes(1, 1)
    if rows:
        sheet.autofilter(0, 0, len(rows), len(head) - 1)

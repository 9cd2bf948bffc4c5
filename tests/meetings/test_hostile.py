"""Files that were made, or broke, so that reading them would do harm: refused, quickly."""

import io
import random
import resource
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.meetings.reading import read_report
from app.meetings.refusals import LIMIT, Refused
from tests import examples
from tests.meetings.reports import (
    SHEET,
    at_bogota,
    noise,
    packed,
    parts,
    read,
    refusal,
    with_cells,
    workbook,
)

SECONDS = 2.0
HEAD = "Name,Email,Join time,Leave time\n"
BOOK = workbook([["Name", "Join time", "Leave time"], ["Ana", "17/03/2026 10:00", ""]])
ROW = "Ana,ana@example.org,17/03/2026 10:00,17/03/2026 11:00\n"


def spent() -> float:
    """Seconds of a processor that this process and those that it ended have had: what else runs on
    the machine does not count."""
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + theirs.ru_utime + theirs.ru_stime


@contextmanager
def quickly() -> Iterator[None]:
    """What is done within takes less than two seconds."""
    begun = spent()
    yield
    assert spent() - begun < SECONDS


def refused(data: bytes) -> tuple[str, str]:
    with quickly():
        found = refusal(data, "report.csv")
    return found.code, found.reason


TEXT: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "larger than any report": (
        lambda: (HEAD + ROW * (LIMIT // len(ROW) + 1)).encode(),
        "too_large",
        "The file is larger than 10 MB. An attendance report is much smaller.",
    ),
    "one line of 20 MB": (
        lambda: b"x" * (20 << 20),
        "too_large",
        "The file is larger than 10 MB. An attendance report is much smaller.",
    ),
    "one line of 9 MB": (
        lambda: b"x" * (9 << 20),
        "hostile",
        "Row 1 is longer than any row of a report.",
    ),
    "a hundred thousand columns": (
        lambda: (HEAD + "x," * 100_000 + "\n").encode(),
        "hostile",
        "Row 2 is longer than any row of a report.",
    ),
    "thirty thousand columns": (
        lambda: (HEAD + "x," * 30_000 + "\n").encode(),
        "hostile",
        "Row 2 has more than 200 columns. This is no attendance report.",
    ),
    "bytes of nothing": (
        lambda: HEAD.encode() + b"Ana\0,,,\n",
        "hostile",
        "This file is no text: row 2 has bytes that no report has.",
    ),
    "nothing but bytes of nothing": (
        lambda: b"\0" * (9 << 20),
        "hostile",
        "This file is no text: row 1 has bytes that no report has.",
    ),
    "chance": (
        lambda: random.Random(1).randbytes(5 << 20),
        "hostile",
        "This file is no text: row 1 has bytes that no report has.",
    ),
    "a quotation mark that is never closed": (
        lambda: (HEAD + '"Ana,,,\n' + ROW * 50_000).encode(),
        "hostile",
        "A quotation mark in row 2 is never closed. Download the report again, or mend that row.",
    ),
    "one in the last row": (
        lambda: (HEAD + ROW + '"Ana,,,\n').encode(),
        "hostile",
        "A quotation mark in row 3 is never closed. Download the report again, or mend that row.",
    ),
    "one in a long row": (
        lambda: (HEAD + '"' + ("x" * 60_000 + "\n") * 50).encode(),
        "hostile",
        "A quotation mark in row 2 is never closed. Download the report again, or mend that row.",
    ),
    "a million empty rows": (
        lambda: (HEAD + "\n" * 1_000_000).encode(),
        "too_large",
        "The file has more than 100000 rows. Split it, and upload the parts.",
    ),
    "a million rows of delimiters": (
        lambda: (HEAD + ",,,\n" * 1_000_000).encode(),
        "too_large",
        "The file has more than 100000 rows. Split it, and upload the parts.",
    ),
    "too many rows": (
        lambda: (HEAD + "a,b,c,d\n" * 60_000).encode(),
        "too_large",
        "The file has more than 50000 rows. Split it, and upload the parts.",
    ),
}


@pytest.mark.parametrize("name", TEXT)
def test_text(name: str) -> None:
    make, code, reason = TEXT[name]
    assert refused(make()) == (code, reason)


def test_quotation_marks_without_end_are_no_work() -> None:
    with quickly():
        report = read(HEAD + ('"' * 60_000 + "\n") * 100)
    assert len(report.unreadable) == 100


def test_letters_that_make_work() -> None:
    for line in (
        "\u00bd" * 2_000,
        "(" * 2_000,
        "Name (" * 300,
        "1:" * 1_000,
        "a. " * 600,
        " " * 3_000 + "x",
        "1 h " * 500,
        "=" + '"' * 1_999,
        "(UTC" * 400,
    ):
        with quickly():
            read(HEAD + f"Ana,{line},{line},{line}\n" * 200)


KINDS: dict[str, tuple[bytes, str]] = {
    "a program": (b"MZ\x90\0\x03\0\0\0" + b"\0" * 500, "This is a program"),
    "a program of Linux": (b"\x7fELF\x02\x01\x01" + b"\0" * 500, "This is a program"),
    "a script": (b"#!/bin/sh\nrm -rf /\n", "This is a program"),
    "a PDF": (b"%PDF-1.7\n...", "This is a PDF."),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "This is a workbook in"),
    "an encrypted workbook": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        "This workbook is protected with a password.",
    ),
    "a worksheet of 1990": (b"\x09\x04\x06\x00\0\0\0\0", "This is a workbook in the old XLS"),
    "a page": (b"\xef\xbb\xbf <html><table><tr><td>Name</td></tr>", "This is a web page"),
    "a page as XML": (b'<?xml version="1.0"?><html><table>', "This is a web page"),
    "XML": (b'<?xml version="1.0"?><Workbook/>', "This is an XML file."),
    "JSON": (
        b'[{"name": "Ana", "joined": "10:00"},\n{"name": "x"}]',
        "This is a file for programs",
    ),
    "an archive": (b"Rar!\x1a\x07\x00aaaa", "This is a packed archive."),
    "packed": (b"\x1f\x8b\x08\0\0\0", "This is a packed archive."),
    "a picture": (b"\x89PNG\r\n\x1a\n", "This is a picture."),
    "a database": (b"SQLite format 3\0", "This is a database."),
    "a letter": (b"{\\rtf1 Ana}", "This is a text document."),
    "an OpenDocument spreadsheet": (
        packed({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}),
        "This is an OpenDocument spreadsheet.",
    ),
    "a binary workbook": (
        packed({"[Content_Types].xml": b"", "xl/workbook.bin": b""}),
        "This is a workbook in the XLSB format.",
    ),
    "a document": (
        packed({"[Content_Types].xml": b"", "word/document.xml": b""}),
        "This is a pack",
    ),
    "an archive in an archive": (packed({"a.zip": packed({"b.zip": BOOK})}), "This is a packed"),
}


@pytest.mark.parametrize("name", KINDS)
def test_files_of_other_kinds(name: str) -> None:
    data, reason = KINDS[name]
    found = refused(data)
    assert found[0] == "wrong_kind"
    assert found[1].startswith(reason)


def test_names_that_begin_like_a_program() -> None:
    report = read(HEAD.replace("Name", "MZ") + ROW)
    assert report.encoding == "utf-8"


def cells(count: int) -> str:
    return "".join(f"<c><v>{number}</v></c>" for number in range(count))


def tags(count: int, tag: str) -> str:
    return "".join(tag.format(noise(8)) for _ in range(count))


def book_with(name: str, part: str) -> bytes:
    return packed(parts(BOOK) | {name: part.encode()})


def with_more(name: str, before: str, more: str) -> bytes:
    part = parts(BOOK)[name].decode()
    return book_with(name, part.replace(before, more + before))


MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
STUFFED = "This workbook has far more in it than a table."
BOMB = "This workbook unpacks to more than 20 MB."
BOOKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "40 MB in less than 90 KB": (lambda: with_cells(BOOK, " " * (40 << 20)), BOMB),
    "15 MB in 15 KB": (lambda: with_cells(BOOK, " " * (15 << 20)), BOMB),
    "a bomb beside the cells": (lambda: book_with("xl/media/a.png", " " * (40 << 20)), BOMB),
    "a hundred thousand columns": (
        lambda: with_cells(BOOK, f"<row>{cells(100_000)}</row>"),
        "Row 1 has more than 200 columns.",
    ),
    "rows as wide as the sheet": (
        lambda: with_cells(
            BOOK,
            "".join(f'<row r="{n}"><c r="A{n}"/><c r="XFD{n}"/></row>' for n in range(1, 10_000)),
        ),
        "Row 101 has more than 200 columns.",
    ),
    "a million empty rows": (
        lambda: with_cells(BOOK, "".join(f'<row r="{n}"/>' for n in range(1, 800_000))),
        "The file has more than 20000 rows.",
    ),
    "rows beyond the last": (
        lambda: with_cells(
            BOOK, "".join(f'<row r="{n}000000"><c><v>1</v></c></row>' for n in range(1, 999))
        ),
        "This workbook is damaged.",
    ),
    "a row beyond all numbers": (
        lambda: with_cells(BOOK, '<row r="9999999999999999"><c><v>1</v></c></row>'),
        "This workbook is damaged.",
    ),
    "too many cells": (
        lambda: with_cells(BOOK, f"<row>{cells(90)}</row>" * 3_000),
        "This workbook has more than 250000 cells.",
    ),
    "a cell of a hundred thousand runs": (
        lambda: with_cells(
            BOOK,
            f'<row><c t="inlineStr"><is>{tags(100_000, "<r><t>{}</t></r>")}</is></c></row>',
        ),
        STUFFED,
    ),
    "elements in elements": (
        lambda: with_cells(BOOK, tags(200_000, '<x a="{}">') + "</x>" * 200_000),
        STUFFED,
    ),
    "styles": (
        lambda: book_with(
            "xl/styles.xml",
            f"<styleSheet {MAIN}><cellXfs>{tags(60_000, '<xf a={!r}/>')}</cellXfs></styleSheet>",
        ),
        STUFFED,
    ),
    "sheets": (
        lambda: with_more("xl/workbook.xml", "</sheets>", tags(60_000, "<sheet name={!r}/>")),
        STUFFED,
    ),
    "billion laughs": (
        lambda: book_with(
            SHEET,
            '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
            + parts(BOOK)[SHEET].decode(),
        ),
        "This workbook defines entities of its own",
    ),
    "the same in UTF-16": (
        lambda: packed(
            parts(BOOK)
            | {
                SHEET: ('<!DOCTYPE x [<!ENTITY a "ha">]>' + parts(BOOK)[SHEET].decode()).encode(
                    "utf-16"
                )
            }
        ),
        "This workbook is damaged.",
    ),
    "another encoding": (
        lambda: book_with(SHEET, '<?xml version="1.0" encoding="utf-7"?><x/>'),
        "This workbook is damaged.",
    ),
    "macros": (lambda: book_with("xl/vbaProject.bin", "x"), "This workbook has macros."),
    "sixty thousand entries": (
        lambda: packed({str(number): b"" for number in range(60_000)}),
        "This archive has more parts",
    ),
    "half of it": (lambda: BOOK[: len(BOOK) // 2], "This workbook is damaged."),
    "a damaged part": (
        lambda: BOOK.replace(SHEET.encode(), b"xl/worksheets/shee/1.xml", 1),
        "This workbook is damaged.",
    ),
    "no XML": (lambda: book_with(SHEET, "nothing"), "This workbook is damaged."),
    "no sheet": (lambda: book_with("xl/workbook.xml", f"<workbook {MAIN}/>"), "There is no table"),
}


@pytest.mark.parametrize("name", BOOKS)
def test_workbooks(name: str) -> None:
    make, reason = BOOKS[name]
    data = make()
    assert len(data) < LIMIT
    assert refused(data)[1].startswith(reason)


def test_the_bomb_is_as_small_as_they_come() -> None:
    assert len(with_cells(BOOK, " " * (40 << 20))) < 90 * 1024


def test_sizes_that_are_lies() -> None:
    """A directory that says of an entry that it is small: no more of it is unpacked than that."""
    data = bytearray(with_cells(BOOK, " " * (15 << 20)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo(SHEET).file_size
    told = struct.pack("<I", size)
    assert data.count(told) == 2
    lied = bytes(data.replace(told, struct.pack("<I", 1000)))
    assert refused(lied) == (
        "damaged",
        "This workbook is damaged. Open it, save it again, and upload that.",
    )


def test_two_parts_of_one_name() -> None:
    out = io.BytesIO(BOOK)
    with (
        zipfile.ZipFile(out, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr(SHEET, parts(BOOK)[SHEET])
    assert refused(out.getvalue())[0] == "damaged"


def attempt(data: bytes, name: str) -> None:
    """Reads it. Nothing but the refusal is raised."""
    try:
        report = read_report(data, name, at_bogota())
    except Refused:
        return
    assert report.tables or report.questions


@settings(max_examples=examples.of(300), deadline=2000)
@given(st.binary(max_size=3000), st.text(max_size=30))
def test_any_bytes(data: bytes, name: str) -> None:
    if not data.startswith(b"PK"):
        attempt(data, name)


LINES = st.lists(
    st.one_of(
        st.sampled_from([HEAD, ROW, "2. Participants\n", '"', "sep=;\n", "\t", ";", ",", "\r"]),
        st.text(max_size=40),
    ),
    max_size=20,
)


@settings(max_examples=examples.of(300), deadline=2000)
@given(LINES, st.sampled_from(["utf-8", "utf-16", "cp1252", "utf-8-sig", "utf-16-be"]))
def test_any_lines(lines: list[str], codec: str) -> None:
    attempt("".join(lines).encode(codec, "replace"), "report.csv")


@settings(max_examples=examples.of(8), deadline=None)
@given(st.integers(4, len(BOOK) - 1), st.binary(min_size=1, max_size=40))
def test_any_damage_to_a_workbook(place: int, damage: bytes) -> None:
    attempt(BOOK[:place] + damage + BOOK[place + len(damage) :], "report.xlsx")

"""How the bytes of a report may lie: encodings, delimiters, line ends, saved again."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.meetings.decoding import decode
from app.meetings.reading import read_report
from app.meetings.values import Report
from tests.meetings.reports import at_bogota, read, refusal, spans

ROWS = [
    ["Nombre completo", "Correo electrónico", "Hora de entrada", "Hora de salida", "Duración"],
    ["Inés Muñoz, “la Ñ”", "ines@example.org", "17/03/2026 10:00:00", "17/03/2026 11:00:00", "1 h"],
    ["João Conceição", "", "17/03/2026 10:05:00", "17/03/2026 11:30:00", "1 h 25 min"],
]
EXPECTED = [
    ("Inés Muñoz, “la Ñ”", "03-17 15:00:00", "03-17 16:00:00"),
    ("João Conceição", "03-17 15:05:00", "03-17 16:30:00"),
]


def text(delimiter: str = ",", end: str = "\r\n", more: str = "") -> str:
    quoted = [[f'"{cell}"' if delimiter in cell else cell for cell in row] for row in ROWS]
    return "".join(delimiter.join(row) + more + end for row in quoted)


def report(data: bytes) -> Report:
    found = read_report(data, "report.csv", at_bogota())
    assert spans(found) == EXPECTED
    assert [row.numbers for row in found.rows] == [(2,), (3,)]
    return found


@pytest.mark.parametrize(
    ("codec", "bom", "name"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", codecs.BOM_UTF8, "utf-8-bom"),
        ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16le-bom"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "utf-16be-bom"),
        ("utf-16-le", b"", "utf-16le"),
        ("utf-16-be", b"", "utf-16be"),
        ("cp1252", b"", "cp1252"),
        ("utf-32-le", codecs.BOM_UTF32_LE, "utf-32"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_encodings_delimiters_and_line_ends(
    codec: str, bom: bytes, name: str, delimiter: str, end: str
) -> None:
    found = report(bom + text(delimiter, end).encode(codec))
    assert (found.encoding, found.delimiter) == (name, delimiter)


def test_latin_1() -> None:
    data = text().replace("“la Ñ”", "la Ñ").encode("latin-1") + b"\x81,,,,\n"
    found = read_report(data, "report.csv", at_bogota())
    assert (found.encoding, found.rows[1].name) == ("latin-1", "João Conceição")


def test_saved_as_utf8_twice() -> None:
    # As Windows reads it: five bytes stand for no letter there, and are kept as they are.
    read_wrong = "".join(
        bytes([each]).decode("cp1252", "ignore") or chr(each) for each in text().encode()
    )
    assert "JoÃ£o ConceiÃ§Ã£o" in read_wrong
    assert "\x9d" in read_wrong
    report(read_wrong.encode())
    report(codecs.BOM_UTF8 + read_wrong.encode())


def test_a_damaged_letter_does_not_change_the_encoding() -> None:
    data = (text() + "José,,17/03/2026 10:00,17/03/2026 11:00,\r\n" * 20).encode()
    found = read_report(data + b"Ni\xf1o,,17/03/2026 10:00,17/03/2026 11:00,\r\n", "r", at_bogota())
    assert found.encoding == "utf-8"
    assert [str(each) for each in found.remarks] == [
        "Some letters in this file are damaged, so some names may not be right."
    ]
    assert found.rows[2].name == "José"


def test_saved_again_by_a_spreadsheet_program() -> None:
    padded = text(";", more=";;;").encode("cp1252")
    assert report(padded).delimiter == ";"
    assert report(b"\r\n".join([padded, b";;;;;;;", b"", b";;"])).delimiter == ";"


@pytest.mark.parametrize("line", ["sep=;", "SEP=;"])
def test_a_line_that_names_the_delimiter(line: str) -> None:
    found = read_report(f"{line}\r\n{text(';')}".encode("cp1252"), "report.csv", at_bogota())
    assert spans(found) == EXPECTED
    assert [row.numbers for row in found.rows] == [(3,), (4,)]


def test_sections_saved_again_with_commas() -> None:
    found = read(
        "1. Summary,,,,,,\nMeeting title,Ciclo,,,,,\n,,,,,,\n2. Participants,,,,,,\n"
        "Name,First Join,Last Leave,In-Meeting Duration,Email,Participant ID (UPN),Role\n"
        'Ana,"3/17/26, 10:00:00 AM","3/17/26, 11:00:00 AM",1h,,ana@example.org,Attendee\n'
        ",,,,,,\n3. In-Meeting Activities,,,,,,\n"
        "Name,Join Time,Leave Time,Duration,Email,Role,\n"
        "Ana,3/17/2026 10:00,3/17/2026 11:00,1h,,Attendee,\n"
    )
    assert spans(found) == [("Ana", "03-17 15:00:00", "03-17 16:00:00")]
    assert [table.title for table in found.tables] == [
        "2. Participants",
        "3. In-Meeting Activities",
    ]


def test_blanks_of_every_kind() -> None:
    found = read(
        "\ufeff\ufeffFull\u00a0Name,\u200bJoin\u202fTime,Leave\u00a0\u00a0Time \n"
        "\u00a0Ana\u00a0 Ruiz\u200e,3/17/2026\u202f10:00\u202fAM,3/17/2026 11:00\u00a0a.\u00a0m.\n"
    )
    assert spans(found) == [("Ana Ruiz", "03-17 15:00:00", "03-17 16:00:00")]


def test_quoted_cells_with_line_breaks_keep_the_number_of_their_row() -> None:
    found = read(
        'Name,"Note, if any",Join Time,Leave Time\n'
        '"Ana\nRuiz","a ""quoted""\n\nnote",17/03/2026 10:00,17/03/2026 11:00\n'
        "\n"
        "Inés,,17/03/2026 10:00,never\n"
    )
    assert [(row.name, row.numbers) for row in found.rows] == [("Ana Ruiz", (2,))]
    assert [each.number for each in found.unreadable] == [7]


def test_nothing_turns_the_direction_of_a_name_round() -> None:
    found = read("Name,Join Time,Leave Time\nAna\u202eziuR,17/03/2026 10:00,17/03/2026 11:00\n")
    assert found.rows[0].name == "AnaziuR"


@given(st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), min_size=1, max_size=60))
def test_text_comes_back_from_every_encoding(line: str) -> None:
    whole = f"Nombre completo,Hora de entrada,{line},áéíóúñ,çãõ"
    for codec in ("utf-8-sig", "utf-16"):
        assert decode(whole.encode(codec))[0] == whole
    assert decode(whole.encode("cp1252"))[0] == whole


def test_no_bytes() -> None:
    assert refusal(b"").reason == "The file is empty."
    assert refusal(b" \r\n\t\r\n").reason == "The file is empty."

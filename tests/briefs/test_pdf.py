"""A brief is one tagged page in each language, whatever is written in it."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from pypdf import PdfReader

from app.briefs.pdf import brief_pdf
from app.briefs.values import Brief, Item, Shown, Speaker
from app.briefs.words import MOST_ITEMS, brief_words
from app.domain.attendance import Basis, Status
from app.domain.schedule import PartRole, SegmentKind

START = datetime(2026, 11, 26, 14, tzinfo=UTC)
ADDRESS = "https://convoca.example.org/c/leaders-2026/3"


def item(number: int, title: str = "") -> Item:
    people = (
        Speaker("Ana Pérez", PartRole.MODERATOR, "Cámara de Comercio"),
        Speaker("Rui Costa", PartRole.PANELIST),
    )
    starts = START + timedelta(minutes=5 * number)
    return Item(SegmentKind.PANEL, title or f"Point {number}", starts, people)


def brief(language: str = "en") -> Brief:
    return Brief(
        language=language,
        cycle="Líderes de clústeres",
        number=3,
        title="Gobernanza y financiamiento",
        starts=START,
        ends=START + timedelta(hours=2),
        zone="America/Bogota",
        at=START + timedelta(days=2),
        address=ADDRESS,
        organizers=("BID", "CAF"),
        agenda=(item(0), item(1), Item(SegmentKind.BREAK, "", START + timedelta(hours=1))),
        enrolled=48,
        attended=37,
        statuses={Status.PRESENT: 30, Status.LATE: 7, Status.ABSENT: 11},
        bases={Basis.INTERVALS: 30, Basis.CHECK_IN: 7},
        mean=88.3,
        unverified=7,
        countries=(("CO", 20), ("BR", 12)),
        country_count=4,
        others=5,
        opinions=21,
        ratings=20,
        rating=4.43,
        materials=(Shown("Slides", f"{ADDRESS}/materials/1"),),
    )


def text_of(data: bytes) -> str:
    document = pypdfium2.PdfDocument(data)
    assert len(document) == 1
    return " ".join(document[0].get_textpage().get_text_range().split())


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Session 3", "Thursday 26 November 2026, 09:00–11:00, Bogotá time", "Brazil"]),
        (
            "es",
            ["Sesión 3", "Jueves 26 de noviembre de 2026, 09:00–11:00", "moderador/a"],
        ),
        ("pt", ["Sessão 3", "Quinta-feira, 26 de novembro de 2026, 09:00–11:00", "Colômbia"]),
    ],
)
def test_one_page_in_each_language(language: str, words: list[str]) -> None:
    data = brief_pdf(brief(language))
    text = text_of(data)
    assert [each for each in words if each not in text] == []
    for each in ("Gobernanza y financiamiento", "Point 1", "Ana Pérez", "Slides", "37", "88"):
        assert each in text
    catalogue: Any = PdfReader(io.BytesIO(data)).trailer["/Root"]
    assert catalogue["/MarkInfo"]["/Marked"]
    assert (catalogue["/Lang"], "/StructTreeRoot" in catalogue) == (language, True)
    assert b"pdfuaid:part" in catalogue["/Metadata"].get_data()


def test_the_qr_code_leads_to_the_public_page() -> None:
    page = pypdfium2.PdfDocument(brief_pdf(brief()))[0]
    found = zxingcpp.read_barcodes(page.render(scale=3).to_pil())
    assert [each.text for each in found] == [ADDRESS]


def test_the_numbers_and_how_they_are_known() -> None:
    text = text_of(brief_pdf(brief()))
    for each in (
        "attended, of 48 who enrolled",
        "4 countries",
        "88 minutes on average",
        "30 Report of the meeting, with times",
        "Of 7 people it is not known for how long.",
        "5 Others",
        "21 answers. On average 4.4 of 5, in 20 ratings.",
        "11 Absent",
        "Break",
    ):
        assert each in text
    assert "Provisional" not in text


def test_what_is_not_settled_is_said() -> None:
    said = {
        name: brief_words(replace(brief(), **changes))["provisional"]  # type: ignore[arg-type]
        for name, changes in {
            "before": {"over": False, "closed": False},
            "open": {"closed": False},
            "reports": {"to_settle": True},
            "final": {},
        }.items()
    }
    assert said == {
        "before": "This session is not over yet.",
        "open": "Provisional: the attendance of this session has not been closed.",
        "reports": "Provisional: reports of the meeting are still being looked at.",
        "final": "",
    }


@pytest.mark.parametrize("count", [1, 25, 61, 300])
def test_a_long_agenda_ends_on_the_page(count: int) -> None:
    text = text_of(brief_pdf(replace(brief(), agenda=tuple(item(n) for n in range(count)))))
    shown = sum(f"Point {n} " in f"{text} " for n in range(count))
    missing = count - shown
    assert 1 <= shown <= MOST_ITEMS
    assert (f"and {missing} more" in text) == (missing > 0)
    assert shown >= min(count, 25)
    assert ADDRESS.partition("://")[2] in text


HOSTILE = (
    '#read("/etc/passwd") $x^2$ *b* _i_ `c` @ref <label> \\ \\u{41} // c /* c */ '
    '"); #panic() [#eval("1")] = heading'
)


def test_what_was_typed_is_text() -> None:
    long = "W" * 900
    odd = replace(
        brief(),
        title=HOSTILE,
        cycle=f"{HOSTILE} {long}",
        organizers=(HOSTILE, long, *["x" * 90] * 30),
        agenda=tuple(item(n, f"{HOSTILE} {long}") for n in range(40)),
        materials=tuple(Shown(f"{HOSTILE}{long}", f"{ADDRESS}/{n}") for n in range(40)),
        countries=tuple(
            (code, 3) for code in ("CO", "BR", "CL", "PE", "AR", "MX", "UY", "EC", "BO")
        ),
    )
    text = text_of(brief_pdf(odd))
    assert '#read("/etc/passwd") $x^2$ *b* _i_' in text
    assert "and 35 more" in text


def test_a_character_without_a_typeface_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.briefs.pdf.unprintable", lambda text: "".join({"ñ"} & set(text)))
    assert "Espa□a" in text_of(brief_pdf(replace(brief(), title="España")))


def test_nothing_but_a_title() -> None:
    bare = Brief("pt", "C", 1, "T", START, START + timedelta(hours=1), "UTC", START, ADDRESS)
    assert "Sessão 1" in text_of(brief_pdf(bare))


def test_the_same_bytes_for_the_same_values() -> None:
    assert brief_pdf(brief()) == brief_pdf(brief())

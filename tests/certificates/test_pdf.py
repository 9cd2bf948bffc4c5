"""The PDF: read back by libraries that did not write it."""

import hashlib
import io
import re
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import typst
import zxingcpp
from PIL import Image
from pypdf import PdfReader

from app import typesetting
from app.certificates.pdf import certificate_image, certificate_pdf
from app.certificates.setting import ROOT, run, unprintable
from app.certificates.values import TEMPLATES, Design, Signatory, Unprintable
from app.certificates.words import TITLE
from app.domain.certificates import Certificate, new_certificate_code
from app.domain.errors import Invalid
from app.languages import translations
from tests.certificates.build import (
    ADDRESS,
    CODE,
    GREEN,
    LOGO,
    LUCIA,
    MAGENTA,
    SHOWN,
    certificate,
    design,
    picture,
    share,
)

LONG = "Maria da Conceição Aparecida dos Santos Albuquerque de Vasconcelos e Menezes Figueiredos L"
ONE_WORD = "Wolfeschlegelsteinhausenbergerdorff" * 2 + "Wolfeschlegelsteinha"


def made(found: Certificate | None = None, look: Design | None = None, **options: Any) -> bytes:
    return certificate_pdf(found or certificate(), look or design(), ADDRESS, **options)


def root_of(pdf: bytes) -> Any:
    return PdfReader(io.BytesIO(pdf)).trailer["/Root"]


def text_of(pdf: bytes) -> str:
    """What a screen reader gets, white space folded."""
    reader = PdfReader(io.BytesIO(pdf))
    assert len(reader.pages) == 1
    return " ".join(reader.pages[0].extract_text().split())


def structure(pdf: bytes) -> list[tuple[str, str]]:
    """The tags in reading order, each with its alternative text."""

    def walk(node: Any) -> Iterator[tuple[str, str]]:
        node = node.get_object()
        if isinstance(node, list):
            for each in node:
                yield from walk(each)
        elif isinstance(node, dict):
            if "/S" in node:
                yield str(node["/S"]), str(node.get("/Alt", ""))
            if "/K" in node:
                yield from walk(node["/K"])

    return list(walk(root_of(pdf)["/StructTreeRoot"]))


def bounds(pdf: bytes) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of all letters, in points."""
    page = pypdfium2.PdfDocument(pdf)[0]
    text = page.get_textpage()
    boxes = [text.get_charbox(at) for at in range(text.count_chars())]
    boxes = [box for box in boxes if box[2] > box[0]]
    left, bottom, right, top = zip(*boxes, strict=True)
    return min(left), min(bottom), max(right), max(top)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("language", ["en", "es", "pt"])
def test_what_is_read_aloud(template: str, language: str) -> None:
    pdf = made(certificate(language=language), design(template))
    text = text_of(pdf)
    title = translations(language).gettext(TITLE)
    # Small capitals are letters of another shape, not other letters; the modern one is in capitals.
    assert (title.upper() if template == "modern" else title) in text
    for expected in (
        "Ministry of Trade · Latin American Network",
        "María Fernanda Rodríguez",
        "Cluster leaders",
        "Awarded for attending 8 of 10 sessions.",
        "Dra. Lucía Paredes",
        {"en": "Deputy Minister", "es": "Viceministra", "pt": "Deputy Minister"}[language],
        "Carlos Méndez",
        "convoca.example.org/verify",
        SHOWN,
        {
            "en": "12 hours and 35 minutes",
            "es": "12 horas y 35 minutos",
            "pt": "12 horas e 35 minutos",
        }[language],
    ):
        assert expected in text
    assert root_of(pdf)["/Lang"] == language


def test_it_says_what_it_is_to_archives_and_screen_readers() -> None:
    root, about = root_of(made()), PdfReader(io.BytesIO(made())).metadata
    assert about is not None
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert about.title == "Certificate of completion – María Fernanda Rodríguez"
    assert about.author == "Ministry of Trade, Latin American Network"
    assert str(about.creation_date) == "2026-12-01 03:00:01+00:00"
    xmp = root["/Metadata"].get_object().get_data().decode()
    assert "<pdfuaid:part>1</pdfuaid:part>" in xmp
    assert "<pdfaid:part>2</pdfaid:part>" in xmp
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in xmp


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_tags_follow_the_page(template: str) -> None:
    found = structure(made(look=design(template)))
    headings = [tag for tag, _ in found if tag.startswith("/H")]
    assert headings == ["/H1"]
    assert [alt for tag, alt in found if tag == "/Figure"] == [
        "Ministry of Trade",
        "Dra. Lucía Paredes",
        f"QR code that leads to {ADDRESS}",
    ]


def rendered(pdf: bytes) -> Image.Image:
    shown: Image.Image = pypdfium2.PdfDocument(pdf)[0].render(scale=1).to_pil()
    return shown


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("kind", ["PNG", "clear PNG", "JPEG", "utf-8", "utf-8-sig", "utf-16"])
def test_the_pictures_are_on_the_page(template: str, kind: str) -> None:
    """As large as the template says: a logo of 3 to 1 has an edge of 14 mm or more, a signature
    below it hardly less."""
    half = 2 if kind == "clear PNG" else 1
    look = design(
        template,
        logos=(picture(kind, MAGENTA, "Ministry of Magenta"),),
        signatories=(replace(LUCIA, signature=picture(kind, GREEN)),),
    )
    pdf = made(look=look)
    shown = Image.open(io.BytesIO(certificate_image(certificate(), look, ADDRESS)))
    for page in (rendered(pdf), shown):
        assert 1000 * 3 * 13**2 / (297 * 210) < half * share(page, MAGENTA) < 20
        assert 1000 * 3 * 12**2 / (297 * 210) < half * share(page, GREEN) < 20
    assert [alt for tag, alt in structure(pdf) if tag == "/Figure"] == [
        "Ministry of Magenta",
        "Dra. Lucía Paredes",
        f"QR code that leads to {ADDRESS}",
    ]
    bare = rendered(made(look=Design(template=template)))
    assert (share(bare, MAGENTA), share(bare, GREEN)) == (0, 0)


def test_pixels_are_the_same_bytes_each_time_and_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    look = design(logos=(picture("PNG", MAGENTA, "M"), picture("JPEG", GREEN, "G")))
    one = made(look=look)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: made(look=look), range(8))) == {one}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../etc/passwd", "/classic.typ"])
def test_nor_can_any_beside_pixels(path: str) -> None:
    files = {"main.typ": f'#read("{path}")'.encode(), "a.png": b"\x89"}
    if path == "/classic.typ":  # a template of ours, which came from memory
        assert run(files, {"format": "pdf"}).startswith(b"%PDF-")
        return
    with pytest.raises(typst.TypstError):
        run(files, {"format": "pdf"})


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_qr_code_is_read_from_the_page(template: str) -> None:
    picture = pypdfium2.PdfDocument(made(look=design(template)))[0].render(scale=150 / 72).to_pil()
    assert [code.text for code in zxingcpp.read_barcodes(picture)] == [ADDRESS]


def test_links_lead_to_the_address() -> None:
    page: Any = PdfReader(io.BytesIO(made())).pages[0]
    targets = {each.get_object()["/A"]["/URI"] for each in page["/Annots"]}
    assert targets == {ADDRESS}


HOSTILE = [
    '#read("/etc/passwd")',
    '#import "@preview/cetz:0.3.0"',
    "*Ana* _Ruiz_ `x` $x^2$ <label> @ref",
    'Ana "Nena" O\'Neil \\ ] [ } { ) (',
    "{cycle} #data.code #(1+1) //x /* y */",
    "= Ana",
    "%(name)s {name} {{name}}",
]


@pytest.mark.parametrize("typed", HOSTILE)
def test_whatever_is_typed_is_only_words(typed: str) -> None:
    found = certificate(
        holder=typed, cycle=typed, rule=typed, organizers=(typed,), language="en", minutes=None
    )
    look = design(
        title={"en": typed.replace("{", "(")},  # which has no placeholders
        statement={"en": "{name} / {cycle}"},
        signatories=(Signatory(typed, {"en": typed}),),
        logos=(replace(LOGO, alt=typed),),
    )
    pdf = made(found, look)
    # Organizer, holder, twice in the statement, rule, name and position; and the title.
    assert text_of(pdf).count(typed) == 7 + ("{" not in typed)
    assert dict(structure(pdf))["/Figure"] != ""
    assert "root:" not in text_of(pdf)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../pyproject.toml", "/pyproject.toml", "/templates/mail/base.txt"]
)
def test_no_other_file_of_the_machine_can_be_read(path: str) -> None:
    with pytest.raises(typst.TypstError):
        run({"main.typ": f'#read("{path}")'.encode()}, {"format": "pdf"})


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("name", [LONG, ONE_WORD, "Ng", LONG.upper()])
def test_every_name_fits(template: str, name: str) -> None:
    pdf = made(certificate(holder=name), design(template))
    # A word that fits no line is not broken; a name in two lines is one to who listens.
    assert name.replace(" ", "") in text_of(pdf).replace(" ", "")
    left, bottom, right, top = bounds(pdf)
    assert left > 40
    assert bottom > 40
    assert right < 842 - 40
    assert top < 595 - 40


@pytest.mark.parametrize("template", TEMPLATES)
def test_as_much_as_there_may_be_is_still_one_page(template: str) -> None:
    words = "Secretaría de Desarrollo Productivo, Innovación y Territorio "
    sign = [
        Signatory(f"{words}{at}", {"en": (words * 4)[:200]}, LUCIA.signature) for at in range(4)
    ]
    found = certificate(
        holder=LONG,
        cycle=(words * 4)[:200],
        rule=(words * 8)[:400],
        organizers=tuple(f"{words}{at}" for at in range(8)),
    )
    look = design(
        template,
        title={"en": ("Certificate of completion " * 4)[:80]},
        statement={"en": ("has completed {cycle}, {dates}, " + words * 10)[:600]},
        logos=tuple(replace(LOGO, alt=f"Logo {at}", ratio=3.0) for at in range(6)),
        signatories=tuple(sign),
    )
    pdf = made(found, look, sample=False)
    text = text_of(pdf)
    assert [f"{words}{at}" in text for at in range(8)] == [True] * 8
    left, bottom, right, top = bounds(pdf)
    assert left > 40
    assert bottom > 40
    assert right < 842 - 40
    assert top < 595 - 40


WIDE = "W" * 200


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    ("said", "look"),
    [
        ({"holder": WIDE[:190], "organizers": (WIDE,)}, {"title": {"en": WIDE[:80]}}),
        ({"holder": "Ana " + WIDE[:100], "cycle": WIDE, "rule": "For " + WIDE}, {}),
        ({}, {"statement": {"en": WIDE * 3}}),
        ({}, {"signatories": (Signatory(WIDE[:120], {"en": WIDE}),) * 4}),
    ],
)
def test_words_wider_than_the_page_are_broken(
    template: str, said: dict[str, Any], look: dict[str, Any]
) -> None:
    pdf = made(certificate(**said), design(template, **look))
    text = text_of(pdf).replace(" ", "")
    for word in re.findall("W+", str((said, look))):
        assert word in text  # whole for who listens, and to copy
    left, bottom, right, top = bounds(pdf)
    assert left > 40
    assert bottom > 40
    assert right < 842 - 40
    assert top < 595 - 40


def test_hours_that_nobody_measured_are_not_made_up() -> None:
    text = text_of(made(certificate(minutes=None)))
    assert "hour" not in text
    assert "held from 3 March to 26 November 2026." in text


def test_the_day_of_issue_is_that_of_the_cycles_home() -> None:
    assert "Issued on 30 November 2026" in text_of(made())
    assert "Issued on 1 December 2026" in text_of(made(certificate(zone="UTC")))


def test_a_sample_says_that_it_is_one() -> None:
    assert "SAMPLE" in text_of(made(sample=True))
    assert "SAMPLE" not in text_of(made())


def test_bare_of_all_that_may_be_missing() -> None:
    for template in TEMPLATES:
        found = certificate(rule="", organizers=(), minutes=None)
        text = text_of(made(found, Design(template=template)))
        assert "certifies that" in text
        assert "María Fernanda Rodríguez" in text


@pytest.mark.parametrize(
    "name", ["Ξένια Παπαδοπούλου", "Иван Кузнецов", "Զարա", "ნინო", "Đặng Thị Ngọc", "Ŵŷn Ğül Þór"]
)
def test_letters_that_the_typefaces_have(name: str) -> None:
    assert unprintable(name) == ""
    assert name in text_of(made(certificate(holder=name)))


PLACE = (ROOT, True)


@pytest.fixture
def own_faces_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server without typefaces, whatever this one has."""
    typesetting._idle.setdefault(PLACE, deque())
    kept = list(typesetting._idle[PLACE])
    typesetting._idle[PLACE].clear()
    typesetting._has_face.cache_clear()
    fonts = typst.Fonts(include_system_fonts=False)
    monkeypatch.setattr(typesetting, "_faces", lambda *, everywhere: fonts)
    yield
    typesetting._has_face.cache_clear()
    typesetting._idle[PLACE].clear()
    typesetting._idle[PLACE].extend(kept)


@pytest.mark.usefixtures("own_faces_only")
def test_a_name_without_a_typeface_is_no_blank() -> None:
    assert unprintable("中村 太郎 (Taro)") == "中太村郎"
    with pytest.raises(Unprintable) as raised:
        made(certificate(holder="中村 太郎"))
    assert raised.value.characters == "中太村郎"
    assert str(raised.value) == "No typeface on this server has these characters: 中太村郎"
    with pytest.raises(Unprintable):
        certificate_image(certificate(cycle="🚀"), design(), ADDRESS)


def test_what_is_heard_needs_no_typeface() -> None:
    pdf = made(look=design(logos=(replace(LOGO, alt="กระทรวง 🚀"),)))
    assert ("/Figure", "กระทรวง 🚀") in structure(pdf)


def test_the_servers_typefaces_are_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    typesetting_run = typesetting.run

    def spied(*a: Any, everywhere: bool, **k: Any) -> bytes:
        asked.append(everywhere)
        return typesetting_run(*a, **k)

    monkeypatch.setattr(
        typesetting, "_has_face", lambda c, *, everywhere: everywhere or c not in "Иван"
    )
    monkeypatch.setattr(typesetting, "run", spied)
    assert unprintable("Иван") == ""
    made(certificate(holder="Иван"))
    made(certificate(holder="José"))
    assert asked == [True, False]


def test_the_same_bytes_in_every_thread() -> None:
    found = [certificate(holder=f"Ana {at}") for at in range(6)]
    one_by_one = [made(each) for each in found]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(made, found * 3)) == one_by_one * 3
    assert len(set(one_by_one)) == 6


PROGRAM = """
import hashlib, os
from app.certificates.pdf import certificate_pdf
from tests.certificates.build import ADDRESS, certificate, design

print(hashlib.sha256(certificate_pdf(certificate(), design(), ADDRESS)).hexdigest(), flush=True)
child = os.fork()
if child == 0:
    try:
        certificate_pdf(certificate(), design(), ADDRESS)
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_the_same_bytes_in_another_process_and_no_waiting_in_a_forked_one() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == [
        hashlib.sha256(made()).hexdigest(),
        "this process was forked from one that had set pages; spawn it instead",
    ]


def test_the_picture_shows_the_same_page() -> None:
    picture = Image.open(io.BytesIO(certificate_image(certificate(), design(), ADDRESS)))
    assert picture.format == "PNG"
    assert picture.size == (1123, 794)  # A4, lying, at 96 pixels an inch


def test_a_design_that_cannot_be_used_is_refused_before_anything_is_set() -> None:
    with pytest.raises(Invalid) as raised:
        made(look=design("baroque"))
    assert [field.field for field in raised.value.fields] == ["template"]


def test_a_page_takes_milliseconds() -> None:
    """Ten thousand in minutes. The bound is wide: machines of tests are busy."""
    made()
    begun = time.process_time()
    for at in range(20):
        code = new_certificate_code()
        certificate_pdf(certificate(holder=f"Ana {at}"), design(), ADDRESS.replace(CODE, code))
    assert (time.process_time() - begun) / 20 < 0.2

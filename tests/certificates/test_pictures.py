"""Logos and signatures: what may come into a PDF, and in which form."""

import io
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from app.certificates import drawings, pictures
from app.certificates.pdf import certificate_pdf
from app.certificates.pictures import picture_from
from app.domain.errors import Invalid
from tests.certificates.build import ADDRESS, certificate, design

START = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10">'


def saved(kind: str, picture: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def svg(inside: str, start: str = START) -> bytes:
    return f"{start}{inside}</svg>".encode()


def refused(data: bytes) -> tuple[str, str]:
    with pytest.raises(Invalid) as raised:
        picture_from(data)
    [fault] = raised.value.fields
    assert fault.field == "file"
    return fault.code, str(fault.params.get("what", ""))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_a_png_of_any_kind(mode: str) -> None:
    found = picture_from(saved("PNG", Image.new(mode, (40, 10))), "Ministry")
    assert (found.kind, found.ratio, found.alt) == ("png", 4.0, "Ministry")
    assert Image.open(io.BytesIO(found.data)).size == (40, 10)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_of_any_kind(mode: str) -> None:
    found = picture_from(saved("JPEG", Image.new(mode, (40, 10))))
    assert (found.kind, found.ratio) == ("jpg", 4.0)
    assert Image.open(io.BytesIO(found.data)).mode == "RGB"


def test_a_photo_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert picture_from(saved("JPEG", Image.new("RGB", (40, 10)), exif=exif)).ratio == 0.25


def test_what_shows_through_still_does() -> None:
    found = picture_from(saved("PNG", Image.new("RGBA", (4, 4), (9, 8, 7, 100))))
    assert Image.open(io.BytesIO(found.data)).getpixel((1, 1)) == (9, 8, 7, 100)


def test_nothing_of_what_came_with_it_stays() -> None:
    about = PngImagePlugin.PngInfo()
    about.add_text("Author", "somebody")
    found = picture_from(saved("PNG", Image.new("RGB", (9, 9)), pnginfo=about))
    assert b"somebody" not in found.data


def test_a_large_one_is_made_small() -> None:
    found = picture_from(saved("PNG", Image.new("RGB", (3200, 800))))
    assert Image.open(io.BytesIO(found.data)).size == (1600, 400)


def test_what_is_no_picture_or_too_much_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(b"") == ("unknown_format", "")
    assert refused(b"GIF89a") == ("unknown_format", "")
    assert refused(b"<html></html>") == ("unknown_format", "")
    assert refused(saved("PNG", Image.new("RGB", (9, 9)))[:44]) == ("unknown_format", "")
    assert refused(b"x" * 4_000_001) == ("too_large", "")
    monkeypatch.setattr(pictures, "MAX_PIXELS", {"PNG": 80, "JPEG": 80})
    assert refused(saved("PNG", Image.new("RGB", (9, 9)))) == ("too_many_pixels", "")


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ("<script>1</script>", "script"),
        ("<foreignObject/>", "foreignObject"),
        ("<image href='data:image/png;base64,AAAA'/>", "image"),
        ("<text>Ministry</text>", "text"),
        ("<filter/>", "filter"),
        ("<animate/>", "animate"),
        ("<rect onload='x()'/>", "onload"),
        ("<use href='/etc/passwd'/>", "href"),
        ("<use href='http://127.0.0.1/x.svg#a'/>", "href"),
        ("<rect style='fill:url(http://127.0.0.1/)'/>", "url"),
        ("<style>@import 'x.css';</style>", "@import"),
        ("<style>rect { fill: u\\72l(x) }</style>", "\\"),
        ("<g id='a'><use href='#b'/></g><g id='b'><use href='#a'/></g>", "use"),
        ("<g>" * 70 + "</g>" * 70, "use"),
        ("<rect filter='blur(40)'/>", "filter"),
        ("<rect style='filter : /**/ blur(40) blur(40)'/>", "filter"),
        ("<style>rect { FILTER/**/: drop-shadow(1px 1px) }</style>", "filter"),
        ("<mask id='a'><rect mask='url(#b)'/></mask><mask id='b'/>", "mask (mask)"),
        ("<mask id='a'><use href='#g'/></mask><g id='g' style='mask:url(#b)'/>", "mask (mask)"),
        ("<clipPath id='a' clip-path='url(#b)'/>", "clipPath (clipPath)"),
        (
            "<style>.x, .y { clip-path: url(#b) }</style><clipPath><g class='y'/></clipPath>",
            "clipPath (clipPath)",
        ),
        ("<style>rect { mask: url(#a) }</style>", "clip-path"),
        ("<rect mask='url(#a)'/>" * 33, "mask, clip-path: 32+"),
        ("<rect style='fill:red; Clip-Path : URL(#a)'/>" * 33, "mask, clip-path: 32+"),
        ("<style>.x{clip-path:url(#a)}</style>" + "<g class='b x'/>" * 33, "mask, clip-path: 32+"),
        (
            "<g id='a'>" + "<g clip-path='url(#b)'/>" * 9 + "</g>" + "<use href='#a'/>" * 3,
            "mask, clip-path: 32+",
        ),
        (
            "<mask id='a'>" + "<path d='M0 0h1'/>" * 2001 + "</mask>" + "<g mask='url(#a)'/>" * 10,
            "20000+",
        ),
        (
            "".join(f"<g id='a{n}'>" + f"<use href='#a{n + 1}'/>" * 10 + "</g>" for n in range(9))
            + "<g id='a9'><path d='M0 0h1'/></g>",
            "20000+",
        ),
    ],
)
def test_an_svg_that_does_more_than_draw(inside: str, what: str) -> None:
    assert refused(svg(inside)) == ("not_drawn", what)


def test_some_masks_and_clip_paths_are_drawn() -> None:
    """As editors write them."""
    inside = (
        "<style>.cls-1{clip-path:url(#c)}.cls-2{filter:none;fill:#123}</style>"
        "<clipPath id='c'><rect width='9' height='9'/></clipPath>"
        "<mask id='m'><rect fill='#fff' width='5' height='5'/></mask>"
        "<g class='cls-1'><g mask='url(#m)'><rect class='cls-2' width='20' height='10'/></g></g>"
        "<rect filter='none' mask='none'/>" + "<path style='clip-path:url(#c)' d='M0 0h1'/>" * 30
    )
    assert picture_from(svg(inside)).kind == "svg"


def test_what_takes_long_to_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "SLOW", 0)
    assert refused(svg("<path d='M0 0h1'/>")) == ("too_slow", "")


def test_entities_are_not_unfolded() -> None:
    bomb = '<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    assert refused(bomb.encode() + svg("<title>&b;</title>")) == ("not_drawn", "ENTITY")


@pytest.mark.parametrize(
    ("named", "encoding"),
    [
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("UTF-8", "utf-8-sig"),
        ("UTF-16", "utf-16"),
        ("UTF-16", "utf-16-le"),
        ("UTF-16", "utf-16-be"),
        ("ISO-8859-1", "iso-8859-1"),
        ("windows-1252", "windows-1252"),
    ],
)
def test_an_svg_in_any_encoding(named: str, encoding: str) -> None:
    drawn = svg("<title>Señor Muñoz</title><path d='M0 0h1'/>")
    declared = f'<?xml version="1.0" encoding="{named}"?>' if named else ""
    found = picture_from((declared + drawn.decode()).encode(encoding))
    assert (found.kind, found.ratio) == ("svg", 2.0)
    assert found.data.decode().removeprefix('<?xml version="1.0" encoding="UTF-8"?>') == (
        drawn.decode()
    )


@pytest.mark.parametrize("encoding", ["rot13", "hex", "undefined", "nothing", "UTF-16"])
def test_an_svg_in_no_encoding(encoding: str) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'.encode()
    assert refused(declared + svg("<path d='M0 0h1'/>")) == ("unknown_format", "")
    assert refused(svg("<title>Señor</title>").decode().encode("latin-1")) == (
        "unknown_format",
        "",
    )


@pytest.mark.parametrize(
    ("start", "ratio"),
    [
        (START, 2.0),
        ('<svg xmlns="http://www.w3.org/2000/svg" width="30mm" height="1cm">', 3.0),
        ('<svg xmlns="http://www.w3.org/2000/svg" width="30" height="10px">', 3.0),
    ],
)
def test_an_svg_that_draws(start: str, ratio: float) -> None:
    drawn = svg(
        "<!-- made by hand --><style>.a { fill: url(#g) }</style>"
        "<defs><linearGradient id='g'><stop offset='0'/></linearGradient></defs>"
        "<rect class='a' width='5' height='5'/><use href='#g'/>",
        start,
    )
    found = picture_from(drawn, "Ministry")
    assert (found.kind, found.data, found.alt) == ("svg", drawn, "Ministry")
    assert found.ratio == pytest.approx(ratio)
    assert certificate_pdf(certificate(), design(logos=(found,)), ADDRESS).startswith(b"%PDF-")


@pytest.mark.parametrize(
    "start",
    [
        '<svg xmlns="http://www.w3.org/2000/svg">',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 0">',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 x 1">',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1">',
    ],
)
def test_an_svg_without_a_size(start: str) -> None:
    assert refused(svg("<path d='M0 0h1'/>", start)) == ("not_drawn", "viewBox")

"""Logos and signatures as they were uploaded, looked through before they come into a PDF.

PNG and JPEG are made anew, no larger than print needs and with nothing of what came with them. SVG
stays as it is where it only draws: nothing in it may lead out of the file, run, filter or unfold
into more than it says, and no text may depend on a typeface that we do not have. Whatever else a
program puts into one is refused, and said so; a PNG of the same picture does as well. An SVG in
another encoding than UTF-8 is written in that one, which is all that Typst reads.
"""

import codecs
import io
import re
import struct
from threading import Lock
from typing import Any
from xml.etree.ElementTree import Element, ParseError  # only the types; defusedxml reads

import typst
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from PIL import Image, ImageOps, UnidentifiedImageError

from app.certificates.setting import run
from app.certificates.values import Picture
from app.domain.errors import N_, Invalid

LARGEST_FILE = 4_000_000  # bytes
LARGEST_SVG = 1_000_000
LARGEST_SIDE = 1600  # pixels; 300 dpi of 13 cm
MAX_PIXELS = {"PNG": 16_000_000, "JPEG": 50_000_000}
MOST_ELEMENTS = 20_000
"""Elements that an SVG draws, counting what `use` repeats."""

_SVG = "{http://www.w3.org/2000/svg}"
# fmt: off
_DRAWS = frozenset((
    "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "defs",
    "symbol", "use", "title", "desc", "metadata", "style", "linearGradient", "radialGradient",
    "stop", "clipPath", "mask", "switch",
))
# fmt: on
_UNREADABLE: tuple[type[Exception], ...] = (UnidentifiedImageError, OSError, ValueError)
_UNREADABLE += (SyntaxError, EOFError, TypeError, ArithmeticError, LookupError, struct.error)
_NUMBER = re.compile(
    r"\s*([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*(px|pt|pc|mm|cm|in)?\s*", re.IGNORECASE
)
_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
"""How the encoding of XML is known before it is read (XML 1.0, appendix F)."""
_DECLARED = re.compile(rb"<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]*)[\"']")
_DECLARATION = re.compile(r"<\?xml\s[^>]*\?>")
_one_at_a_time = Lock()  # for the memory's sake


def picture_from(data: bytes, alt: str = "") -> Picture:
    """The picture in a PNG, JPEG or SVG file.

    Raises:
        Invalid: at ``file``: ``too_large``, ``too_many_pixels``, ``unknown_format``, ``not_drawn``.
    """
    if len(data) > LARGEST_FILE:
        raise Invalid.one(
            "file",
            N_("This picture is too large: at most %(limit)s MB."),
            code="too_large",
            limit=LARGEST_FILE // 1_000_000,
        )
    if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        with _one_at_a_time:
            return _pixels(data, alt)
    return _drawing(data, alt)


def _pixels(data: bytes, alt: str) -> Picture:
    try:
        with Image.open(io.BytesIO(data), formats=tuple(MAX_PIXELS)) as given:
            if given.width * given.height > MAX_PIXELS[given.format or ""]:
                raise _too_many_pixels()
            given.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
            if given.mode.startswith("I"):  # grey of 16 bits, which would be cut off at the eighth
                eight = given.point(lambda value: value * (1 / 256)).convert("L")
            else:
                eight = given
            upright = ImageOps.exif_transpose(eight)
            small = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
            small.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
            photo = given.format == "JPEG"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except _UNREADABLE:
        raise _unknown() from None
    bare = Image.new(small.mode, small.size)  # without what came with it
    bare.paste(small)
    out = io.BytesIO()
    if photo:
        bare.save(out, "JPEG", quality=88, optimize=True)
    else:
        bare.save(out, "PNG", optimize=True)
    return Picture("jpg" if photo else "png", out.getvalue(), bare.width / bare.height, alt)


def _too_many_pixels() -> Invalid:
    return Invalid.one(
        "file",
        N_("This picture has too many pixels. Make it smaller, a side of 1,600 is enough."),
        code="too_many_pixels",
    )


def _unknown() -> Invalid:
    return Invalid.one(
        "file", N_("We cannot read this picture. Use PNG, JPEG or SVG."), code="unknown_format"
    )


def _not_drawn(what: str) -> Invalid:
    return Invalid.one(
        "file",
        N_("This SVG has something in it that cannot be printed (%(what)s). Save it as PNG."),
        code="not_drawn",
        what=what,
    )


def _drawing(data: bytes, alt: str) -> Picture:
    if len(data) > LARGEST_SVG:
        raise _unknown() if b"<svg" not in data[:4096] else _not_drawn(f"{len(data)} bytes")
    try:
        text = _decoded(data)
        root = fromstring(text, forbid_dtd=False)
    except DefusedXmlException:
        raise _not_drawn("ENTITY") from None
    except (ParseError, ValueError, LookupError):
        raise _unknown() from None
    if root.tag != f"{_SVG}svg":
        raise _unknown()
    for each in root.iter():
        _look_through(each)
    _refuse_many(root)
    ratio = _ratio(root)
    plain = text.encode()
    try:
        run({"main.typ": b'#image("picture.svg")', "picture.svg": plain}, {"format": "pdf"})
    except typst.TypstError:
        raise _unknown() from None
    return Picture("svg", plain, ratio, alt)


def _decoded(data: bytes) -> str:
    """The text of an SVG, without a mark of its byte order, and without an XML declaration where
    that would name another encoding than it is kept in. Raises ValueError and LookupError."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _DECLARATION.sub("", data.decode(encoding).removeprefix("\ufeff"), count=1)
    found = _DECLARED.match(data)
    encoding = found[1].decode() if found else "utf-8"
    if encoding.lower() in ("utf-8", "us-ascii"):
        return data.decode(encoding)
    return _DECLARATION.sub("", data.decode(encoding), count=1)


def _look_through(each: Element) -> None:
    tag: Any = each.tag
    if not isinstance(tag, str):  # a comment
        return
    if tag.startswith(_SVG) and tag.removeprefix(_SVG) not in _DRAWS:
        raise _not_drawn(tag.removeprefix(_SVG))
    for name, value in each.attrib.items():
        bare = name.rpartition("}")[2].lower()
        if bare.startswith("on") or (bare == "href" and not value.strip().startswith("#")):
            raise _not_drawn(bare)
        if bare in ("style", "filter"):
            _look_at_style(value)
    if tag == f"{_SVG}style":
        _look_at_style(each.text or "")


def _look_at_style(text: str) -> None:
    plain = re.sub(r"\s+", "", text.lower())
    for what in ("@import", "\\", "filter:url", "expression("):
        if what in plain:
            raise _not_drawn(what)
    for target in re.findall(r"url\(['\"]?(.)?", plain):
        if target != "#":
            raise _not_drawn("url")


def _refuse_many(root: Element) -> None:
    """Refuses what unfolds into too much: `use` of a group of `use` of a group of …"""
    by_id = {each.get("id"): each for each in root.iter() if each.get("id")}
    known: dict[Element, int] = {}

    def drawn(each: Element, within: tuple[Element, ...]) -> int:
        if each in within or len(within) > 64:
            raise _not_drawn("use")
        if each not in known:
            inner = (*within, each)
            count = 1 + sum(drawn(child, inner) for child in each)
            if each.tag == f"{_SVG}use":
                href = each.get("href") or each.get("{http://www.w3.org/1999/xlink}href") or ""
                target = by_id.get(href.strip().removeprefix("#"))
                count += drawn(target, inner) if target is not None else 0
            known[each] = min(count, MOST_ELEMENTS + 1)
        return known[each]

    if drawn(root, ()) > MOST_ELEMENTS:
        raise _not_drawn(f"{MOST_ELEMENTS}+")


def _ratio(root: Element) -> float:
    """Width by height: of the view box, else of the size."""
    box = re.split(r"[\s,]+", (root.get("viewBox") or "").strip())
    if len(box) == 4:
        try:
            wide, high = float(box[2]), float(box[3])
        except ValueError:
            wide = high = 0.0
    else:
        wide, high = _length(root.get("width")), _length(root.get("height"))
    ratio = wide / high if wide > 0 and high > 0 else 0
    if not 0.02 <= ratio <= 50:
        raise _not_drawn("viewBox")
    return ratio


def _length(text: str | None) -> float:
    found = _NUMBER.fullmatch(text or "")
    return float(found[1]) * _UNITS[(found[2] or "").lower()] if found else 0.0

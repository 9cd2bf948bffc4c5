"""Drawings (SVG) as they were uploaded, looked through before they come into a PDF.

One stays as it is where it only draws: nothing in it may lead out of the file, run, filter or
unfold into more than it says, and no text may depend on a typeface that we do not have. Masks and
clip paths, each of which is a picture of its own, may be some and not within each other. Whatever
else a program puts into one is refused, and said so; a PNG of the same picture does as well. One in
another encoding than UTF-8 is written in that one, which is all that Typst reads.
"""

import codecs
import re
import time
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError  # only the types; defusedxml reads

import typst
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from app.certificates.setting import run
from app.certificates.values import Picture
from app.domain.errors import N_, Invalid

LARGEST_SVG = 1_000_000  # bytes
MOST_ELEMENTS = 20_000
"""Elements that an SVG draws, counting what `use` repeats."""
MOST_LAYERS = 32
"""Masks and clip paths that it lays over something, counted likewise."""
SLOW = 1.0
"""Seconds of a processor to draw it, as PDF and on a whole page of pixels."""

_SVG = "{http://www.w3.org/2000/svg}"
# fmt: off
_DRAWS = frozenset((
    "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "defs",
    "symbol", "use", "title", "desc", "metadata", "style", "linearGradient", "radialGradient",
    "stop", "clipPath", "mask", "switch",
))
# fmt: on
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
_LAYERS = ("mask", "clip-path")
_LAYER = re.compile(r"(?:^|;)(?:[a-z-]*mask[a-z-]*|clip-path):([^;]*)", re.IGNORECASE)
_TARGET = re.compile(r"url\(['\"]?#([^'\")]*)", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_CLASS = re.compile(r"\.([A-Za-z_][\w-]*)")
_ON_A_PAGE = b"""
#set page(paper: "a4", margin: 0pt)
#image("picture.svg", width: 100%, height: 100%)
"""


def unknown() -> Invalid:
    """No picture that we can read."""
    return Invalid.one(
        "file", N_("We cannot read this picture. Use PNG, JPEG or SVG."), code="unknown_format"
    )


def not_drawn(what: str) -> Invalid:
    """A picture that does more than draw; `what` in its own terms."""
    return Invalid.one(
        "file",
        N_("This SVG has something in it that cannot be printed (%(what)s). Save it as PNG."),
        code="not_drawn",
        what=what,
    )


def too_slow() -> Invalid:
    """A picture that would hold up every page it is on."""
    return Invalid.one(
        "file",
        N_("This picture takes too long to draw. Save it as PNG, no larger than it needs to be."),
        code="too_slow",
    )


def drawing(data: bytes, alt: str) -> Picture:
    """The picture in an SVG file.

    Raises:
        Invalid: at ``file``: ``unknown_format``, ``not_drawn``, ``too_slow``.
    """
    if len(data) > LARGEST_SVG:
        raise unknown() if b"<svg" not in data[:4096] else not_drawn(f"{len(data)} bytes")
    try:
        text = _decoded(data)
        root = fromstring(text, forbid_dtd=False)
    except DefusedXmlException:
        raise not_drawn("ENTITY") from None
    except (ParseError, ValueError, LookupError):
        raise unknown() from None
    if root.tag != f"{_SVG}svg":
        raise unknown()
    for each in root.iter():
        _look_through(each)
    layers = _layers(root)
    _refuse_nested(root, layers)
    _refuse_many(root, layers)
    ratio = _ratio(root)
    plain = text.encode()
    begun = time.process_time()
    try:
        for options in ({"format": "pdf"}, {"format": "png", "ppi": 80}):
            run({"main.typ": _ON_A_PAGE, "picture.svg": plain}, options)
            if time.process_time() - begun > SLOW:
                raise too_slow()
    except typst.TypstError:
        raise unknown() from None
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
        raise not_drawn(tag.removeprefix(_SVG))
    if not tag.startswith(_SVG) and tag.rpartition("}")[2].lower() == "style":
        raise not_drawn("style")  # some take it for a style sheet all the same
    for name, value in each.attrib.items():
        bare = name.rpartition("}")[2].lower()
        if bare.startswith("on") or (bare == "href" and not value.strip().startswith("#")):
            raise not_drawn(bare)
        if bare == "style":
            _look_at_style(value)
        elif bare == "filter" and value.strip().lower() != "none":
            raise not_drawn("filter")
    if tag == f"{_SVG}style":
        _look_at_style(each.text or "")


def _look_at_style(text: str) -> None:
    plain = _plain(text)
    for what in ("@import", "\\", "expression("):
        if what in plain:
            raise not_drawn(what)
    if "filter:" in plain.replace("filter:none", ""):
        raise not_drawn("filter")
    for target in re.findall(r"url\(['\"]?(.)?", plain):
        if target != "#":
            raise not_drawn("url")


def _plain(style: str) -> str:
    return re.sub(r"\s+", "", _COMMENT.sub("", style).lower())


def _layers(root: Element) -> dict[Element, list[str]]:
    """The ids of the masks and clip paths that lie over each element, by its attributes, its style
    and its classes; "" where none is named."""
    by_class = _layers_of_classes(root)
    found: dict[Element, list[str]] = {}
    for each in root.iter():
        given = [value for name in _LAYERS if (value := each.get(name)) is not None]
        given += _LAYER.findall(_COMMENT.sub("", re.sub(r"\s*([:;])\s*", r"\1", _style(each))))
        for name in (each.get("class") or "").split():
            given += by_class.get(name, [])
        over = [value for value in given if value.strip().lower() not in ("", "none")]
        if over:
            found[each] = [(_TARGET.findall(value) or [""])[0] for value in over]
    return found


def _style(each: Element) -> str:
    return _COMMENT.sub("", each.get("style") or "").strip()


def _layers_of_classes(root: Element) -> dict[str, list[str]]:
    """What style sheets lay over the elements of a class, as editors write it; other selectors are
    refused for that."""
    found: dict[str, list[str]] = {}
    for sheet in root.iter(f"{_SVG}style"):
        for selectors, body in _RULE.findall(_COMMENT.sub("", sheet.text or "")):
            given = _LAYER.findall(re.sub(r"\s*([:;])\s*", r"\1", body.strip()))
            for selector in selectors.split(",") if given else ():
                name = _CLASS.fullmatch(selector.strip())
                if name is None:
                    raise not_drawn("clip-path")
                found.setdefault(name[1], []).extend(given)
    return found


def _by_id(root: Element) -> dict[str, Element]:
    return {name: each for each in root.iter() if (name := each.get("id"))}


def _used(each: Element) -> str:
    """The id of what a `use` repeats."""
    href = each.get("href") or each.get("{http://www.w3.org/1999/xlink}href") or ""
    return href.strip().removeprefix("#") if each.tag == f"{_SVG}use" else ""


def _refuse_nested(root: Element, layers: Mapping[Element, list[str]]) -> None:
    """Refuses masks and clip paths in which there are others, each of which is drawn for each of
    those around it."""
    by_id = _by_id(root)
    for tag in ("mask", "clipPath"):
        for outer in root.iter(f"{_SVG}{tag}"):
            seen: set[Element] = set()
            ahead = [outer]
            while ahead:
                each = ahead.pop()
                if each in seen:
                    continue
                seen.add(each)
                if each in layers:
                    raise not_drawn(f"{tag} ({tag})")
                target = by_id.get(_used(each))
                ahead += [*each, *([target] if target is not None else [])]


def _refuse_many(root: Element, layers: Mapping[Element, list[str]]) -> None:
    """Refuses what unfolds into too much: `use` of a group of `use` of a group of …"""
    by_id = _by_id(root)
    known: dict[Element, tuple[int, int]] = {}

    def drawn(each: Element, within: tuple[Element, ...]) -> tuple[int, int]:
        if each in within or len(within) > 64:
            raise not_drawn("use")
        if each not in known:
            inner = (*within, each)
            over = layers.get(each, [])
            named = [by_id.get(name) for name in (_used(each), *over)]
            parts = [drawn(part, inner) for part in (*each, *named) if part is not None]
            elements = 1 + sum(part[0] for part in parts)
            laid = len(over) + sum(part[1] for part in parts)
            known[each] = min(elements, MOST_ELEMENTS + 1), min(laid, MOST_LAYERS + 1)
        return known[each]

    elements, laid = drawn(root, ())
    if elements > MOST_ELEMENTS:
        raise not_drawn(f"{MOST_ELEMENTS}+")
    if laid > MOST_LAYERS:
        raise not_drawn(f"mask, clip-path: {MOST_LAYERS}+")


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
        raise not_drawn("viewBox")
    return ratio


def _length(text: str | None) -> float:
    found = _NUMBER.fullmatch(text or "")
    return float(found[1]) * _UNITS[(found[2] or "").lower()] if found else 0.0

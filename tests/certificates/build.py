"""Certificates and designs to set in tests."""

import io
from datetime import UTC, date, datetime
from typing import Any

from PIL import Image

from app.certificates.pictures import picture_from
from app.certificates.values import Design, Picture, Signatory
from app.domain.certificates import Certificate

CODE = "0nsnf5bjqwdbyvsdaj43fg07y1mp"
SHOWN = "0NSN-F5BJ-QWDB-YVSD-AJ43-FG07-Y1MP"
ADDRESS = f"https://convoca.example.org/verify/{CODE}"

_LOGO = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 10">
<circle cx="5" cy="5" r="5"/><rect x="12" y="3" width="18" height="4" fill="#0b3d6b"/></svg>"""
_SIGNATURE = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 10"><path fill="none"
stroke="#1b2b6b" d="M1 8 C8 0 9 12 16 4 S24 8 39 3"/></svg>"""
LOGO = Picture("svg", _LOGO, 3.0, "Ministry of Trade")
SIGNATURE = Picture("svg", _SIGNATURE, 4.0)
LUCIA = Signatory("Dra. Lucía Paredes", {"en": "Deputy Minister", "es": "Viceministra"}, SIGNATURE)
CARLOS = Signatory("Carlos Méndez")


def certificate(**changes: Any) -> Certificate:
    values: dict[str, Any] = {
        "code": CODE,
        "holder": "María Fernanda Rodríguez",
        "language": "en",
        "cycle": "Cluster leaders",
        "first_day": date(2026, 3, 3),
        "last_day": date(2026, 11, 26),
        "issued_at": datetime(2026, 12, 1, 3, 0, 1, tzinfo=UTC),
        "zone": "America/Bogota",
        "minutes": 755,
        "sessions": 8,
        "of": 10,
        "rule": "Awarded for attending 8 of 10 sessions.",
        "organizers": ("Ministry of Trade", "Latin American Network"),
        "issuer": "Ministry of Trade",
    }
    return Certificate(**values | changes)


def design(template: str = "classic", **changes: Any) -> Design:
    values: dict[str, Any] = {"logos": (LOGO,), "signatories": (LUCIA, CARLOS)}
    return Design(template=template, **values | changes)


MAGENTA, GREEN = (225, 0, 152), (0, 158, 73)
"""Colours that no design has of its own."""


def drawn(color: tuple[int, int, int]) -> str:
    """An SVG of one colour, three times as wide as high."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 100">'
        f'<rect width="300" height="100" fill="rgb{color}"/></svg>'
    )


def uploaded(kind: str, color: tuple[int, int, int]) -> bytes:
    """A file of one colour, three times as wide as high, as somebody sends it: ``PNG``, ``JPEG``,
    ``clear PNG`` with nothing in its left half, or an SVG in the encoding that `kind` names."""
    out = io.BytesIO()
    if kind == "clear PNG":
        found = Image.new("RGBA", (300, 100), (0, 0, 0, 0))
        found.paste((*color, 255), (150, 0, 300, 100))
        found.save(out, "PNG")
    elif kind in ("PNG", "JPEG"):
        Image.new("RGB", (300, 100), color).save(out, kind)
    else:
        out.write(drawn(color).encode(kind))
    return out.getvalue()


def picture(kind: str, color: tuple[int, int, int], alt: str = "") -> Picture:
    """The same, taken."""
    return picture_from(uploaded(kind, color), alt)


def share(page: Image.Image, color: tuple[int, int, int]) -> float:
    """How much of a page has this colour, in thousandths."""
    rgb = page.convert("RGB")
    near = sum(
        count
        for count, pixel in rgb.getcolors(rgb.width * rgb.height) or ()
        if isinstance(pixel, tuple)
        and all(abs(one - other) < 8 for one, other in zip(pixel, color, strict=True))
    )
    return near * 1000 / (rgb.width * rgb.height)

"""Logos and signatures as they were uploaded, looked through before they come into a PDF.

PNG and JPEG are made anew, no larger than print needs and with nothing of what came with them. SVG
stays as it is where it only draws, see `drawings`. What somebody sends is read by `picture_checks`,
in a process that can be ended.
"""

import io
import struct

from PIL import Image, ImageOps, UnidentifiedImageError

from app.certificates.drawings import drawing, unknown
from app.certificates.values import Picture
from app.domain.errors import N_, Invalid

LARGEST_FILE = 4_000_000  # bytes
LARGEST_SIDE = 1600  # pixels; 300 dpi of 13 cm
MAX_PIXELS = {"PNG": 16_000_000, "JPEG": 50_000_000}

_UNREADABLE: tuple[type[Exception], ...] = (UnidentifiedImageError, OSError, ValueError)
_UNREADABLE += (SyntaxError, EOFError, TypeError, ArithmeticError, LookupError, struct.error)


def picture_from(data: bytes, alt: str = "") -> Picture:
    """The picture in a PNG, JPEG or SVG file.

    Raises:
        Invalid: at ``file``: ``too_large``, ``too_many_pixels``, ``unknown_format``, ``not_drawn``,
            ``too_slow``.
    """
    if len(data) > LARGEST_FILE:
        raise Invalid.one(
            "file",
            N_("This picture is too large: at most %(limit)s MB."),
            code="too_large",
            limit=LARGEST_FILE // 1_000_000,
        )
    if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return _pixels(data, alt)
    return drawing(data, alt)


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
        raise unknown() from None
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

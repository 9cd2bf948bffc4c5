"""Photos of people, made anew: a picture of usual size, and nothing of what came with it.

Cameras write into a photo where and when it was taken, and by which device. Only the pixels of the
first frame are taken over, turned upright.
"""

import io
import struct
from threading import Lock
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from app.domain.errors import N_, Invalid
from app.services.files import MEGABYTE

LARGEST_SIDE = 1024  # pixels
MAX_PIXELS = 50_000_000
"""More than cameras have; unpacked it is some 200 MB."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_UNREADABLE: tuple[type[Exception], ...] = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
)
_UNREADABLE += (ArithmeticError, LookupError, struct.error)
_one_at_a_time = Lock()  # for the memory's sake


def photo_from(source: BinaryIO, limit: int) -> bytes:
    """A JPEG of at most 1024 by 1024 pixels, from a JPEG, PNG, WebP or GIF of at most `limit`
    bytes.

    Raises:
        Invalid: at ``file``: ``too_large``, ``too_many_pixels``, ``unknown_format``.
    """
    size = source.seek(0, 2)
    source.seek(0)
    if size > limit:
        raise Invalid.one(
            "file",
            N_("This photo is too large: at most %(limit)s MB."),
            code="too_large",
            limit=limit // MEGABYTE,
        )
    with _one_at_a_time:
        try:
            return _made_anew(source)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _too_many_pixels() from None
        # The decoders say in many ways that what they were given is none of theirs.
        except _UNREADABLE:
            raise Invalid.one(
                "file",
                N_("We cannot read this photo. Use JPEG, PNG or WebP."),
                code="unknown_format",
            ) from None


def _made_anew(source: BinaryIO) -> bytes:
    with Image.open(source, formats=_FORMATS) as given:
        width, height = given.size  # its header says so: nothing has been unpacked yet
        if width * height > MAX_PIXELS:
            raise _too_many_pixels()
        given.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))  # a JPEG need not be unpacked at full size
        upright = ImageOps.exif_transpose(given)
        upright.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        seen = upright.convert("RGBA")
    paper = Image.new("RGB", seen.size, "white")
    paper.paste(seen, mask=seen)
    to = io.BytesIO()
    paper.save(to, "JPEG", quality=85, optimize=True)
    return to.getvalue()


def _too_many_pixels() -> Invalid:
    return Invalid.one(
        "file",
        N_("This photo has too many pixels. Make it smaller, a side of 1,024 is enough."),
        code="too_many_pixels",
    )

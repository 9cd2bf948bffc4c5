"""Photos of people, made anew: a picture of usual size, and nothing of what came with it.

Cameras write into a photo where and when it was taken, and by which device. Only the pixels of the
first frame are taken over, turned upright, in the colours that every screen takes for granted.

Memory while one is made, measured with the largest that are taken: 220 MB for a WebP of 12.5
million pixels, 160 MB for a PNG or a GIF of 16 million and for a progressive JPEG of 50 million,
25 MB for a usual JPEG of 50 million. One is made at a time.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import BinaryIO

from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from app.confined import in_turn
from app.domain.errors import N_, Invalid
from app.services.files import MEGABYTE

LARGEST_SIDE = 1024  # pixels
MAX_PIXELS = {"JPEG": 50_000_000, "PNG": 16_000_000, "GIF": 16_000_000, "WEBP": 12_500_000}
"""More than cameras have. A JPEG is unpacked at an eighth of its size and more; the others only as
they are."""

_LARGEST_PROFILE = 4_000_000  # bytes
_SRGB = ImageCms.createProfile("sRGB")
_FORMATS = tuple(MAX_PIXELS)
_UNREADABLE: tuple[type[Exception], ...] = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
)
_UNREADABLE += (ArithmeticError, LookupError, struct.error)
"""What decoders raise over a file that is damaged or none of theirs."""
_NO_PROFILE: tuple[type[Exception], ...] = (ImageCms.PyCMSError, *_UNREADABLE)
_making = Lock()
_TOO_MANY_PIXELS = N_("This photo has too many pixels. Make it smaller, a side of 1,024 is enough.")


class TooManyPixels(Exception):
    """Of a picture that is made within `one_at_a_time`."""


def photo_from(source: BinaryIO, limit: int) -> bytes:
    """A JPEG of at most 1024 by 1024 pixels, from a JPEG, PNG, WebP or GIF of at most `limit`
    bytes.

    Raises:
        Invalid: at ``file``: ``too_large``, ``too_many_pixels``, ``unknown_format``.
        Busy: too many wait already.
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
    unreadable = N_("We cannot read this photo. Use JPEG, PNG or WebP.")
    with one_at_a_time(too_many_pixels=_TOO_MANY_PIXELS, unreadable=unreadable):
        return _made_anew(source)


@contextmanager
def one_at_a_time(*, too_many_pixels: str, unreadable: str) -> Iterator[None]:
    """Around the making of a picture: for the memory's sake no other one is made meanwhile, and
    whatever decoders raise becomes Invalid, at ``file``, in these sentences. Raises Busy where many
    wait already."""
    with in_turn(_making):
        try:
            yield
        except (Image.DecompressionBombError, Image.DecompressionBombWarning, TooManyPixels):
            raise Invalid.one("file", too_many_pixels, code="too_many_pixels") from None
        # The decoders say in many ways that what they were given is none of theirs.
        except _UNREADABLE:
            raise Invalid.one("file", unreadable, code="unknown_format") from None


def look_at_size(given: Image.Image, frames: int = 1) -> None:
    """Raises TooManyPixels where all frames together have more than are unpacked."""
    width, height = given.size  # its header says so: nothing has been unpacked yet
    if width * height * frames > MAX_PIXELS[given.format or ""]:
        raise TooManyPixels


def _made_anew(source: BinaryIO) -> bytes:
    with Image.open(source, formats=_FORMATS) as given:
        look_at_size(given)
        given.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))  # a JPEG need not be unpacked at full size
        profile, exif = given.info.get("icc_profile"), given.getexif()
        small = _in_eight_bits(given)
        # Made small first: each step makes a copy of what it is given.
        small.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    small.getexif()[ExifTags.Base.Orientation] = exif.get(ExifTags.Base.Orientation, 1)
    seen = in_srgb(ImageOps.exif_transpose(small), profile).convert("RGBA")
    paper = Image.new("RGB", seen.size, "white")
    paper.paste(seen, mask=seen)
    to = io.BytesIO()
    paper.save(to, "JPEG", quality=85, optimize=True)
    return to.getvalue()


def _in_eight_bits(given: Image.Image) -> Image.Image:
    """In a mode that can be made small smoothly. Grey of 16 bits would be cut off at the eighth."""
    if given.mode.startswith("I"):
        return given.point(lambda value: value * (1 / 256)).convert("L")
    if given.mode in ("1", "P", "PA"):
        return given.convert("L" if given.mode == "1" else "RGBA")
    given.load()
    return given


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours that its profile means; as they are, where it has none or one that is no use."""
    if not profile or len(profile) > _LARGEST_PROFILE:
        return image
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert(image.mode.removesuffix("A")) if alpha else image
    try:
        meant = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        found = ImageCms.profileToProfile(colours, meant, _SRGB, outputMode="RGB")
    except _NO_PROFILE:
        return image
    if found is None:
        return image
    if alpha:
        found.putalpha(alpha)
    return found

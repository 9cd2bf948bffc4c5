"""Pictures that are given as material, made anew: as large as they were, and nothing of what came
with them.

Cameras and programs write into a picture where, when and by whom it was made; anybody can write
behind it what they like. Only the pixels are taken over, upright, in the colours that every screen
takes for granted; what moves goes on moving.

Memory while one is made, measured with the largest that are taken: 270 MB for a WebP and for a
JPEG with a profile of its colours, 200 MB for a PNG, less for what moves. One is made at a time.
"""

import io
from typing import BinaryIO

from PIL import Image, ImageOps, ImageSequence

from app.domain.errors import N_
from app.services.photos import MAX_PIXELS, TooManyPixels, in_srgb, look_at_size, one_at_a_time

MOST_FRAMES = 500
HALVED = 25_000_000
"""Pixels: a JPEG with more is unpacked, and kept, at half its width and height."""
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_HOW: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 90},
    "PNG": {},
    "GIF": {},
    "WEBP": {"quality": 90},
}
_TOO_MANY_PIXELS = N_("This picture has too many pixels. Make it smaller, or give it as PDF.")
_UNREADABLE = N_("We cannot read this picture. Save it again as JPEG or PNG, or give it as PDF.")
_KEPT = ("transparency", "duration", "loop", "disposal", "blend")


def is_picture(start: bytes) -> bool:
    """Whether a file that begins so (12 bytes are enough) is taken for a picture."""
    return start.startswith(_STARTS) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")


def picture_from(source: BinaryIO) -> bytes:
    """The picture in a JPEG, PNG, WebP or GIF file, in the same format.

    Raises:
        Invalid: at ``file``: ``too_many_pixels`` (of all frames together), ``unknown_format``.
        Busy: too many wait already.
    """
    source.seek(0)
    with one_at_a_time(too_many_pixels=_TOO_MANY_PIXELS, unreadable=_UNREADABLE):
        return _made_anew(source)


def _made_anew(source: BinaryIO) -> bytes:
    to = io.BytesIO()
    with Image.open(source, formats=tuple(MAX_PIXELS)) as given:
        kind = given.format or ""
        width, height = given.size
        look_at_size(given)
        count = getattr(given, "n_frames", 1)
        if count > MOST_FRAMES:
            raise TooManyPixels
        look_at_size(given, count)
        if count > 1:
            first, *others = (_bare(frame.copy()) for frame in ImageSequence.Iterator(given))
            durations = [frame.info.get("duration", 0) for frame in (first, *others)]
            first.save(
                to, kind, save_all=True, append_images=others, duration=durations, **_HOW[kind]
            )
            return to.getvalue()
        # Each step that need not make a copy makes none.
        profile = given.info.get("icc_profile")
        if width * height > HALVED:
            given.draft(None, (width // 2, height // 2))  # only JPEG can
        given.load()
        ImageOps.exif_transpose(given, in_place=True)
        seen = in_srgb(given, profile)
        if kind == "JPEG" and seen.mode not in ("L", "RGB"):
            seen = seen.convert("RGB")
        _bare(seen).save(to, kind, **_HOW[kind])
    return to.getvalue()


def _bare(image: Image.Image) -> Image.Image:
    """With what belongs to the pixels, and none of what was said of them."""
    image.info = {name: image.info[name] for name in _KEPT if name in image.info}
    image.getexif().clear()
    return image

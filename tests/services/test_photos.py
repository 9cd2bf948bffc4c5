"""Photos are made anew: small, upright, and silent about where they were taken."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageCms

from app.domain.errors import Invalid
from app.services.photos import photo_from

LIMIT = 1_000_000


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), **values: Any) -> io.BytesIO:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, *size))
    to = io.BytesIO()
    image.save(to, kind, **values)
    return to


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def told_by_a_camera() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SecretCam"
    exif[ExifTags.Base.Orientation] = 6  # turn right
    exif[ExifTags.Base.Artist] = "Ana Ruiz"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (4.0, 36.0, 35.0)
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_place_device_and_words_are_gone(kind: str) -> None:
    given = picture(kind, exif=told_by_a_camera(), icc_profile=b"SecretProfile" * 20)
    with Image.open(given) as before:
        assert before.getexif().get_ifd(ExifTags.IFD.GPSInfo) != {}
    data = photo_from(given, LIMIT)
    with opened(data) as after:
        assert dict(after.getexif()) == {}
        assert after.getexif().get_ifd(ExifTags.IFD.GPSInfo) == {}
        assert sorted(after.info) == ["jfif", "jfif_density", "jfif_unit", "jfif_version"]
    assert (b"Secret" in data, b"Exif" in data, b"Ana" in data) == (False, False, False)


def test_comments_and_what_follows_the_picture_are_gone() -> None:
    given = picture(comment=b"SecretComment")
    given.seek(0, 2)
    given.write(b"<script>SecretTail</script>")
    assert b"Secret" not in photo_from(given, LIMIT)


def test_it_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with opened(photo_from(picture(exif=exif), LIMIT)) as after:
        assert after.size == (40, 60)
        top, bottom = after.getpixel((20, 5)), after.getpixel((20, 55))
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert (top[0] > 200, bottom[2] > 200) == (True, True)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((3000, 1500), (1024, 512)),
        ((1024, 1024), (1024, 1024)),
        ((30, 20), (30, 20)),
        ((9000, 3), (1024, 1)),
    ],
)
def test_it_is_of_usual_size(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    with opened(photo_from(picture(size=size), LIMIT)) as after:
        assert (after.format, after.size) == ("JPEG", wanted)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_one_that_moves_the_first_frame_stays(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    given = io.BytesIO()
    frames[0].save(given, kind, save_all=True, append_images=frames[1:])
    with opened(photo_from(given, LIMIT)) as after:
        pixel = after.getpixel((10, 10))
        assert isinstance(pixel, tuple)
        assert (getattr(after, "n_frames", 1), pixel[0] > 200, pixel[2] < 50) == (1, True, True)


def test_where_it_is_transparent_it_becomes_white() -> None:
    given = io.BytesIO()
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(given, "PNG")
    with opened(photo_from(given, LIMIT)) as after:
        assert after.getpixel((10, 10)) == (255, 255, 255)


@pytest.mark.parametrize(("grey", "wanted"), [(0, 0), (128 << 8, 128), (65535, 255)])
def test_grey_of_sixteen_bits_stays_grey(grey: int, wanted: int) -> None:
    given = io.BytesIO()
    Image.new("I;16", (20, 20), grey).save(given, "PNG")
    with opened(photo_from(given, LIMIT)) as after:
        assert after.getpixel((10, 10)) == (wanted, wanted, wanted)


def profile_that_swaps_red_and_blue() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ")  # noqa: E501 # fmt: skip


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA")])
def test_a_profile_says_which_colours_are_meant(kind: str, mode: str) -> None:
    given = io.BytesIO()
    image = Image.new(mode, (20, 20), "red")
    if mode == "RGBA":
        image.paste((0, 0, 0, 0), (10, 0, 20, 20))
    image.save(given, kind, icc_profile=profile_that_swaps_red_and_blue())
    with opened(photo_from(given, LIMIT)) as after:
        left, right = after.getpixel((3, 10)), after.getpixel((17, 10))
        assert isinstance(left, tuple)
        assert (left[0] < 60, left[2] > 200) == (True, True)
        assert mode == "RGB" or right == (255, 255, 255)
        assert "icc_profile" not in after.info


@pytest.mark.parametrize(
    ("kind", "size"),
    [("PNG", (4001, 4000)), ("GIF", (4001, 4000)), ("WEBP", (4001, 3125))],
)
def test_what_cannot_be_unpacked_small_may_have_fewer_pixels(
    kind: str, size: tuple[int, int]
) -> None:
    given = io.BytesIO()
    Image.new("L", size).save(given, kind)
    assert refused(given) == ("file", "too_many_pixels")
    large = io.BytesIO()
    Image.new("L", size).save(large, "JPEG")
    with opened(photo_from(large, LIMIT)) as after:
        assert after.size[0] == 1024


def png_of(width: int, height: int) -> io.BytesIO:
    """A PNG of few bytes that says it is of this size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + data)


@pytest.mark.parametrize("size", [(8000, 8000), (12_000, 12_000), (65_000, 65_000)])
def test_a_bomb_is_refused_before_it_is_unpacked(size: tuple[int, int]) -> None:
    assert refused(png_of(*size)) == ("file", "too_many_pixels")


def refused(given: io.BytesIO, limit: int = LIMIT) -> tuple[str, str]:
    with pytest.raises(Invalid) as error:
        photo_from(given, limit)
    (one,) = error.value.fields
    return one.field, one.code


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"\xff\xd8\xff\xe0 not a jpeg",
        b"\x00\x00\x00\x20ftypheic",
        picture("BMP").getvalue(),
        picture("TIFF").getvalue(),
        picture("PNG").getvalue()[:60],
        picture("JPEG").getvalue()[:300],
        picture("GIF").getvalue()[:20],
    ],
)
def test_what_is_no_photo_is_refused(data: bytes) -> None:
    assert refused(io.BytesIO(data)) == ("file", "unknown_format")


def test_too_many_bytes_are_refused() -> None:
    assert refused(picture(), 100) == ("file", "too_large")

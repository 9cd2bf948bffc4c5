"""Pictures that are given as material are made anew: as large as they were, and silent about where
they were taken."""

import io
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from app import confined
from app.domain.errors import Busy, Invalid
from app.services import photos, pictures
from app.services.files import FileStore
from app.services.pictures import MOST_FRAMES, is_picture, picture_from
from app.web.forms import Form
from app.web.uploads import Upload
from tests.services.test_photos import opened, picture, told_by_a_camera

KINDS = ["JPEG", "PNG", "WEBP", "GIF"]


def talkative(kind: str) -> io.BytesIO:
    """With words wherever its format has a place for them, and some behind it."""
    said: dict[str, Any] = {"exif": told_by_a_camera(), "icc_profile": b"SecretProfile" * 20}
    said["xmp"] = b"<x:xmpmeta>SecretXmp</x:xmpmeta>"
    if kind == "PNG":
        said["pnginfo"] = PngImagePlugin.PngInfo()
        said["pnginfo"].add_text("Author", "SecretAuthor")
        said["pnginfo"].add_itxt("XML:com.adobe.xmp", "SecretXmp")
    elif kind != "WEBP":
        said["comment"] = b"SecretComment"
    given = picture(kind, **said)
    given.seek(0, 2)
    given.write(b"<script>SecretTail</script>")
    return given


@pytest.mark.parametrize("kind", KINDS)
def test_place_device_words_and_what_follows_are_gone(kind: str) -> None:
    given = talkative(kind)
    assert is_picture(given.getvalue()[:12])
    assert b"Secret" in given.getvalue()
    data = picture_from(given)
    said = (b"Secret", b"Exif", b"EXIF", b"eXIf", b"Ana", b"xmp")
    assert [word for word in said if word in data] == []
    with opened(data) as after:
        assert (after.format, dict(after.getexif())) == (kind, {})
        assert "icc_profile" not in after.info


@pytest.mark.parametrize("kind", KINDS)
def test_its_size_stays(kind: str) -> None:
    with opened(picture_from(picture(kind, (2400, 30)))) as after:
        assert after.size == (2400, 30)
        colours = after.convert("RGB")
        left, right = colours.getpixel((10, 15)), colours.getpixel((2390, 15))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 200 > 60 > left[2]
    assert right[2] > 200 > 60 > right[0]


def test_a_huge_one_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the memory's sake; a JPEG is not unpacked at its full size for that."""
    monkeypatch.setattr(pictures, "HALVED", 400 * 300 - 1)
    assert opened(picture_from(picture("JPEG", (400, 300)))).size == (200, 150)
    assert opened(picture_from(picture("PNG", (400, 300)))).size == (400, 300)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_it_is_turned_upright(kind: str) -> None:
    with opened(picture_from(picture(kind, exif=told_by_a_camera()))) as after:
        assert after.size == (40, 60)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_what_moves_goes_on_moving(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    given = io.BytesIO()
    more: dict[str, Any] = {} if kind == "WEBP" else {"comment": b"SecretComment"}
    frames[0].save(
        given, kind, save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=0,
        exif=told_by_a_camera(), **more,
    )  # fmt: skip
    data = picture_from(given)
    assert b"Secret" not in data
    with opened(data) as after:
        found = []
        for number in range(getattr(after, "n_frames", 1)):
            after.seek(number)
            after.load()
            pixel = after.convert("RGB").getpixel((10, 10))
            assert isinstance(pixel, tuple)
            found.append((after.info["duration"], pixel))
    assert [duration for duration, _ in found] == [100, 200, 300]
    assert [max(range(3), key=lambda c: pixel[c]) for _, pixel in found] == [0, 1, 2]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_way_to_say_a_colour_is_kept(mode: str) -> None:
    given = io.BytesIO()
    Image.new(mode, (8, 8), 1 if mode in ("1", "P") else None or 0).save(given, "PNG")
    with opened(picture_from(given)) as after, opened(given.getvalue()) as before:
        assert after.mode == before.mode
        assert list(after.get_flattened_data()) == list(before.get_flattened_data())


def test_colours_for_print_become_those_of_screens() -> None:
    given = io.BytesIO()
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(given, "JPEG")
    with opened(picture_from(given)) as after:
        assert after.mode == "RGB"
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    assert picture_from(picture(icc_profile=wide.tobytes()))  # one that does not fit does no harm


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("harm", [_cut, lambda data: data[:12] + b"<script>alert(1)</script>"])
def test_what_is_none_is_refused(kind: str, harm: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Invalid) as refused:
        picture_from(io.BytesIO(harm(picture(kind).getvalue())))
    assert [each.code for each in refused.value.fields] == ["unknown_format"]


def test_too_many_pixels_are_refused_by_all_frames_together() -> None:
    frames = [Image.new("L", (2000, 2000), shade) for shade in range(0, 250, 50)]
    given = io.BytesIO()
    frames[0].save(given, "GIF", save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(Invalid) as refused:
        picture_from(given)
    assert [each.code for each in refused.value.fields] == ["too_many_pixels"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_is_kept_without_them(kind: str, tmp_path: Any) -> None:
    given = talkative(kind)
    given.seek(0)
    store = FileStore(tmp_path)
    stored = Upload(Form({}), given, f"beach.{kind.lower()}").put(store)
    assert b"Secret" not in store.path(stored.name).read_bytes()
    assert stored.size == store.path(stored.name).stat().st_size


def test_too_many_frames_are_refused_however_small_they_are() -> None:
    frames = [Image.new("L", (1, 1), shade % 256) for shade in range(MOST_FRAMES + 1)]
    given = io.BytesIO()
    frames[0].save(given, "GIF", save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(Invalid) as refused:
        picture_from(given)
    assert [each.code for each in refused.value.fields] == ["too_many_pixels"]


def test_those_who_wait_leave_threads_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has one of the forty that answer: sixty large pictures at once, of one person with a
    part or an account, kept the whole site waiting for minutes."""
    assert confined.MOST_IN_LINE <= 12
    monkeypatch.setattr(confined, "_line", threading.BoundedSemaphore(2))
    with ThreadPoolExecutor(3) as threads:
        with photos._making:
            sent = [threads.submit(picture_from, picture("PNG")) for _ in range(3)]
            (refused,), others = wait(sent, timeout=30, return_when=FIRST_COMPLETED)
            assert isinstance(refused.exception(), Busy)
        made = [each.result(timeout=30) for each in others]
    assert [is_picture(each[:12]) for each in made] == [True, True]
    assert is_picture(picture_from(picture("PNG"))[:12])  # the line is empty again

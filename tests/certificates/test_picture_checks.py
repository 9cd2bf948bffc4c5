"""Pictures looked through in a process of their own."""

import sys
import time

import pytest

from app.certificates import picture_checks, picture_reader
from app.certificates.picture_checks import checked
from app.certificates.pictures import picture_from
from app.domain.errors import Busy, Invalid
from tests.certificates.build import MAGENTA, uploaded
from tests.certificates.test_pictures import svg


def code(data: bytes) -> str:
    with pytest.raises(Invalid) as raised:
        checked(data)
    [fault] = raised.value.fields
    assert fault.field == "file"
    return fault.code


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "utf-16"])
def test_it_is_the_same_there(kind: str) -> None:
    data = uploaded(kind, MAGENTA)
    assert checked(data) == picture_from(data)


def test_what_is_refused_there_is_refused_here() -> None:
    with pytest.raises(Invalid) as raised:
        checked(svg("<script/>"))
    [fault] = raised.value.fields
    assert (fault.code, fault.params) == ("not_drawn", {"what": "script"})
    assert fault.sentence % fault.params == (
        "This SVG has something in it that cannot be printed (script). Save it as PNG."
    )
    assert code(b"no picture") == "unknown_format"
    assert code(b"x" * 4_000_001) == "too_large"


def test_what_took_minutes_is_refused_at_once() -> None:
    """Filters upon filters, masks within masks, clip paths within clip paths; and what is left:
    groups that are mixed, each of which is drawn on a page of its own first."""
    rect = "<rect width='20' height='10'"
    blurred = f"{rect} filter='blur(40) blur(40) blur(40)'/>" * 200
    masks = "".join(
        f"<mask id='m{n}'>" + f"{rect} mask='url(#m{n + 1})'/>" * 10 + "</mask>" for n in range(5)
    )
    clips = masks.replace("mask=", "clip-path=").replace("mask", "clipPath")
    groups = f"<g style='mix-blend-mode:multiply'>{rect}/>{rect}/></g>" * 150
    begun = time.monotonic()
    assert code(svg(blurred)) == "not_drawn"
    assert code(svg(f"{masks}{rect} mask='url(#m0)'/>")) == "not_drawn"
    assert code(svg(f"{clips}{rect} clip-path='url(#m0)'/>")) == "not_drawn"
    assert code(svg(groups)) == "too_slow"
    assert time.monotonic() - begun < 30


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_checks, "_PATIENCE", 0.3)
    monkeypatch.setattr(picture_checks, "_COMMAND", "import time; time.sleep(60)")
    begun = time.monotonic()
    assert code(b"") == "too_slow"
    assert time.monotonic() - begun < 30  # of 60


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
@pytest.mark.parametrize("does", ["while True: pass", "b' ' * 2_000_000_000"])
def test_it_runs_into_its_limits(monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    start = "import sys; sys.path[:0] = sys.argv[1:]; from app.confined import limit; "
    start += "limit(memory=1_000_000_000, cpu=1, files=64)\n"
    monkeypatch.setattr(picture_checks, "_COMMAND", start + does)
    assert code(b"") == "too_slow"


def test_no_more_than_two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_checks, "_PATIENCE", 0.2)
    held = [picture_checks._AT_ONCE.acquire(timeout=5) for _ in range(2)]
    try:
        with pytest.raises(Busy):
            checked(b"")
    finally:
        for _ in held:
            picture_checks._AT_ONCE.release()


def test_its_memory_is_less_than_the_servers() -> None:
    assert picture_reader.MEMORY <= 1_000_000_000

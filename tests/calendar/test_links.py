"""Links to calendars on the web."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calendar.links import google, outlook, webcal, yahoo
from tests.calendar.test_render import EVENT

SHORT = replace(EVENT, summary="A & B + C", description="Línea 1\nLínea 2")


def parts(address: str) -> tuple[str, dict[str, str]]:
    split = urlsplit(address)
    assert address.isascii()
    assert "+" not in address
    return f"{split.scheme}://{split.netloc}{split.path}", dict(parse_qsl(split.query, True, True))


def test_google() -> None:
    assert parts(google(SHORT)) == (
        "https://calendar.google.com/calendar/render",
        {
            "action": "TEMPLATE",
            "text": "A & B + C",
            "dates": "20261126T150000Z/20261126T170000Z",
            "ctz": "America/Bogota",
            "details": "Línea 1\nLínea 2",
            "location": "https://convoca.example/j",
        },
    )


def test_outlook() -> None:
    assert parts(outlook(SHORT)) == (
        "https://outlook.live.com/calendar/0/deeplink/compose",
        {
            "path": "/calendar/action/compose",
            "rru": "addevent",
            "subject": "A & B + C",
            "startdt": "2026-11-26T15:00:00Z",
            "enddt": "2026-11-26T17:00:00Z",
            "body": "Línea 1\nLínea 2",
            "location": "https://convoca.example/j",
        },
    )


def test_yahoo() -> None:
    assert parts(yahoo(SHORT)) == (
        "https://calendar.yahoo.com/",
        {
            "v": "60",
            "title": "A & B + C",
            "st": "20261126T150000Z",
            "et": "20261126T170000Z",
            "desc": "Línea 1\nLínea 2",
            "in_loc": "https://convoca.example/j",
        },
    )


@pytest.mark.parametrize("build", [google, outlook, yahoo])
@given(st.text(max_size=3000), st.text(max_size=3000))
def test_addresses_stay_short_enough(build, summary: str, description: str) -> None:  # type: ignore[no-untyped-def]
    _, fields = parts(build(replace(EVENT, summary=summary, description=description)))
    assert all(fields.values())
    assert len(build(replace(EVENT, summary=summary, description=description))) < 2000


def test_a_long_description_is_cut_between_words() -> None:
    _, fields = parts(google(replace(EVENT, description="ñandú " * 400)))
    assert fields["details"].endswith("ñandú…")
    assert 1150 < len(google(replace(EVENT, description="ñandú " * 400))) < 2000


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://convoca.example/feed/t.ics", "webcal://convoca.example/feed/t.ics"),
        ("http://127.0.0.1:8000/c/x.ics?a=1", "webcal://127.0.0.1:8000/c/x.ics?a=1"),
    ],
)
def test_webcal(address: str, expected: str) -> None:
    assert webcal(address) == expected


@pytest.mark.parametrize("address", ["", "/feed/t.ics", "javascript:x", "ftp://a/b", "https:x"])
def test_webcal_takes_web_addresses_only(address: str) -> None:
    with pytest.raises(ValueError, match="not a web address"):
        webcal(address)

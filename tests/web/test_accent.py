"""Whatever colour is picked, what is made of it can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.accent import AA, WHITE, contrast, parse, readable
from app.web.accent import stylesheet

SOFT, DARK, DARK_SOFT = (0xF5, 0xF6, 0xF7), (0x14, 0x17, 0x1A), (0x1C, 0x20, 0x24)
COLORS = st.integers(0, 0xFFFFFF).map(lambda n: f"#{n:06x}")


@given(COLORS)
def test_contrast_holds_everywhere(color: str) -> None:
    made = readable(color)
    accent, on_accent, dark = map(parse, (made.accent, made.on_accent, made.dark))
    assert min(contrast(accent, ground) for ground in (WHITE, SOFT)) >= AA
    assert contrast(on_accent, accent) >= AA
    assert min(contrast(dark, ground) for ground in (DARK, DARK_SOFT)) >= AA


@pytest.mark.parametrize("color", ["#0b6e99", "#14566b", "#a51d24"])
def test_what_is_readable_stays_as_it_is(color: str) -> None:
    assert readable(color).accent == color


def test_ratios_of_wcag() -> None:
    assert contrast((0, 0, 0), WHITE) == 21
    assert round(contrast((0x77, 0x77, 0x77), WHITE), 2) == 4.48


@pytest.mark.parametrize("color", ["", "red", "#12345", "#gggggg", "0b6e990"])
def test_what_is_no_colour(color: str) -> None:
    with pytest.raises(ValueError):
        readable(color)


def test_no_colour_changes_nothing() -> None:
    assert ":root" not in stylesheet("")

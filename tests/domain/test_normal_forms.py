"""Unicode normal forms of what anybody may send: many marks over one letter stop nobody."""

import unicodedata
from itertools import groupby
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import addresses
from app.domain.addresses import LONGEST_KEY, address_key
from app.domain.normal_forms import normal_form
from app.paths import PACKAGE

Form = Literal["NFC", "NFKC", "NFKD"]
FORMS: tuple[Form, ...] = ("NFC", "NFKC", "NFKD")
MARKS = "\u0300\u0315\u0344\u0345\u0f73\u0f81\u3099\uff9e\U0001d165"
FORM = st.sampled_from(FORMS)


def _most_marks(text: str) -> int:
    """How many marks, taken apart, stand together at most."""
    apart = unicodedata.normalize("NFKD", text)
    runs = groupby(apart, key=lambda character: unicodedata.combining(character) > 0)
    return max((len(list(run)) for marks, run in runs if marks), default=0)


@given(FORM, st.text(max_size=400))
def test_what_people_type_is_as_ever(form: Form, text: str) -> None:
    assert normal_form(form, text) == unicodedata.normalize(form, text)


@given(FORM, st.text(st.sampled_from("aé1 " + MARKS), min_size=501, max_size=3_000))
def test_of_long_texts_only_the_marks_are_parted(form: Form, text: str) -> None:
    found = normal_form(form, text)
    assert _most_marks(found) <= 100  # 30 of them, each made of three at most
    parts = found.replace("\u034f", "")
    assert unicodedata.normalize(form, parts) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("mark", MARKS)
def test_no_mark_escapes(mark: str) -> None:
    for form in FORMS:
        assert _most_marks(normal_form(form, "a" + mark * 2_000)) <= 100


def test_nobody_else_normalises() -> None:
    found = [
        path.name for path in PACKAGE.rglob("*.py") if "unicodedata.normalize(" in path.read_text()
    ]
    assert found == ["normal_forms.py"]


def test_what_is_too_long_for_an_address_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label takes the square of its length."""
    key = address_key("ana@example.org")

    def decodes(_label: str) -> str:
        raise AssertionError

    monkeypatch.setattr(addresses, "_label", decodes)
    for long in (f"ana@xn--{'b' * 2_000}.org", f"\uff41na{'x' * 2_000}@bücher.example"):
        assert len(address_key(long)) == LONGEST_KEY
    assert address_key(f"{' ' * 2_000}ana@example.org") == key

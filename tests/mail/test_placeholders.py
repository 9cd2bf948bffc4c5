"""Placeholders in organizers' words: names, never expressions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mail.placeholders import KNOWN, OF_A_CYCLE, fill, paragraphs, unknown


def test_values_take_the_places_of_their_names() -> None:
    values = {"name": "Ana", "date": "Tuesday 1 December"}
    assert fill("Dear {name}: see you on {date}.", values) == (
        "Dear Ana: see you on Tuesday 1 December."
    )


def test_what_is_put_in_is_not_looked_at_again() -> None:
    values = {"name": "{link} {name}", "link": "https://x.example/my/secret"}
    assert fill("Hello {name}!", values) == "Hello {link} {name}!"


@pytest.mark.parametrize(
    "text",
    ["{name.__class__}", "{0}", "{}", "{name!r}", "{name:>9}", "{ name}", "%(name)s", "{Name}"],
)
def test_anything_but_a_known_name_stays_as_typed(text: str) -> None:
    assert fill(text, {"name": "Ana"}) == text


def test_double_braces_are_braces_around_a_name() -> None:
    assert fill("{{name}}", {"name": "Ana"}) == "{Ana}"
    assert unknown("{{name}}") == []


def test_no_name_leaves_no_gap() -> None:
    assert fill("Hello {name}, welcome", {"name": ""}) == "Hello, welcome"
    assert fill("{name}", {"name": ""}) == ""


def test_unknown_names_are_told_once_in_order() -> None:
    text = "{nome} {name} {name.__class__} {nome} {} { name} and a lone } or {"
    assert unknown(text) == ["nome", "name.__class__", "", " name"]
    assert unknown("{session} {name}", OF_A_CYCLE) == ["session"]


def test_what_a_mail_about_no_session_knows_is_known() -> None:
    assert set(KNOWN) > OF_A_CYCLE


@given(st.text(alphabet="{}ab %s", max_size=40), st.text(alphabet="{}ab", min_size=1, max_size=8))
def test_filling_puts_in_exactly_the_value(text: str, value: str) -> None:
    assert fill(text, {}) == text
    assert fill(text, {"a": value}) == value.join(text.split("{a}"))


def test_paragraphs_stand_between_blank_lines() -> None:
    assert paragraphs("One\r\nmore\r\n\r\n \t\n\n Two \n") == ["One\nmore", "Two"]
    assert paragraphs(" \n") == []

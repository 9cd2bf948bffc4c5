"""Cleaning, escaping, quoting and folding."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.calendar.lines import (
    clean,
    fold,
    mailto,
    one_line,
    phrase,
    quoted,
    text,
    uri,
    utc_stamp,
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("a\x00b", "ab"),
        ("a\x07\x1b\x7f\x9fb", "ab"),
        ("a\x0bb\x0cc\rd\x85e\u2028f\u2029g", "a\nb\nc\nd\ne\nf\ng"),
        ("a\r\nb\nc\r\n\r\nd", "a\nb\nc\n\nd"),
        ("  a\tb \n", "a\tb"),
        ("\u202ea\u202c \u2066b\u2069\u200f", "a b"),
        ("\ufeffa\ud800b\uffff", "ab"),
        (" \n\t\x00", ""),
        ("a" + " " * 39 + "b", "a" + " " * 39 + "b"),
        ("a" + " \t" * 20 + "b", "a" + " " * 20 + "b"),
        ("a" + " " * 400 + "b", "a" + " " * 20 + "b"),
        ("é\u200dñ👩‍💻", "é\u200dñ👩‍💻"),
    ],
)
def test_clean(typed: str, kept: str) -> None:
    assert clean(typed) == kept


@given(st.text())
def test_nothing_unwanted_stays_and_cleaning_twice_is_once(typed: str) -> None:
    kept = clean(typed)
    assert {c for c in kept if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")} <= {"\n", "\t"}
    assert clean(kept) == kept
    assert "\n" not in one_line(typed)
    kept.encode()


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("a\\b;c,d\ne", r"a\\b\;c\,d\ne"),
        (r"C:\new", r"C:\\new"),
        ('say "hi": ok', 'say "hi": ok'),
        ("", ""),
    ],
)
def test_text(typed: str, written: str) -> None:
    assert text(typed) == written


def test_a_phrase_is_one_line() -> None:
    assert phrase("Sesión 3:\r\n  clústeres,\tlocales ") == r"Sesión 3: clústeres\, locales"


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("Ana Pérez", '"Ana Pérez"'),
        ('Ana "Nana" Pérez', '"Ana “Nana” Pérez"'),
        ('"Nana"', '"“Nana”"'),
        ('5" ("x")', '"5” (“x”)"'),
        ("A^nB", '"A^^nB"'),
        ('x"\r\nATTENDEE:mailto:a@b.example', '"x” ATTENDEE:mailto:a@b.example"'),
        (" \x00 ", ""),
    ],
)
def test_quoted(typed: str, written: str) -> None:
    assert quoted(typed) == written


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("https://a.example/x?y=1,2;3#z", "https://a.example/x?y=1,2;3#z"),
        ("https://a.example/sesión 3", "https://a.example/sesi%C3%B3n%203"),
        ("https://a.example/a%20b", "https://a.example/a%20b"),
        ('https://a.example/"<>\\^`{|}[]', "https://a.example/%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("https://a.example/\r\nATTENDEE:x", "https://a.example/%20ATTENDEE:x"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("a.example/x", ""),
        ("https://", ""),
        ("https:///x", ""),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_uri(typed: str, written: str) -> None:
    assert uri(typed) == written


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("ana@a.example", "mailto:ana@a.example"),
        ("ana+r7f3@a.example", "mailto:ana+r7f3@a.example"),
        ("ana@señal.example", "mailto:ana@xn--seal-hqa.example"),
        # The name that mail goes to: fass and xn--4xa may be somebody else's.
        ("ana@faß.example", "mailto:ana@xn--fa-hia.example"),
        ("ana@ς.example", "mailto:ana@xn--3xa.example"),
        ("ana@SEÑAL.example", "mailto:ana@xn--seal-hqa.example"),
        ("ana@💌.example", ""),
        ("peña@a.example", "mailto:pe%C3%B1a@a.example"),
        ("a?b&c%d@a.example", "mailto:a%3Fb%26c%25d@a.example"),
        ("a@b@c.example", ""),
        ("a b@c.example", ""),
        ("a@b..example", ""),
        ("a@b.example\r\nATTENDEE:x", ""),
        ("@a.example", ""),
        ("ana@", ""),
        ("ana", ""),
    ],
)
def test_mailto(typed: str, written: str) -> None:
    assert mailto(typed) == written


def test_utc_stamp() -> None:
    east = timezone(timedelta(hours=9))
    assert utc_stamp(datetime(2026, 1, 1, 0, 0, 5, 999999, tzinfo=east)) == "20251231T150005Z"
    assert utc_stamp(datetime(987, 6, 5, tzinfo=UTC)) == "09870605T000000Z"
    with pytest.raises(ValueError, match="aware"):
        utc_stamp(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("X" * 75, ["X" * 75]),
        ("X" * 76, ["X" * 75, " X"]),
        ("X" * 149, ["X" * 75, " " + "X" * 74]),
        ("X" * 150, ["X" * 75, " " + "X" * 74, " X"]),
        ("X" * 74 + "ñ", ["X" * 74, " ñ"]),
        ("X" * 73 + "ñ", ["X" * 73 + "ñ"]),
        ("X" * 72 + "👩", ["X" * 72, " 👩"]),
    ],
)
def test_fold(line: str, parts: list[str]) -> None:
    assert fold(line) == "".join(f"{part}\r\n" for part in parts).encode()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=400))
@example("👩" * 60)
@example("ñ" * 300)
def test_folding_is_undone_by_unfolding(line: str) -> None:
    folded = fold(line)
    pieces = folded.split(b"\r\n")
    assert pieces.pop() == b""
    assert max(map(len, pieces)) <= 75
    assert all(piece.decode() is not None for piece in pieces)
    # As full as can be: the next character would not have fitted.
    for piece, following in pairwise(pieces):
        assert len(piece) + len(following.decode()[1].encode()) > 75
    assert folded.replace(b"\r\n ", b"") == line.encode() + b"\r\n"


@given(
    st.from_regex(r"https?://[a-z0-9.-]{1,9}(:[0-9]{1,3})?(/[A-Za-z0-9._~/?=&-]*)?", fullmatch=True)
)
@example("https://convoca.example/my/01ab-1.X_y-z/sessions/3/join?answer=accepted")
def test_a_plain_link_is_written_as_it_is(link: str) -> None:
    assert uri(link) == link


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("ana@example.org", "mailto:ana@example.org"),
        ("ciclo+b8y9@sub.example.org", "mailto:ciclo+b8y9@sub.example.org"),
        ("a&b@example.org", "mailto:a%26b@example.org"),
        (f"a@{'x' * 63}.org", f"mailto:a@{'x' * 63}.org"),
        (f"a@{'x' * 64}.org", ""),
        ("a@example..org", ""),
        ("a@.org", ""),
        ("a@example.org\n", "mailto:a@example.org"),
        ("a@b_c.org", ""),
    ],
)
def test_an_address_is_written_or_refused(address: str, written: str) -> None:
    assert mailto(address) == written

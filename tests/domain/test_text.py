"""One line of text: what a mail may show of what anybody typed."""

import pytest

from app.domain.text import looks_like_link, one_line, without_bidi, without_links

FAMILY = "👩\u200d👩\u200d👧"


@pytest.mark.parametrize(
    "text",
    [
        "Marc https://evil.example/win",
        "Chief www.evil.example",
        "Gana WWW evil",
        "evil.example",
        "Visit evil.example now",
        "Visit Evil.Example",
        "ＷＷＷ。evil。example",
        "ｅｖｉｌ．ｅｘａｍｐｌｅ",
        "evil․example",
        "Pay at bit。ly/x",
        "evil\u200b.exam\u00adple",
        "\u202eevil.example\u202c",
        "ваша премия evil.рф",
        "evil.xn--p1ai",
        "t.co",
        "t.co/x",
        "a.b.example",
        "X.Com",
        "T.Example/win",
        "A.Evil.Example",
        "10.0.0.1",
        "ana@example.org",
        "ana＠example",
        "mailto:ana",
        "javascript:alert",
    ],
)
def test_links_and_addresses(text: str) -> None:
    assert looks_like_link(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "José M.Pérez",
        "J.R.R.Tolkien",
        "Á.Núñez",
        "Dra. Ana Ruiz",
        "Café S.A.S. de C.V.",
        "Directora de RR.HH.",
        "EE.UU.",
        "Ana…Ruiz",
        "Alianza 2030: clústeres/territorio",
        "Sección 3.500",
        "O'Neil",
        f"Ana {FAMILY}",
    ],
)
def test_names_positions_and_institutions(text: str) -> None:
    assert not looks_like_link(text)
    assert without_links(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Marc Weber https://evil.example/win", "Marc Weber"),
        ("evil.example", ""),
        ("Ana www.evil.example Ruiz", "Ana Ruiz"),
        ("www . evil", ". evil"),
    ],
)
def test_the_words_of_a_name_without_the_link(text: str, left: str) -> None:
    assert without_links(text) == left


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Ana\r\nBcc: x", "Ana Bcc: x"),
        ("Ana\u2028Ruiz\x00", "Ana Ruiz"),
        ("  Ana   Ruiz ", "Ana Ruiz"),
        ("\u202eevil\u202c \u200fAna\u061c", "evil Ana"),
        (f"Ana {FAMILY}", f"Ana {FAMILY}"),
        ("नम\u200cस्ते", "नम\u200cस्ते"),
        ("\u200dAna \u200d Ruiz\u200d", "Ana Ruiz"),
        ("A\u200d\u200dB", "AB"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


def test_direction_stays_as_it_is_written() -> None:
    every = "".join(
        map(chr, (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
    )
    assert without_bidi(f"a{every}b") == "ab"
    assert without_bidi(f"a\n{FAMILY}") == f"a\n{FAMILY}"

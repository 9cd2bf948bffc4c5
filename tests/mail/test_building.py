"""Messages: what people typed stays where it belongs."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import compat32, default
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.mail.building import build
from app.mail.failures import SendError
from app.mail.headers import header_text
from app.mail.values import Content, Sender

HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
    "Content-Language",
]


def _parsed(
    *, name: str = "Ana", address: str = "ana@example.org", subject: str = "Hi", **more: str
) -> EmailMessage:
    message = build(
        Content(subject, more.pop("text", "Hello\n"), "<p>Hello</p>\n"),
        sender=Sender("convoca@example.org", more.pop("sender_name", "Convoca")),
        to_name=name,
        to_address=address,
        message_id="<01abc@example.org>",
        date=datetime(2026, 11, 23, 15, tzinfo=UTC),
        language="es",
        **more,
    )
    raw = message.as_bytes()
    assert raw.isascii() or not address.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    return message_from_bytes(raw, EmailMessage, policy=default)


def test_every_header() -> None:
    mail = _parsed(reply_to="help@example.org", sender_name="Ciclo, “Líderes”")
    assert [(k, v) for k, v in mail.items() if k != "Content-Type"] == [
        (
            "From",
            "Ciclo, “Líderes” <convoca@example.org>".replace(
                "Ciclo, “Líderes”", '"Ciclo, “Líderes”"'
            ),
        ),
        ("To", "Ana <ana@example.org>"),
        ("Reply-To", "help@example.org"),
        ("Subject", "Hi"),
        ("Date", "Mon, 23 Nov 2026 15:00:00 +0000"),
        ("Message-ID", "<01abc@example.org>"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
        ("MIME-Version", "1.0"),
        ("Content-Language", "es"),
    ]
    assert mail.get_content_type() == "multipart/alternative"
    assert [p.get_content_type() for p in mail.iter_parts()] == ["text/plain", "text/html"]
    assert {p["Content-Transfer-Encoding"] for p in mail.iter_parts()} == {"quoted-printable"}


def _display_name(mail: EmailMessage) -> str:
    """As Python's older parser reads it; the newer one puts spaces between encoded words."""
    raw = str(message_from_bytes(mail.as_bytes(), policy=compat32)["To"])
    return str(make_header(decode_header(parseaddr(raw)[0])))


NAMES = [
    "Ana\r\nBcc: evil@example.org",
    "Ana\nX: y",
    'Ana "la jefa" Ruiz',
    "Ruiz, Ana",
    "Ana <evil@example.org>",
    "=?utf-8?q?Bcc=3A?=",
    "=?utf-8?b?w4E=?= Ruiz",
    "=?utf-8?q?a=0D=0ABcc:_x@y.z?=",
    "Ána\u2028Ruiz\u0085x\x00\x7f",
    "ñ" * 200,
    "word " * 40,
    'Ñandú, "É" (x) <y>; z: \\',
    "\u202eevil",
    "Ana\tRuiz",
    "",
    "😀 王小明",
    "a" * 99 + "é" + "b" * 40,
    "..",
    "@",
    "Ana 👩\u200d💻",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_a_name(name: str) -> None:
    mail = _parsed(name=name)
    assert mail.keys() == HEADERS
    [to] = mail["To"].addresses
    assert to.addr_spec == "ana@example.org"
    expected = header_text(name)
    if len(expected) > 100:
        expected = expected[:99].rstrip() + "…"
    assert _display_name(mail) == expected


@given(name=st.text(max_size=120), subject=st.text(min_size=1, max_size=150))
@example(name='"', subject="=?utf-8?q?x?=")
def test_no_text_adds_a_header(name: str, subject: str) -> None:
    mail = _parsed(name=name, subject=subject)
    assert mail.keys() == HEADERS
    [to] = mail["To"].addresses
    assert to.addr_spec == "ana@example.org"


@given(text=st.text(max_size=3000))
def test_the_text_arrives(text: str) -> None:
    text = header_text(text) + "\n"
    body = _parsed(text=text).get_body(("plain",))
    assert body is not None
    assert body.get_content() == text.replace("\n", "\r\n")


def test_emoji_stay_together_in_a_subject() -> None:
    assert header_text("Hola 👩\u200d👩\u200d👧 \u202etodas") == "Hola 👩\u200d👩\u200d👧 todas"


@pytest.mark.parametrize("subject", ["Líderes de clúster " * 9, "x" * 180, "a\r\nBcc: e@x.y"])
def test_subjects(subject: str) -> None:
    assert _parsed(subject=subject)["Subject"] == header_text(subject)


def test_an_address_for_answers_never_asks_more_of_a_server_than_the_mail() -> None:
    assert _parsed(reply_to="ayuda@ñandú.example")["Reply-To"] == "ayuda@xn--and-6ma2c.example"
    for unfit in ("ñandú@example.org", "=?utf-8?q?a?=@example.org"):
        mail = _parsed(reply_to=unfit)
        assert mail["Reply-To"] is None
        assert mail.as_bytes().isascii()


def test_addresses_beyond_ascii() -> None:
    assert _parsed(address="ana@faß.example")["To"].addresses[0].domain == "xn--fa-hia.example"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "x",
        "@",
        "a@",
        "@b",
        "a@b\r\nBcc: c@d.e",
        "a b@c.d",
        "a@b.c,<d@e.f>",
        "a@ö..x",
        "=?utf-8?q?a?=@b.c",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(SendError) as caught:
        _parsed(address=address)
    assert caught.value.final

"""The mail around an invitation: its parts, its headers, and what people typed in it."""

from base64 import b64decode
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import compat32, default
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.mail.building import MOST_NAME, MOST_SUBJECT, cut, to_mail
from app.mail.encoding import base64, quoted_printable
from app.mail.failures import Reason, SendError
from app.mail.frames import LINK, NAME, Frame
from app.mail.headers import header_text
from app.mail.invitations import build_invitation, reply_address
from app.mail.values import Content, Mail, Sender
from tests.mail.test_building import NAMES

SENDER = Sender("convoca@example.org", "Convoca")
REPLIES = "convoca+b8y9enm7xd6q7xmc@example.org"
CALENDAR = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:Sesi\xc3\xb3n\r\nEND:VCALENDAR\r\n" * 9
CONTENT = Content(
    f"Invitation: Sesión 3, {NAME}",
    f"Hello {NAME},\n\n.\nFrom me: {LINK}/sessions/3/join\n--\nñandú = 1 \n",
    f'<p>Hello {NAME}</p>\n<a href="{LINK}/x?answer=accepted">Yes</a>\n',
)
HEADERS = [
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Language",
    "Content-Type",
]


def _mail(
    *,
    name: str = "Ana Ruiz",
    address: str = "ana@example.org",
    link: str = "https://convoca.example/my/tok",
    content: Content = CONTENT,
    sender: Sender = SENDER,
) -> Mail:
    return build_invitation(
        Frame(content),
        {NAME: name, LINK: link},
        CALENDAR,
        method="REQUEST",
        sender=sender,
        to_name=name,
        to_address=address,
        reply_to=REPLIES,
        message_id="<01abc@example.org>",
        date=datetime(2026, 11, 23, 15, tzinfo=UTC),
        language="es",
    )


def _parsed(raw: bytes) -> EmailMessage:
    assert raw.replace(b"\r\n", b"").count(b"\n") == raw.replace(b"\r\n", b"").count(b"\r") == 0
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    return message_from_bytes(raw, EmailMessage, policy=default)


def _leaves(mail: EmailMessage) -> list[EmailMessage]:
    return [part for part in mail.walk() if not part.is_multipart()]


def test_every_header() -> None:
    mail = _parsed(_mail(sender=Sender("convoca@example.org", "Ciclo, “Líderes”")).raw)
    assert mail.keys() == HEADERS
    assert [str(value) for value in mail.values()] == [
        '"Ciclo, “Líderes”" <convoca@example.org>',
        "Ana Ruiz <ana@example.org>",
        REPLIES,
        "Invitation: Sesión 3, Ana Ruiz",
        "Mon, 23 Nov 2026 15:00:00 +0000",
        "<01abc@example.org>",
        "OOF, AutoReply",
        "1.0",
        "es",
        'multipart/mixed; boundary="=_m01abcexampleorg"',
    ]
    assert mail.defects == []


def test_every_part() -> None:
    mail = _parsed(_mail().raw)
    assert [p.get_content_type() for p in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
    alternative, attachment = mail.iter_parts()
    plain, html, calendar = alternative.iter_parts()
    assert [p.defects for p in mail.walk()] == [[]] * 6
    assert plain.get_content().replace("\r\n", "\n") == (
        "Hello Ana Ruiz,\n\n.\nFrom me: https://convoca.example/my/tok/sessions/3/join\n--\n"
        "ñandú = 1 \n"
    )
    assert html.get_content().replace("\r\n", "\n") == (
        "<p>Hello Ana Ruiz</p>\n"
        '<a href="https://convoca.example/my/tok/x?answer=accepted">Yes</a>\n'
    )
    assert dict(calendar["Content-Type"].params) == {"charset": "UTF-8", "method": "REQUEST"}
    assert b"Content-Type: text/calendar; charset=UTF-8; method=REQUEST\r\n" in _mail().raw
    assert dict(attachment["Content-Type"].params) == {"name": "invite.ics"}
    assert attachment.get_filename() == "invite.ics"
    assert attachment.get_content_disposition() == "attachment"
    assert {p["Content-Transfer-Encoding"] for p in (calendar, attachment)} == {"base64"}
    assert calendar.get_payload(decode=True) == attachment.get_payload(decode=True) == CALENDAR


def test_lines_are_short_and_ascii() -> None:
    mail = _mail(content=Content("Hi", "ñ" * 3000 + "\n", f"{NAME} " + "x" * 3000 + "\n"))
    assert mail.raw.isascii()
    assert not mail.utf8
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 78


def test_the_same_values_give_the_same_bytes() -> None:
    assert _mail() == _mail()


def test_an_address_beyond_ascii_needs_a_server_that_can() -> None:
    mail = _mail(address="josé@example.org")
    assert mail.utf8
    assert 'To: "Ana Ruiz" <josé@example.org>\r\n'.encode() in mail.raw
    mail = _mail(address="ana@faß.example")
    assert not mail.utf8
    assert _parsed(mail.raw)["To"].addresses[0].domain == "xn--fa-hia.example"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "x",
        "@",
        "a@",
        "@b",
        "a@b\r\nBcc: c@d.e",
        "a@b\n",
        "a b@c.d",
        "a@b.c,<d@e.f>",
        "<a@b.c>",
        "a@b.c>",
        "a@b.c, d@e.f",
        "a@b.c;d@e.f",
        "a@b.c\0",
        "a@b.c\u2028",
    ],
)
def test_what_is_no_single_address_is_refused(address: str) -> None:
    with pytest.raises(SendError) as caught:
        _mail(address=address)
    assert (caught.value.reason, caught.value.final) == (Reason.ADDRESS, True)


def _display_name(raw: bytes) -> str:
    """As Python's older parser reads it; the newer one puts spaces between encoded words."""
    to = str(message_from_bytes(raw, policy=compat32)["To"])
    return str(make_header(decode_header(parseaddr(to)[0])))


HOSTILE = [
    *NAMES,
    "{link}",
    "{name}",
    "{__class__}",
    "%(cycle)s %s",
    "{{ mail }}",
    "</p><script>alert(1)</script>",
    '" onmouseover="x',
    "--=_a01abcexampleorg--",
    "=_m01abcexampleorg",
    "Ana\r\n\r\n--=_a01abcexampleorg\r\nContent-Type: text/html\r\n\r\n<b>",
    LINK,
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_stays_a_name(name: str) -> None:
    raw = _mail(name=name).raw
    mail = _parsed(raw)
    assert mail.keys() == HEADERS
    [to] = mail["To"].addresses
    assert to.addr_spec == "ana@example.org"
    assert _display_name(raw) == cut(header_text(name), MOST_NAME)
    assert mail["Subject"] == cut(header_text(f"Invitation: Sesión 3, {name}"), MOST_SUBJECT)
    assert [p.get_content_type() for p in _leaves(mail)] == [
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
    html = _leaves(mail)[1].get_content()
    assert html.count("<") == 4
    assert html.count('"') == 2


@given(name=st.text(max_size=120), subject=st.text(min_size=1, max_size=150), text=st.text())
@example(name='"', subject="=?utf-8?q?x?=", text="\r\n--=_a01abcexampleorg--\r\n")
@example(name="x", subject="a\r\nBcc: e@x.y", text="\r")
def test_no_text_adds_a_header_or_a_part(name: str, subject: str, text: str) -> None:
    mail = _parsed(_mail(name=name, content=Content(subject, text, text)).raw)
    assert mail.keys() == HEADERS
    assert len(_leaves(mail)) == 4
    assert [p.get_payload(decode=True) for p in _leaves(mail)[2:]] == [CALENDAR, CALENDAR]


@given(st.text(max_size=2000), st.text(max_size=60))
@example("a \n" * 40 + "=" * 200 + "\t\n", "x")
@example(f"{NAME} " * 30 + "\n" + LINK, NAME)
def test_a_frame_is_filled_once(text: str, name: str) -> None:
    # As one that knows nothing of marks and frames would do it.
    name = header_text(name)
    expected = text.replace(NAME, name) if NAME in text else text
    frame = Frame(Content("", text, ""))
    found = frame.text({NAME: name, LINK: LINK})
    assert found == quoted_printable(expected) or NAME in name


@given(st.binary(max_size=400))
def test_base64(data: bytes) -> None:
    assert b64decode(base64(data)) == data
    assert all(len(line) <= 76 for line in base64(data).split(b"\r\n"))


def test_where_replies_go() -> None:
    assert reply_address(Sender("convoca@example.org", "C"), "abc") == "convoca+abc@example.org"
    assert reply_address(Sender("a+b@faß.example", ""), "abc") == "a+b+abc@xn--fa-hia.example"


def test_other_mails_become_bytes_too() -> None:
    message = EmailMessage(default.clone(linesep="\r\n", utf8=True))
    message["To"] = "josé@example.org"
    message.set_content("Hi\n")
    mail = to_mail(message)
    assert mail.utf8
    assert message_from_bytes(mail.raw, policy=default)["To"] == "josé@example.org"
    del message["To"]
    assert not to_mail(message).utf8

"""Reading mails that come in: every program's way of answering, and bytes of every kind."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.mail.inbound import LIMIT, Failed, MailKind, ReadAnswer, read
from app.mail.inbound import read_message as unguarded
from tests import examples
from tests.mail import inbound_corpus as corpus
from tests.mail.inbound_corpus import GUEST, OURS, REPLIES, UID, calendar, event

STAMP = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


def answered(**values: Any) -> ReadAnswer:
    values.setdefault("stamp", STAMP)
    values.setdefault("partstat", "ACCEPTED")
    values.setdefault("attendee", GUEST)
    values.setdefault("sequence", 2)
    return ReadAnswer(uid=values.pop("uid", UID), method=values.pop("method", "REPLY"), **values)


EXPECTED: dict[str, list[ReadAnswer]] = {
    "apple_mail": [answered(partstat="DECLINED", comment="On a flight")],
    "ios_proposal": [answered(method="COUNTER", partstat="TENTATIVE", proposes=True)],
    "ios_proposal_unquoted": [answered(partstat="DECLINED", proposes=True)],
    "google": [answered(comment="See you, friends\nAna")],
    "exchange": [
        answered(partstat="TENTATIVE", attendee="Ana@Example.org", comment="Quizás llegue tarde")
    ],
    "outlook_com_root": [answered()],
    "octet_stream": [answered()],
    "bare_line_feeds": [
        answered(
            comment="Más tarde, quizás: no sé aún si llego a tiempo por el tráfico de la mañana"
        )
    ],
    "latin_1_that_says_utf_8": [answered(comment="Mañana no")],
    "utf_16": [answered()],
    "folded_without_a_space": [answered()],
    "no_stamp_no_sequence": [answered(stamp=None, sequence=None)],
    "from_the_future": [
        answered(stamp=datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC), sequence=999)
    ],
    "empty_zone": [answered()],
    "two_events": [answered(), answered(uid="another", partstat="DECLINED")],
    "outlook_counter": [answered(method="COUNTER", partstat="TENTATIVE", proposes=True)],
    "delegated": [
        answered(partstat="DELEGATED"),
        answered(partstat="NEEDS-ACTION", attendee="eva@example.org"),
    ],
    "alias": [answered(attendee="ana.ruiz@mail.example.org")],
    "no_brackets": [answered()],
}


@pytest.mark.parametrize("name", sorted(REPLIES))
def test_every_program_is_understood(name: str) -> None:
    mail = unguarded(REPLIES[name]())
    assert (mail.kind, list(mail.answers)) == (MailKind.REPLY, EXPECTED[name])
    assert (mail.key, mail.sender, mail.tags) == (
        "<1@mail.example.org>",
        GUEST,
        ("abcdefghjkmnpqrs",),
    )
    assert mail.whole


def test_a_localised_subject_is_decoded() -> None:
    assert read(corpus.exchange()).subject == "Provisional: Sesión 1"


@pytest.mark.parametrize(
    "more",
    [
        f"Delivered-To: {OURS}",
        f"X-Original-To: {OURS}",
        f"Cc: Somebody <x@example.org>, <{OURS}>",
        "Envelope-To: Convoca+ABCDEFGHJKMNPQRS@Example.org",
    ],
)
def test_the_plus_tag_is_found_wherever_it_stands(more: str) -> None:
    text = calendar(event(organizer=""))
    mail = read(corpus.alternative(text, "", to="convoca@example.org", more=more))
    assert mail.tags == ("abcdefghjkmnpqrs",)


def test_the_plus_tag_is_found_in_the_organizer_too() -> None:
    mail = read(corpus.alternative(calendar(), "", to="convoca@example.org"))
    assert mail.tags == ("abcdefghjkmnpqrs",)


@pytest.mark.parametrize(
    "sender", ["a@example.org, b@example.org", "", "nobody", "undisclosed-recipients:;"]
)
def test_without_exactly_one_sender_there_is_none(sender: str) -> None:
    assert read(corpus.letter(sender=sender)).sender == ""


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL", "PUBLISH", "REFRESH", ""])
def test_other_calendars_answer_nothing(method: str) -> None:
    raw = corpus.alternative(calendar(method=method), "Hi").replace(b"method=REPLY", b"x=y")
    mail = read(raw)
    assert (mail.kind, mail.answers, mail.text) == (MailKind.OTHER, (), "Hi")


def test_the_calendars_own_method_counts() -> None:
    assert read(corpus.alternative(calendar(method="REQUEST"), "")).kind is MailKind.OTHER


def test_an_answer_within_a_forwarded_mail_is_nobodys() -> None:
    inner = corpus.google().decode()
    raw = corpus.crlf(
        corpus.head(sender="Eva <eva@example.org>", message_id="<f@example.org>")
        + "Content-Type: multipart/mixed; boundary=f\n\n--f\nContent-Type: text/plain\n\nFYI\n"
        + f"--f\nContent-Type: message/rfc822\n\n{inner}\n--f--\n"
    )
    assert (read(raw).kind, read(raw).answers) == (MailKind.OTHER, ())


# Bounces.

PERMANENT = Failed(GUEST, "5.1.1", True, True, "550 5.1.1 <ana@example.org>: user unknown")


@pytest.mark.parametrize("returned", ["message/rfc822", "text/rfc822-headers", "message/global"])
@pytest.mark.parametrize("coded", [False, True])
def test_a_delivery_status_is_read(returned: str, coded: bool) -> None:
    mail = unguarded(corpus.notification(returned=returned, coded=coded))
    assert mail.kind is MailKind.BOUNCE
    assert mail.bounce is not None
    assert mail.bounce.failed == (PERMANENT,)
    assert mail.bounce.message_ids == ("<m1@example.org>",)
    assert mail.bounce.tags == ("abcdefghjkmnpqrs",)


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [
        ("failed", "5.2.2", (True, True)),
        ("failed", "4.4.7", (False, True)),  # given up, but the address may be right
        ("delayed", "4.4.1", (False, False)),
        ("Failed", "", (True, True)),
        ("", "5.0.0", (True, True)),
        ("", "4.0.0", (False, False)),
    ],
)
def test_permanent_and_final(action: str, status: str, expected: tuple[bool, bool]) -> None:
    raw = corpus.notification(action=action, status=status, diagnostic="x-unix; no")
    bounce = unguarded(raw).bounce
    assert bounce is not None
    (failed,) = bounce.failed
    assert (failed.permanent, failed.final, failed.diagnostic) == (*expected, "no")


def test_a_mail_that_was_delivered_is_no_bounce() -> None:
    mail = unguarded(corpus.notification(action="delivered", status="2.0.0"))
    assert (mail.kind, mail.bounce and mail.bounce.failed) == (MailKind.AUTOMATIC, ())


@pytest.mark.parametrize(("factory", "status"), [(corpus.qmail, "5.1.1"), (corpus.exim, "5.0.0")])
def test_older_servers_are_understood(factory: Any, status: str) -> None:
    mail = unguarded(factory())
    assert mail.kind is MailKind.BOUNCE
    assert mail.bounce is not None
    (failed,) = mail.bounce.failed
    assert (failed.address, failed.status, failed.permanent) == (GUEST, status, True)
    assert mail.bounce.message_ids == ("<m1@example.org>",)


def test_a_warning_is_no_failure() -> None:
    bounce = unguarded(corpus.exim_warning()).bounce
    assert bounce is not None
    assert [(f.address, f.permanent, f.final) for f in bounce.failed] == [(GUEST, False, False)]


def test_a_bounce_comes_before_an_answer() -> None:
    raw = corpus.notification().replace(
        b"--r\r\nContent-Type: text/plain\r\n\r\n",
        b"--r\r\nContent-Type: text/calendar; method=REPLY\r\n\r\n"
        + corpus.crlf(calendar())
        + b"\r\n--r\r\nContent-Type: text/plain\r\n\r\n",
    )
    mail = unguarded(raw)
    assert (mail.kind, mail.answers) == (MailKind.BOUNCE, ())


# Machines.


@pytest.mark.parametrize(
    "more",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; x=y",
        "X-Autoreply: yes",
        "Precedence: auto_reply",
        "Precedence: Bulk",
        "Return-Path: <>",
        "List-Unsubscribe: <https://news.example.org/off>",
    ],
)
def test_machines_are_told_by_their_headers(more: str) -> None:
    raw = corpus.crlf(corpus.head(subject="Re: Opening", more=more) + "\nI am away.\n")
    assert unguarded(raw).kind is MailKind.AUTOMATIC


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Opening",
        "Respuesta automática: Apertura",
        "Resposta automática: Abertura",
        "Out of Office: Opening",
        "Fuera de la oficina",
        "Mensaje automático",
        "De vacaciones",
        "Estoy de vacaciones Re: Invitación",
        "Férias Re: Convite",
        "Aviso de férias",
        "Estou de férias",
        "Autorespuesta: x",
        "Auto-respuesta",
        "Notificación de ausencia",
        "Me encuentro fuera de la oficina",
        "Licencia médica (Respuesta automática)",
        "RE: Respuesta automática: Invitación",
        "[Auto-Reply] Invitación",
        "OOO Re: Invitación",
        "Respuesta automa\N{COMBINING ACUTE ACCENT}tica: Apertura",
    ],
)
def test_machines_are_told_by_their_subjects(subject: str) -> None:
    raw = corpus.crlf(corpus.head(subject=subject) + "\nI am away.\n")
    assert unguarded(raw).kind is MailKind.AUTOMATIC


@pytest.mark.parametrize(
    "subject",
    [
        "Ausencia a la sesión 4",
        "Ausencia justificada: sesión 4",
        "Ausência na sessão 4",
        "Oooh, una pregunta",
        "Vacaciones en agosto",
    ],
)
def test_people_who_will_be_absent_are_people(subject: str) -> None:
    raw = corpus.crlf(corpus.head(subject=subject) + "\nHello.\n")
    assert unguarded(raw).kind is MailKind.OTHER


def test_an_automatic_subject_counts_before_what_looks_like_a_bounce() -> None:
    raw = corpus.qmail().replace(b"failure notice", "Respuesta automática: undelivered".encode())
    assert (unguarded(raw).kind, unguarded(raw).bounce) == (MailKind.AUTOMATIC, None)


def test_of_a_page_the_words_are_shown() -> None:
    page = (
        "<html><head><title>x</title><style>p {color: red}</style></head><body><!-- <p>no</p> -->"
        "<p>Hola,&nbsp;Ana &amp; Eva</p><div>1 &lt; 2<br>ya</div><script>if (a < b) c()</script>"
    )
    raw = corpus.crlf(corpus.head() + f"Content-Type: text/html; charset=utf-8\n\n{page}\n")
    assert unguarded(raw).text == "Hola, Ana & Eva\n\n1 < 2\nya"


@pytest.mark.parametrize(
    "more",
    [
        "Auto-Submitted: no",
        "X-Auto-Response-Suppress: OOF",
        "List-Id: <team.example.org>\nPrecedence: list\nList-Unsubscribe: <mailto:x@y.example>",
    ],
)
def test_people_are_people(more: str) -> None:
    raw = corpus.crlf(corpus.head(subject="Re: Automatic reply", more=more) + "\nHello.\n")
    assert unguarded(raw).kind is MailKind.OTHER


# Bytes of every kind.

MAILS = [
    *(factory() for factory in REPLIES.values()),
    corpus.notification(),
    corpus.notification(coded=True),
    corpus.qmail(),
    corpus.exim(),
    corpus.exim_warning(),
    corpus.out_of_office(),
    corpus.letter(),
]
SNIPPETS = [
    b"\0",
    b"\xff\xfe",
    b"\r",
    b"\n\n",
    b"=?utf-8?B?=FF?=",
    b"=?x-none?Q?a?=",
    b"=?idna?Q?a?=",
    b'charset="unicode_escape"',
    b"charset=base64",
    b"boundary=",
    b"Content-Type: multipart/mixed; boundary=b1\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Transfer-Encoding: x-uuencode\r\n",
    b"name*0*=utf-8''%ff",
    b'name="\\',
    b"BEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\nUID:",
    b"SEQUENCE:99999999999999999999\n",
    b"DTSTAMP;TZID=Europe/Madrid:00010101T000000\n",
    b"DTSTAMP:99991231T235959Z\n",
    b"ATTENDEE;PARTSTAT=:mailto:%00@%ff\n",
    b'ATTENDEE;CN="',
    b"END:VEVENT\n",
    b"\x85",
    "\u2028".encode(),
    b"\xed\xa0\x80",
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A mail of the corpus with pieces cut out, doubled, swapped and put in."""
    raw = draw(st.sampled_from(MAILS))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(raw)))
        end = draw(st.integers(start, min(len(raw), start + 400)))
        piece = draw(
            st.one_of(
                st.sampled_from(SNIPPETS),
                st.binary(max_size=20),
                st.sampled_from(MAILS).map(lambda mail: mail[: len(mail) // 2]),
                st.just(raw[start:end] * 2),
            )
        )
        raw = raw[:start] + piece + raw[end:]
    return raw


def bounded(raw: bytes) -> None:
    mail = unguarded(raw)
    texts = [mail.key, mail.sender, mail.subject, *mail.recipients, *mail.tags]
    texts += [value for _, value in mail.headers]
    for answer in mail.answers:
        texts += [answer.uid, answer.partstat, answer.attendee]
        assert answer.sequence is None or 0 <= answer.sequence <= 1_000_000
        assert answer.uid
        assert len(answer.comment) <= 1000
        assert answer.stamp is None or answer.stamp.utcoffset() is not None
        answer.comment.encode()
        assert "\0" not in answer.comment
    for failed in mail.bounce.failed if mail.bounce else ():
        texts += [failed.address, failed.status, failed.diagnostic]
    for text in texts:
        assert text.isprintable()
    assert len(mail.key) <= 300
    assert len(mail.subject) <= 300
    assert len(mail.sender) <= 254
    assert len(mail.text) <= 4000
    assert read(raw) == mail


@given(mutated())
@settings(max_examples=examples.of(400), deadline=None)
def test_mutated_mails_never_raise(raw: bytes) -> None:
    bounded(raw)


@given(st.binary(max_size=2000))
@example(b"")
@example(b"\0")
@example(b"Content-Type: multipart/mixed; boundary=\n\n--\n--\n")
@example(b"Message-ID: <\xff\xfe>\n\n")
@settings(max_examples=examples.of(200), deadline=None)
def test_any_bytes_never_raise(raw: bytes) -> None:
    bounded(raw)


BOMBS = {
    "mails within mails": b"Content-Type: message/rfc822\n\n" * 20_000,
    "boundaries": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(20_000)
    ),
    "parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 300_000,
    "groups": b"Content-Type: message/delivery-status\n\n" + b"\n" * 1_500_000,
    "groups with CR": b"Content-Type: message/delivery-status\r\n\r\n" + b"a:b\r\n\r\n" * 200_000,
    "headers": b"A: b\n" * 400_000,
    "empty headers": b"a:\r\n" * 520_000 + b"\r\nx",
    "one header": b"Subject: " + b"=?utf-8?Q?a?= " * 100_000,
    "a folded header": b"From: a\n" + b" b\n" * 500_000,
    "dashes": b"X-Failed-Recipients: a@example.org\n\n" + b"-" * 1_500_000,
    "blank": b"X-Failed-Recipients: a@example.org\n\n" + b"\n" * 1_500_000,
    "brackets": b"X-Failed-Recipients: a@example.org\n\n" + b"<a@" * 500_000,
    "quotes": b"From: " + b'"' * 1_500_000 + b"\n\n",
    "comments": b"From: " + b"(" * 1_500_000 + b"\n\n",
    "attendees": b"Content-Type: text/calendar; method=REPLY\n\nBEGIN:VEVENT\nUID:a\n"
    + b"ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@example.org\n" * 30_000,
    "one attendee": b"Content-Type: text/calendar; method=REPLY\n\nBEGIN:VEVENT\nUID:a\nATTENDEE"
    + b';A="' * 400_000,
    "organizers": b"Content-Type: text/calendar; method=REPLY\n\nBEGIN:VEVENT\nUID:a\n"
    + (b"ORGANIZER" + b";" * 7_000 + b"\n") * 200,
    "events": b"Content-Type: text/calendar; method=REPLY\n\n" + b"BEGIN:VEVENT\nUID:a\n" * 70_000,
    "folds": b"Content-Type: text/calendar; method=REPLY\n\nBEGIN:VEVENT\nUID:a\n"
    + b" a\n" * 500_000,
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_no_mail_takes_long(name: str) -> None:
    raw = BOMBS[name]
    assert len(raw) <= LIMIT
    begun = time.process_time()
    unguarded(raw)
    assert time.process_time() - begun < 5


def test_of_headers_without_end_the_first_are_read() -> None:
    found = read(b"From: a@example.org\r\n" + BOMBS["empty headers"])
    assert (found.sender, found.whole) == ("a@example.org", False)


def test_a_large_letter_is_read_in_part() -> None:
    mail = unguarded(corpus.letter() + b"x" * LIMIT)
    assert (mail.whole, mail.kind, mail.sender) == (False, MailKind.OTHER, GUEST)
    assert mail.text.startswith("May I bring <b>a colleague</b>?")


def test_of_a_large_mail_what_comes_first_is_read() -> None:
    """The calendar of an answer, the status of a mail that came back; files come after them."""
    end = b"\r\n--m--\r\n"
    file = b"\r\n--m\r\nContent-Type: image/png\r\n\r\n" + b"x" * LIMIT
    mail = read(corpus.google().replace(end, file + end))
    assert (mail.whole, mail.kind, len(mail.answers)) == (False, MailKind.REPLY, 1)
    raw = corpus.notification().replace(b"Come!", b"y" * LIMIT)
    assert (read(raw).whole, read(raw).kind) == (False, MailKind.BOUNCE)


def test_a_mail_without_an_id_is_known_by_its_bytes() -> None:
    one, other = (read(corpus.letter(message_id=i)) for i in ("", "<>"))
    assert one.key.startswith("sha256:")
    assert other.key.startswith("sha256:")
    assert one.key != other.key

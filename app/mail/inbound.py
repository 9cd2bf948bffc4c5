"""Reading mails that come in: what kind each is, and what it says that we can use.

Nothing here raises, whatever the bytes are, and nothing is believed: who may answer for whom is
decided by services.inbound.
"""

import hashlib
import logging
import re
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from app.domain.normal_forms import normal_form
from app.mail import inbound_mime as mime
from app.mail.bounces import read_notification, read_other_bounce
from app.mail.inbound_html import words_of
from app.mail.inbound_links import without_links
from app.mail.inbound_mime import LIMIT
from app.mail.inbound_mime import headers_of as headers
from app.mail.inbound_values import Bounce, Failed, Incoming, MailKind, ReadAnswer
from app.mail.replies import calendar_text, read_answers

__all__ = [
    "LIMIT",
    "Bounce",
    "Failed",
    "Incoming",
    "MailKind",
    "ReadAnswer",
    "headers",
    "printable",
    "read",
    "without_links",
]

logger = logging.getLogger("convoca.mail")

_RECIPIENTS = (
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Delivered-To",
    "X-Forwarded-To",
    "Apparently-To",
    "Resent-To",
    "To",
    "Cc",
)
_SHOWN = ("From", "Sender", "Reply-To", "To", "Cc", "Delivered-To", "Date", "Subject", "Message-ID")
_MOST_KEY = 300
_MOST_SUBJECT = 300
_MOST_TEXT = 4_000
_AUTOMATIC_HEADERS = (
    "X-Autoreply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Auto-Reply-From",
    "X-Autoreply-From",
    "X-Mail-Autoreply",
    "X-Vacation",
    "X-Amazon-Auto-Reply",
)
_PRECEDENCE = frozenset({"auto_reply", "auto-reply", "bulk", "junk"})
# At its beginning: "Ausencia a la sesión 4" is a person's, and so may be an answer to one of these.
_AUTOMATIC_SUBJECT = re.compile(
    r"(?i)\s*(auto(matic)?[- ]?(reply|response)|\[auto[- ]?reply\]|out of (the )?office|ooo|"
    r"(re:\s*)?(respuesta|resposta) autom[áa]tica|mensaje autom[áa]tico|mensagem autom[áa]tica|"
    r"auto-?(respuesta|resposta)|(estoy |me encuentro )?(de vacaciones|fuera de (la )?oficina)|"
    r"notificaci[óo]n de ausencia|((aviso|estou) de )?f[ée]rias|fora do escrit[óo]rio|"
    r"r[ée]ponse automatique|automatische antwort|abwesenheits|risposta automatica|"
    r"automatisch antwoord)(?!\w)"
)
_SAYS_SO = re.compile(r"(?i)\((respuesta|resposta) autom[áa]tica\)|\(automatic reply\)")
_READ_RECEIPTS = frozenset({"message/disposition-notification", "message/feedback-report"})


def printable(raw: bytes, most: int) -> str:
    """The beginning of a mail as text that a page can show, at most so many characters."""
    text = mime.decoded(raw[:most]).replace("\r\n", "\n")
    return "".join(c if c == "\n" or c.isprintable() else " " for c in text)


def read(raw: bytes) -> Incoming:
    """What a mail is and says. Takes any bytes, never raises; of a mail of more than 2 MiB it reads
    what stands in the first two, of one that is nested without end the headers."""
    try:
        return read_message(raw)
    except Exception as error:  # a mistake of ours, or a RecursionError: a person shall look at it
        logger.warning("a mail could not be read: %s", type(error).__name__)
        return Incoming(key=_digest(raw), kind=MailKind.OTHER, whole=False)


def read_message(raw: bytes) -> Incoming:
    """The same without the net below it."""
    message, whole = mime.parse(raw[:LIMIT])
    by_subject = _says_automatic(mime.header(message, "Subject"))
    bounce = read_notification(message)
    answers: tuple[ReadAnswer, ...] = ()
    organizers: tuple[str, ...] = ()
    kind = MailKind.OTHER
    if bounce is not None:
        kind = MailKind.BOUNCE if bounce.failed else MailKind.AUTOMATIC
    else:
        reading = read_answers(message)
        answers, organizers = reading.answers, reading.organizers
        if answers:
            kind = MailKind.REPLY
        elif not by_subject and (bounce := read_other_bounce(message)) is not None:
            kind = MailKind.BOUNCE
        elif by_subject or _automatic(message):
            kind = MailKind.AUTOMATIC
    senders = mime.addresses(mime.raw_headers(message, "From"))
    recipients = mime.addresses(mime.raw_headers(message, *_RECIPIENTS))
    return Incoming(
        key=_key(message, raw),
        kind=kind,
        sender=senders[0] if len(senders) == 1 else "",
        recipients=recipients[:50],
        tags=mime.tags((*recipients, *organizers)),
        subject=mime.header(message, "Subject")[:_MOST_SUBJECT],
        date=_date(message),
        answers=answers,
        bounce=bounce,
        headers=tuple((n, v) for n in _SHOWN if (v := mime.header(message, n))),
        text=_text(message),
        calendar=mime.lines(calendar_text(message), _MOST_TEXT * 2),
        digest=_digest_below(raw),
        whole=whole and len(raw) <= LIMIT,
    )


def _key(message: Message, raw: bytes) -> str:
    for value in mime.raw_headers(message, "Message-ID", "Message-Id"):
        found = mime.clean(value)
        if re.fullmatch(r"<[^<>]{3,}>", found) and len(found) <= _MOST_KEY:
            return found
    return _digest(raw)


def _digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _digest_below(raw: bytes) -> str:
    """Two copies of one mail have other headers, according to the way that they came."""
    below = raw[len(mime.headers_of(raw)) :]
    return hashlib.sha256(b"\n".join(below.split())).hexdigest()


def _date(message: Message) -> datetime | None:
    for value in mime.raw_headers(message, "Date"):
        try:
            found = parsedate_to_datetime(value[:100])
            # "-0000" says that the zone is not known, the time is in UTC all the same.
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except Exception:
            return None
    return None


def _automatic(message: Message) -> bool:
    """RFC 3834, and what programs wrote before and beside it."""
    submitted = mime.header(message, "Auto-Submitted").lower()
    if submitted and not submitted.startswith("no"):
        return True
    if mime.header(message, "Precedence").lower() in _PRECEDENCE:
        return True
    if mime.raw_headers(message, *_AUTOMATIC_HEADERS):
        return True
    # What comes by way of a group has both, and may have been written by anybody.
    if mime.raw_headers(message, "List-Unsubscribe") and not mime.raw_headers(message, "List-Id"):
        return True
    if mime.raw_headers(message, "Return-Path")[:1] == ["<>"]:
        return True
    return any(mime.kind(part) in _READ_RECEIPTS for part in mime.parts(message))


def _says_automatic(subject: str) -> bool:
    plain = normal_form("NFC", subject)
    return bool(_AUTOMATIC_SUBJECT.match(plain) or _SAYS_SO.search(plain))


def _text(message: Message) -> str:
    for kind in ("text/plain", "text/html"):
        for part in mime.parts(message):
            if mime.kind(part) != kind or mime.filename(part):
                continue
            text = mime.text(part)
            found = mime.lines(words_of(text) if kind == "text/html" else text, _MOST_TEXT)
            if found:
                return found
    return ""

"""Mails that came back: delivery status notifications (RFC 3464), and what older servers write."""

import re
from collections.abc import Iterable, Iterator
from email.message import Message
from email.parser import HeaderParser
from urllib.parse import unquote

from app.mail import inbound_mime as mime
from app.mail.inbound_values import Bounce, Failed

_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_TYPES = frozenset(
    {
        "message/rfc822",
        "message/global",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global-headers",
        "text/rfc822",
    }
)
_MOST_RECIPIENTS = 50
_MOST_DIAGNOSTIC = 300
_MOST_TEXT = 64 * 1024
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_BASIC = re.compile(r"(?<![\d.])([45]\d\d)(?=[ \-][\w#(<])")
_MESSAGE_ID = re.compile(
    r"(?im)^[ \t]{0,20}(?:X-)?(?:Original-)?Message-ID:[ \t]{0,20}"
    r"(<[^<>\s@]{1,200}@[^<>\s]{1,200}>)"
)
_AN_ID = re.compile(r"<[^<>\s@]{1,200}@[^<>\s]{1,200}>")
_BETWEEN_BRACKETS = re.compile(r"<([^<>\s@]{1,64}@[^<>\s@]{1,190})>")
_ALONE = re.compile(
    r"(?:[Tt]o:)?[ \t]{0,20}([^\s<>@:;,\"']{1,64}@[A-Za-z0-9.-]{1,190})[ \t]{0,20}:?"
)
_SENDERS = re.compile(r"(?i)^(mailer-daemon|postmaster|mail-daemon|mailerdaemon|mdaemon)\b")
_SUBJECT = re.compile(
    r"(?i)undeliver|not deliver|non[- ]?deliver|deliver\w* (status|fail|problem|incomplete|delay)|"
    r"failure notice|returned mail|mail delivery|delayed mail|delivery has failed|system error|"
    r"no se (ha podido|pudo|puede) entregar|no entregado|no entregable|devuelto|"
    r"n[ãa]o (foi poss[íi]vel entregar|entregue)|falha na entrega|devolvid|"
    r"unzustellbar|non remis|mancato recapito|notificaci[óo]n de (estado|entrega)"
)
_COPY = re.compile(r"(?im)^--[^\n]{0,80}?(copy of|original|returned|below this line)")
_WAITING = re.compile(
    r"(?i)has not yet been delivered|will (be retried|continue|keep trying|retry)|being retried|"
    r"warning message only|do not need to resend|temporar"
)
_HOPELESS = re.compile(
    r"(?i)permanent|does not exist|doesn't exist|unknown (user|recipient|address)|user unknown|"
    r"no such (user|person|mailbox|recipient)|could not be delivered|couldn't be delivered|"
    r"not found|undeliverable|address rejected|mailbox unavailable|no existe|n[ãa]o existe"
)


def read_notification(message: Message) -> Bounce | None:
    """What a mail with a delivery status says; None where it has none. Without `failed` it says
    that something was delivered."""
    blocks: list[Message] = []
    for part in mime.parts(message):
        if mime.kind(part) in _STATUS_TYPES:
            blocks += _blocks(part)
    if not blocks:
        return None
    found = [f for block in blocks[: _MOST_RECIPIENTS + 1] for f in _failed(block)]
    failed = tuple(dict.fromkeys(found))
    return Bounce(failed, *_returned(message), formal=True, from_machine=_from_machine(message))


def read_other_bounce(message: Message) -> Bounce | None:
    """The same for servers that write to people only (qmail, Exim, older Exchange); None where the
    mail does not look like it."""
    named = mime.addresses(mime.raw_headers(message, "X-Failed-Recipients"))
    from_machine = _from_machine(message)
    if not named and not (from_machine and _SUBJECT.search(mime.header(message, "Subject"))):
        return None
    words = _words(message)[:_MOST_TEXT]
    copy = _COPY.search(words)
    ours = words[: copy.start()] if copy else words
    listed = list(dict.fromkeys(named or _listed(ours)))[:_MOST_RECIPIENTS]
    waits = _WAITING.search(ours) is not None
    hopeless = _HOPELESS.search(ours) is not None
    anywhere = _status(ours)
    failed = []
    for address in listed:
        near = ours[max(ours.find(address), 0) :][:600]
        status = _status(near) or anywhere
        permanent = status.startswith("5") or (not status and not waits and hopeless)
        said = mime.clean(near)[:_MOST_DIAGNOSTIC]
        failed.append(Failed(address, status, permanent, permanent or not waits, said))
    if not failed:
        return None
    return Bounce(tuple(failed), *_returned(message), from_machine=from_machine)


def _from_machine(message: Message) -> bool:
    sender = mime.raw_headers(message, "From")[:1]
    path = mime.raw_headers(message, "Return-Path")[:1]
    return any(_SENDERS.match(a) for a in mime.addresses(sender)) or path == ["<>"]


def _listed(words: str) -> Iterator[str]:
    """The addresses in a text that stand between brackets, or have a line of their own; the names
    of mails look like them and are none."""
    spared = _MESSAGE_ID.sub("", words)
    between = (match[1] for match in _BETWEEN_BRACKETS.finditer(spared))
    alone = (match[1] for line in spared.split("\n") if (match := _ALONE.fullmatch(line.strip())))
    for found in (*between, *alone):
        if (address := mime.an_address(found)) and not _SENDERS.match(address):
            yield address


def _blocks(part: Message) -> Iterator[Message]:
    """The groups of fields of a delivery status."""
    groups = mime.within(part)
    for group in groups[: _MOST_RECIPIENTS + 1]:
        if group.keys():
            yield group
            continue
        hidden = mime.from_base64(mime.content(group))  # encoded, against the rules
        for words in re.split(r"\r?\n[ \t]*\r?\n", mime.decoded(hidden))[:_MOST_RECIPIENTS]:
            yield HeaderParser().parsestr(words)
    if not groups:
        for words in re.split(r"\r?\n[ \t]*\r?\n", mime.text(part))[:_MOST_RECIPIENTS]:
            yield HeaderParser().parsestr(words)


def _failed(block: Message) -> Iterator[Failed]:
    action = mime.header(block, "Action").lower().partition(" ")[0].strip(";")
    recipients = [mime.header(block, name) for name in ("Original-Recipient", "Final-Recipient")]
    address = next((a for a in map(_recipient, recipients) if a), "")
    if not address or action in ("delivered", "relayed", "expanded"):
        return
    diagnostic = re.sub(
        r"(?i)^\s*(smtp|x-\w+|dns)\s*;\s*", "", mime.header(block, "Diagnostic-Code")
    )
    status = _status(mime.header(block, "Status")) or _status(diagnostic)
    final = action == "failed" or (not action and not status.startswith("4"))
    permanent = final and not status.startswith(("4", "2"))
    yield Failed(address, status, permanent, final, diagnostic[:_MOST_DIAGNOSTIC])


def _recipient(field: str) -> str:
    """``rfc822;ana@example.org``, perhaps with xtext (RFC 3461, 4)."""
    value = field.partition(";")[2] or field
    plain = re.sub(r"\+([0-9A-F]{2})", lambda m: unquote(f"%{m[1]}"), value)
    return mime.an_address(value) or mime.an_address(plain)


def _status(words: str) -> str:
    enhanced = _ENHANCED.search(words)
    if enhanced:
        return enhanced[1]
    basic = _BASIC.search(words)
    return f"{basic[1][0]}.0.0" if basic else ""


def _words(message: Message) -> str:
    for part in mime.parts(message):
        if mime.kind(part).startswith("text/") and mime.kind(part) not in _RETURNED_TYPES:
            return mime.text(part)
    return ""


def _returned(message: Message) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The Message-IDs that the mail that came back may have, and the plus-tags in its headers: of
    the part that returns it, else of what stands in the text, else of what this answers."""
    ids: list[str] = []
    tagged: list[str] = []
    for part in mime.parts(message):
        for headers in _returned_headers(part):
            ids += _ids(mime.raw_headers(headers, "Message-ID", "X-Original-Message-ID"))
            values = mime.raw_headers(headers, "Reply-To", "From", "Sender")
            tagged += mime.addresses(values)
    for part in mime.parts(message):
        if mime.kind(part) == "text/plain":
            ids += _MESSAGE_ID.findall(mime.text(part)[:_MOST_TEXT])
    ids += _ids(
        mime.raw_headers(message, "In-Reply-To", "References", "X-MS-Exchange-Parent-Message-Id")
    )
    return tuple(dict.fromkeys(ids))[:20], mime.tags(tagged)[:20]


def _returned_headers(part: Message) -> Iterator[Message]:
    if mime.kind(part) not in _RETURNED_TYPES:
        return
    if part.is_multipart():
        yield from mime.within(part)[:1]
    else:
        yield HeaderParser().parsestr(mime.text(part)[:_MOST_TEXT])


def _ids(values: Iterable[str]) -> list[str]:
    return [found for value in values for found in _AN_ID.findall(value)]

"""From text to a message as RFC 5322 has it. Nothing that people typed can add a header."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from hashlib import sha256

from app.mail.addresses import ascii_domain
from app.mail.failures import Reason, SendError
from app.mail.headers import MailPolicy, header_text
from app.mail.values import Content, Mail, Sender

MOST_NAME = 100  # characters of a display name; longer ones are cut with an ellipsis
MOST_SUBJECT = 200


def build(
    content: Content,
    *,
    sender: Sender,
    to_name: str,
    to_address: str,
    message_id: str,
    date: datetime,
    language: str,
    reply_to: str = "",
) -> EmailMessage:
    """The message, with a plain and an HTML part, both quoted-printable.

    `message_id` is with its angle brackets, `date` an aware instant. Where the recipient's address
    is not ASCII before the @, the message needs a server that speaks SMTPUTF8 (RFC 6531); an
    address for answers is left out rather than make it need one.

    Raises:
        SendError: the recipient's address cannot stand in a header.
    """
    try:
        to = address(to_name, to_address)
    except ValueError as error:
        raise SendError(Reason.ADDRESS, final=True) from error
    utf8 = not to.addr_spec.isascii()
    message = EmailMessage(MailPolicy(linesep="\r\n", utf8=utf8))
    message["From"] = address(sender.name, sender.address)
    message["To"] = to
    if answers := _for_answers(reply_to):
        message["Reply-To"] = answers
    message["Subject"] = cut(header_text(content.subject), MOST_SUBJECT)
    message["Date"] = date
    message["Message-ID"] = message_id
    # RFC 3834: nobody's holiday notice should answer this; the second is Exchange's word for it.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    message.set_content(content.text, cte="quoted-printable")
    message.add_alternative(content.html, subtype="html", cte="quoted-printable")
    # Not a random one, so that a repeat is the same to the byte. Quoted-printable cannot hold "=_".
    message.set_boundary(f"=_{sha256(message_id.encode()).hexdigest()[:32]}")
    message["Content-Language"] = language  # last: parts take over what begins with "Content-"
    return message


def to_mail(message: EmailMessage) -> Mail:
    """The message as bytes. Bodies are quoted-printable, so only an address can be beyond ASCII."""
    raw = message.as_bytes()
    return Mail(raw, utf8=not raw.isascii())


def address(name: str, addr_spec: str) -> Address:
    """A mailbox whose display name is one printable line. The domain is written in ASCII.

    Raises ValueError if the address is none.
    """
    local, _, domain = ascii_domain(addr_spec).rpartition("@")
    return Address(cut(header_text(name), MOST_NAME), local, domain)


def _for_answers(reply_to: str) -> Address | None:
    """The mailbox, if it can stand in a header of any mail."""
    try:
        mailbox = address("", reply_to)
    except ValueError:
        return None
    return mailbox if mailbox.addr_spec.isascii() else None


def cut(text: str, most: int) -> str:
    """The text, or as much of it as leaves room for an ellipsis in `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"

"""The mail that carries text/calendar to one reader (RFC 6047).

Put together here and not by Python's EmailMessage, which takes some milliseconds for each: a
release of a large cycle is ten thousand of these. What people typed passes `header_text` and
`address`, as everywhere, and stands encoded in the parts.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

from app.mail.addresses import ascii_domain
from app.mail.building import MOST_SUBJECT, address, cut
from app.mail.encoding import base64
from app.mail.failures import Reason, SendError
from app.mail.frames import Frame
from app.mail.headers import address_header, header_text, text_header
from app.mail.values import Mail, Sender

_OTHERS = re.compile("[^A-Za-z0-9]+")


def reply_address(sender: Sender, code: str) -> str:
    """The address that takes the replies of the guest with this code: ORGANIZER and Reply-To."""
    local, _, domain = ascii_domain(sender.address).rpartition("@")
    return f"{local}+{code}@{domain}"


def build_invitation(
    frame: Frame,
    values: Mapping[str, str],
    calendar: bytes,
    *,
    method: str,
    sender: Sender,
    to_name: str,
    to_address: str,
    reply_to: str,
    message_id: str,
    date: datetime,
    language: str,
) -> Mail:
    """The mail with its texts filled from `values`, and `calendar` in it twice: for programs that
    act on it, and as a file to open. `method` is the calendar's own; `message_id` is with its angle
    brackets, `date` an aware instant. The same values give the same bytes.

    There is no Auto-Submitted: some programs then keep the invitation from the calendar.

    Raises:
        SendError: the recipient's address cannot stand in a header.
    """
    try:
        to = address(to_name, to_address)
    except ValueError as error:
        raise SendError(Reason.ADDRESS, final=True) from error
    subject = cut(header_text(frame.subject(values)), MOST_SUBJECT)
    # Neither encoding of the parts can hold "=_", so no text can end its part.
    letters = _letters(message_id)
    mixed, alternative = f"=_m{letters}", f"=_a{letters}"
    encoded = base64(calendar)
    head = (
        address_header("From", address(sender.name, sender.address))
        + address_header("To", to)
        + address_header("Reply-To", address("", reply_to))
        + text_header("Subject", subject)
        + f"Date: {format_datetime(date)}\r\n"
        f"Message-ID: {header_text(message_id)}\r\n"
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n"
        "MIME-Version: 1.0\r\n"
        f"Content-Language: {language}\r\n"
        f'Content-Type: multipart/mixed; boundary="{mixed}"\r\n'
        f"\r\n--{mixed}\r\n"
        f'Content-Type: multipart/alternative; boundary="{alternative}"\r\n'
    )
    utf8 = not head.isascii()
    raw = b"".join(
        (
            head.encode(),
            _part(alternative, 'text/plain; charset="utf-8"', "quoted-printable"),
            frame.text(values),
            _part(alternative, 'text/html; charset="utf-8"', "quoted-printable"),
            frame.html(values),
            _part(alternative, f"text/calendar; charset=UTF-8; method={method}", "base64"),
            encoded,
            f"\r\n--{alternative}--\r\n".encode(),
            _part(
                mixed,
                'application/ics; name="invite.ics"',
                "base64",
                'Content-Disposition: attachment; filename="invite.ics"\r\n',
            ),
            encoded,
            f"\r\n--{mixed}--\r\n".encode(),
        )
    )
    return Mail(raw, utf8)


def _letters(message_id: str) -> str:
    """What of an identifier a boundary can hold, which has 70 characters at most."""
    return _OTHERS.sub("", message_id)[:40]


def _part(boundary: str, content_type: str, encoding: str, more: str = "") -> bytes:
    return (
        f"\r\n--{boundary}\r\n"
        f"Content-Type: {content_type}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n"
        f"{more}\r\n"
    ).encode()

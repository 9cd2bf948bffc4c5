"""Writing headers that hold text of people's.

Python's own folding (3.11 to 3.13, in several patch releases) loses and adds spaces in long words
beyond ASCII, and takes text that looks like an encoded word for one, so that a name could become
something else on its way, or bring a line break with it.
"""

from email.header import Header
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.policy import EmailPolicy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from app.domain.text import one_line

CRLF = "\r\n"
_LINE = 76  # RFC 2047, section 2
_TEXT = frozenset({"subject"})
_ADDRESSES = frozenset({"from", "to", "reply-to"})


def header_text(text: str) -> str:
    """One printable line in which nothing looks like an encoded word."""
    return one_line(text).replace("=?", "= ?")


def text_header(name: str, text: str) -> str:
    """A header of free text (what `header_text` gives) as lines that end in CRLF."""
    return f"{name}: {_encoded(text, name)}{CRLF}"


def address_header(name: str, *addresses: Address) -> str:
    """A header of mailboxes as lines that end in CRLF."""
    return f"{name}: {', '.join(_mailbox(address, name) for address in addresses)}{CRLF}"


if TYPE_CHECKING:
    _Policy = EmailPolicy[EmailMessage]
else:
    _Policy = EmailPolicy  # not generic while the program runs


class MailPolicy(_Policy):
    """SMTP's policy with folding of our own for text and addresses."""

    def fold(self, name: str, value: Any) -> str:
        """A header as lines that end in CRLF."""
        if name.lower() in _TEXT:
            return text_header(name, str(value))
        if name.lower() in _ADDRESSES and isinstance(value, AddressHeader):
            return address_header(name, *value.addresses)
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The same in bytes: ASCII, but for an address that itself is beyond it (RFC 6532)."""
        if name.lower() in _TEXT | _ADDRESSES:
            return self.fold(name, value).encode()
        return super().fold_binary(name, value)


@lru_cache(maxsize=1024)  # most mails of a batch have the same subject and the same sender
def _encoded(text: str, name: str) -> str:
    # A word that does not fit into a line cannot be folded as it is.
    plain = text.isascii() and all(len(word) < _LINE - len(name) - 2 for word in text.split())
    charset = "us-ascii" if plain else "utf-8"
    return Header(text, charset, maxlinelen=_LINE, header_name=name).encode(linesep=CRLF)


def _mailbox(address: Address, header: str) -> str:
    return _written(address.display_name, address.addr_spec, header)


@lru_cache(maxsize=1024)
def _written(name: str, spec: str, header: str) -> str:
    if not name:
        return spec
    if name.isascii():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        written = f'"{escaped}"'
    else:
        written = _encoded(name, header)
    room = _LINE - len(written.rsplit(CRLF, 1)[-1]) - len(header)
    return f"{written}{' ' if len(spec) + 5 < room else CRLF + ' '}<{spec}>"

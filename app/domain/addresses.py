"""Names and mail addresses as keys: what counts as the same."""

import hashlib
import unicodedata
from collections.abc import Callable

from app.domain.normal_forms import normal_form

LONGEST_KEY = 254
"""Characters; normalised, some characters become eighteen."""
_ROUNDS = 8  # more than any text needs to come to rest
_LONGEST_TYPED = 1_000
"""Characters: whatever is longer is no address in any spelling."""


def address_key(address: str) -> str:
    """The form in which two addresses are compared, for accounts, people and limits alike.

    Surrounding space is left out. Before the @: NFKC and case folding, until nothing changes any
    more. The domain as RFC 5891 has it: A-labels (``xn--``) as what they stand for, any full stop
    as a dot, NFKC and lower case; ß stays ß there, since faß.example and fass.example may have
    different owners. Whatever is found by a key is only ever written to at its own address. What
    is far too long for an address is taken as it stands: to decode a label takes the square of its
    length.
    """
    if len(address) > _LONGEST_TYPED:
        address = address.strip()
    if len(address) > _LONGEST_TYPED:
        return _bounded(address.lower())
    if address.isascii() and "xn--" not in address.lower():
        return _bounded(address.strip().lower())  # nearly all; the same, at once
    local, at, domain = _settled(address, _plain).strip().rpartition("@")
    if not at:
        return _bounded(_settled(domain, _folded))
    return _bounded(f"{_settled(local, _folded)}@{_domain_key(domain)}")


def mailbox_key(address: str) -> str:
    """By what mails to an address are counted: its key without what stands after a plus, which
    most servers deliver to the same person."""
    local, at, domain = address_key(address).rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


def _domain_key(domain: str) -> str:
    dotted = domain.replace("\u3002", ".")  # NFKC has made one of the others (U+FF61, U+FF0E)
    return ".".join(_settled(label, _label) for label in dotted.split("."))


def _label(label: str) -> str:
    label = _plain(label).lower()
    if label.startswith("xn--") and label.isascii():
        try:
            meant = label[4:].encode("ascii").decode("punycode")
        except (UnicodeError, ValueError, OverflowError):
            return label
        # One that stands for plain letters, or another such label, is none.
        if not meant.isascii() and "." not in _plain(meant) and "@" not in _plain(meant):
            return meant
    return label


def _plain(text: str) -> str:
    return normal_form("NFKC", text)


def _folded(text: str) -> str:
    return _plain(text).casefold()


def _settled(text: str, change: Callable[[str], str]) -> str:
    for _ in range(_ROUNDS):
        before, text = text, change(text)
        if text == before:
            break
    return text


def _bounded(key: str) -> str:
    if len(key) <= LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{key[: LONGEST_KEY - len(digest) - 1]}#{digest}"


def search_key(*texts: str) -> str:
    """Case and accents set aside, white space folded: what a search looks in and for."""
    joined = " ".join(t for t in texts if t)
    plain = "".join(c for c in normal_form("NFKD", joined) if not unicodedata.combining(c))
    return " ".join(plain.casefold().split())

"""Names and mail addresses as keys: what counts as the same."""

import unicodedata


def address_key(address: str) -> str:
    """The form in which two addresses are compared: NFKC, no surrounding space, case folded."""
    return unicodedata.normalize("NFKC", address).strip().casefold()


def search_key(*texts: str) -> str:
    """Case and accents set aside, white space folded: what a search looks in and for."""
    joined = " ".join(t for t in texts if t)
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", joined) if not unicodedata.combining(c)
    )
    return " ".join(plain.casefold().split())

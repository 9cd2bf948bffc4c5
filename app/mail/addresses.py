"""Mail addresses as headers and servers take them."""

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email


@lru_cache(maxsize=2048)  # each is asked for several times in a mail, the sender's in all of them
def ascii_domain(address: str) -> str:
    """The address with its domain in ASCII (IDNA 2008).

    Raises ValueError if it is not one address: no @ or two, white space, control characters,
    brackets, what a reader of headers could take for an encoded word.
    """
    local, _, domain = address.rpartition("@")
    odd = re.search(r"[\s<>]|=\?", address) or "@" in local or not address.isprintable()
    if odd or not local or not domain:
        raise ValueError(f"not an address: {address!r}")
    if domain.isascii():
        return address
    try:
        found = validate_email(f"someone@{domain}", check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(f"not an address: {address!r}") from error
    return f"{local}@{found.ascii_domain}"

"""Mail addresses as headers and servers take them."""

import re

from email_validator import EmailNotValidError, validate_email


def ascii_domain(address: str) -> str:
    """The address with its domain in ASCII (IDNA 2008).

    Raises ValueError if it is not one address: no @, white space, control characters, brackets.
    """
    local, _, domain = address.rpartition("@")
    if not local or not domain or re.search(r"[\s<>]", address) or not address.isprintable():
        raise ValueError(f"not an address: {address!r}")
    if domain.isascii():
        return address
    try:
        found = validate_email(f"someone@{domain}", check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(f"not an address: {address!r}") from error
    return f"{local}@{found.ascii_domain}"

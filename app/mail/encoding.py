"""Bodies as mail takes them (RFC 2045, 6.7 and 6.8): ASCII, lines of 76 characters, CRLF."""

from binascii import b2a_base64, b2a_qp

_LINE = 76


def quoted_printable(text: str) -> bytes:
    """Whole lines, each ending in a newline."""
    return b2a_qp("".join([line + "\r\n" for line in text.splitlines()]).encode())


def quoted_printable_line(line: str) -> bytes:
    """One line, given without its end; should it be several after all, those."""
    if len(line.splitlines()) > 1:
        return quoted_printable(line)
    return b2a_qp(f"{line}\r\n".encode())


def base64(data: bytes) -> bytes:
    """Any bytes, ending in CRLF."""
    encoded = b2a_base64(data, newline=False)
    lines = [encoded[at : at + _LINE] for at in range(0, len(encoded), _LINE)]
    return b"\r\n".join([*lines, b""])

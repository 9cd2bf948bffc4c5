"""Mails that say the same to many readers, but for their name and their links: written once, with
marks where a reader's own words go, and filled for each.

The marks are random, so nobody can type one; what is filled in is not looked at again.
"""

import re
import secrets
from collections.abc import Mapping
from itertools import groupby

from markupsafe import escape

from app.mail.encoding import quoted_printable, quoted_printable_line
from app.mail.values import Content

_PROCESS = secrets.token_hex(16)
# Letters and digits only: no escaping and no encoding of URLs changes them.
NAME = f"name{_PROCESS}x"
LINK = f"link{_PROCESS}x"
_MARK = re.compile(f"({NAME}|{LINK})")

Values = Mapping[str, str]
"""What goes in the place of each mark: one line each."""


class Frame:
    """A mail's texts, in which `NAME` and `LINK` stand for the reader's own."""

    def __init__(self, content: Content) -> None:
        self._subject = _MARK.split(content.subject)
        self._text = _blocks(content.text)
        self._html = _blocks(content.html)

    def subject(self, values: Values) -> str:
        """The subject, not cleaned."""
        return "".join([values.get(piece, piece) for piece in self._subject])

    def text(self, values: Values) -> bytes:
        """The plain text, quoted-printable with CRLF."""
        return _filled(self._text, values)

    def html(self, values: Values) -> bytes:
        """The HTML, quoted-printable with CRLF. Values are escaped."""
        return _filled(self._html, {mark: str(escape(value)) for mark, value in values.items()})


def filled(content: Content, values: Values) -> Content:
    """The texts with the reader's own in the place of the marks, to be looked at."""
    escaped = {mark: str(escape(value)) for mark, value in values.items()}
    return Content(
        subject=_put(content.subject, values),
        text=_put(content.text, values),
        html=_put(content.html, escaped),
    )


def _put(text: str, values: Values) -> str:
    return "".join([values.get(piece, piece) for piece in _MARK.split(text)])


_Block = bytes | list[str]
"""Lines that are the same for everybody, encoded; or one that has marks, in pieces."""


def _blocks(text: str) -> list[_Block]:
    # Quoted-printable goes by lines, so whole lines can be encoded apart from each other.
    lines = [line + "\n" for line in text.splitlines()]
    blocks: list[_Block] = []
    for marked, group in groupby(lines, key=lambda line: _MARK.search(line) is not None):
        if marked:
            blocks += [_MARK.split(line.rstrip("\n")) for line in group]
        else:
            blocks.append(quoted_printable("".join(group)))
    return blocks


def _filled(blocks: list[_Block], values: Values) -> bytes:
    return b"".join(
        [
            block
            if isinstance(block, bytes)
            else quoted_printable_line("".join([values.get(piece, piece) for piece in block]))
            for block in blocks
        ]
    )

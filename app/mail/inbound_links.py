"""Personal links of ours in mails that quote what we wrote: nothing that is kept opens a door."""

import base64
import binascii
import re

# A token is an id, a generation and a signature of 43 characters (services.links). Lines may have
# been broken within it: softly (quoted-printable), or by whoever quotes.
_BREAK = rb"(?:=?\r?\n[> \t]{0,20})?"
_TOKEN = re.compile(
    rb"(?<=[0-9a-z])"
    + _BREAK
    + rb"-"
    + _BREAK
    + rb"[0-9]{1,6}"
    + _BREAK
    + rb"\."
    + rb"((?:"
    + _BREAK
    + rb"[A-Za-z0-9_-]){43})"
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}(?:\r?\n[A-Za-z0-9+/]+)*={0,2}")
_LETTER = re.compile(rb"[A-Za-z0-9_-]")
_DEEPEST = 2  # base64 within base64


def without_links(raw: bytes) -> bytes:
    """The same mail, byte for byte as long, in which no personal link of ours works any more, also
    where it stands in quoted-printable or base64."""
    return _masked(raw, 0)


def _masked(data: bytes, depth: int) -> bytes:
    plain = _TOKEN.sub(_hidden, data)
    return _BASE64.sub(lambda match: _within(match[0], depth), plain) if depth < _DEEPEST else plain


def _hidden(match: re.Match[bytes]) -> bytes:
    start = match.start(1) - match.start()
    pieces = re.split(rb"(" + _BREAK[:-1] + rb")", match[0][start:])
    hidden = b"".join(
        piece if piece and piece[-1:] in b"\n> \t" and b"\n" in piece else _LETTER.sub(b"x", piece)
        for piece in pieces
        if piece is not None
    )
    return match[0][:start] + hidden


def _within(run: bytes, depth: int) -> bytes:
    """A stretch of base64, line breaks where they were."""
    letters = run.replace(b"\r", b"").replace(b"\n", b"")
    whole = len(letters) - len(letters) % 4
    try:
        data = base64.b64decode(letters[:whole])
    except binascii.Error:
        return run
    masked = _masked(data, depth + 1)
    if masked == data:
        return run
    coded = iter(base64.b64encode(masked) + letters[whole:])
    return bytes(letter if letter in b"\r\n" else next(coded) for letter in run)

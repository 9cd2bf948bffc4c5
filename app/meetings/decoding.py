"""Bytes to text: in which encoding a report was written is found out, since none says so."""

import codecs
import re
from contextlib import suppress

from app.domain.errors import N_
from app.meetings.refusals import Refused

_SAMPLE = 64 * 1024
_TWICE = re.compile("[\u00c2\u00c3][\u0080-\u00bf\u0152-\u2122]")
# The bytes of Windows-1252, by the letters that they are read as; five stand for no letter.
_WINDOWS = {ord(bytes([each]).decode("cp1252", "ignore") or chr(each)): each for each in range(256)}
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_NOT_TEXT = N_("This file is no text: row %(row)s has bytes that no report has.")


def decode(data: bytes) -> tuple[str, str, bool]:
    """The text, its encoding, and whether some of its letters are damaged.

    Raises Refused for what is no text in any encoding that is known here.
    """
    text, encoding, damaged = _decoded(data)
    text = text.removeprefix("\ufeff")
    if text.endswith("\x1a"):
        text = text[:-1]  # how DOS ended a text
    if found := _CONTROLS.search(text):
        raise Refused(_NOT_TEXT, code="hostile", row=text.count("\n", 0, found.start()) + 1)
    return text, encoding, damaged


def _decoded(data: bytes) -> tuple[str, str, bool]:
    if data.startswith(codecs.BOM_UTF8):
        return _utf8(data[3:], "utf-8-bom") or (data[3:].decode("utf-8", "replace"), "utf-8", True)
    for bom, codec, name in (
        (codecs.BOM_UTF32_LE, "utf-32-le", "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32-be", "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16le-bom"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16be-bom"),
    ):
        if data.startswith(bom):
            return _wide(data[len(bom) :], codec, name)
    if b"\0" in data and (codec := _utf16_without_bom(data)):
        return _wide(data, codec, codec.replace("16-", "16"))
    found = _utf8(data, "utf-8")
    if found is None and _mostly_utf8(data):
        return data.decode("utf-8", "replace"), "utf-8", True
    return found or _latin(data)


def _wide(data: bytes, codec: str, name: str) -> tuple[str, str, bool]:
    text = data.decode(codec, "replace")
    return text, name, "\ufffd" in text


def _utf16_without_bom(data: bytes) -> str:
    """Letters of Latin languages have a zero in every second byte, and hardly one in the others."""
    sample = data[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    most = len(sample) // 2
    if odd > most * 0.6 and even < most * 0.05:
        return "utf-16-le"
    if even > most * 0.6 and odd < most * 0.05:
        return "utf-16-be"
    return ""


def _utf8(data: bytes, name: str) -> tuple[str, str, bool] | None:
    with suppress(UnicodeDecodeError):
        text = data.decode("utf-8")
        return (_once(text) or text), name, "\ufffd" in text
    return None


def _once(text: str) -> str | None:
    """A text that was saved as UTF-8, read as Windows-1252 and saved again, as it was meant."""
    if _TWICE.search(text):
        with suppress(UnicodeError):
            return text.translate(_WINDOWS).encode("latin-1").decode("utf-8")
    return None


def _mostly_utf8(data: bytes) -> bool:
    """Whether a few bytes are damaged, rather than all of it in another encoding."""
    wrong = data.decode("utf-8", "replace").count("\ufffd")
    right = len(re.findall(rb"[\xc3-\xf4][\x80-\xbf]", data))
    return right > 10 * wrong


def _latin(data: bytes) -> tuple[str, str, bool]:
    with suppress(UnicodeDecodeError):
        return data.decode("cp1252"), "cp1252", False
    return data.decode("latin-1"), "latin-1", False

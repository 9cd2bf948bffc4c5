"""The words of an HTML mail, for people who look at one that has nothing else."""

import html
import re

_MOST = 64 * 1024
_NAME = re.compile(r"/?\s{0,20}([A-Za-z][A-Za-z0-9]{0,20})")
_UNSEEN = frozenset({"head", "script", "style", "title", "template"})
_BLOCKS = re.compile(
    r"(blockquote|br|dd|div|dl|dt|h[1-6]|hr|li|ol|p|pre|table|td|th|tr|ul)\Z", re.IGNORECASE
)


def words_of(page: str) -> str:
    """The text between the tags, a line for each block. Work grows with the length, whatever is
    wrong with it."""
    first, *pieces = page[:_MOST].split("<")
    found, unseen = [first], ""
    for piece in pieces:
        if unseen == "--":
            _, ended, text = piece.partition("-->")
            unseen = "" if ended else unseen
            found.append(text)
            continue
        if piece.startswith("!--") and not unseen:
            _, ended, text = piece[3:].partition("-->")
            unseen = "" if ended else "--"
            found.append(text)
            continue
        tag, ended, text = piece.partition(">")
        named = _NAME.match(tag)
        name = named[1].lower() if named else ""
        if unseen:
            unseen = "" if tag.startswith("/") and name == unseen else unseen
        elif name in _UNSEEN and not tag.startswith("/"):
            unseen = name
        if _BLOCKS.match(name):
            found.append("\n")
        if ended and not unseen:
            found.append(text)
    return _unescaped("".join(found))


def _unescaped(text: str) -> str:
    # The library's own would read a number of any length.
    plain = html.unescape(re.sub(r"&#[xX]?[0-9A-Fa-f]{9,}", " ", text))
    return "\n".join(" ".join(line.split()) for line in plain.split("\n"))

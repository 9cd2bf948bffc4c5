"""Longer texts that people type, as HTML: paragraphs and lines as they stand, a little Markdown.

Two have to fail before something typed becomes markup of its own. The parser knows no HTML: tags
are text to it, and so are pictures, entities, definitions (what they say would be seen nowhere) and
links to anything but pages and mail addresses. Whatever it makes is then taken apart and put
together again from a short list of elements. Where no HTML is wanted (calendars, the text of mails,
tables) such a text stays as it was typed, which can be read.
"""

import re
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markupsafe import Markup

_UNKNOWN = ("code", "entity", "html_block", "html_inline", "image", "lheading", "reference")
_ELEMENTS = {"p", "br", "strong", "em", "a", "ul", "ol", "li", "h3", "h4", "blockquote"}
_ELEMENTS |= {"code", "pre", "hr"}
_ATTRIBUTES: dict[str, set[str]] = {"*": set(), "a": {"href"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto"}
_REL = "nofollow noopener noreferrer ugc"
_GOES_SOMEWHERE = re.compile(r"(https?://|mailto:)[^\s\\\x00-\x20\x7f-\x9f]+", re.IGNORECASE)
_DEEPEST = 8
"""Lists in lists, quotes in quotes: what is deeper is text."""


def _may_lead(address: str) -> bool:
    """A link to anything else stays as it was typed, for everybody to see."""
    return _GOES_SOMEWHERE.fullmatch(address) is not None


def _parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": _DEEPEST})
    made.disable(_UNKNOWN)
    setattr(made, "validateLink", _may_lead)  # noqa: B010 (it has no other place for it)
    return made


_PARSER = _parser()
_CLEANER = nh3.Cleaner(
    tags=_ELEMENTS,
    attributes=_ATTRIBUTES,
    url_schemes=_SCHEMES,
    url_relative="deny",
    link_rel=_REL,
)


def _below_the_page(text: str) -> str:
    """Its tokens as HTML. A page has titles of its own, so the largest in a text is the third."""
    tokens = _PARSER.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h3" if token.tag == "h1" else "h4"
    renderer = _PARSER.renderer
    assert isinstance(renderer, RendererHTML)
    return str(renderer.render(tokens, _PARSER.options, {}))


@lru_cache(maxsize=512)
def as_html(text: str) -> Markup:
    """What was typed, as paragraphs; empty where nothing was."""
    if not text.strip():
        return Markup()
    return Markup(_CLEANER.clean(_below_the_page(text)).strip())  # noqa: S704 (cleaned)

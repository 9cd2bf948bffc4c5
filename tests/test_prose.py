"""Longer texts as HTML: what was plain looks as before, and nothing in them does anything."""

from html import escape
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.prose import as_html
from tests import examples

ELEMENTS = {
    "p", "br", "strong", "em", "a", "ul", "ol", "li", "h3", "h4", "blockquote", "code", "pre", "hr",
}  # fmt: skip
REL = "nofollow noopener noreferrer ugc"


class Read(HTMLParser):
    """What a browser makes of it: elements with attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.odd = "", ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.odd += data

    def handle_decl(self, decl: str) -> None:
        self.odd += decl

    def handle_pi(self, data: str) -> None:
        self.odd += data

    def unknown_decl(self, data: str) -> None:
        self.odd += data


def before(text: str) -> str:
    """How texts were shown when there was no Markdown."""
    blocks = [block.split("\n") for block in text.strip().split("\n\n") if block.strip()]
    lines = [[line.strip() for line in block if line.strip()] for block in blocks]
    shown = ["<br>\n".join(escape(line, quote=False) for line in block) for block in lines]
    return "\n".join(f"<p>{block}</p>" for block in shown)


PLAIN = st.text(alphabet="abc xyzñ漢👩.,;:!?()/'\"&@%=$|\n", max_size=200)


@settings(max_examples=examples.of(300), deadline=None)
@given(PLAIN)
@example("One line.\nAnother.\n\nA paragraph & more: 5 < 7, https://example.org, ana@example.org")
@example("AT&amp;T &lt;b&gt; &#106;")
@example("<b>bold</b> <!-- x --> <script>alert(1)</script>")
@example("    a line that is moved in")
@example("[1]: https://example.org\nsaid before, 5 * 3 and snake_case_names")
def test_plain_text_looks_as_before(text: str) -> None:
    assert as_html(text) == before(text)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        (" \n ", ""),
        ("**a** *b* `c<d`", "<p><strong>a</strong> <em>b</em> <code>c&lt;d</code></p>"),
        ("# A\n## B\n###### C", "<h3>A</h3>\n<h4>B</h4>\n<h4>C</h4>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("a\n---\nb", "<p>a</p>\n<hr>\n<p>b</p>"),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
        (
            '[a](https://b.example/?c=d&e "f")',
            f'<p><a href="https://b.example/?c=d&amp;e" rel="{REL}">a</a></p>',
        ),
        ("[a](mailto:b@c.example)", f'<p><a href="mailto:b@c.example" rel="{REL}">a</a></p>'),
        ("![a](https://b.example)", f'<p>!<a href="https://b.example" rel="{REL}">a</a></p>'),
    ],
)  # fmt: skip
def test_what_markdown_makes(text: str, html: str) -> None:
    assert as_html(text) == html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "&#106;avascript:a",
        "javascript&colon;alert(1)", "\x01javascript:alert(1)", " javascript:alert(1)",
        "vbscript:x", "data:text/html,<script>alert(1)</script>", "data:text/html;base64,PHg+",
        "file:///etc/passwd", "ftp://a.example", "//evil.example", "/organize/sign-out", "#x", "",
        "\\\\evil.example", "https:evil.example", "https://", "tel:1", "blob:https://a.example/1",
        "view-source:https://a.example", "<javascript:alert(1)>", "https://a.example\u0000",
    ],
)  # fmt: skip
def test_links_that_lead_nowhere_are_text(address: str) -> None:
    read = Read(as_html(f"[a]({address}) [b]: {address}\n<{address}>"))
    assert {attributes.get("href") for tag, attributes in read.found if tag == "a"} <= {None}


PIECES = st.sampled_from([
    *"[]()<>*_`#!\\&\"'=:x\n\t", "- ", "1. ", "> ", "\n\n", "    ", "&#x6a;", "//", "javascript:",
    "data:text/html,", "https://a.example", "mailto:a@b.c", "<script>", "</script>",
    "<img src=x onerror=zq()>", "<svg/onload=zq()>", "<!--", "-->", "<![CDATA[", "<?x", "<a href=",
    "onclick=zq()", "style=", "~~~", "```", "\x00", "\u202e", "\ufeff", "{{7*7}}",
])  # fmt: skip


@settings(max_examples=examples.of(1500), deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=30).map("".join))
def test_nothing_typed_is_more_than_the_list_allows(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    read = Read(as_html(text))
    assert read.odd == ""
    for tag, attributes in read.found:
        assert tag in ELEMENTS
        assert set(attributes) <= {"a": {"href", "rel"}, "ol": {"start"}}.get(tag, set())
        if tag == "a":
            assert attributes["rel"] == REL
            scheme = urlsplit(attributes.get("href") or "").scheme
            assert scheme in ("http", "https", "mailto") or "href" not in attributes

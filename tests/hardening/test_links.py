"""Links that people type lead to pages and to nothing else, wherever they are typed."""

import importlib
import pkgutil

import pytest
from pydantic import TypeAdapter, ValidationError
from starlette.testclient import TestClient

import app.schemas
from app.domain.errors import Invalid
from app.outgoing.targets import read_target
from app.routers.pages.sign_in import HOME, safe_next
from app.schemas.types import ContactEmail, Email, Link, Strict

LINKS = {
    "MaterialLinkIn.url",
    "SessionChange.backstage_url",
    "SessionChange.meeting_url",
    "SessionIn.backstage_url",
    "SessionIn.meeting_url",
    "SeriesIn.meeting_url",
}
EVIL = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "javascript://a.example/%0aalert(1)",
    "java\nscript:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)",
    "\u200bjavascript:alert(1)", "\u00a0javascript:alert(1)", "javascript\u200b:alert(1)",
    "data:text/html,<script>alert(1)</script>", "data:text/html;base64,PHg+", "DATA:,x",
    "vbscript:msgbox(1)", "file:///etc/passwd", "ftp://a.example/", "blob:https://a.example/1",
    "view-source:https://a.example", "filesystem:https://a.example/x", "about:blank", "ws://a.example",
    "//evil.example", "/organize", "https:evil.example", "https:/evil.example", "https://",
    "https:\\\\evil.example", "https://a.example\\@evil.example", "https://a b.example/",
    "https://a.example/\r\nX: y", "https://a.example/\x00", "https://a.example:0/",
    "https://a.example:x/", "https://[::1", "https://a\u3000.example/", "https://a.example/\u2028",
    "https://a.example/\ud800", "mailto:a@b.c", "tel:1", "intent://x#Intent;end", "1", "x.example",
]  # fmt: skip


def schemas() -> list[type[Strict]]:
    """Everything that comes in."""
    for module in pkgutil.iter_modules(app.schemas.__path__):
        importlib.import_module(f"app.schemas.{module.name}")
    found, left = [], [Strict]
    while left:
        one = left.pop()
        found.append(one)
        left += one.__subclasses__()
    return sorted(set(found), key=lambda each: each.__name__)


def test_every_field_that_is_called_so_is_a_link() -> None:
    """By its type, and one that only sounds like one is none."""
    typed, called = set(), set()
    for schema in schemas():
        for name, field in schema.model_json_schema().get("properties", {}).items():
            place = f"{schema.__name__}.{name}"
            typed |= {place} if field.get("format") == "link" else set()
            called |= {place} if name.endswith(("url", "link", "href")) else set()
    assert typed == called == LINKS


@pytest.mark.parametrize("evil", EVIL)
def test_a_link_leads_to_a_page(evil: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Link).validate_python(evil)
    with pytest.raises(Invalid):
        read_target(evil)
    assert safe_next(evil) in (HOME, "/organize")


@pytest.mark.parametrize(
    "evil",
    [
        "javascript:alert(1)", "mailto:a@b.example", "a@b.example?bcc=c@d.example", "a@b",
        "a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "<a@b.example>",
        "\"a\r\n\"@b.example", "a@b.example\x00", "=?utf-8?q?a?=@b.example", "a@[127.0.0.1]",
        "a@b.example\u2028", "\ud800@b.example", "a b@c.example",
    ],
)  # fmt: skip
def test_an_address_is_one_address(evil: str) -> None:
    for kind in (Email, ContactEmail):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(evil)


@pytest.mark.parametrize(
    "evil",
    [*EVIL, "/organize//evil.example", "/organize/../..//evil.example", "/organize\\evil.example",
     "/organize/%0d%0aX: y", "/organize/x\r\nX: y", "/organizeevil", "/organize/sign-out",
     "/organize/sign-in/x", "/organize?next=//evil.example", "/organize/@evil.example"],
)  # fmt: skip
@pytest.mark.one_database
def test_signing_in_leads_to_this_site(organizer_client: TestClient, evil: str) -> None:
    """Also whoever is signed in already, and the address that is asked for without signing in."""
    answer = organizer_client.get(
        "/organize/sign-in", params={"next": evil.encode("utf-8", "replace")}
    )
    location = answer.headers["location"]
    assert location.startswith("/organize")
    assert not location.startswith("/organize/sign-")
    assert "//" not in location
    assert "evil" not in location.partition("?")[0].replace("/organize/@evil.example", "")

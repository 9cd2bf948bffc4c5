"""Which links are taken: those that a browser can follow."""

import pytest
from pydantic import TypeAdapter, ValidationError

from app.schemas.types import Link

LINK: TypeAdapter[str] = TypeAdapter(Link)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://meet.example.org/j/1?pwd=a;b",
        "http://localhost:8080/",
        "https://会议.example/室",
        "https://münchen_1.example",
        "https://me:secret@[2001:db8::1]:8443/x",
    ],
)
def test_taken_as_it_is(url: str) -> None:
    assert LINK.validate_python(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "meet.example.org",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://a;script-src.example/",
        "https://a'b.example/",
        'https://a"b.example/',
        "https://a<b>.example/",
        "https://a,b.example/",
        "https://[::1/",
        "https://a.example:0/",
        "https://a b.example/",
        "https://a.example/\u2028",
    ],
)
def test_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        LINK.validate_python(url)

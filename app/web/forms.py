"""Forms: what was typed, kept as typed, until a schema has taken it."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData as Fields
from starlette.exceptions import HTTPException

from app.domain.errors import DomainError, Invalid
from app.domain.text import LANGUAGES
from app.web.problems import translate

MAX_FIELDS = 4_000  # a long agenda has many
_MAX_PARTS = 50
"""So many fields in parts: each may have 4 KB of a head, and browsers send so only with a file."""
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Form:
    """The fields of a form as text. The last value of a name counts."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    def text(self, name: str) -> str:
        """What was typed, stripped; empty if the field is missing."""
        return self.values.get(name, "").strip()

    def or_none(self, name: str) -> str | None:
        """What was typed, or None where nothing was."""
        return self.text(name) or None

    def checked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return name in self.values

    def localized(self, name: str) -> dict[str, str]:
        """The fields ``name-en``, ``name-es``, … that hold something."""
        found = {code: self.text(f"{name}-{code}") for code in LANGUAGES}
        return {code: text for code, text in found.items() if text}

    def revision(self) -> int:
        """The revision that the form was made from, as `revision_of` reads it."""
        return revision_of(self.text("revision"))

    def pick(self, *names: str) -> dict[str, Any]:
        """Several fields for a schema."""
        return {name: self.text(name) for name in names}


def revision_of(text: str) -> int:
    """The revision that a form was made from. One that does not say it is not taken for whole: -1
    is nobody's revision."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else -1


def instant_of(text: str) -> datetime:
    """The instant that a form was made from, in RFC 3339. One that does not say it is not taken for
    whole: nothing begins in the year 1."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else datetime.min.replace(tzinfo=UTC)


async def form_data(request: Request, **limits: int) -> Fields:
    """The form of this request, in parts or not, which is in UTF-8 as browsers send it. By another
    charset nothing is decoded: some take the square of the length (punycode), some give what is no
    text, some raise what nobody expects. What takes long to look at, and no browser sends, is not
    looked at: this is done where nobody else is answered meanwhile. Raises HTTPException."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    charset = options.get(b"charset", b"utf-8").lower()
    if kind == b"multipart/form-data" and charset not in (b"utf-8", b"utf8"):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if kind == b"multipart/form-data":
        limits["max_fields"] = min(limits["max_fields"], _MAX_PARTS)
    elif kind == b"application/x-www-form-urlencoded" and not limits["max_files"]:
        body = await request.body()
        # Fields without a name are not counted below, though two million take seconds; so do two
        # million signs that begin no escape.
        if body.count(b"&") > limits["max_fields"] or _NO_ESCAPE.search(body):
            raise HTTPException(HTTPStatus.BAD_REQUEST)
    return await request.form(**limits)


async def read_form(request: Request) -> Form:
    """The form of this request; files are left out. NUL, which nobody can type and PostgreSQL does
    not take in text, becomes another control character here, for all of them: schemas refuse it
    where it stands, and where text is only looked for it finds nothing."""
    data = await form_data(request, max_fields=MAX_FIELDS, max_files=0)
    texts = ((name, value) for name, value in data.items() if isinstance(value, str))
    return Form({name.replace("\0", ""): value.replace("\0", "\1") for name, value in texts})


FormData = Annotated[Form, Depends(read_form)]


def _in_form(field: str) -> str:
    plural = {"segments": "segment", "parts": "part"}
    return "-".join(plural.get(place, place) for place in field.split("."))


class Errors(dict[str, str]):
    """What is wrong with a form: a sentence for each field, in the reader's language; "" for a
    field that is right. What is no field's fault is at the name ""."""

    def __missing__(self, name: str) -> str:
        return ""


def errors_of(
    error: DomainError | None,
    gettext: Callable[[str], str],
    named: Callable[[str], str] = str,
) -> Errors:
    """The first error at each field; none where there is no error.

    Fields are named as in forms: ``title.es`` is ``title-es``, ``segments.0.title`` is
    ``segment-0-title``. `named` has the last word, where a form has its own name for one.
    """
    found = Errors()
    if isinstance(error, Invalid):
        for one in error.fields:
            found.setdefault(named(_in_form(one.field)), translate(one, gettext))
    elif error is not None:
        found[""] = translate(error, gettext)
    return found

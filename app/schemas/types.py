"""Types that the schemas are made of. Each refuses with a code and a sentence for people."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from app.domain.errors import N_
from app.domain.normal_forms import normal_form
from app.domain.series import FIRST_YEAR, LAST_YEAR
from app.domain.text import LANGUAGES, looks_like_link, without_bidi
from app.domain.zones import zone_names
from app.schemas.countries import COUNTRIES

_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Characters that take no room: between letters they have a use, alone they say nothing.
_UNSEEN = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_NOTHING_SEEN = re.compile(rf"[\s{_UNSEEN}]*")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_HOST = re.compile(r"[\w.-]+")  # in any script; an address of version 6 has colons instead
_LONGEST = 100_000
"""Characters: in no form short enough for any field, and to look would take seconds."""
_NO_ADDRESS = N_("This does not look like an e-mail address, such as ana@example.org.")
_RESERVED_SLUGS = frozenset({"new", "series"})


def example(**values: Any) -> ConfigDict:
    """For a schema's ``model_config``: an example in the description of the API."""
    return ConfigDict(json_schema_extra={"examples": [values]})


class Strict(BaseModel):
    """What comes in: unknown fields are refused, text is stripped."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)


def _without_defaults(schema: dict[str, Any]) -> None:
    # The defaults of a change say nothing: only what is given is applied.
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


class Change(Strict):
    """What comes in to change something: what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class Out(BaseModel):
    """What goes out."""

    model_config = ConfigDict(from_attributes=True)


def _matches_no(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if pattern.search(value):
            raise PydanticCustomError(
                "control_characters", N_("Take out the invisible control characters.")
            )
        return value

    return check


def _no_link(value: str) -> str:
    if looks_like_link(value):
        raise PydanticCustomError(
            "link_in_name",
            N_("Leave out links and mail addresses. After a full stop, type a space."),
        )
    return value


def _whole(value: Any) -> Any:
    # JSON knows only numbers; RFC 8259, section 6 has those agree that a double can hold.
    exact = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if exact else value


def _composed(value: Any) -> Any:
    if not isinstance(value, str) or len(value) > _LONGEST:
        return value
    value = without_bidi(value)  # pasted along with other text, and nobody sees it
    if _NOTHING_SEEN.fullmatch(value):  # a zero-width space is no name
        return ""
    # Before the length is looked at: some characters become three (U+1D160).
    return normal_form("NFC", value)


def line_of(text: str, length: int) -> str:
    """What one line of at most so many characters takes of a text that nobody typed for it; empty
    where nothing of it would be seen."""
    line: str = _composed(_LINE.sub(" ", text))
    return line.strip()[:length].strip()


def _slug(value: str) -> str:
    if not _SLUG.match(value):
        raise PydanticCustomError(
            "slug", N_("Use small letters, digits and single hyphens, for example cluster-leaders.")
        )
    if value in _RESERVED_SLUGS:
        raise PydanticCustomError("slug_reserved", N_("This short name is kept for the program."))
    return value


def _zone(value: str) -> str:
    if value not in zone_names():
        raise PydanticCustomError(
            "unknown_zone", N_("This time zone is not known. Choose one like America/Bogota.")
        )
    return value


def _country(value: str) -> str:
    value = value.upper() if value.isascii() else "?"  # "ß" in capitals is South Sudan
    if value and value not in COUNTRIES:
        raise PydanticCustomError("unknown_country", N_("Choose a country from the list."))
    return value


def _language(value: str) -> str:
    if value not in LANGUAGES:
        raise PydanticCustomError("unknown_language", N_("Choose one of the languages offered."))
    return value


def _email(value: str) -> str:
    try:
        found = validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise PydanticCustomError("email", _NO_ADDRESS) from None
    local = found.normalized.rpartition("@")[0]
    if normal_form("NFKC", local) != local:
        # Letters that only look like others (full width, ligatures): no mailbox has such a name,
        # but somebody could take the place of the one that has the plain letters.
        raise PydanticCustomError("email", _NO_ADDRESS)
    if "=?" in found.normalized:  # in a header it could be read as an encoded word
        raise PydanticCustomError("email", _NO_ADDRESS)
    return found.normalized


def _plain_before_at(value: str) -> str:
    if not value.rpartition("@")[0].isascii():
        raise PydanticCustomError(
            "contact_email",
            N_("Choose an address without accents before the @: not every mail server takes them."),
        )
    return value


def _link(value: str) -> str:
    if not value:
        return value
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        usable = parts.scheme in ("http", "https") and parts.port != 0
        usable = usable and (":" in host or _HOST.fullmatch(host) is not None)
    except ValueError:
        usable = False
    # Of a backslash browsers make a slash, so that for them another host may stand before it.
    if not usable or re.search(r"[\s\\]", value):
        raise PydanticCustomError("link", N_("Enter a whole link that begins with https://."))
    return value


def _localized(value: dict[str, str]) -> dict[str, str]:
    if any(code not in LANGUAGES for code in value):
        raise PydanticCustomError("unknown_language", N_("Choose one of the languages offered."))
    return {code: text for code, text in value.items() if text}


def _some(value: dict[str, str]) -> dict[str, str]:
    if not value:
        raise PydanticCustomError("missing_text", N_("Fill this in, in at least one language."))
    return value


def _accent(value: str) -> str:
    if value and not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise PydanticCustomError("color", N_("Choose a colour like #0b6e99."))
    return value.lower()


_WALL = r"(20\d\d|2100)-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d(:[0-5]\d)?"
_WALL_OUT = r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d"
_DAY = r"[0-9]{4}-[01][0-9]-[0-3][0-9]"


def _wall_text(value: Any) -> Any:
    # Numbers and dates alone would be taken for times otherwise.
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.match(r"\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d", value):
        raise PydanticCustomError(
            "datetime_parsing", N_("Enter a date and a time like 2026-11-26T09:00.")
        )
    return value


def _wall_time(value: datetime) -> datetime:
    if value.tzinfo is not None:
        raise PydanticCustomError(
            "wall_time", N_("Give the local time without an offset; the zone stands beside it.")
        )
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise PydanticCustomError("year", N_("Choose a date between 2000 and 2100."))
    return value.replace(second=0, microsecond=0)


def _day_text(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.fullmatch(_DAY, value.strip()):
        raise PydanticCustomError("date_parsing", N_("Enter a date like 2026-11-26."))
    return value


def _per_language(text: dict[str, Any], least: int) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "object",
            "properties": dict.fromkeys(LANGUAGES, text),
            "additionalProperties": False,
            "minProperties": least,
            "description": "Text by language code.",
            "examples": [{"en": "Opening", "es": "Apertura"}],
        }
    )


def _said(pattern: str = "", **more: Any) -> Any:
    """What the description of the API says of a text; the checks themselves are functions."""
    return Field(json_schema_extra={**({"pattern": f"^{pattern}$"} if pattern else {}), **more})


# As regular expressions: what is no control character, and beside that no space.
_TEXT = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]"
_LETTER = (
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000" + _UNSEEN + "]"
)
_TEXT_LINES = r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029]"

EXACT = BeforeValidator(_whole)
Whole = Annotated[int, Field(strict=True), EXACT]
"""A whole number: in JSON 15 or 15.0, not "15" or true. (Forms give text: `web.problems`.)
Types with limits say them beside `strict` and before EXACT, or they are not described."""
Id = Annotated[str, Field(min_length=1, max_length=26)]
"""Opaque."""
YesNo = Annotated[bool, Field(strict=True)]
"""true or false, in JSON not 1 or "yes"."""

_COMPOSE = BeforeValidator(_composed)
_ONE_LINE = AfterValidator(_matches_no(_LINE))
_MAYBE_EMPTY = _said(f"{_TEXT}*")
_FILLED = _said(f"{_TEXT}*{_LETTER}{_TEXT}*")
Line40 = Annotated[str, Field(max_length=40), _ONE_LINE, _COMPOSE, _MAYBE_EMPTY]
Line100 = Annotated[str, Field(max_length=100), _ONE_LINE, _COMPOSE, _MAYBE_EMPTY]
Line120 = Annotated[str, Field(max_length=120), _ONE_LINE, _COMPOSE, _MAYBE_EMPTY]
Line200 = Annotated[str, Field(max_length=200), _ONE_LINE, _COMPOSE, _MAYBE_EMPTY]
Line300 = Annotated[str, Field(max_length=300), _ONE_LINE, _COMPOSE, _MAYBE_EMPTY]
Line500 = Annotated[str, Field(max_length=500), _ONE_LINE, _COMPOSE, _MAYBE_EMPTY]
Filled200 = Annotated[str, Field(min_length=1, max_length=200), _ONE_LINE, _COMPOSE, _FILLED]
Filled500 = Annotated[str, Field(min_length=1, max_length=500), _ONE_LINE, _COMPOSE, _FILLED]
"""One line of text of at most so many characters; filled: not empty."""
NO_LINKS = AfterValidator(_no_link)
"""For what somebody without an account types and others get to read by mail."""

Lines = Annotated[
    str,
    Field(max_length=20_000),
    AfterValidator(_matches_no(_LINES)),
    BeforeValidator(lambda v: v.replace("\r\n", "\n") if isinstance(v, str) else v),
    _COMPOSE,
]
"""Text of several lines."""

Slug = Annotated[
    str,
    Field(min_length=1, max_length=60),
    AfterValidator(_slug),
    _said("[a-z0-9]+(-[a-z0-9]+)*", examples=["cluster-leaders-2026"]),
]
Zone = Annotated[
    str,
    Field(max_length=64),
    AfterValidator(_zone),
    _said(
        description="IANA time zone, spelt exactly.",
        examples=["America/Bogota"],
        format="iana-zone",
    ),
]
GenderGiven = Literal["", "female", "male", "another", "unsaid"]
Country = Annotated[
    str,
    Field(max_length=2),
    AfterValidator(_country),
    _said(
        "([A-Za-z]{2})?",
        description="ISO 3166-1 alpha-2; empty where it is not known.",
        examples=["CO"],
        format="country",
    ),
]
"""ISO 3166-1 alpha-2, or empty where it is not known."""
Language = Annotated[
    str, Field(max_length=2), AfterValidator(_language), _said(enum=list(LANGUAGES))
]
Email = Annotated[
    str, Field(min_length=1, max_length=254), AfterValidator(_email), _said(format="email")
]
ContactEmail = Annotated[Email, AfterValidator(_plain_before_at)]
"""One that answers go to: every mail of the cycle names it in a header."""
Link = Annotated[
    str,
    Field(max_length=2000),
    AfterValidator(_matches_no(_LINE)),
    AfterValidator(_link),
    _COMPOSE,
    _said(
        description="A link that begins with http:// or https://, or empty.",
        examples=["https://meet.example.org/opening"],
        format="link",
    ),
]
Accent = Annotated[str, Field(max_length=7), AfterValidator(_accent), _said("(#[0-9a-fA-F]{6})?")]
Title = Annotated[
    dict[str, Line200],
    AfterValidator(_localized),
    AfterValidator(_some),
    _per_language({"type": "string", "maxLength": 200, "pattern": f"^{_TEXT}*$"}, 1),
]
Prose = Annotated[
    dict[str, Lines],
    AfterValidator(_localized),
    _per_language({"type": "string", "maxLength": 20_000, "pattern": f"^{_TEXT_LINES}*$"}, 0),
]
WallTime = Annotated[
    datetime,
    BeforeValidator(_wall_text),
    AfterValidator(_wall_time),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{_WALL}$",
            "description": "Local date and time without an offset, 2000 to 2100; "
            "the zone stands beside it. Seconds are dropped.",
            "examples": ["2026-11-26T09:00"],
        }
    ),
]
"""A local date and time without an offset."""
WallTimeOut = Annotated[
    datetime,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{_WALL_OUT}$",
            "description": "Local date and time; the zone stands beside it.",
            "examples": ["2026-11-26T09:00:00"],
        }
    ),
]
"""The same on its way out, to the second."""
Day = Annotated[
    date, BeforeValidator(_day_text), WithJsonSchema({"type": "string", "format": "date"})
]
"""A date like 2026-11-26."""
Instant = Annotated[
    datetime,
    PlainSerializer(
        lambda v: v.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        return_type=str,
        when_used="json",
    ),
]
"""RFC 3339, UTC."""

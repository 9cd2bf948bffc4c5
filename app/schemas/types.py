"""Types that the schemas are made of. Each refuses with a code and a sentence for people."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from app.domain.errors import N_
from app.domain.text import LANGUAGES
from app.domain.zones import zone_names
from app.schemas.countries import COUNTRIES

_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_RESERVED_SLUGS = frozenset({"new", "series"})


class Strict(BaseModel):
    """What comes in: unknown fields are refused, text is stripped."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)


class Out(BaseModel):
    """What goes out."""

    model_config = ConfigDict(from_attributes=True)


def _matches_no(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if pattern.search(value):
            raise PydanticCustomError(
                "control_characters", N_("Take out the invisible control characters.")
            )
        return unicodedata.normalize("NFC", value)

    return check


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
    value = value.upper()
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
        raise PydanticCustomError(
            "email", N_("This does not look like an e-mail address, such as ana@example.org.")
        ) from None
    return found.normalized


def _link(value: str) -> str:
    if not value:
        return value
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", value):
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


def _wall_time(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        raise PydanticCustomError(
            "wall_time", N_("Give the local time without an offset; the zone stands beside it.")
        )
    if isinstance(value, datetime):
        if not 2000 <= value.year <= 2100:
            raise PydanticCustomError("year", N_("Choose a date between 2000 and 2100."))
        return value.replace(second=0, microsecond=0)
    return value


_ONE_LINE = AfterValidator(_matches_no(_LINE))
Line40 = Annotated[str, Field(max_length=40), _ONE_LINE]
Line100 = Annotated[str, Field(max_length=100), _ONE_LINE]
Line120 = Annotated[str, Field(max_length=120), _ONE_LINE]
Line200 = Annotated[str, Field(max_length=200), _ONE_LINE]
Line300 = Annotated[str, Field(max_length=300), _ONE_LINE]
Filled100 = Annotated[str, Field(min_length=1, max_length=100), _ONE_LINE]
Filled200 = Annotated[str, Field(min_length=1, max_length=200), _ONE_LINE]
Filled500 = Annotated[str, Field(min_length=1, max_length=500), _ONE_LINE]
"""One line of text of at most so many characters; filled: not empty."""

Lines = Annotated[
    str,
    BeforeValidator(lambda v: v.replace("\r\n", "\n") if isinstance(v, str) else v),
    Field(max_length=20_000),
    AfterValidator(_matches_no(_LINES)),
]
"""Text of several lines."""

Slug = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_slug)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
Country = Annotated[str, Field(max_length=2), AfterValidator(_country)]
"""ISO 3166-1 alpha-2, or empty where it is not known."""
Language = Annotated[str, Field(max_length=2), AfterValidator(_language)]
Email = Annotated[str, Field(min_length=1, max_length=254), AfterValidator(_email)]
Link = Annotated[
    str, Field(max_length=2000), AfterValidator(_matches_no(_LINE)), AfterValidator(_link)
]
Accent = Annotated[str, Field(max_length=7), AfterValidator(_accent)]
Title = Annotated[dict[str, Line200], AfterValidator(_localized), AfterValidator(_some)]
Prose = Annotated[dict[str, Lines], AfterValidator(_localized)]
WallTime = Annotated[datetime, AfterValidator(_wall_time)]
"""A local date and time without an offset."""
Instant = Annotated[
    datetime,
    PlainSerializer(
        lambda v: v.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        return_type=str,
        when_used="json",
    ),
]
"""RFC 3339, UTC."""

"""Errors on their way out: one table maps them to a status, two faces show them."""

import errno
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_args

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from pydantic_core.core_schema import ErrorType
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.responses import JSONResponse

from app.domain.errors import (
    N_,
    Busy,
    Clash,
    DomainError,
    FieldError,
    Full,
    Gone,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Stale,
    TooOften,
    Unwritable,
)
from app.logs import request_id

STATUS: Mapping[type[DomainError], int] = {
    Invalid: 422,
    NotFound: 404,
    Gone: 410,
    Clash: 409,
    Stale: 412,
    TooOften: 429,
    NotSignedIn: 401,
    NotAllowed: 403,
    Busy: 503,
    Full: 503,
    DomainError: 400,
}

TITLES: Mapping[int, str] = {
    400: N_("Bad request"),
    401: N_("Not signed in"),
    403: N_("Not allowed"),
    404: N_("Not found"),
    405: N_("Not possible here"),
    409: N_("Not possible as things stand"),
    410: N_("No longer there"),
    412: N_("Changed in the meantime"),
    413: N_("Too large"),
    415: N_("Unknown format"),
    422: N_("Something is not right"),
    428: N_("A condition is missing"),
    429: N_("Too many at once"),
    500: N_("Something went wrong"),
    503: N_("Busy at the moment"),
}
_TITLES_OF_CODES: Mapping[str, str] = {
    "no_space": N_("No space left"),
    "cannot_write": N_("Nothing can be kept"),
}

_FIELD_SENTENCES: Mapping[str, str] = {
    "missing": N_("Fill this in."),
    "string_too_short": N_("Fill this in."),
    "string_too_long": N_("This is too long: at most %(max_length)s characters."),
    "too_short": N_("Fill this in."),
    "too_long": N_("These are too many: at most %(max_length)s."),
    "extra_forbidden": N_("There is no such field."),
    "int_parsing": N_("Enter a whole number."),
    "int_type": N_("Enter a whole number."),
    "int_from_float": N_("Enter a whole number."),
    "int_parsing_size": N_("This number is too large."),
    "greater_than_equal": N_("This must be at least %(ge)s."),
    "less_than_equal": N_("This must be at most %(le)s."),
    "enum": N_("Choose one of: %(expected)s."),
    "literal_error": N_("Choose one of: %(expected)s."),
    "datetime_parsing": N_("Enter a date and a time like 2026-11-26T09:00."),
    "datetime_from_date_parsing": N_("Enter a date and a time like 2026-11-26T09:00."),
    "datetime_type": N_("Enter a date and a time like 2026-11-26T09:00."),
    "date_parsing": N_("Enter a date like 2026-11-26."),
    "date_from_datetime_parsing": N_("Enter a date like 2026-11-26."),
    "bool_parsing": N_("Say yes or no."),
    "bool_type": N_("Say yes or no."),
    "string_unicode": N_("Take out the invisible control characters."),
    "json_invalid": N_("This is not JSON."),
}
Schema = TypeVar("Schema", bound=BaseModel)

_MAX_NAME = 100  # characters of a field's name that are repeated
_OTHERWISE = N_("This is not in the form that is expected here.")


def field_errors(errors: Iterable[Any], *, skip: int = 0) -> tuple[FieldError, ...]:
    """Pydantic's errors in people's words. `skip` leaves out leading places such as ``body``.

    What was entered is never repeated: it may be a secret.
    """
    found: list[FieldError] = []
    for error in errors:
        place = [_name(p) for p in error["loc"][skip:]]
        kind = str(error["type"])
        if kind == "too_long" and (error.get("ctx") or {}).get("field_type") == "Value":
            kind = "string_too_long"  # pydantic measures a string that was changed like a list
        context = {k: v for k, v in (error.get("ctx") or {}).items() if k != "error"}
        if kind in _FIELD_SENTENCES:
            sentence = _FIELD_SENTENCES[kind]
        elif kind in _PYDANTIC_KINDS:
            sentence = _OTHERWISE
        else:
            sentence = str(error["msg"])  # ours, raised as PydanticCustomError
        if kind in ("missing", "extra_forbidden"):
            context = {}
        one = FieldError(".".join(place), sentence, context, kind)
        if one not in found:  # a body that two look at is wrong once
            found.append(one)
    return tuple(found)


_PYDANTIC_KINDS = frozenset(get_args(ErrorType))


def _name(place: object) -> str:
    """One step of the way to a field. Unknown fields bring names of their own, of any kind."""
    return str(place)[:_MAX_NAME].encode("utf-8", "replace").decode()


def validate(schema: type[Schema], data: Mapping[str, Any]) -> Schema:
    """What a form gave, as a schema. Raises Invalid with a sentence for each field."""
    try:
        return schema.model_validate(data, strict=False)  # a form gives numbers as text
    except ValidationError as error:
        raise Invalid(*field_errors(error.errors(include_input=False, include_url=False))) from None


def status_of(error: DomainError) -> int:
    """The status that an error answers with."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def headers_of(error: DomainError | None) -> dict[str, str]:
    """What an answer says besides, for programs: when it is worth coming again."""
    return {"retry-after": str(error.params["seconds"])} if isinstance(error, TooOften) else {}


def translate(error: DomainError | FieldError, gettext: Callable[[str], str]) -> str:
    """What an error says. Translates first, fills in afterwards: a name with a ``%`` in it stays
    a name."""
    sentence = gettext(error.sentence)
    return sentence % error.params if error.params else sentence


def title_of(status: int, code: str) -> str:
    """The heading of an error, to be translated."""
    return _TITLES_OF_CODES.get(code) or TITLES.get(status, TITLES[400])


def from_exception(error: Exception) -> DomainError | None:
    """The domain's name for what a library raised, where it has one."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, RequestValidationError):
        return Invalid(*field_errors(error.errors(), skip=1))
    if isinstance(error, IntegrityError):
        return Clash(N_("Somebody else changed this at the same moment. Please look again."))
    if isinstance(error, DBAPIError):
        return _of_database(error)
    if isinstance(error, NoConnection):
        return Busy()
    return of_system(error) if isinstance(error, OSError) else None


def _of_database(error: DBAPIError) -> DomainError | None:
    """None for what a statement of ours did wrong."""
    said, state = str(error.orig), getattr(error.orig, "sqlstate", "")
    if "disk is full" in said or state == "53100":
        return Full()
    if "readonly database" in said:
        return Unwritable()
    # A connection that was lost has several kinds of errors, depending on who noticed it and when.
    lost = error.connection_invalidated or state in _LOST or isinstance(error, InterfaceError)
    return Busy() if lost or isinstance(error, OperationalError) else None


_LOST = frozenset({"25P03", "57P05", "57P01", "57P02", "57P03"})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_OURS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_TOO_MANY = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN})


def of_system(error: OSError) -> DomainError | None:
    """The same for what the operating system refuses: room, the right to write, or one more file
    or connection."""
    if error.errno in _FULL:
        return Full()
    if error.errno in _NOT_OURS:
        return Unwritable()
    return Busy() if error.errno in _TOO_MANY else None


def problem(
    status: int,
    code: str,
    detail: str,
    gettext: Callable[[str], str],
    fields: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """RFC 9457 problem details. What went wrong on our side has the id of the request, to be
    quoted; of what is refused one answer is as another, whoever asks (the header has it anyway)."""
    body: dict[str, Any] = {
        "type": f"urn:convoca:problem:{code}",
        "title": gettext(title_of(status, code)),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if status >= 500 and (reference := request_id()):
        body["request_id"] = reference
    if fields:
        body["errors"] = [
            {"field": f.field, "code": f.code, "message": translate(f, gettext)} for f in fields
        ]
    return JSONResponse(
        body, status, headers=dict(headers or {}), media_type="application/problem+json"
    )

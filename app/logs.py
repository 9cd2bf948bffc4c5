"""What goes into a log, and what does not: what somebody typed, who they are, links that open.

A line says of a request its id, its method, the pattern of its address and its answer. Of an error
it says what kind it is and where it happened; what it says of itself may quote what was typed.
"""

import json
import logging
import re
import secrets
import sys
import traceback
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app.paths import PACKAGE

_QUOTE = (SQLAlchemyError, ValidationError)
"""What these say of themselves has values in it: ``Key (email_key)=(ana@example.org) already
exists.`` Without its parameters a statement is harmless; the driver's own words are not."""


KINDS = ("text", "json")
"""How lines may be written (CONVOCA_LOG)."""

_ADDRESS = re.compile(r"[^\s@<>\"'(),;:\[\]]+@[^\s@<>\"'(),;:\[\]]+")
_TOKEN = re.compile(r"\b[0-9a-z]{26}-\d+\.[\w-]{20,}|\b(?=\w*[A-Z])(?=\w*\d)[\w-]{32,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODE = json.JSONEncoder(ensure_ascii=False, default=str).encode
_CHATTY = ("alembic", "httpx", "uvicorn", "multipart", "python_multipart")


@dataclass(frozen=True, slots=True)
class Noted:
    """The request that is being answered: its id, which whoever asked is told too, its method, and
    how to find the pattern of its address, once it is known."""

    id: str
    method: str
    route: Callable[[], str]


REQUEST: ContextVar[Noted | None] = ContextVar("request", default=None)
"""What lines and statements are about, also in the threads that work for a request."""


def new_request_id() -> str:
    """Made here for each request: one that a request brings along may say anything."""
    return secrets.token_hex(8)


def request_id() -> str:
    """Of the request that is being answered; empty where there is none."""
    found = REQUEST.get()
    return found.id if found else ""


def start_logging(kind: str = "text") -> None:
    """Lets all of the process write its lines to standard error, as text or as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if kind == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # No line has these, and to look them up for each takes a while.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def harmless(text: str) -> str:
    """In one line, with no address and nothing that looks like a secret. What is written here has
    none; this is for what libraries write."""
    if "@" in text:
        text = _ADDRESS.sub("(address)", text)
    text = _TOKEN.sub("(secret)", text)
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


class _Lines(logging.Formatter):
    def parts(self, record: logging.LogRecord) -> dict[str, object]:
        """What a line says, in its order."""
        found: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": harmless(record.getMessage()),
        }
        noted = REQUEST.get()
        if noted is not None:
            found |= {"request": noted.id, "method": noted.method, "route": noted.route()}
        found |= getattr(record, "more", {})
        if record.exc_info and record.exc_info[1] is not None:
            found["error"] = list(_told(record.exc_info[1]))
        return found


class JsonLines(_Lines):
    """Each line an object, for programs that collect them."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return _ENCODE(self.parts(record))


class TextLines(_Lines):
    """For people at a terminal: what is known of the request stands behind."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it where an error happened."""
        parts = self.parts(record)
        time, level, name, message = (
            parts.pop(each) for each in ("time", "level", "logger", "message")
        )
        error = parts.pop("error", [])
        more = "".join(f" {name}={value}" for name, value in parts.items())
        assert isinstance(error, list)
        return "\n    ".join([f"{time} {str(level).upper()} {name} {message}{more}", *error])


def _told(error: BaseException) -> Iterator[str]:
    """Where an error happened and what it came of: files, lines and kinds. What an error says of
    itself is left out, but for what the system says of a file or a line."""
    for each in _chain(error):
        said = f": {each.strerror}" if isinstance(each, OSError) and each.strerror else ""
        yield f"{type(each).__name__}{harmless(said)}"
        for frame in traceback.extract_tb(each.__traceback__):
            path = Path(frame.filename)
            if path.is_relative_to(PACKAGE):
                shown = path.relative_to(PACKAGE.parent).as_posix()
            else:
                shown = "/".join(path.parts[-2:])
            yield f"  {shown}:{frame.lineno} {frame.name}"


def log_failure(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Logs an error that nobody will handle, under the words `what`, with all that is known of it.

    Of one that quotes values, or came of one that does, only the kinds and the place are said."""
    if quotes(error):
        logger.error("%s: %s", what, _kinds(error))
    else:
        logger.error("%s: %s", what, type(error).__name__, exc_info=error)


def quotes(error: BaseException) -> bool:
    """Whether what is said of an error, with what it came of, may have somebody's data in it."""
    return any(isinstance(each, _QUOTE) for each in _chain(error))


def _kinds(error: BaseException) -> str:
    """``IntegrityError (UniqueViolation) at app/services/people.py:90``"""
    kind = type(error).__name__
    came_of = [type(each).__name__ for each in _chain(error)][1:]
    if came_of:
        kind += f" ({', '.join(came_of)})"
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if Path(each.filename).is_relative_to(PACKAGE)]
    for last in (ours or frames)[-1:]:
        place = Path(last.filename)
        shown = place.relative_to(PACKAGE.parent).as_posix() if ours else place.name
        kind += f" at {shown}:{last.lineno}"
    return kind


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what a traceback shows before it."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        before = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
        waiting += [before] if before else []
        waiting += found.exceptions if isinstance(found, BaseExceptionGroup) else ()

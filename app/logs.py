"""What goes into the log of something that went wrong, and what does not: what somebody typed."""

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app.paths import PACKAGE

_QUOTE = (SQLAlchemyError, ValidationError)
"""What these say of themselves has values in it: ``Key (email_key)=(ana@example.org) already
exists.`` Without its parameters a statement is harmless; the driver's own words are not."""


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

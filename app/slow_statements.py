"""Statements that take long, told in the log: their text, never their values."""

import logging
from collections.abc import Callable
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event

logger = logging.getLogger("convoca.slow")

_LONGEST = 2_000  # characters
_BEGUN = "statement_begun"


def tell_slow_statements(engine: Engine, milliseconds: float) -> Callable[[], None]:
    """From now on, until what it gives is called. The request that one belongs to stands in the
    line, as in any other (`logs`).

    What the database takes to wait for others counts: a BEGIN that waits for its turn is told too.
    """

    def before(connection: Any, *_: object) -> None:
        connection.info[_BEGUN] = perf_counter()

    def after(connection: Any, _cursor: object, statement: str, *_: object) -> None:
        took = (perf_counter() - connection.info[_BEGUN]) * 1000
        if took >= milliseconds:
            text = " ".join(statement.split())[:_LONGEST]
            logger.warning("slow statement: %s", text, extra={"more": {"ms": round(took)}})

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)

    def stop() -> None:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)

    return stop

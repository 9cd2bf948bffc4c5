"""Statements that are carried out all the time, worked out once."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ClauseElement, Dialect, Update
from sqlalchemy.sql.compiler import SQLCompiler

Jot = Callable[[Update, Mapping[str, Any]], datetime | None]
"""Carries out an UPDATE with its values and commits it. Gives the time by the database server's
clock; None where there is no server, or no row was meant."""


class Prepared:
    """A statement as the driver takes it, worked out once."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        self.text = str(compiled)
        self._positions = compiled.positiontup
        self._fixed = {}
        self._convert = {}
        for name, bind in compiled.binds.items():
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if convert is not None:
                self._convert[name] = convert
            self._fixed[name] = convert(bind.value) if convert and not bind.required else bind.value

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """The values, with those that stand in the statement."""
        convert = self._convert
        given = {k: convert[k](v) if k in convert else v for k, v in values.items()}
        merged = {**self._fixed, **given}
        if self._positions is None:
            return merged
        return tuple([merged[name] for name in self._positions])

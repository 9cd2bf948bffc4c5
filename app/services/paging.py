"""Lists by stretches for programs, by numbered pages for people.

A stretch is what comes after the last row that was shown, however the list has changed.

A cursor holds the sort values of the last row, so a stretch costs the same at row 10 and at row
10,000, and rows that come or go in the meantime shift nothing. It is opaque to those who get it,
and no secret: it may only say what the list itself says.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import literal, tuple_
from sqlmodel.sql.expression import SelectOfScalar

from app.db import DbSession
from app.domain.errors import N_, Invalid

MAX_LIMIT = 500
_MAX_CURSOR = 8_000  # characters; the longest sort values fit
_MAX_INTEGER = 2**63 - 1  # what both databases can compare

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which page of a list of `total` rows this is: `number` of `pages`, both from 1 on."""

    total: int
    number: int
    limit: int  # rows on a page

    @property
    def pages(self) -> int:
        """How many there are; one where the list is empty."""
        return max(1, -(-self.total // self.limit))

    @property
    def begin(self) -> int:
        """How many rows come before it."""
        return (self.number - 1) * self.limit

    @property
    def first(self) -> int:
        """The place of its first row, from 1; 0 where the list is empty."""
        return self.begin + 1 if self.total else 0

    @property
    def last(self) -> int:
        """The place of its last row."""
        return min(self.begin + self.limit, self.total)

    @property
    def previous(self) -> int | None:
        """The page before it, if there is one."""
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        """The page after it, if there is one."""
        return self.number + 1 if self.number < self.pages else None

    def of(self, rows: Sequence[RowT]) -> Sequence[RowT]:
        """Its rows, of all the list's."""
        return rows[self.begin : self.begin + self.limit]


def numbered(total: int, number: int, limit: int) -> Numbers:
    """Page `number` of so many rows; one that is not there gives the nearest."""
    nearest = max(1, min(number, Numbers(total, 1, limit).pages))
    return Numbers(total, nearest, limit)


def paginate(
    db: DbSession,
    statement: SelectOfScalar[RowT],
    order_columns: Sequence[Any],
    after: str | None,
    limit: int,
    *,
    descending: bool = False,
) -> tuple[list[RowT], str | None]:
    """The next `limit` rows (1 to 500; outside of that the nearest) and the cursor after them.

    `order_columns` are never-null text, integer or datetime attributes of the selected table, all
    in one direction, and the last of them makes the order total (mostly the id). `after` is a
    cursor from before, or None (or empty) for the beginning. The cursor given back is None where
    the list ends.

    Raises:
        Invalid: at ``after``, if the cursor is not one of ours for this order.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    if after:
        values = [
            literal(value, type_=column.type)
            for column, value in zip(order_columns, _read(after, order_columns), strict=True)
        ]
        place, columns = tuple_(*values), tuple_(*order_columns)
        statement = statement.where(columns < place if descending else columns > place)
    order = [column.desc() if descending else column.asc() for column in order_columns]
    rows = list(db.exec(statement.order_by(None).order_by(*order).limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor_of(rows[limit - 1], order_columns)


def cursor_of(row: object, order_columns: Sequence[Any]) -> str:
    """The cursor that names this row's place: `paginate` gives what comes after it, in either
    direction."""
    return _write([getattr(row, column.key) for column in order_columns])


def _write(values: Sequence[object]) -> str:
    plain = [v.astimezone(UTC).isoformat() if isinstance(v, datetime) else v for v in values]
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str, order_columns: Sequence[Any]) -> list[Any]:
    wrong = Invalid.one(
        "after",
        N_("This is not the end of a list that was shown here. Begin at the start of the list."),
        code="bad_cursor",
    )
    if len(cursor) > _MAX_CURSOR or not cursor.isascii():
        raise wrong
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        values = json.loads(text.decode())
        if not isinstance(values, list) or len(values) != len(order_columns):
            raise wrong
        return [_value(v, _kind(c)) for v, c in zip(values, order_columns, strict=True)]
    except (ValueError, OverflowError, RecursionError):  # of base64, UTF-8, JSON, or a date
        raise wrong from None


def _kind(column: Any) -> type:
    """The Python type of a column, under what SQLModel wraps around text and instants."""
    kind: type = getattr(column.type, "impl_instance", column.type).python_type
    return kind


def _value(value: object, kind: type) -> Any:
    """A cursor's value as the column has it. Raises ValueError."""
    if kind is datetime and isinstance(value, str):
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            raise ValueError("naive")
        return instant.astimezone(UTC)
    if kind is str and isinstance(value, str) and "\0" not in value:
        value.encode()  # half a surrogate pair is no text to a database
        return value
    if kind is int and type(value) is int and abs(value) <= _MAX_INTEGER:
        return value
    raise ValueError("another type")

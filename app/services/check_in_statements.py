"""What the desk's clerk asks the database and tells it: once for many check-ins, not for each.

Lists go in as one value, and on SQLite come out as one. There each row that is fetched or written
by itself would let go of the interpreter and ask for it again, and the event loop, which is busiest
at that very moment, gives it back late.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    JSON,
    Connection,
    Dialect,
    Row,
    String,
    any_,
    bindparam,
    cast,
    exists,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.db import Prepared, insert_unless_there_in
from app.domain.attendance import Kind
from app.models import Cycle, Enrolment, Evidence, Person, now

SOURCE = "personal-page"

_COLUMNS = Evidence.__table__.c  # type: ignore[attr-defined]


class Who(NamedTuple):
    """An enrolment, and what of its cycle and its person decides about a check-in."""

    id: str
    person_id: str
    status: str
    link_generation: int
    language: str
    cycle_id: str
    cycle_status: str
    release_number: int
    revision: int  # of the cycle
    bounced: bool
    has_webhooks: bool  # the cycle


_WHO = (
    col(Enrolment.id),
    col(Enrolment.person_id),
    col(Enrolment.status),
    col(Enrolment.link_generation),
    col(Enrolment.language),
    col(Enrolment.cycle_id),
    col(Cycle.status),
    col(Cycle.release_number),
    col(Cycle.revision),
    col(Person.bounced_at).is_not(None),
    col(Cycle.has_webhooks),
)


class New(NamedTuple):
    """A check-in to write; what else there is to a piece of evidence is the same for all."""

    id: str
    enrolment_id: str
    session_id: str
    at: datetime
    key: str


class Statements:
    """In a database's own dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._sqlite = dialect.name == "sqlite"
        self._who = Prepared(_who(dialect.name), dialect)
        self._there = _there(dialect.name)
        self._add = Prepared(_add(dialect.name), dialect)
        self._stored = _COLUMNS["at"].type.dialect_impl(dialect).bind_processor(dialect) or str

    def who_are(self, connection: Connection, ids: Iterable[str]) -> dict[str, Who]:
        """Those of these enrolments that are there, by id. One query."""
        given = self._who.parameters({"ids": self._list(list(ids))})
        found: Any = connection.exec_driver_sql(self._who.text, given)
        rows = json.loads(found.scalar_one()) if self._sqlite else found
        return {row[0]: Who(*row) for row in rows}

    def there(self, connection: Connection, keys: Collection[str]) -> dict[str, Row[Any]]:
        """`id` and `at` of the evidence that has one of these keys, by key; `doubtful`, whether
        anything was retracted of that enrolment at that session. One query, or none."""
        if not keys:
            return {}
        found = connection.execute(self._there, {"keys": self._list(list(keys))})
        return {row.key: row for row in found}

    def add(self, connection: Connection, new: Sequence[New]) -> int:
        """Writes these, in their order, and leaves out whose key is taken; how many were written.
        One statement."""
        rows = json.dumps([(*each[:3], str(self._stored(each.at)), each.key) for each in new])
        given = self._add.parameters({"rows": rows, "created_at": now()})
        options = {"preserve_rowcount": True}
        return connection.exec_driver_sql(self._add.text, given, options).rowcount

    def _list(self, values: list[str]) -> Any:
        """As `_among` takes it."""
        return json.dumps(values) if self._sqlite else values


def _who(dialect: str) -> Any:
    rows: Any = func.json_group_array(func.json_array(*_WHO), type_=String)
    return (
        select(*([rows] if dialect == "sqlite" else _WHO))
        .select_from(Enrolment)
        .join(Cycle, col(Cycle.id) == col(Enrolment.cycle_id))
        .join(Person, col(Person.id) == col(Enrolment.person_id))
        .where(_among(dialect, col(Enrolment.id), "ids"))
    )


def _there(dialect: str) -> Any:
    retraction = aliased(Evidence)
    doubtful = exists().where(
        col(retraction.enrolment_id) == col(Evidence.enrolment_id),
        col(retraction.session_id) == col(Evidence.session_id),
        col(retraction.kind) == Kind.RETRACTION,
    )
    columns = col(Evidence.key), col(Evidence.id), col(Evidence.at), doubtful.label("doubtful")
    return select(*columns).where(_among(dialect, col(Evidence.key), "keys"))


def _add(dialect: str) -> Any:
    same = Evidence(enrolment_id="", session_id="", kind=Kind.CHECK_IN, source=SOURCE, key="")
    values: dict[str, Any] = {
        name: literal(value, _COLUMNS[name].type) for name, value in same.model_dump().items()
    }
    row = _elements(dialect, "rows")
    values |= {name: row.op("->>")(place) for place, name in enumerate(New._fields)}
    if dialect != "sqlite":  # which keeps instants as text
        values["at"] = cast(values["at"], _COLUMNS["at"].type)
    values["created_at"] = bindparam("created_at", type_=_COLUMNS["created_at"].type)
    chosen = select(*values.values()).where(true())
    return insert_unless_there_in(dialect, Evidence, ["key"]).from_select(
        list(values), chosen, include_defaults=False
    )


def _among(dialect: str, column: Any, name: str) -> Any:
    """Whether a column has one of the values of the list `name`."""
    if dialect == "sqlite":
        return column.in_(select(_elements(dialect, name)))
    return column == any_(bindparam(name, type_=ARRAY(String)))


def _elements(dialect: str, name: str) -> Any:
    """The elements of the JSON list `name`, to select from."""
    if dialect == "sqlite":
        return func.json_each(bindparam(name, type_=String)).table_valued("value").c.value
    listed = cast(bindparam(name, type_=String), JSON)
    return func.json_array_elements(listed).column_valued("listed")

"""What all tables share: an opaque id, and a revision where something can be edited."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, MetaData
from sqlmodel import Field, SQLModel

from app.domain.ids import ID_LENGTH, new_id

# Names for every constraint, so that a migration can drop what it did not name itself.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: MetaData = SQLModel.metadata

NO_LAZY: dict[str, Any] = {"lazy": "raise"}
"""For every relationship: a query says what it loads."""


def now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)


def json_field(**kwargs: Any) -> Any:
    """A JSON column that is never NULL. Replace its value; a change in place is not seen."""
    return Field(default_factory=dict, sa_type=JSON, nullable=False, **kwargs)


def json_list_field(**kwargs: Any) -> Any:
    """The same for a list."""
    return Field(default_factory=list, sa_type=JSON, nullable=False, **kwargs)


class Row(SQLModel):
    """A row with an opaque id."""

    id: str = Field(default_factory=new_id, primary_key=True, max_length=ID_LENGTH)
    created_at: datetime = Field(default_factory=now)


class Editable(Row):
    """A row with a revision, raised by the database with every change (see `revisions`)."""

    revision: int = Field(default=1)

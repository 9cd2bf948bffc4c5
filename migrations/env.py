"""Runs migrations on the engine that is handed over, or on the one that the settings name."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection
from sqlmodel import AutoString, UTCDateTime

from app.db import make_engine
from app.models import metadata
from app.settings import Settings


def render_item(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Migrations speak SQLAlchemy alone, so that they outlive changes in SQLModel's types."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String({item.length or ''})"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection) -> None:
    """All pending migrations in one transaction: they happen together or not at all."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=render_item,
        transaction_per_migration=False,
        transactional_ddl=True,  # SQLite can, once BEGIN is ours
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = make_engine(Settings.from_environment().database_url)
    with engine.connect() as connection:
        run(connection)
    engine.dispose()

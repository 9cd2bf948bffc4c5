"""Keys of addresses are brought along; where two become the same, nobody reaches another's row."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from app.db import make_engine
from app.domain.addresses import address_key
from app.schema_version import alembic_config, upgrade
from tests.databases import postgres_database

LONG = "ﷺ" * 30 + "@example.org"
PEOPLE = [
    # in the order in which they came: the address, the key of before, the key of now
    ("plain", "Ana@example.org", "ana@example.org", "ana@example.org"),
    ("sharp", "ana@faß.example", "ana@fass.example", "ana@faß.example"),
    ("long", LONG, "of before", address_key(LONG)),
    ("older", "ǰ@example.org", "older's key", address_key("ǰ@example.org")),
    ("newer", "J\u030c@example.org", "newer's key", "newer's key"),
    ("unaddressed", None, None, None),
]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'old.db'}"
        return
    with postgres_database(request.getfixturevalue("postgres")) as url:
        yield url


def test_keys_come_along(url: str, caplog: pytest.LogCaptureFixture) -> None:
    engine = make_engine(url)
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0014")
        insert = text(
            "INSERT INTO person (id, created_at, revision, name, email, email_key, country, zone, "
            "language, position, search_key, bounce) VALUES (:id, :at, 1, 'x', :email, "
            ":key, '', '', '', '', '', '')"
        )
        for n, (row_id, email, key, _) in enumerate(PEOPLE):
            at = f"2026-10-05 12:30:{n:02}.000000"
            connection.execute(insert, {"id": row_id, "at": at, "email": email, "key": key})
    upgrade(engine)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id, email_key FROM person")).all()
    engine.dispose()
    assert dict(tuple(row) for row in found) == {row[0]: row[3] for row in PEOPLE}
    assert "person: 1 addresses are the same as another row's" in caplog.text
    assert "example.org" not in caplog.text

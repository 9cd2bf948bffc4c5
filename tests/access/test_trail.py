"""Whoever does something by a page or by the API is named in the trail: never is it Convoca."""

from collections import Counter
from typing import Any, ClassVar

import pytest
from sqlalchemy import Connection, Transaction
from starlette.testclient import TestClient

from app.db import Database, DbSession
from app.main import create_app
from app.models.trail import doing
from app.services.links import Links
from app.settings import Settings
from tests.access.test_routes import address, ask
from tests.access.world import Forgetful, build_world, ways_of
from tests.conftest import BASE_URL
from tests.routes import with_known_routes


class Listening(Forgetful):
    """Keeps nothing but who did what, where the trail would have a line of it."""

    who: ClassVar[Counter[tuple[str, str]]] = Counter()

    @staticmethod
    def _commit(transaction: DbSession | Transaction, connection: Connection) -> None:
        if isinstance(transaction, DbSession):
            transaction.flush()
            if transaction.info.get("convoca_noted"):
                found = doing(transaction)
                Listening.who[found.kind, found.deed] += 1
        Forgetful._commit(transaction, connection)


@pytest.mark.one_database
@pytest.mark.parametrize("visitor", ["owner", "participant"])
def test_no_deed_of_a_request_is_convocas(
    settings: Settings, real_database: Database, links: Links, visitor: str
) -> None:
    world = build_world(real_database, links)
    url = real_database.engine.url.render_as_string(hide_password=False)
    database, Listening.who = Listening(url), Counter()
    try:
        app = with_known_routes(create_app(settings, database=database))
        values: dict[str, Any] = {"base_url": BASE_URL, "follow_redirects": False}
        with TestClient(app, raise_server_exceptions=False, **values) as client:
            for way in ways_of(app):
                if way.method != "GET" and (visitor == "owner" or "{token}" in way.path):
                    ask(client, way, address(way, world.values()), world, visitor)
    finally:
        database.close()
    assert [deed for kind, deed in Listening.who if kind == "system"] == []
    assert len(Listening.who) >= {"owner": 40, "participant": 4}[visitor], Listening.who

"""PostgreSQL gives up: two wait for each other, or one for too long. Whoever asked is told to try
again, and nothing of what they wanted is written."""

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, Session
from app.services.actor import Actor
from app.services.rows import hold
from app.services.tokens import create_token
from tests.databases import postgres_database
from tests.factories import Make

SAID = "Convoca is busy at the moment. Please try again in a few seconds."


@pytest.fixture
def database(postgres: str, postgres_template: str) -> Iterator[Database]:
    """PostgreSQL with real commits."""
    with postgres_database(postgres, postgres_template) as url:
        database = Database(url)
        yield database
        database.close()


@pytest.fixture
def draft(database: Database) -> tuple[str, str, str]:
    """The ids of a cycle that can be deleted and of its session, and the cycle's short name."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        return cycle.id, make.session(cycle).id, cycle.slug


Deletes = Callable[[], tuple[int, str | None, str]]


@pytest.fixture(params=["page", "api"])
def delete(
    request: pytest.FixtureRequest,
    database: Database,
    organizer: Actor,
    draft: tuple[str, str, str],
    organizer_client: TestClient,
) -> Deletes:
    """Tries to delete the cycle: the status, when to come again, what is said."""
    cycle_id, _, slug = draft

    def by_page() -> tuple[int, str | None, str]:
        answer = organizer_client.post(
            f"/organize/c/{slug}/delete", headers={"accept-language": "en"}
        )
        said = SAID if SAID in answer.text else answer.text
        return answer.status_code, answer.headers.get("retry-after"), said

    def by_api() -> tuple[int, str | None, str]:
        with database.begin(writes=True) as db:
            secret = create_token(db, organizer, "A test", ("write",))[1]
        answer = organizer_client.delete(
            f"/api/v1/cycles/{cycle_id}", headers={"authorization": f"Bearer {secret}"}
        )
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "busy"
        return answer.status_code, answer.headers.get("retry-after"), answer.json()["detail"]

    return by_page if request.param == "page" else by_api


def there(database: Database) -> tuple[list[str], list[str]]:
    with database.begin(writes=False) as db:
        return list(db.exec(select(Cycle.id))), list(db.exec(select(Session.id)))


def test_who_waits_too_long_is_told_to_try_again(
    database: Database, draft: tuple[str, str, str], delete: Deletes
) -> None:
    cycle_id, session_id, _ = draft

    def hurry(connection: Any) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")

    with database.begin(writes=True) as other:
        hold(other, Cycle, cycle_id)
        event.listen(database.engine, "begin", hurry)
        try:
            assert delete() == (503, "5", SAID)
        finally:
            event.remove(database.engine, "begin", hurry)
    assert there(database) == ([cycle_id], [session_id])


def test_who_is_ended_for_another_is_told_to_try_again(
    database: Database, draft: tuple[str, str, str], delete: Deletes
) -> None:
    """The other one, who takes hold in the wrong order, does not look for whom it waits."""
    cycle_id, session_id, _ = draft
    with database.begin(writes=True) as other:
        other.connection().exec_driver_sql("SET LOCAL deadlock_timeout = '1min'")
        hold(other, Cycle, cycle_id)
        waits = Thread(target=lambda: hold(other, Session, session_id))

        def meet(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "FROM cycle" in statement and "FOR UPDATE" in statement:
                waits.start()

        event.listen(database.engine, "before_cursor_execute", meet)
        try:
            assert delete() == (503, "5", SAID)
        finally:
            event.remove(database.engine, "before_cursor_execute", meet)
        waits.join()
    assert there(database) == ([cycle_id], [session_id])


def test_nobody_waits_for_ever(database: Database) -> None:
    """And whoever stops in the middle of a transaction lets go of what it holds."""
    for writes in (False, True):
        with database.begin(writes=writes) as db:
            shown = [
                db.connection().exec_driver_sql(f"SHOW {name}").scalar_one()
                for name in ("lock_timeout", "idle_in_transaction_session_timeout")
            ]
        assert shown == ["5s", "1min"]

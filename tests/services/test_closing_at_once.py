"""A session is closed while a release moves its end: whoever is second sees what the first did."""

from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from sqlmodel import col, select

from app.db import Database, DbSession
from app.models import Session, SessionClosing
from app.schemas.completion import CloseIn
from app.services import closing, publishing
from app.services.actor import AccountStanding, Actor
from tests.services.at_once import PATIENCE, Many
from tests.services.attendance_world import WEEK, Attended

OLGA = Actor(id="o", name="Olga", language="en", standing=AccountStanding.ADMINISTRATOR)


def at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, first: str
) -> tuple[list[str], datetime | None, list[bool]]:
    """What came of both, when the session is closed, and what was recorded. The first has done what
    it looks at the other for, and is not through, when the second begins; it goes on when that one
    is through, or has had the time to be."""
    with database.begin(writes=True) as db:
        world = Attended(db)
        cycle_id, session = world.cycle.id, world.sessions[0]
        session_id, at = session.id, world.sessions[1].ends_at + timedelta(hours=1)
        for name in ("wall_start", "starts_at", "ends_at"):
            setattr(session, name, getattr(session, name) + 6 * WEEK)
    looked, through = Event(), Event()
    module: Any = publishing if first == "publishes" else closing
    watched = "reopen_moved" if first == "publishes" else "measure_of"
    original = getattr(module, watched)

    def slow(*args: Any) -> Any:
        found = original(*args)
        if not looked.is_set():
            looked.set()
            through.wait(PATIENCE)
        return found

    def publishes(db: DbSession) -> object:
        return publishing.publish(db, OLGA, cycle_id, accept_warnings=True, now=at).number

    def closes(db: DbSession) -> object:
        return closing.close_session(db, OLGA, session_id, CloseIn(), at).closed

    acts = {"publishes": publishes, "closes": closes}
    second = acts[next(name for name in acts if name != first)]

    def then(db: DbSession) -> object:
        found = second(db)
        db.commit()
        through.set()
        return found

    monkeypatch.setattr(module, watched, slow)
    many = Many(database)
    many.start(acts[first])
    assert looked.wait(10)
    many.start(then)
    results = many.wait()
    with database.begin(writes=False) as db:
        closed_at = db.get_one(Session, session_id).closed_at
        order = col(SessionClosing.at), col(SessionClosing.id)
        kept = list(db.exec(select(SessionClosing.closed).order_by(*order)))
    return results, closed_at, kept


def test_who_closes_while_it_is_published_looks_at_what_is_published(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = at_once(real_database, monkeypatch, "publishes")
    assert found == (["2", "session_not_over"], None, [])


def test_who_publishes_while_it_is_closed_opens_it_again(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = at_once(real_database, monkeypatch, "closes")
    assert found == (["2", "True"], None, [True, False])

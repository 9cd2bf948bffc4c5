"""What two add at once: the second sees what the first has added."""

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.reminders import Anchor, Audience
from app.models import Material, Reminder
from app.schemas.material import MaterialLinkIn
from app.schemas.reminder import ReminderIn
from app.services import materials, reminder_rules
from app.services.actor import SYSTEM
from tests.factories import NOW, Make
from tests.services.at_once import PATIENCE, Many

EVERY = ReminderIn(anchor=Anchor.START, minutes=120, audience=Audience.ALL)


def at_once(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    act: Callable[[DbSession], object],
) -> list[str]:
    """Both act. The first has come to the end of what is patched and written nothing when the
    second begins; it goes on when that one is through, or has had the time to be."""
    looked, through = Event(), Event()

    def slow(*args: Any) -> Any:
        found = original(*args)
        if not looked.is_set():
            looked.set()
            through.wait(PATIENCE)
        return found

    def second(db: DbSession) -> object:
        found = act(db)
        db.commit()
        through.set()
        return found

    original = getattr(module, name)
    monkeypatch.setattr(module, name, slow)
    many = Many(database)
    many.start(act)
    assert looked.wait(10)
    many.start(second)
    return many.wait()


@pytest.mark.parametrize("how", ["add", "change", "usual"])
def test_a_reminder_is_there_once(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with real_database.begin(writes=True) as db:
        cycle_id = Make(db).cycle().id
        others = [
            reminder_rules.add_reminder(
                db, SYSTEM, cycle_id, EVERY.model_copy(update={"minutes": minutes}), NOW
            ).id
            for minutes in (7, 8)
        ]
        if how == "usual":
            for reminder_id in others:
                reminder_rules.remove_reminder(db, SYSTEM, cycle_id, reminder_id)

    def act(db: DbSession) -> object:
        if how == "usual":
            reminder_rules.use_defaults(db, SYSTEM, cycle_id, NOW)
            return None
        if how == "add":
            return reminder_rules.add_reminder(db, SYSTEM, cycle_id, EVERY, NOW).minutes
        changed = others.pop()
        return reminder_rules.change_reminder(db, SYSTEM, cycle_id, changed, EVERY, NOW).minutes

    results = at_once(real_database, monkeypatch, reminder_rules, "_check", act)
    with real_database.begin(writes=False) as db:
        rows = db.exec(select(Reminder.minutes).where(Reminder.removed == False))  # noqa: E712
        minutes = sorted(rows)
    if how == "usual":
        assert (results, minutes) == (["None", "None"], [30, 60, 1440])
    else:
        assert results == ["120", "invalid"]
        assert minutes == {"add": [7, 8, 120], "change": [7, 120]}[how]


def test_materials_have_places_of_their_own(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with real_database.begin(writes=True) as db:
        make = Make(db)
        session_id = make.session(make.cycle()).id
    new = MaterialLinkIn.model_validate({"title": "Slides", "url": "https://example.org/x"})

    def act(db: DbSession) -> object:
        return materials.add_link(db, SYSTEM, session_id, new).position

    assert at_once(real_database, monkeypatch, materials, "_fill", act) == ["0", "1"]
    with real_database.begin(writes=False) as db:
        assert sorted(db.exec(select(Material.position))) == [0, 1]

"""What comes round by the clock."""

import logging
import os
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlmodel import select

from app.db import Database
from app.domain.ids import new_id
from app.models import Message, SignIn, SignInLink, User
from app.services import accounts, invitations, publishing, reminders
from app.services.actor import SYSTEM
from app.services.files import FileStore
from app.services.links import Links
from app.worker import chores as module
from app.worker.chores import Chores
from tests.factories import NOW, Make


def test_what_has_ended_is_tidied_away(database: Database, links: Links) -> None:
    with database.begin(writes=True) as db:
        user = accounts.add_user(db, "Olga", "olga@example.org")
        accounts.start_sign_in(db, user.id, NOW - timedelta(days=15))
        accounts.start_sign_in(db, user.id, NOW)
        accounts.new_link(db, links, user, NOW - timedelta(days=2))
        accounts.new_link(db, links, user, NOW - timedelta(hours=2))
    Chores(database).look(NOW)
    with database.begin(writes=False) as db:
        assert len(db.exec(select(SignIn)).all()) == 1
        assert len(db.exec(select(SignInLink)).all()) == 1
        assert len(db.exec(select(User)).all()) == 1


def test_a_mail_on_the_disk_goes_when_its_row_is_gone(database: Database, tmp_path: Path) -> None:
    """Erased while it was written, or tidied away; and what a killed worker had begun."""
    with database.begin(writes=True) as db:
        row = Message(
            intent="x",
            message_id="<x@example.org>",
            kind="enrolment-confirmed",
            to_address="ana@example.org",
            to_name="Ana",
            language="en",
        )
        db.add(row)
    kept = row.id
    gone, fresh, ago = new_id(), new_id(), (NOW - timedelta(hours=2)).timestamp()
    drafts = (f".{kept}.0123abcd", f".{gone}.0123abcd")
    others = ("notes.txt", "README.eml")
    for name in (f"{kept}.eml", f"{gone}.eml", f"{fresh}.eml", *drafts, *others):
        (tmp_path / name).write_text("To: ana@example.org")
        at = NOW.timestamp() if fresh in name else ago
        os.utime(tmp_path / name, (at, at))
    Chores(database, FileStore(tmp_path / "files"), tmp_path).look(NOW)
    left = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    assert left == sorted([f"{kept}.eml", f"{fresh}.eml", *others])


def reminders_queued(database: Database) -> list[str]:
    with database.begin(writes=False) as db:
        return list(db.exec(select(Message.to_address).where(Message.kind == "reminder")))


def test_reminders_go_out_once_whoever_looks(database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        make.session(cycle, 1, wall_start=datetime(2026, 12, 1, 9))
        make.enrolment(cycle, make.person(email="ana@example.org"))
        publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, invite=True, now=NOW)
        assert invitations.bring_up_to_date(db, SYSTEM, cycle.id, NOW) == 0
    one, other = Chores(database), Chores(database)
    one.look(NOW)
    assert reminders_queued(database) == []
    day_before = datetime.fromisoformat("2026-11-30T14:00:05+00:00")
    for _ in range(2):
        one.look(day_before)
        other.look(day_before)
    assert reminders_queued(database) == ["ana@example.org"]


def test_a_chore_that_fails_is_logged_and_keeps_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError("no")

    done: list[datetime] = []
    monkeypatch.setattr(reminders, "anything_due", broken)
    monkeypatch.setattr(module, "tidy", lambda _db, at: done.append(at))
    with caplog.at_level(logging.ERROR):
        Chores(database).look(NOW)
    assert done == [NOW]
    assert [record.getMessage() for record in caplog.records] == ["reminders: RuntimeError"]


def test_a_chore_waits_until_it_comes_round(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[datetime] = []
    monkeypatch.setattr(module, "tidy", lambda _db, at: done.append(at))
    chores = Chores(database)
    for minutes in (0, 1, 59, 60, 61):
        chores.look(NOW + timedelta(minutes=minutes))
    assert done == [NOW, NOW + timedelta(minutes=60)]


def test_files_that_nothing_names_go(database: Database, tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    kept = store.put(BytesIO(b"a file"), 100)
    Chores(database, store).look(NOW)
    assert store.path(kept.name).exists()  # it is young: its row may be on its way
    Chores(database, store).look(NOW + timedelta(days=3650))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_nobody_waits_while_files_are_looked_through(database: Database, tmp_path: Path) -> None:
    class Slow(FileStore):
        def remove_unused(self, in_use: set[str], now: datetime) -> int:
            with database.begin(writes=True) as db:
                accounts.add_user(db, "Olga", "olga@example.org")
            return super().remove_unused(in_use, now)

    Chores(database, Slow(tmp_path)).look(NOW)
    with database.begin(writes=False) as db:
        assert db.exec(select(User.name)).all() == ["Olga"]

"""Erasing that is killed in its midst, and two who erase at once: all goes, or nothing yet."""

import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import NotFound
from app.models import Erasure
from app.services import erasure, retention
from app.services.erasure_disk import take_away
from app.services.files import FileStore
from app.services.personal_places import PLACES
from app.worker.chores import Chores
from tests import forks
from tests.services.marked_world import AT, MARK, Marked
from tests.services.test_erasure import files_with, found_in
from tests.services.test_retention import DUE, keep


@pytest.fixture
def world(real_database: Database, tmp_path: Path) -> Marked:
    return Marked(real_database, FileStore(tmp_path / "files"), tmp_path / "mail")


def _says_so_and_stays(there: Any) -> None:
    there.send("there")
    while True:
        time.sleep(60)


def _erase(url: str, person_id: str, table: str, there: Any) -> None:
    """As far as the last thing that is done to a table, which is not committed."""
    places = []
    for place in PLACES:
        if place.table == table and place.erase is not None:

            def stopping(db: DbSession, who: Any, inner: Any = place.erase) -> int:
                inner(db, who)
                db.flush()
                _says_so_and_stays(there)
                return 0

            places.append(replace(place, erase=stopping))
        else:
            places.append(place)
    erasure.PLACES = tuple(places)  # type: ignore[attr-defined]
    with Database(url).begin(writes=True) as db:
        erasure.erase_own(db, person_id, None, AT)


def _clear_the_disk(url: str, files: Path, mail: Path, there: Any) -> None:
    database = Database(url)
    database.forget = lambda: _says_so_and_stays(there)  # type: ignore[assignment,return-value]
    take_away(database, FileStore(files), mail, AT)


def _keep_to_the_time(url: str, cycle_id: str, there: Any) -> None:
    """A piece is done, another one is begun."""
    retention.PIECE = 2
    database = Database(url)
    with database.begin(writes=True) as db:
        retention.erase_piece(db, cycle_id, DUE)
    with database.begin(writes=True) as db:
        retention.erase_piece(db, cycle_id, DUE)
        _says_so_and_stays(there)


def killed(work: Any, database: Database, *arguments: object) -> None:
    ours, theirs = forks.pipe()
    url = database.engine.url.render_as_string(hide_password=False)
    process = forks.fork(work, url, *arguments, theirs)
    assert ours.poll(60), "it never got there"
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("table", ["enrolment", "person"])
def test_killed_in_the_midst_it_is_as_before_and_done_the_next_time(
    world: Marked, table: str
) -> None:
    before = found_in(world.database, MARK)
    killed(_erase, world.database, world.person_id, table)
    assert found_in(world.database, MARK) == before
    with world.database.begin(writes=True) as db:
        erasure.erase_own(db, world.person_id, None, AT)
    assert take_away(world.database, world.store, world.mail_dir, AT)
    assert found_in(world.database, MARK) == []
    assert files_with(world.mail_dir.parent, MARK) == []


def test_killed_while_the_disk_is_cleared_the_worker_goes_on(world: Marked) -> None:
    with world.database.begin(writes=True) as db:
        erasure.erase_own(db, world.person_id, None, AT)
    folder = world.mail_dir.parent
    killed(_clear_the_disk, world.database, folder / "files", world.mail_dir)
    Chores(world.database, world.store, world.mail_dir)._take_away(AT)
    assert files_with(folder, MARK) == []
    path = world.database.engine.url.database
    if world.database.engine.dialect.name == "sqlite" and path is not None:
        for each in (Path(path), Path(f"{path}-wal")):
            assert not each.exists() or MARK.encode() not in each.read_bytes().lower()
    with world.database.begin(writes=False) as db:
        made = db.exec(select(Erasure)).all()
    assert [(each.files, each.done_at is None) for each in made] == [([], False)] * 2


def test_killed_between_two_pieces_others_go_on(world: Marked) -> None:
    with world.database.begin(writes=True) as db:
        keep(db, world.cycle_id, 3)
    killed(_keep_to_the_time, world.database, world.cycle_id)
    Chores(world.database, world.store, world.mail_dir)._retain(DUE)
    assert found_in(world.database, "Other ".lower()) == []


def test_two_at_once_erase_once(world: Marked) -> None:
    outcomes: list[str] = []
    both = threading.Barrier(2)

    def erase() -> None:
        both.wait()
        try:
            with world.database.begin(writes=True) as db:
                erasure.erase_own(db, world.person_id, None, AT)
            outcomes.append("erased")
        except NotFound:
            outcomes.append("not found")

    threads = [threading.Thread(target=erase) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(outcomes) == ["erased", "not found"]
    assert found_in(world.database, MARK) == []

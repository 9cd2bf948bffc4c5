"""Killed midway: no file that looks complete, no place that looks restored; a second try works."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.backups import UNFINISHED, archive, make, restore
from app.command_line import opened as opened_by_a_command
from app.services import sending
from app.settings import Settings
from tests import forks
from tests.backups.world import Installation, Places, files, left, places, rows, sent
from tests.conftest import BOTH

ROOMS = {"archive": archive, "make": make, "restore": restore}


@pytest.fixture(params=BOTH)
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    with places(request.param, tmp_path, request) as found:
        yield found


def _stops(room: str, name: str, before: bool, there: Any) -> None:
    """Has a function stop, before or after what it does, and say so."""
    inner: Callable[..., object] = getattr(ROOMS[room], name)

    def stop() -> None:
        there.send(name)
        while True:
            time.sleep(60)

    def stopping(*arguments: object, **named: object) -> object:
        if before:
            stop()
        found = inner(*arguments, **named)
        stop()
        return found

    setattr(ROOMS[room], name, stopping)


def _back_up(room: str, name: str, before: bool, there: Any, settings: Settings, to: Path) -> None:
    _stops(room, name, before, there)
    make.make(settings, to)


def _restore(room: str, name: str, before: bool, there: Any, settings: Settings, of: Path) -> None:
    _stops(room, name, before, there)
    restore.restore(settings, of)


def killed(work: Callable[..., None], room: str, name: str, before: bool, *rest: object) -> None:
    ours, theirs = forks.pipe()
    process = forks.fork(_with_path, os.environ["PATH"], work, room, name, before, theirs, *rest)
    assert ours.poll(60), "it never got there"
    assert ours.recv() == name
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _with_path(path: str, work: Callable[..., None], *arguments: object) -> None:
    os.environ["PATH"] = path
    work(*arguments)


@pytest.mark.parametrize(
    ("room", "name", "before"),
    [
        ("make", "_add_files", False),
        ("make", "_snapshot", False),
        ("make", "_add_keys", True),
        ("archive", "verified", True),
        ("make", "_into_place", True),
    ],
)
@pytest.mark.one_database
def test_a_backup_that_is_killed_leaves_none(
    here: Places, tmp_path: Path, room: str, name: str, before: bool
) -> None:
    world = here.world()
    to = tmp_path / "backups"
    to.mkdir()
    killed(_back_up, room, name, before, world.settings, to / "x.tar.gz")
    (staging,) = left(to)
    assert staging.startswith(".convoca-backup-")
    make.make(world.settings, to / "x.tar.gz")
    assert left(to) == ["x.tar.gz"]


@pytest.mark.parametrize(
    ("room", "name", "before"),
    [
        ("restore", "_clear", False),
        ("restore", "_unpack", False),
        ("restore", "_lay_out", False),
        ("restore", "_holding", True),
        ("restore", "_put_database", False),
        ("restore", "_catch_up", False),
    ],
)
@pytest.mark.one_database
def test_a_restore_that_is_killed_is_none_and_goes_on(
    here: Places, tmp_path: Path, room: str, name: str, before: bool
) -> None:
    world = here.world()
    make.make(world.settings, tmp_path / "x.tar.gz")
    there = here.empty()
    killed(_restore, room, name, before, there, tmp_path / "x.tar.gz")

    assert (there.data_dir / UNFINISHED).is_dir()
    with pytest.raises(SystemExit), opened_by_a_command(there):
        pass  # no command but restore

    restore.restore(there, tmp_path / "x.tar.gz")
    found: Installation = here.open(there)
    assert not (there.data_dir / UNFINISHED).exists()
    assert rows(found.database) == rows(world.database)
    assert files(there) == files(world.settings)
    with found.database.begin(writes=False) as db:
        assert sending.is_held(db)
    assert sent(found) == []


@pytest.mark.one_database
def test_two_restores_at_once(here: Places, tmp_path: Path) -> None:
    """The second is told, and what the first does stays."""
    world = here.world()
    make.make(world.settings, tmp_path / "x.tar.gz")
    there = here.empty()
    ours, theirs = forks.pipe()
    process = forks.fork(
        _with_path, os.environ["PATH"], _restore, "restore", "_unpack", False, theirs, there,
        tmp_path / "x.tar.gz",
    )  # fmt: skip
    assert ours.poll(60)
    with pytest.raises(archive.BackupError, match="Another restore into this place"):
        restore.restore(there, tmp_path / "x.tar.gz")
    assert left(there.data_dir) == [UNFINISHED]
    process.kill()
    process.join()

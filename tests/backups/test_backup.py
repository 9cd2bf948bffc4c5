"""A backup while others write, put back elsewhere: the same, whole, and silent."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from alembic import command
from sqlmodel import col, select

from app.backups import archive, make, postgres_dump
from app.backups.archive import BackupError
from app.backups.restore import restore
from app.db import make_engine
from app.models import Material, Message, Session, now
from app.schema_version import alembic_config, present, wanted
from app.services import reminders, sending
from app.services.actor import SYSTEM
from tests.backups.world import (
    MEGABYTE,
    Installation,
    Places,
    browser,
    files,
    left,
    named_files,
    places,
    rows,
    sent,
    settings_of,
)
from tests.conftest import BOTH
from tests.factories import Make
from tests.services.mailing_world import planned_world


@pytest.fixture(params=BOTH)
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    with places(request.param, tmp_path, request) as found:
        yield found


def test_the_same_elsewhere_and_nothing_is_sent_until_somebody_says_so(
    here: Places, tmp_path: Path
) -> None:
    world = here.world()
    with world.database.begin(writes=False) as db:
        waits = sorted(m.to_address for m in db.exec(select(Message)))
    with browser(world) as client:
        pages = [client.get(url) for url in (world.my, world.feed)]
        signed = client.get(world.badge_at).text
        assert [page.status_code for page in pages] == [200, 200]

    manifest = make.make(world.settings, tmp_path / "x.tar.gz")
    there = here.open(replace(here.empty(), base_url=world.settings.base_url))
    there.database.close()
    assert restore(there.settings, tmp_path / "x.tar.gz") == manifest

    assert rows(there.database) == rows(world.database)
    assert files(there.settings) == files(world.settings)
    assert (tmp_path / "x.tar.gz").stat().st_mode & 0o777 == 0o600
    assert (manifest.files, manifest.keys, manifest.lost) == (1, True, ())
    with browser(there) as client:
        assert [client.get(url).status_code for url in (world.my, world.feed)] == [200, 200]
        assert client.get(world.badge_at).text == signed == world.badge

    assert sent(there) == []
    with there.database.begin(writes=True) as db:
        assert sending.is_held(db)
        groups = sending.waiting(db, SYSTEM)
        assert [(w.kind, w.repeats, w.count) for w in groups] == [
            ("certificate", True, 1),
            ("enrolment-link", True, 1),
        ]
        assert sending.resume(db, SYSTEM, now()) == 2
    assert sent(there) == waits


class Writing:
    """Somebody who adds slides, and takes away what is older, as fast as they can."""

    def __init__(self, world: Installation) -> None:
        self._world = world
        self._stop = threading.Event()
        self.done = 0
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._add(self.done + 1)
            self.done += 1

    def _add(self, number: int) -> None:
        content = b"%PDF-1.7\n" + str(number).encode() * 5000
        stored = self._world.files.put(BytesIO(content), MEGABYTE, "x.pdf")
        with self._world.database.begin(writes=True) as db:
            session = db.exec(select(Session).where(Session.number == 1)).one()
            Make(db).material(
                session, title=f"{number:05}", kind="slides", url="", file=stored.name,
                media_type=stored.media_type, size=stored.size, file_name="x.pdf",
            )  # fmt: skip
            old = db.exec(select(Material).where(Material.title == f"{number - 3:05}")).first()
            if old is not None:
                db.delete(old)
        if old is not None:  # at once, as nobody does: the worker waits for a day
            self._world.files.path(old.file).unlink()

    def __enter__(self) -> "Writing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_what_others_write_meanwhile_is_in_it_as_of_one_moment(
    here: Places, tmp_path: Path
) -> None:
    world = here.world()
    with Writing(world) as writing:
        for number in range(2):
            while writing.done < 5 * (number + 1):
                pass
            before = writing.done
            manifest = make.make(world.settings, tmp_path / f"{number}.tar.gz")
            there = here.empty()
            restore(there, tmp_path / f"{number}.tar.gz")
            found = here.open(there).database
            with found.begin(writes=False) as db:
                titles = db.exec(
                    select(Material.title).where(col(Material.title) < "1").order_by("title")
                ).all()
            last = int(titles[-1])
            assert list(titles) == [f"{n:05}" for n in range(last - 2, last + 1)]
            assert before <= last <= writing.done + 1
            stored = {Path(name).name for name in files(there)}
            # Whoever deletes at once may be faster than any copy; whoever waits never is.
            assert named_files(found) - stored == set(manifest.lost)


def test_what_comes_and_goes_between_is_whole(
    here: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two moments that count: what comes after the first look at the store and before the
    database is read, and what goes after that."""
    world = here.world()
    inner = make._snapshot
    new = b"%PDF-1.7\n" + b"new" * 100

    def between(*arguments: object) -> object:
        stored = world.files.put(BytesIO(new), MEGABYTE, "new.pdf")
        with world.database.begin(writes=True) as db:
            session = db.exec(select(Session).where(Session.number == 1)).one()
            Make(db).material(session, kind="slides", url="", file=stored.name, file_name="n.pdf")
        found = inner(*arguments)  # type: ignore[arg-type]
        with world.database.begin(writes=True) as db:
            db.delete(db.exec(select(Material).where(Material.file == world.slides)).one())
        world.files.path(world.slides).unlink()
        return found

    monkeypatch.setattr(make, "_snapshot", between)
    manifest = make.make(world.settings, tmp_path / "x.tar.gz")
    there = here.empty()
    restore(there, tmp_path / "x.tar.gz")
    assert manifest.lost == ()
    named = named_files(here.open(there).database)
    assert (len(named), {Path(name).name for name in files(there)} >= named) == (2, True)


def test_files_that_are_missing_or_damaged_are_named(here: Places, tmp_path: Path) -> None:
    world = here.world()
    world.files.path(world.slides).write_bytes(b"another")
    manifest = make.make(world.settings, tmp_path / "x.tar.gz")
    assert (manifest.files, manifest.lost) == (0, (world.slides,))
    world.files.path(world.slides).unlink()
    assert make.make(world.settings, tmp_path / "y.tar.gz").lost == (world.slides,)


def test_without_keys(here: Places, tmp_path: Path) -> None:
    world = here.world()
    manifest = make.make(world.settings, tmp_path / "x.tar.gz", keys=False)
    there = here.empty()
    restore(there, tmp_path / "x.tar.gz")
    assert sorted(manifest.members) == sorted(
        [archive.DATABASES[here.kind], f"files/{world.slides[:2]}/{world.slides}"]
    )
    assert not (there.data_dir / "secret.key").exists()
    assert not there.badge_keys_dir.exists()


def test_a_key_from_the_setting_comes_along_and_another_is_refused(
    here: Places, tmp_path: Path
) -> None:
    world = here.world()
    make.make(replace(world.settings, secret_key="k" * 40), tmp_path / "x.tar.gz")
    other = replace(here.empty(), secret_key="j" * 40)
    with pytest.raises(BackupError, match="CONVOCA_SECRET_KEY is another key"):
        restore(other, tmp_path / "x.tar.gz")
    assert not other.data_dir.exists()
    same = replace(other, secret_key="k" * 40)
    restore(same, tmp_path / "x.tar.gz")
    assert not (same.data_dir / "secret.key").exists()
    without = here.empty()
    restore(without, tmp_path / "x.tar.gz")
    assert (without.data_dir / "secret.key").read_text() == "k" * 40


def test_only_an_empty_place_is_taken(here: Places, tmp_path: Path) -> None:
    world = here.world()
    make.make(world.settings, tmp_path / "x.tar.gz")
    before = rows(world.database), files(world.settings)
    with pytest.raises(BackupError, match="is put back into an empty place only"):
        restore(world.settings, tmp_path / "x.tar.gz")
    assert (rows(world.database), files(world.settings)) == before
    some = here.empty()
    some.data_dir.mkdir()
    (some.data_dir / "mine").touch()
    with pytest.raises(BackupError, match="is not empty"):
        restore(some, tmp_path / "x.tar.gz")
    assert left(some.data_dir) == ["mine"]
    (some.data_dir / "mine").rename(some.data_dir / "lost+found")
    restore(some, tmp_path / "x.tar.gz")
    if here.kind == "postgresql":  # the folder is empty and the database is not
        again = replace(some, data_dir=tmp_path / "again")
        with pytest.raises(BackupError, match="The database is not empty"):
            restore(again, tmp_path / "x.tar.gz")
        assert not again.data_dir.exists()


def test_of_one_kind_into_the_other_is_refused(here: Places, tmp_path: Path) -> None:
    make.make(here.world().settings, tmp_path / "x.tar.gz")
    urls = {"sqlite": "postgresql+psycopg://nobody@127.0.0.1:1/none", "postgresql": ""}
    other = replace(here.empty(), database_url=urls[here.kind] or f"sqlite:///{tmp_path}/no.db")
    with pytest.raises(BackupError, match="goes back only into the kind that it was made of"):
        restore(other, tmp_path / "x.tar.gz")
    assert not other.data_dir.exists()


def test_an_older_schema_is_migrated_and_a_newer_one_refused(
    here: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = here.empty()
    engine = make_engine(old.database_url)
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
    engine.dispose()
    assert make.make(old, tmp_path / "old.tar.gz").schema == "0005"
    there = here.empty()
    restore(there, tmp_path / "old.tar.gz")
    found = here.open(there).database
    assert present(found.engine) == wanted()
    with found.begin(writes=False) as db:
        assert sending.is_held(db)

    monkeypatch.setattr("app.schema_version.known", lambda: {"0001"})
    later = here.empty()
    with pytest.raises(BackupError, match=r"\(0005\) is newer than this program knows"):
        restore(later, tmp_path / "old.tar.gz")
    assert not later.data_dir.exists()


def test_what_has_become_due_since_waits_too(here: Places, tmp_path: Path) -> None:
    """A reminder between the backup and the restore: nobody knows whether it went."""
    world = here.open(here.migrated())
    with world.database.begin(writes=True) as db:
        planned = planned_world(db)
        planned.move((now() - planned.session.starts_at).days + 1)
        planned.publish(now() - timedelta(days=3), invite=True)
        reminders.run_due(db, now() - timedelta(days=2))  # the rules that a cycle begins with
        planned.new()
    make.make(world.settings, tmp_path / "x.tar.gz")
    with world.database.begin(writes=False) as db:
        queued = db.exec(select(Message).where(Message.status == "queued")).all()
        assert list(queued) == []
    there = here.empty()
    restore(there, tmp_path / "x.tar.gz")
    found = here.open(there)
    with found.database.begin(writes=False) as db:
        waiting = sending.waiting(db, SYSTEM)
        assert [(w.kind, w.repeats) for w in waiting] == [("reminder", True)]
    assert sent(found) == []


def test_the_password_is_on_no_command_line() -> None:
    engine = make_engine("postgresql+psycopg://me:s3cret@db.example.org:5433/x?sslmode=require")
    place, secret = postgres_dump._connection(engine)
    assert (place, secret) == (
        "host=db.example.org dbname=x user=me port=5433 sslmode=require",
        {"PGPASSWORD": "s3cret"},
    )


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("", "pg_dump is missing. Install PostgreSQL's client programs"),
        ("pg_dump (PostgreSQL) 9.6.3", r"The server is PostgreSQL \d+, .*pg_dump is 9: it must"),
    ],
)
def test_tools_that_are_missing_or_too_old_are_said(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    sentence: str,
) -> None:
    with places("postgresql", tmp_path, request) as here:
        world = here.open(here.migrated())
        tools = tmp_path / "tools"
        tools.mkdir()
        if said:
            (tools / "pg_dump").write_text(f"#!/bin/sh\necho '{said}'\n")
            (tools / "pg_dump").chmod(0o700)
        monkeypatch.setenv("PATH", str(tools))
        with pytest.raises(BackupError, match=sentence):
            make.make(world.settings, tmp_path / "x.tar.gz")
    assert [name for name in left(tmp_path) if "convoca" in name or "x.tar" in name] == []


def test_a_damaged_database_is_not_called_a_backup(tmp_path: Path, template: Path) -> None:
    settings = settings_of(tmp_path / "data")
    settings.data_dir.mkdir()
    content = bytearray(template.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = b"\x55" * 20_000
    (settings.data_dir / "convoca.db").write_bytes(content)
    with pytest.raises(BackupError, match=r"damaged|cannot be read|could not be copied"):
        make.make(settings, tmp_path / "x.tar.gz")
    assert left(tmp_path) == ["data"]


def test_a_file_that_is_there_is_not_replaced(here: Places, tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"mine")
    with pytest.raises(BackupError, match="is there already"):
        make.make(here.migrated(), tmp_path / "x.tar.gz")
    assert (tmp_path / "x.tar.gz").read_bytes() == b"mine"

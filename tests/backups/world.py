"""Installations to back up, empty ones to restore into, and what is in one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select, update
from sqlmodel import select as select_rows
from starlette.testclient import TestClient

from app.db import Database
from app.mail.values import Sender
from app.main import create_app
from app.models import Material, Message, now
from app.services import outbox
from app.services.badge_keys import key_ring
from app.services.badges import Addresses, badge
from app.services.files import FileStore
from app.services.links import Links
from app.services.secret_key import secret_key
from app.settings import Settings
from app.worker.chores import Chores
from app.worker.loop import Worker
from tests.conftest import BASE_URL
from tests.databases import postgres_database, postgres_tools
from tests.services.certificate_world import Certified
from tests.worker.test_worker import Fake

MEGABYTE = 1_000_000


@dataclass
class Installation:
    """One, with its database open."""

    settings: Settings
    database: Database
    my: str = ""  # Ana's personal page
    feed: str = ""  # her calendar
    badge: str = ""  # what her certificate is, signed
    badge_at: str = ""
    slides: str = ""  # the name of an uploaded file

    @property
    def links(self) -> Links:
        return Links(secret_key("", self.settings.data_dir), BASE_URL)

    @property
    def files(self) -> FileStore:
        return FileStore(self.settings.files_dir)


def settings_of(data_dir: Path, url: str = "") -> Settings:
    url = url or f"sqlite:///{data_dir / 'convoca.db'}"
    return Settings(data_dir=data_dir, database_url=url, base_url=BASE_URL)


@contextmanager
def opened(settings: Settings) -> Iterator[Installation]:
    database = Database(settings.database_url)
    try:
        yield Installation(settings, database)
    finally:
        database.close()


class Places:
    """Makes them, on one of the two databases."""

    def __init__(self, kind: str, folder: Path, request: pytest.FixtureRequest) -> None:
        self.kind = kind
        self._folder = folder
        self._request = request
        self._stack = ExitStack()
        self._count = 0

    def __enter__(self) -> "Places":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def empty(self) -> Settings:
        """A place for a new one."""
        self._count += 1
        folder = self._folder / f"place-{self._count}"
        if self.kind == "sqlite":
            return settings_of(folder)
        server = self._request.getfixturevalue("postgres")
        return settings_of(folder, self._stack.enter_context(postgres_database(server)))

    def migrated(self) -> Settings:
        """One with an empty database of ours."""
        if self.kind == "sqlite":
            settings = self.empty()
            settings.data_dir.mkdir()
            template: Path = self._request.getfixturevalue("template")
            Path(settings.data_dir, "convoca.db").write_bytes(template.read_bytes())
            return settings
        server, template_url = (
            self._request.getfixturevalue(name) for name in ("postgres", "postgres_template")
        )
        self._count += 1
        url = self._stack.enter_context(postgres_database(server, template_url))
        settings = settings_of(self._folder / f"place-{self._count}", url)
        settings.data_dir.mkdir()
        return settings

    def world(self) -> Installation:
        """One with people, enrolments, uploaded files, certificates and mails that wait."""
        there = self._stack.enter_context(opened(self.migrated()))
        fill(there)
        return there

    def open(self, settings: Settings) -> Installation:
        """One that is there."""
        return self._stack.enter_context(opened(settings))


@contextmanager
def places(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Places]:
    with Places(kind, folder, request) as found:
        if kind == "postgresql":
            request.getfixturevalue("postgres")
            with postgres_tools():
                yield found
        else:
            yield found


def fill(there: Installation) -> None:
    """Ana has a certificate, and a page of her own; her session has slides; mails wait."""
    stored = there.files.put(BytesIO(b"%PDF-1.7\n" + b"slides " * 1000), MEGABYTE, "slides.pdf")
    links = there.links
    with there.database.begin(writes=True) as db:
        world = Certified(db)
        session = world.sessions[0]
        world.make.material(
            session, kind="slides", url="", file=stored.name, media_type=stored.media_type,
            size=stored.size, file_name="slides.pdf",
        )  # fmt: skip
        row = world.issue(world.ana)
        outbox.enqueue(
            db,
            kind="enrolment-link",
            intent="link",
            to_name="Ana",
            to_address="ana@example.org",
            language="es",
            context={"enrolment_id": world.ana.id},
            cycle_id=world.cycle.id,
            now=now(),
        )
        db.execute(update(Message).values(created_at=now(), due_at=now()))  # by this clock
        there.my = links.my(world.ana.id, world.ana.link_generation)
        there.feed = links.feed(world.ana.id, world.ana.feed_generation)
        at = Addresses(links)
        there.badge = badge(row, key_ring(there.settings.badge_keys_dir), at)
        there.badge_at = at.badge(row.code)
    there.slides = stored.name


def rows(database: Database) -> dict[str, list[Any]]:
    """Every row of every table, but what says that nothing is sent."""
    tables = MetaData()
    tables.reflect(database.engine)
    with database.engine.connect() as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for table in tables.sorted_tables
            if table.name not in ("sending_hold", "sqlite_sequence")
        }


def files(settings: Settings) -> dict[str, bytes]:
    return {
        path.relative_to(settings.data_dir).as_posix(): path.read_bytes()
        for folder in (settings.files_dir, settings.badge_keys_dir)
        for path in folder.rglob("*")
        if path.is_file()
    }


def named_files(database: Database) -> set[str]:
    with database.begin(writes=False) as db:
        return set(db.exec(select_rows(Material.file).where(Material.file != "")))


def sent(there: Installation) -> list[str]:
    """Whom a worker that has an hour of work to do sends something to."""
    transport = Fake()
    sender = Sender("convoca@example.org", "Convoca")
    chores = Chores(there.database)
    chores.look(now())
    Worker(there.database, there.links, transport, sender, chores=chores).run_once()
    return sorted(to for to, _ in transport.sent)


@contextmanager
def browser(there: Installation) -> Iterator[TestClient]:
    app = create_app(replace(there.settings), database=there.database)
    with TestClient(app, base_url=BASE_URL, follow_redirects=False) as client:
        yield client


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []

"""A disk on which there is no room left, and then again."""

import asyncio
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from app.db import Database
from app.domain.errors import Full
from app.domain.ids import new_id
from app.domain.text import LANGUAGES
from app.languages import translations
from app.models import Material, Message
from app.services.files import RESERVE
from tests.faults.disk import SmallDisk, small_disk
from tests.faults.installation import Installation, until
from tests.faults.lines import Line
from tests.faults.load import Deed, Load
from tests.faults.postgres import OwnPostgres
from tests.faults.test_database_away import _all, _all_is_there_once, _deeds, _reads
from tests.faults.test_web_killed import _enrol
from tests.faults.world import World, make_world

FULL = [translations(language).gettext(Full.sentence) for language in LANGUAGES]
"""What is said, in whatever language somebody reads."""
READ_ONLY = "Nothing can be kept on this server at the moment"
MANY = 12
PDF = b"%PDF-1.7\n" + b"0" * 3_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Of 16 MB."""
    with small_disk(tmp_path / "disk", 16) as disk:
        yield disk


@contextmanager
def _on(disk: SmallDisk, template: Path) -> Iterator[Installation]:
    """An installation on SQLite, with all that it has on this disk."""
    data = disk.folder / "data"
    data.mkdir()
    shutil.copyfile(template, data / "convoca.db")
    database = Database(f"sqlite:///{data / 'convoca.db'}")
    ours = Installation(database, data, log=disk.folder.parent / "log")
    with closing(database), ours.open() as installation:
        yield installation


def _refused(answers: list[httpx.Response]) -> int:
    """How many were refused for this reason. Whatever was not was done."""
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {a.status_code for a in answers} <= {503, 200, 201, 303}
    for answer in refused:
        assert int(answer.headers["retry-after"]) > 0
        if "json" in answer.headers["content-type"]:
            assert answer.json()["code"] == "no_space"
        said = answer.json()["detail"] if "json" in answer.headers["content-type"] else answer.text
        assert any(sentence in said for sentence in FULL)
    return len(refused)


def _reading_goes_on(port: int, world: World) -> None:
    for path, headers in _reads(world):
        language = {"accept-language": "en"}
        answer = httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers | language, timeout=60)
        assert answer.status_code == 200, path


def _once(port: int, deeds: list[Deed]) -> list[httpx.Response]:
    english = [Deed(**{**vars(d), "headers": d.headers | {"accept-language": "en"}}) for d in deeds]
    return [answer for answer, _ in asyncio.run(_all(port, english))]


def test_no_room_for_the_database(
    disk: SmallDisk, template: Path, did: Callable[[str], None]
) -> None:
    """SQLite and its WAL: not a page can be added."""
    with _on(disk, template) as installation:
        world = make_world(installation.database, 2 * MANY)
        port, deeds = installation.web(), _deeds(world, MANY)
        _reading_goes_on(port, world)
        disk.fill()
        counts: list[int] = []
        while len(counts) < 2 or counts[-1] != counts[-2]:
            # What room there is in the WAL is used up; what was done then is repeated, which
            # writes nothing.
            counts.append(_refused(_once(port, deeds)))
            _reading_goes_on(port, world)
            assert len(counts) < 10
        refused = counts[-1]
        assert refused > len(deeds) / 2
        disk.empty()
        asyncio.run(Load([port]).do(deeds))
        _all_is_there_once(installation.database, world, MANY)
        installation.is_sound()
        installation.untroubled()
    did(
        f"SQLite's disk full: {refused} of {len(deeds)} refused in words, reading went on; then all"
    )


def test_no_room_in_postgres(
    own_postgres: OwnPostgres, tmp_path: Path, did: Callable[[str], None]
) -> None:
    """In the tablespace of its tables; its own log is elsewhere, as PostgreSQL ends without it."""
    with small_disk(own_postgres.data.parent / "disk", 96) as disk:
        place = disk.give_to(own_postgres.user)
        own_postgres.say(f"CREATE TABLESPACE small LOCATION '{place}'")
        database = Database(own_postgres.make_database("small", "small"))
        ours = Installation(database, tmp_path / "data")
        with closing(database), ours.open() as installation:
            world = make_world(database, 2 * MANY)
            port, deeds = installation.web(), _deeds(world, MANY)
            asyncio.run(Load([port]).do(deeds))
            _reading_goes_on(port, world)
            disk.fill()
            refused = written = 0
            while not refused:  # until the pages that there are have no room for one more row
                more = [_enrol(MANY + written + number) for number in range(60)]
                answers = _once(port, more)
                refused = _refused(answers)
                written += len(more)
                _reading_goes_on(port, world)
                assert written < 20_000
            disk.empty()
            everything = [_enrol(number) for number in range(MANY, MANY + written)]
            asyncio.run(Load([port]).do(everything))
            _reading_goes_on(port, world)
            with database.begin(writes=False) as db:
                mails = Counter(db.exec(select(Message.to_address)).all())
            names = [f"new{n}@example.org" for n in range(MANY + written)]
            assert mails == dict.fromkeys(
                [*names, *(f"program{n}@example.org" for n in range(MANY))], 1
            )
            installation.untroubled()
        own_postgres.say("DROP DATABASE small WITH (FORCE)")
        own_postgres.say("DROP TABLESPACE small")
    did(f"PostgreSQL's disk full after {written} enrolments: {refused} refused, reading went on")


def test_no_room_for_mails_that_are_files(
    real_database: Database, disk: SmallDisk, did: Callable[[str], None]
) -> None:
    """The database has a disk of its own."""
    count, data = 30, disk.folder / "data"
    log = disk.folder.parent / "log"
    with Installation(real_database, data, log=log).open() as installation:
        make_world(real_database, 1)
        port = installation.web()
        asyncio.run(Load([port]).do([_enrol(number) for number in range(count)]))
        mails = installation.data / "mail"
        disk.fill()
        worker = installation.worker()
        until(lambda: "no mail goes" in installation.said(), "that it says so")
        assert [path for path in mails.glob("*") if path.stat().st_size] == []
        disk.empty()
        until(lambda: len(list(mails.glob("*.eml"))) == count, "all mails", seconds=150)
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
        whole = [path.read_bytes() for path in mails.glob("*")]
        assert len(whole) == count
        assert all(raw.rstrip().endswith(b"--") for raw in whole)
        with real_database.begin(writes=False) as db:
            assert Counter(db.exec(select(Message.status)).all()) == {"sent": count}
        installation.untroubled()
    did(f"no room for mails as files: none torn, it is said, and all {count} are there in the end")


def _upload(world: World, body: bytes) -> tuple[bytes, bytes]:
    """A file sent by an organizer's browser: its head, and all of the form."""
    boundary = b"----" + new_id().encode()
    fields = {b"kind": b"slides", b"title": b"Slides", b"audience": b"public", b"visible": b"now"}
    parts = [
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (boundary, name, value)
        for name, value in fields.items()
    ]
    file = (
        b'--%s\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' % boundary
    )
    whole = b"".join([*parts, file, body, b"\r\n--%s--\r\n" % boundary])
    rows = [
        f"POST /organize/c/{world.slug}/sessions/2/materials/upload HTTP/1.1",
        "Host: here",
        f"Content-Type: multipart/form-data; boundary={boundary.decode()}",
        f"Content-Length: {len(whole)}",
        "Accept-Language: en",
        *(f"{name}: {value}" for name, value in world.browser.items()),
    ]
    return "\r\n".join([*rows, "", ""]).encode(), whole


def _kept(installation: Installation) -> list[int]:
    """The sizes of all files in the store, whole or not."""
    return [p.stat().st_size for p in (installation.data / "files").rglob("*") if p.is_file()]


def test_no_room_for_a_file(tmp_path: Path, template: Path, did: Callable[[str], None]) -> None:
    """Before it comes, and while it comes."""
    with small_disk(tmp_path / "disk", 240) as disk, _on(disk, template) as installation:
        spool = disk.folder / "tmp"
        spool.mkdir()
        installation.env["TMPDIR"] = str(spool)
        world = make_world(installation.database, 1)
        port = installation.web()

        async def send(*, fill_at: int | None) -> tuple[int, bytes]:
            line = await Line.to(port)
            head, whole = _upload(world, PDF)
            line.writer.write(head + whole[: fill_at or len(whole)])
            await line.writer.drain()
            if fill_at is not None:
                while not any(spool.iterdir()) and not _spooled(installation):
                    await asyncio.sleep(0.005)  # it reads, and keeps what it has read
                disk.fill()
                line.writer.write(whole[fill_at:])
            answer = await line.answer()
            line.close()
            return answer

        disk.fill(leave=RESERVE - 1_000_000)
        status, page = asyncio.run(send(fill_at=None))
        assert (status, FULL[0].encode() in page) == (503, True)
        assert _kept(installation) == []
        disk.empty()
        status, page = asyncio.run(send(fill_at=2_500_000))
        assert (status, FULL[0].encode() in page) == (503, True)
        assert _kept(installation) == []
        disk.empty()
        with installation.database.begin(writes=False) as db:
            assert db.exec(select(Material)).all() == []
        status, _ = asyncio.run(send(fill_at=None))
        assert status == 303
        assert _kept(installation) == [len(PDF)]
        installation.untroubled()
    did("no room for a file, before and while it came: said, none torn; then it was taken")


def test_a_folder_that_cannot_be_written_to(
    installation: Installation, did: Callable[[str], None]
) -> None:
    """As a kernel leaves a disk after an error of it."""
    with small_disk(installation.data / "files", 240) as disk:
        world = make_world(installation.database, 1)
        port = installation.web()

        async def send() -> tuple[int, bytes]:
            line = await Line.to(port)
            line.writer.write(b"".join(_upload(world, PDF)))
            answer = await line.answer()
            line.close()
            return answer

        disk.read_only(True)
        status, page = asyncio.run(send())
        assert (status, READ_ONLY.encode() in page) == (503, True)
        disk.read_only(False)
        status, _ = asyncio.run(send())
        assert status == 303
        assert _kept(installation) == [len(PDF)]
        installation.untroubled()
    did("a folder for files that cannot be written to: said; then the file was taken")


def _spooled(installation: Installation) -> bool:
    """Whether a server has a file open that has no name, as files that come have."""
    for program in installation.ports.values():
        for handle in Path(f"/proc/{program.pid}/fd").iterdir():
            try:
                if str(handle.readlink()).endswith("(deleted)") and handle.stat().st_size:
                    return True
            except OSError:
                continue
    return False


def test_a_browser_that_goes_away_in_the_middle_of_a_file(
    installation: Installation, did: Callable[[str], None]
) -> None:
    world = make_world(installation.database, 1)
    port = installation.web()

    async def go_away() -> None:
        for _ in range(10):
            line = await Line.to(port)
            head, whole = _upload(world, PDF)
            line.writer.write(head + whole[:2_000_000])
            await line.writer.drain()
            line.close()
        line = await Line.to(port)
        line.ask("/c/leaders")
        assert (await line.answer())[0] == 200
        line.close()

    asyncio.run(go_away())
    until(lambda: not _spooled(installation), "that what had come is let go of")
    assert _kept(installation) == []
    with installation.database.begin(writes=False) as db:
        assert db.exec(select(Material)).all() == []
    installation.untroubled()
    did("ten browsers left in the middle of a file: nothing of them stayed")

"""Streams of a session that is watched, from a real server over real connections."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from queue import Empty, Queue

import pytest
import uvicorn
from fastapi import FastAPI
from sqlmodel import delete

from app.db import Database, DbSession
from app.domain.permissions import AccountStanding
from app.main import create_app
from app.models import Enrolment, Session, SignIn, now
from app.routers.pages import live as pages
from app.server import WebServer
from app.services import check_in
from app.services.accounts import add_user
from app.services.tokens import digest
from app.settings import Settings
from app.web import live_rooms
from app.web.security import COOKIE
from tests.factories import Make

PATIENCE = 20.0
"""Seconds after which something that should have happened has not: the machine may be busy."""
STREAM = "/organize/c/leaders/sessions/1/live/events"
SCREEN = "/organize/c/leaders/sessions/1/room/events"


def until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Waits for a condition."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


@dataclass
class Said:
    """One event."""

    kind: str = "message"
    data: str = ""
    id: str = ""

    @property
    def state(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.data)
        return found


class Viewer:
    """Somebody with the page open: one connection, read by a thread of its own."""

    def __init__(self, port: int, cookie: str, path: str = STREAM, last: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"cookie": f"{COOKIE}={cookie}", "accept": "text/event-stream"}
        self.connection.request("GET", path, headers=headers | {"last-event-id": last})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.events: Queue[Said] = Queue()
        self.comments = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        if self.status == 200:
            self.thread.start()

    def _read(self) -> None:
        said = Said()
        try:
            for raw in self.answer:
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name == "event":
                    said.kind = value
                elif name == "data":
                    said.data += value
                elif name == "id":
                    said.id = value
                elif not name and not value:
                    if raw == b"\n" and (said.data or said.kind != "message"):
                        self.events.put(said)
                    said = Said()
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass
        finally:
            self.ended.set()

    def next(self, kind: str = "state") -> Said:
        """The next event of this kind."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                said = self.events.get(timeout=max(0.01, end - time.monotonic()))
            except Empty:
                raise AssertionError(f"no {kind} came") from None
            if said.kind == kind:
                return said

    def leave(self) -> None:
        """Goes away as a closed tab does."""
        if self.connection.sock is not None:
            self.connection.sock.shutdown(2)
        self.answer.close()
        self.connection.close()


@dataclass
class Server:
    """A server that runs in a thread."""

    app: FastAPI
    port: int
    server: WebServer
    thread: threading.Thread
    viewers: list[Viewer] = field(default_factory=list)

    def watch(self, cookie: str = "of-olga", path: str = STREAM, last: str = "") -> Viewer:
        viewer = Viewer(self.port, cookie, path, last)
        self.viewers.append(viewer)
        return viewer

    @property
    def rooms(self) -> live_rooms.LiveRooms:
        found: live_rooms.LiveRooms = self.app.state.live
        return found

    def stop(self) -> float:
        """Stops it; how many seconds that took."""
        begun = time.monotonic()
        self.server.should_exit = True
        self.thread.join(PATIENCE * 2)
        assert not self.thread.is_alive()
        return time.monotonic() - begun


@contextmanager
def serving(settings: Settings, database: Database, port: int = 0) -> Iterator[Server]:
    app = create_app(settings, database=database)
    config = uvicorn.Config(
        app, "127.0.0.1", port, log_level="error", timeout_graceful_shutdown=20, lifespan="on"
    )
    server = WebServer(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started or not thread.is_alive())
    assert server.started
    found = server.servers[0].sockets[0].getsockname()[1]
    running = Server(app, found, server, thread)
    try:
        yield running
    finally:
        for viewer in running.viewers:
            viewer.leave()
        running.stop()


def signed_in(db: DbSession, name: str, *cookies: str) -> None:
    """An administrator, with these cookies in as many browsers."""
    user = add_user(db, name.title(), f"{name}@example.org", standing=AccountStanding.ADMINISTRATOR)
    expires = now() + timedelta(days=1)
    for cookie in cookies:
        db.add(SignIn(id=digest(cookie), user_id=user.id, expires_at=expires))


@pytest.fixture
def there(real_database: Database) -> Database:
    """A session that is on, five who may check in, and Olga, who is signed in."""
    with real_database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="leaders", language="es", zone="UTC")
        start = (now() - timedelta(minutes=5)).replace(tzinfo=None, microsecond=0)
        make.session(
            cycle, title={"es": "Puntos"}, wall_start=start, zone="UTC", check_in_word="quetzal"
        )
        for number in range(5):
            make.enrolment(cycle, make.person(name=f"Ana {number}"), country="CO")
        signed_in(db, "olga", "of-olga", "of-olga-elsewhere")
    return real_database


@pytest.fixture
def server(settings: Settings, there: Database) -> Iterator[Server]:
    with serving(settings, there) as running:
        yield running


def somebody_checks_in(database: Database, number: int = 0) -> None:
    with database.begin(writes=True) as db:
        from sqlmodel import col, select

        row = db.exec(select(Enrolment).where(col(Enrolment.name) == f"Ana {number}")).one()
        check_in.check_in(db, row, 1, now(), "personal-page")


def checked_in(said: Said) -> object:
    return said.state["checked_in"]


def test_a_check_in_arrives_at_both(server: Server, there: Database) -> None:
    desk, screen = server.watch(), server.watch(path=SCREEN)
    assert desk.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert [checked_in(v.next()) for v in (desk, screen)] == ["0", "0"]
    taken = []
    for number in range(3):  # the machine may be doing other things: the quickest counts
        begun = time.monotonic()
        somebody_checks_in(there, number)
        told, shown = desk.next(), screen.next()
        taken.append(time.monotonic() - begun)
        assert (checked_in(told), checked_in(shown)) == (str(number + 1), str(number + 1))
    arrivals = told.state["arrivals"]
    assert isinstance(arrivals, list)
    assert [each["name"] for each in arrivals] == ["Ana 2", "Ana 1", "Ana 0"]
    assert "Ana" not in shown.data  # everybody in the room reads the screen
    assert min(taken) < 2


def test_whoever_comes_back_is_told_the_whole_state(server: Server, there: Database) -> None:
    first = server.watch()
    known = first.next()
    first.leave()
    until(lambda: server.rooms.viewers == 0)
    assert server.rooms.watchers == ()
    somebody_checks_in(there)
    again = server.watch(last=known.id)
    said = again.next()
    assert (checked_in(said), said.id == known.id) == ("1", False)


def test_fifty_viewers_are_one_watcher(server: Server, there: Database) -> None:
    viewers = [server.watch() for _ in range(50)]
    assert {checked_in(viewer.next()) for viewer in viewers} == {"0"}
    (watcher,) = server.rooms.watchers
    looks = watcher.looks
    somebody_checks_in(there)
    assert {checked_in(viewer.next()) for viewer in viewers} == {"1"}
    assert (server.rooms.viewers, watcher.viewers, watcher.looks) == (50, 50, looks + 1)
    for viewer in viewers:
        viewer.leave()
    until(lambda: server.rooms.viewers == 0)


def test_nothing_committed_nothing_read(
    server: Server, there: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks: list[object] = []
    ask = server.rooms.mark

    async def counted() -> object:
        marks.append(await ask())
        return marks[-1]

    monkeypatch.setattr(server.rooms, "mark", counted)
    server.watch().next()
    (watcher,) = server.rooms.watchers
    until(lambda: len(marks) >= 3)
    assert (len(set(marks)), watcher.looks) == (1, 1)


def test_something_is_said_while_nothing_happens(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "BEAT", 0.1)
    viewer = server.watch()
    viewer.next()
    assert viewer.next("beat") == Said("beat", '""')


def test_a_stream_ends_with_the_sign_in(
    server: Server, there: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "BEAT", 0.05)
    monkeypatch.setattr(pages, "SIGNED_IN_FOR", 0.1)
    viewer = server.watch()
    viewer.next()
    viewer.next("beat")
    with there.begin(writes=True) as db:
        db.connection().execute(delete(SignIn))
    viewer.next("signed-out")
    assert viewer.ended.wait(PATIENCE)
    assert server.watch().status == 303  # to the page where one signs in


def test_a_stream_ends_soon_after_signing_out_though_nothing_happens(
    server: Server, there: Database
) -> None:
    assert pages.SIGNED_IN_FOR < 5 < pages.BEAT
    viewer, other = server.watch(), server.watch("of-olga-elsewhere")
    viewer.next()
    other.next()
    out = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    headers = {"cookie": f"{COOKIE}=of-olga", "sec-fetch-site": "same-origin"}
    out.request("POST", "/organize/sign-out", headers=headers)
    assert out.getresponse().status == 303
    out.close()
    begun = time.monotonic()
    viewer.next("signed-out")
    assert time.monotonic() - begun < 10  # of 12, the beat
    assert viewer.ended.wait(PATIENCE)
    somebody_checks_in(there)
    assert checked_in(other.next()) == "1"


@pytest.mark.parametrize(
    ("cookie", "path", "status"),
    [
        ("of-nobody", STREAM, 303),
        ("of-nobody", SCREEN, 303),
        ("of-olga", "/organize/c/leaders/sessions/2/live/events", 404),
        ("of-olga", "/organize/c/others/sessions/1/room/events", 404),
    ],
)
def test_is_for_organizers_and_for_sessions_that_there_are(
    server: Server, cookie: str, path: str, status: int
) -> None:
    assert server.watch(cookie, path).status == status
    assert server.rooms.viewers == 0


def test_a_look_at_the_head_is_no_stream(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("HEAD", STREAM, headers={"cookie": f"{COOKIE}=of-olga"})
    assert connection.getresponse().status == 200
    connection.close()
    until(lambda: server.rooms.viewers == 0)


def test_one_too_many_is_told_to_come_back(server: Server) -> None:
    server.rooms._most = 2
    first, second = server.watch(), server.watch()
    first.next()
    second.next()
    third = server.watch()
    assert (third.status, third.answer.headers["retry-after"]) == (503, "5")
    first.leave()
    until(lambda: server.rooms.viewers == 1)
    assert server.watch().status == 200


def test_one_account_does_not_take_all_the_seats(
    server: Server, there: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a cycle of their own: another team's desk would be told to come back, for ever."""
    monkeypatch.setattr(live_rooms, "MOST_OF_ONE", 2)
    with there.begin(writes=True) as db:
        signed_in(db, "eva", "of-eva")
    first, second = server.watch(), server.watch("of-olga-elsewhere", SCREEN)
    first.next()
    second.next()
    assert server.watch().status == 503
    assert server.watch("of-eva").status == 200
    first.leave()
    until(lambda: server.rooms.viewers == 2)
    assert server.watch().status == 200


def test_a_server_that_stops_ends_its_streams(settings: Settings, there: Database) -> None:
    with serving(settings, there) as server:
        viewers = [server.watch() for _ in range(5)]
        for viewer in viewers:
            viewer.next()
        taken = server.stop()
        assert [viewer.ended.wait(PATIENCE) for viewer in viewers] == [True] * 5
        assert taken < 5


def test_when_looking_fails_all_are_sent_away_and_may_come_back(
    server: Server, there: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = server.watch()
    viewer.next()

    def fails(*_: object) -> None:
        raise RuntimeError("no database")

    with monkeypatch.context() as broken:
        broken.setattr(live_rooms, "live", fails)
        somebody_checks_in(there)
        assert viewer.ended.wait(PATIENCE)
    until(lambda: server.rooms.viewers == 0)
    assert checked_in(server.watch().next()) == "1"


def test_the_clock_alone_makes_another_state(server: Server, there: Database) -> None:
    viewer = server.watch(path=SCREEN)
    assert viewer.next().state["word"] == "quetzal"
    later = now() + timedelta(days=1)
    server.rooms.clock = lambda: later
    # The next turn is the end of the session; nobody commits anything.
    (watcher,) = server.rooms.watchers
    assert watcher.state is not None
    said = viewer.next().state
    assert (said["window"], said["word"]) == ("closed", "")


def test_the_word_that_rotates_is_on_the_stream(server: Server, there: Database) -> None:
    from sqlmodel import select

    from app.domain.room_words import words_taken

    with there.begin(writes=True) as db:
        session = db.exec(select(Session)).one()
        session.check_in_word_rotates = True
        session_id = session.id
    word = server.watch(path=SCREEN).next().state["word"]
    assert word in words_taken(server.rooms.key, session_id, now(), "es")
    assert word != "quetzal"

"""Too often, as programs meet it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from threading import Event

import pytest
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.limits import WRONG_TOKENS
from app.models import LimitCount, User
from app.services.limits import Limiter
from app.settings import API_PER_MINUTE, Settings, SettingsError
from app.web import api_limits
from app.web.api_limits import ApiLimits
from tests.conftest import BASE_URL
from tests.factories import NOW

PER_MINUTE = 60
CYCLES, SESSION = "/api/v1/cycles", "/api/v1/sessions/nothing"
CountQueries = Callable[[], AbstractContextManager[list[str]]]


class Clock:
    at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(api_limits, "now", clock)
    return clock


@pytest.fixture
def few(app: FastAPI, database: Database) -> FastAPI:
    """The application, with a limit that a test can reach."""
    app.state.api_limits = ApiLimits(database, app.state.limiter, PER_MINUTE)
    return app


@pytest.fixture
def stranger(few: FastAPI) -> Iterator[TestClient]:
    with TestClient(few, base_url=BASE_URL, follow_redirects=False) as client:
        yield client


def _wrong(n: int) -> dict[str, str]:
    return {"authorization": f"Bearer convoca_{n}"}


def test_a_token_may_so_much_in_a_minute(few: FastAPI, api: TestClient, clock: Clock) -> None:
    answers = [api.get((CYCLES, SESSION)[n % 2]) for n in range(PER_MINUTE + 2)]
    assert [a.status_code for a in answers] == [200, 404] * (PER_MINUTE // 2) + [429] * 2
    for refused in (answers[-1], api.post(CYCLES, json={})):
        assert refused.headers["retry-after"] == "60"
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json() == {
            "type": "urn:convoca:problem:too_many",
            "title": "Too many at once",
            "status": 429,
            "detail": "This token was used too often within a minute. Wait 60 s.",
            "code": "too_many",
        }
    clock.at += timedelta(minutes=1)
    assert api.get(CYCLES).status_code == 200


def test_another_token_has_its_own_number(few: FastAPI, program: Callable[..., TestClient]) -> None:
    one, other = program("read"), program("read")
    for _ in range(PER_MINUTE):
        one.get(CYCLES)
    assert (one.get(CYCLES).status_code, other.get(CYCLES).status_code) == (429, 200)


def test_processes_share_it_and_a_restart_gives_no_more(
    few: FastAPI, api: TestClient, database: Database
) -> None:
    found = []
    for n in range(PER_MINUTE + 5):
        if n % 10 == 0:  # another process answers from here on
            few.state.api_limits = ApiLimits(database, few.state.limiter, PER_MINUTE)
        found.append(api.get(CYCLES).status_code)
    assert found == [200] * PER_MINUTE + [429] * 5


def test_reading_writes_once_for_many_requests(
    app: FastAPI, api: TestClient, database: Database, count_queries: CountQueries
) -> None:
    """As it is set without a word: the count of 3,000 is taken by the hundred."""
    app.state.api_limits = ApiLimits(database, app.state.limiter, API_PER_MINUTE)
    api.get(CYCLES)
    with count_queries() as queries:
        for _ in range(90):
            assert api.get(CYCLES).status_code == 200
    assert [q.split()[0] for q in queries if not q.startswith("SELECT")] == []
    with database.begin(writes=False) as db:
        assert list(db.exec(select(LimitCount.count))) == [100]


def test_strangers_are_refused_before_anything_is_done_for_them(
    stranger: TestClient, count_queries: CountQueries
) -> None:
    stranger.get(CYCLES, headers=_wrong(0))
    with count_queries() as queries:
        answer = stranger.post(CYCLES, json={"slug": "x"}, headers=_wrong(1))
    assert answer.status_code == 401
    assert [q.split()[0] for q in queries] == ["SELECT"]


def test_wrong_tokens_are_counted_by_network(stranger: TestClient, api: TestClient) -> None:
    found = []
    for n in range(WRONG_TOKENS.most + 3):
        headers = {**_wrong(n), "x-forwarded-for": f"10.0.0.{n % 250}, 198.51.100.7"}
        answer = stranger.get((CYCLES, SESSION)[n % 2], headers=headers)
        found.append(answer.status_code)
    assert found == [401] * WRONG_TOKENS.most + [429] * 3
    assert answer.headers["retry-after"] == "600"
    assert answer.json()["code"] == "too_many"
    elsewhere = {**_wrong(1), "x-forwarded-for": "198.51.100.8"}
    assert stranger.get(CYCLES, headers=elsewhere).status_code == 401
    # Whoever has a right one on that network goes on: no guess finds one of 256 bits.
    mine = api.get(CYCLES, headers={"x-forwarded-for": "198.51.100.7"})
    assert mine.status_code == 200
    assert stranger.get(CYCLES, headers={"x-forwarded-for": "198.51.100.7"}).status_code == 401


def test_without_a_limit_nothing_is_counted(
    app: FastAPI, api: TestClient, database: Database
) -> None:
    app.state.api_limits = ApiLimits(database, app.state.limiter, None)
    assert {api.get(CYCLES).status_code for _ in range(5)} == {200}
    with database.begin(writes=False) as db:
        assert db.exec(select(LimitCount)).all() == []


def test_reading_goes_on_while_nothing_can_be_written(
    few: FastAPI, api: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever counts waits for the database; whoever reads does not wait for them."""
    done = Event()

    class Waits(Limiter):
        def take(self, *args: object, **more: object) -> object:  # type: ignore[override]
            return done.wait(10)

    few.state.api_limits = ApiLimits(database, Waits(database, b"key"), PER_MINUTE)
    monkeypatch.setattr(api_limits, "_PATIENCE", 0.05)
    try:
        assert [api.get(CYCLES).status_code for _ in range(2)] == [200, 200]
    finally:
        done.set()


@pytest.mark.parametrize(
    ("text", "found"), [("", 3_000), ("  ", 3_000), ("0", None), ("60", 60), ("120000", 120_000)]
)
def test_the_number_is_a_setting(text: str, found: int | None) -> None:
    settings = Settings.from_environment({"CONVOCA_API_PER_MINUTE": text})
    assert settings.api_per_minute == found


@pytest.mark.parametrize("text", ["many", "59", "-1"])
def test_a_number_that_is_none_is_said(text: str) -> None:
    with pytest.raises(SettingsError, match="CONVOCA_API_PER_MINUTE must be a number from 60"):
        Settings.from_environment({"CONVOCA_API_PER_MINUTE": text})


def test_a_revoked_token_is_a_wrong_one(few: FastAPI, api: TestClient, database: Database) -> None:
    assert api.get(CYCLES).status_code == 200
    with database.begin(writes=True) as db:
        db.delete(db.exec(select(User)).one())
    assert api.get(CYCLES).status_code == 401

"""Identifiers sort in the order in which one process made them."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain import ids


def made_at(monkeypatch: pytest.MonkeyPatch, *milliseconds: int) -> list[str]:
    made = []
    for at in milliseconds:
        monkeypatch.setattr(time, "time_ns", lambda at=at: at * 1_000_000)
        made.append(ids.new_id())
    return made


@pytest.fixture(autouse=True)
def nothing_made_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_last", 0)


def test_it_begins_with_the_millisecond_it_was_made_in(monkeypatch: pytest.MonkeyPatch) -> None:
    [one] = made_at(monkeypatch, 1_790_000_000_000)
    digits = str.maketrans("0123456789abcdefghjkmnpqrstvwxyz", "0123456789abcdefghijklmnopqrstuv")
    assert int(one[:10].translate(digits), 32) == 1_790_000_000_000
    assert len(one) == 26


def test_those_of_one_millisecond_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_at(monkeypatch, *[1_790_000_000_000] * 200)
    assert made == sorted(made)
    assert len(set(made)) == 200


def test_a_clock_set_back_changes_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_at(monkeypatch, 1_790_000_000_000, 1_789_996_400_000, 1_789_996_400_001)
    assert made == sorted(made)
    assert len(set(made)) == 3


def test_threads_never_get_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def let_others_in(_bits: int) -> int:
        time.sleep(0.0001)  # gives up the interpreter between reading the last one and writing it
        return 0

    monkeypatch.setattr(time, "time_ns", lambda: 1_790_000_000_000 * 1_000_000)
    monkeypatch.setattr(secrets, "randbits", let_others_in)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ids.new_id(), range(400)))
    assert len(set(made)) == 400

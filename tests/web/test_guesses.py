"""Wrong words at the doors of rooms: who is refused, and who never is."""

from ipaddress import ip_network
from itertools import count
from threading import Thread
from time import sleep
from typing import Any

import pytest
from starlette.requests import Request

from app.domain.errors import TooOften
from app.settings import Settings, SettingsError
from app.web import guesses
from app.web.guesses import ALARM, TOGETHER, WINDOW, WRONG, WRONG_AT_ALARM, Guesses, network_of


class Clock:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def doors(clock: Clock) -> Guesses:
    return Guesses(clock)


def passes(
    doors: Guesses, right: bool, address: str = "a", session: str = "s", email: str = "e"
) -> bool:
    try:
        doors.tried(session, address, email, right)
    except TooOften:
        return False
    return True


def test_after_so_many_wrong_ones_a_right_one_is_refused_too(doors: Guesses, clock: Clock) -> None:
    assert [passes(doors, False) for _ in range(WRONG + 1)] == [True] * WRONG + [False]
    assert not passes(doors, True)
    assert passes(doors, True, address="b")
    assert passes(doors, True, session="another")
    clock.at += WINDOW - 1
    with pytest.raises(TooOften) as error:
        doors.tried("s", "a", "e", False)
    assert error.value.params == {"minutes": 1, "seconds": 2}
    clock.at += 2
    assert passes(doors, True)


def test_a_lecture_room_behind_one_address_goes_on(doors: Guesses, clock: Clock) -> None:
    """Four hundred people, every third of whom mistypes the word once."""
    for n in range(400):
        if n % 3 == 0:
            assert passes(doors, False)
        assert passes(doors, True)
        doors.came_in("s", "a")
        clock.at += 1


def test_a_lecture_room_is_not_refused_before_its_first_is_in(doors: Guesses) -> None:
    """Twenty in it mistype the word once, and one does so until they are refused."""
    assert [passes(doors, False, email="x") for _ in range(WRONG + 1)] == [True] * WRONG + [False]
    assert all(passes(doors, False, email=str(n)) for n in range(TOGETHER - WRONG - 1))
    assert not passes(doors, True, email=" X")
    assert passes(doors, True, email="0")
    doors.came_in("s", "a")
    assert passes(doors, True, email="x")


def test_another_address_each_time_is_of_no_use(doors: Guesses, clock: Clock) -> None:
    found = [passes(doors, False, email=str(n)) for n in range(TOGETHER + 1)]
    assert found == [True] * TOGETHER + [False]
    assert not passes(doors, True, email="new")
    clock.at += WINDOW
    assert passes(doors, True, email="new")


def test_the_first_who_is_in_leaves_nobody_with_less(doors: Guesses) -> None:
    for n in range(TOGETHER - 1):
        assert passes(doors, False, email=str(n))
    doors.came_in("s", "a")
    assert [passes(doors, False) for _ in range(2)] == [True, False]
    for _ in range(TOGETHER - WRONG):
        doors.came_in("s", "a")
    assert [passes(doors, False) for _ in range(2)] == [True, False]


def test_right_words_are_never_counted(doors: Guesses) -> None:
    assert all(passes(doors, True) for _ in range(1_000))


def test_where_hundreds_are_wrong_newcomers_have_fewer_tries(doors: Guesses) -> None:
    for _ in range(10):
        doors.came_in("s", "hall")
    tries = 0
    while tries < ALARM + 10:
        tries += passes(doors, False, address=f"from {tries // WRONG}")
    found = [passes(doors, False, address="new") for _ in range(WRONG_AT_ALARM + 1)]
    assert found == [True] * WRONG_AT_ALARM + [False]
    assert all(passes(doors, False, address="hall") for _ in range(10 + WRONG_AT_ALARM))
    assert passes(doors, False, address="new", session="another")


def test_of_many_at_once_none_slips_by() -> None:
    """The clock is asked between the look and the count, and lets the others go on meanwhile."""
    ticks = count(1_000)

    def yields() -> float:
        sleep(0.0005)
        return next(ticks) / 1_000

    doors = Guesses(yields)
    found: list[bool] = []
    threads = [Thread(target=lambda: found.append(passes(doors, False))) for _ in range(40)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(found), sum(found)) == (40, WRONG)


def test_what_is_kept_is_bounded(doors: Guesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "MOST", 10)
    for n in range(50):
        passes(doors, False, address=str(n))
    assert len(doors._tries) == 10


PROXIES = [ip_network(each) for each in ("127.0.0.0/8", "::1", "172.18.0.0/16")]


@pytest.mark.parametrize(
    ("host", "forwarded", "found"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("9.9.9.9", "198.51.100.1", "9.9.9.9"),  # anybody can say so
        ("10.0.0.7", "198.51.100.1", "10.0.0.7"),  # on the same network, too
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("172.18.0.3", "10.0.0.1, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "10.0.0.1, 198.51.100.1, 172.18.0.3", "198.51.100.1"),
        ("172.18.0.3", "nonsense", "172.18.0.3"),
        ("172.18.0.3", "198.51.100.1, nonsense", "172.18.0.3"),
        ("172.18.0.3", "", "172.18.0.3"),
        ("::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("172.18.0.3", "198.51.100.1:4711", "198.51.100.1"),
        ("172.18.0.3", "[2001:db8:1:2::7]", "2001:db8:1:2::"),
        ("172.18.0.3", "[2001:db8:1:2::7]:4711", "2001:db8:1:2::"),
        ("172.18.0.3", "[198.51.100.1", "172.18.0.3"),
        ("2001:db8:1:2:ffff::1", "", "2001:db8:1:2::"),
        ("::ffff:203.0.113.5", "", "203.0.113.5"),
        ("testclient", "198.51.100.1", "198.51.100.1"),
        ("testclient", "", "unknown"),
    ],
)
def test_from_where_a_request_comes(host: str, forwarded: str, found: str) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    scope: dict[str, Any] = {"type": "http", "headers": headers, "client": (host, 1)}
    assert network_of(Request(scope), PROXIES) == found


def test_of_several_such_lines_the_last_one_is_the_proxys() -> None:
    headers = [(b"x-forwarded-for", b"192.0.2.9"), (b"x-forwarded-for", b"198.51.100.1")]
    scope: dict[str, Any] = {"type": "http", "headers": headers, "client": ("172.18.0.3", 1)}
    assert network_of(Request(scope), PROXIES) == "198.51.100.1"


def test_which_proxies_are_believed() -> None:
    def believed(text: str) -> list[str]:
        settings = Settings.from_environment({"CONVOCA_TRUSTED_PROXIES": text})
        return [str(each) for each in settings.trusted_proxies]

    assert believed("") == ["127.0.0.0/8", "::1/128"]
    assert believed(" 10.0.0.5,  172.18.0.0/16 fd00::/8,") == [
        "10.0.0.5/32",
        "172.18.0.0/16",
        "fd00::/8",
    ]
    for wrong in ("172.18.0.3/16", "proxy.example.org", "*"):
        with pytest.raises(SettingsError, match="CONVOCA_TRUSTED_PROXIES must be"):
            believed(wrong)

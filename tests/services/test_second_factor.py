"""The second step: codes that work once, of the app or from paper."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pyotp
import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import Clash, FieldError, Invalid, NotFound
from app.models import RecoveryCode, SignIn, User
from app.services import accounts, second_factor
from app.services.links import Links
from tests.factories import NOW

BASE_URL = "http://testserver"


@pytest.fixture
def olga(db: DbSession) -> User:
    return accounts.add_user(db, "Olga Ruiz", "olga@example.org")


def _turned_on(db: DbSession, links: Links, user: User) -> tuple[str, list[str]]:
    second_factor.begin(db, links, user)
    secret, _ = second_factor.pending(links, user)
    code = pyotp.TOTP(secret).at(NOW)
    return secret, second_factor.confirm(db, links, user, code, NOW)


def _at(secret: str, seconds: int) -> str:
    return pyotp.TOTP(secret).at(NOW + timedelta(seconds=seconds))


def _spends(db: DbSession, links: Links, user: User, code: str, at: datetime = NOW) -> bool:
    try:
        second_factor.spend_code(db, links, user, code, at)
    except Invalid as error:
        return error.fields != (FieldError("code", second_factor.WRONG_CODE, code="wrong"),)
    return True


def test_it_is_on_once_a_code_was_right(db: DbSession, links: Links, olga: User) -> None:
    second_factor.begin(db, links, olga)
    secret, url = second_factor.pending(links, olga)
    assert url == f"otpauth://totp/Convoca:olga%40example.org?secret={secret}&issuer=Convoca"
    assert not second_factor.is_on(olga)
    wrong = "000000" if _at(secret, 0) != "000000" else "111111"
    with pytest.raises(Invalid):
        second_factor.confirm(db, links, olga, wrong, NOW)
    assert not second_factor.is_on(olga)
    here, there = (accounts.start_sign_in(db, olga.id, NOW) for _ in range(2))
    codes = second_factor.confirm(db, links, olga, _at(secret, 0), NOW, keep_cookie=here)
    assert second_factor.is_on(olga)
    assert [len(code) for code in codes] == [19] * 10
    assert len(db.exec(select(SignIn)).all()) == 1
    assert accounts.actor_of_cookie(db, there) is None
    for again in (second_factor.begin, lambda *_: second_factor.pending(links, olga)):
        with pytest.raises((Clash, NotFound)):
            again(db, links, olga)


def test_nothing_pending_nothing_to_confirm(db: DbSession, links: Links, olga: User) -> None:
    with pytest.raises(NotFound):
        second_factor.confirm(db, links, olga, "123456", NOW)


def test_the_code_that_turned_it_on_does_not_sign_in(
    db: DbSession, links: Links, olga: User
) -> None:
    secret, _ = _turned_on(db, links, olga)
    assert not _spends(db, links, olga, _at(secret, 0))
    assert _spends(db, links, olga, _at(secret, 30), NOW + timedelta(seconds=30))


def test_a_code_works_once_and_none_before_it(db: DbSession, links: Links, olga: User) -> None:
    secret, _ = _turned_on(db, links, olga)
    later = NOW + timedelta(seconds=90)
    code = _at(secret, 90)
    assert _spends(db, links, olga, f" {code[:3]} {code[3:]}", later)
    assert not _spends(db, links, olga, code, later)
    assert not _spends(db, links, olga, _at(secret, 60), later)
    assert _spends(db, links, olga, _at(secret, 120), later)  # of a clock that is ahead


@pytest.mark.parametrize(("off", "taken"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_half_a_minute_of_drift(
    db: DbSession, links: Links, olga: User, off: int, taken: bool
) -> None:
    secret, _ = _turned_on(db, links, olga)
    at = NOW + timedelta(hours=1)
    assert _spends(db, links, olga, _at(secret, 3600 + off), at) is taken


@pytest.mark.parametrize(
    "typed", ["", " ", "12345", "1234567", "abc", "\0", "\udcff", "x" * 9_000, "١٢٣٤٥٦", "½½½½½½"]
)
def test_what_is_no_code(db: DbSession, links: Links, olga: User, typed: str) -> None:
    _turned_on(db, links, olga)
    assert not _spends(db, links, olga, typed)


def test_codes_from_paper_work_once_each(db: DbSession, links: Links, olga: User) -> None:
    _, codes = _turned_on(db, links, olga)
    kept = {row.digest for row in db.exec(select(RecoveryCode))}
    assert not kept & {code for each in codes for code in (each, each.replace("-", ""))}
    assert _spends(db, links, olga, codes[0].upper().replace("-", " "))
    assert not _spends(db, links, olga, codes[0])
    assert second_factor.recovery_codes_left(db, olga.id) == 9
    new = second_factor.renew_recovery_codes(db, olga)
    assert not _spends(db, links, olga, codes[1])
    assert _spends(db, links, olga, new[1])
    assert not set(new) & set(codes)


def test_nobody_elses_code(db: DbSession, links: Links, olga: User) -> None:
    other = accounts.add_user(db, "Other", "other@example.org")
    secret, codes = _turned_on(db, links, olga)
    _turned_on(db, links, other)
    at = NOW + timedelta(seconds=60)
    assert not _spends(db, links, other, codes[0], at)
    assert not _spends(db, links, other, _at(secret, 60), at)


def test_turned_off_nothing_is_left(db: DbSession, links: Links, olga: User) -> None:
    secret, codes = _turned_on(db, links, olga)
    second_factor.turn_off(db, olga)
    assert not second_factor.is_on(olga)
    assert (olga.totp_secret, db.exec(select(RecoveryCode)).all()) == ("", [])
    for code in (_at(secret, 60), codes[0]):
        assert not _spends(db, links, olga, code, NOW + timedelta(seconds=60))


def test_the_secret_is_sealed_with_the_servers_key_for_one_account(
    db: DbSession, links: Links, olga: User
) -> None:
    other = accounts.add_user(db, "Other", "other@example.org")
    secret, codes = _turned_on(db, links, olga)
    assert secret not in olga.totp_secret
    at = NOW + timedelta(seconds=60)
    other.totp_secret, other.totp_since = olga.totp_secret, NOW
    assert not _spends(db, links, other, _at(secret, 60), at)
    stranger = Links("another key", BASE_URL)
    assert not _spends(db, stranger, olga, _at(secret, 60), at)
    sealed = olga.totp_secret
    olga.totp_secret = "A" + sealed[1:] if sealed[0] != "A" else "B" + sealed[1:]
    assert not _spends(db, links, olga, _at(secret, 60), at)
    assert _spends(db, stranger, olga, codes[0], at)  # a code on paper outlives the key


class TestBetweenTheSteps:
    def test_it_ends_after_ten_minutes(self, db: DbSession, links: Links, olga: User) -> None:
        _turned_on(db, links, olga)
        half = second_factor.half_token(links, olga, NOW)
        ends = NOW + second_factor.HALF_FOR
        almost = ends - timedelta(seconds=1)
        assert second_factor.user_of_half(db, links, half, almost) is olga
        assert second_factor.user_of_half(db, links, half, ends) is None

    def test_it_ends_with_what_the_first_step_was_done_by(
        self, db: DbSession, links: Links, olga: User
    ) -> None:
        def ends(change: Callable[[], None]) -> bool:
            half = second_factor.half_token(links, olga, NOW)
            assert second_factor.user_of_half(db, links, half, NOW) is olga
            change()
            return second_factor.user_of_half(db, links, half, NOW) is None

        _turned_on(db, links, olga)
        assert ends(lambda: setattr(olga, "password_hash", "another"))
        assert ends(lambda: setattr(olga, "email_key", "another@example.org"))
        assert ends(lambda: second_factor.turn_off(db, olga))

    def test_none_can_be_made_up(self, db: DbSession, links: Links, olga: User) -> None:
        _turned_on(db, links, olga)
        half = second_factor.half_token(links, olga, NOW)
        stranger = second_factor.half_token(Links("another key", BASE_URL), olga, NOW)
        for wrong in ("", "x", half[:-1], half.replace("-", "-9", 1), stranger, "\0", "ñ.ñ"):
            assert second_factor.user_of_half(db, links, wrong, NOW) is None


def _at_once(database: Database, links: Links, user: User, code: str, at: datetime) -> int:
    start, found = Barrier(6), []

    def work() -> None:
        with database.begin(writes=False) as db:
            mine = db.get_one(User, user.id)  # all have read it before any of them writes
        start.wait(10)
        with database.begin(writes=True) as db:
            found.append(_spends(db, links, mine, code, at))

    threads = [Thread(target=work) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert len(found) == 6
    return sum(found)


def test_of_many_with_one_code_at_once_one_is_let_in(real_database: Database, links: Links) -> None:
    with real_database.begin(writes=True) as db:
        user = accounts.add_user(db, "Olga", "olga@example.org")
        secret, codes = _turned_on(db, links, user)
    at = NOW + timedelta(seconds=60)
    assert _at_once(real_database, links, user, _at(secret, 60), at) == 1
    assert _at_once(real_database, links, user, codes[0], at) == 1

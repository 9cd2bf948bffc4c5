"""Accounts: who gets in, and who does not."""

import statistics
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import Busy, FieldError, Gone, Invalid, NotFound
from app.models import Message, SignIn, SignInLink, User
from app.models import now as present
from app.services import accounts, passwords, sign_in_links
from app.services.links import Links, Purpose
from tests.factories import NOW

PASSWORD = "three small green boats"
WRONG = FieldError(
    "email",
    "This address and this password do not go together. Check both and try again.",
    code="wrong",
)


@pytest.fixture(scope="module")
def password_hash() -> str:
    """Made once: it is meant to cost."""
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def olga(db: DbSession, password_hash: str) -> User:
    user = accounts.add_user(db, "Olga Ruiz", "Olga@Example.org", None, "es")
    user.password_hash = password_hash
    db.flush()
    return user


def _token(url: str) -> str:
    return url.removeprefix("http://testserver/organize/sign-in/")


def test_the_password_is_kept_as_argon2id(db: DbSession) -> None:
    olga = accounts.add_user(db, "Olga Ruiz", "Olga@Example.org", PASSWORD, "es")
    assert olga.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (olga.email, olga.email_key) == ("Olga@example.org", "olga@example.org")


def test_signing_in(db: DbSession, olga: User) -> None:
    cookie = accounts.start_sign_in(db, olga.id, present())
    actor = accounts.actor_of_cookie(db, cookie)
    assert actor == accounts.actor_of_user(db, olga)
    [row] = db.exec(select(SignIn)).all()
    assert row.id != cookie
    assert row.expires_at - row.created_at == timedelta(days=14)
    assert accounts.actor_of_cookie(db, row.id) is None


def test_a_sign_in_ends_after_14_days(db: DbSession, olga: User) -> None:
    cookie = accounts.start_sign_in(db, olga.id, present() - timedelta(days=14))
    assert accounts.actor_of_cookie(db, cookie) is None


@pytest.mark.parametrize("cookie", ["", "x", "\0", "\udcff", "ñ" * 9000])
def test_a_wrong_cookie_is_nobody(db: DbSession, olga: User, cookie: str) -> None:
    assert accounts.actor_of_cookie(db, cookie) is None


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("olga@example.org", PASSWORD + " "),
        ("olga@example.org", PASSWORD.upper()),
        ("olga@example.org", ""),
        ("olga@example.org", "x" * 100_000),
        ("olga@example.org", "\udcff"),
        ("other@example.org", PASSWORD),
        ("", ""),
        ("a\0b", PASSWORD),
    ],
)
def test_one_answer_to_all_that_is_wrong(
    db: DbSession, database: Database, olga: User, email: str, password: str
) -> None:
    db.commit()
    with pytest.raises(Invalid) as caught:
        accounts.user_with_password(database, email, password)
    assert caught.value.fields == (WRONG,)


@pytest.mark.parametrize("email", ["olga@example.org", "OLGA@example.ORG "])
def test_the_right_password_is_its_owners(
    db: DbSession, database: Database, olga: User, email: str
) -> None:
    db.commit()
    assert accounts.user_with_password(database, email, PASSWORD).id == olga.id


def test_without_a_password_there_is_only_the_link(db: DbSession, database: Database) -> None:
    accounts.add_user(db, "Ana", "ana@example.org")
    db.commit()
    with pytest.raises(Invalid):
        accounts.user_with_password(database, "ana@example.org", "")


def test_a_password_typed_on_another_keyboard(db: DbSession, database: Database) -> None:
    ana = accounts.add_user(db, "Ana", "ana@example.org", "contrasen\u0303a muy larga")
    db.commit()
    found = accounts.user_with_password(database, "ana@example.org", "contrase\u00f1a muy larga")
    assert found.id == ana.id


def test_nobody_waits_for_a_hash(
    real_database: Database, password_hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a password is checked, others write: no transaction is open."""
    with real_database.begin(writes=True) as db:
        accounts.add_user(db, "Olga Ruiz", "olga@example.org").password_hash = password_hash
    check = accounts.password_is_right

    def check_while_somebody_writes(known: str, password: str) -> bool:
        assert real_database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        with real_database.begin(writes=True) as db:
            accounts.add_user(db, "Ana", "ana@example.org")
        return check(known, password)

    monkeypatch.setattr(accounts, "password_is_right", check_while_somebody_writes)
    assert accounts.user_with_password(real_database, "olga@example.org", PASSWORD).name == (
        "Olga Ruiz"
    )


def test_known_and_unknown_take_as_long() -> None:
    """Medians of processor time, since other tests run beside this one."""
    known = passwords.hash_password(PASSWORD)

    def median(password_hash: str) -> float:
        times = []
        for _ in range(3):
            begun = time.process_time()
            assert not accounts.password_is_right(password_hash, "wrong")
            times.append(time.process_time() - begun)
        return statistics.median(times)

    accounts.password_is_right("", "x")  # makes the hash that nobody has
    assert 0.5 < median("") / median(known) < 2


def test_only_so_many_hashes_at_once(olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than two never run together; who is too many is told to come again."""
    running, most, lock = 0, 0, threading.Lock()
    go = threading.Event()
    busy: list[int] = []

    class Slow:
        def verify(self, *_: object) -> None:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            go.wait(10)
            with lock:
                running -= 1

    monkeypatch.setattr(passwords, "_hasher", Slow())

    def work() -> None:
        try:
            accounts.password_is_right(olga.password_hash, "x")
        except Busy:
            busy.append(1)
            if len(busy) == 8:
                go.set()

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (most, len(busy)) == (2, 8)


@pytest.mark.parametrize(
    ("name", "email", "password", "language", "fields"),
    [
        ("", "x", "short", "xx", ["name", "email", "language", "password"]),
        ("Ana", "olga@EXAMPLE.org", None, "", ["email"]),
        ("Ana\n" * 100, "ana@example.org", None, "", ["name"]),
        ("Ana", "ana@example.org", "x" * 14, "", ["password"]),
        ("Ana", "ana@example.org", "ababababababababab", "", ["password"]),
        ("Ana", "ana.maria@example.org", "ANA.MARIA@example.org", "", ["password"]),
    ],
)
def test_what_makes_no_account(
    db: DbSession,
    olga: User,
    name: str,
    email: str,
    password: str | None,
    language: str,
    fields: list[str],
) -> None:
    with pytest.raises(Invalid) as caught:
        accounts.add_user(db, name, email, password, language)
    assert [f.field for f in caught.value.fields] == fields
    assert len(db.exec(select(User)).all()) == 1


def test_two_accounts_at_once_with_one_address(real_database: Database) -> None:
    start = threading.Barrier(3)
    outcomes: list[str] = []

    def work() -> None:
        start.wait()
        try:
            with real_database.begin(writes=True) as db:
                accounts.add_user(db, "Ana", "ana@example.org")
            outcomes.append("made")
        except Invalid as error:
            outcomes.append(error.fields[0].code)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "taken", "taken"]


def test_a_link_works_once(db: DbSession, links: Links, olga: User) -> None:
    now = present()
    token = _token(accounts.new_link(db, links, olga, now))
    assert accounts.check_link(db, links, token, now) is olga
    user = accounts.use_link(db, links, token, now + timedelta(minutes=9, seconds=59))
    cookie = accounts.start_sign_in(db, user.id, now)
    assert accounts.actor_of_cookie(db, cookie) == accounts.actor_of_user(db, olga)
    for use in (accounts.use_link, accounts.check_link):
        with pytest.raises(Gone) as caught:
            use(db, links, token, now)
        assert caught.value.code == "used"


def test_a_link_lasts_ten_minutes(db: DbSession, links: Links, olga: User) -> None:
    token = _token(accounts.new_link(db, links, olga, NOW))
    for use in (accounts.use_link, accounts.check_link):
        with pytest.raises(Gone) as caught:
            use(db, links, token, NOW + timedelta(minutes=10))
        assert caught.value.code == "gone"
    assert db.exec(select(SignIn)).all() == []


def test_other_tokens_are_nothing(db: DbSession, links: Links, olga: User) -> None:
    token = _token(accounts.new_link(db, links, olga, NOW))
    link_id, _ = links.read(Purpose.SIGN_IN, token)
    for wrong in (token[:-1], link_id, links.token(Purpose.MY, link_id), "", "a\0b"):
        with pytest.raises(NotFound):
            accounts.use_link(db, links, wrong, NOW)
    with pytest.raises(NotFound):
        accounts.use_link(db, links, links.token(Purpose.SIGN_IN, "nothing"), NOW)


def test_of_two_presses_at_once_one_signs_in(real_database: Database, links: Links) -> None:
    """Both have looked at the link before either uses it: only the guard in the update decides."""
    with real_database.begin(writes=True) as db:
        user = accounts.add_user(db, "Olga", "olga@example.org")
        token = _token(accounts.new_link(db, links, user, NOW))
    count = 4
    looked = threading.Barrier(count)
    outcomes: list[str] = []
    check_link = sign_in_links.check_link

    def slow_check(*args: Any) -> User:
        # SQLite lets one transaction write at a time, so there nobody waits for the others.
        found = check_link(*args)
        if real_database.engine.dialect.name == "postgresql":
            looked.wait(10)
        return found

    def work() -> None:
        try:
            with real_database.begin(writes=True) as db:
                user = accounts.use_link(db, links, token, NOW)
                accounts.start_sign_in(db, user.id, NOW)
            outcomes.append("in")
        except Gone as error:
            outcomes.append(error.code)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sign_in_links, "check_link", slow_check)
        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert sorted(outcomes) == ["in", "used", "used", "used"]
    with real_database.begin(writes=False) as db:
        assert len(db.exec(select(SignIn)).all()) == 1


def test_asking_for_a_link_queues_one_for_those_who_have_an_account(
    db: DbSession, olga: User
) -> None:
    accounts.request_link(db, "OLGA@example.org", NOW)
    accounts.request_link(db, "nobody@example.org", NOW)
    accounts.request_link(db, "", NOW)
    [message] = db.exec(select(Message)).all()
    [link] = db.exec(select(SignInLink)).all()
    assert message.context == {"link_id": link.id}
    assert (message.to_address, message.language, message.kind) == (olga.email, "es", "sign-in")
    assert link.expires_at == NOW + timedelta(minutes=10)


def test_nobody_is_flooded_with_links(db: DbSession, olga: User) -> None:
    for _ in range(9):
        accounts.request_link(db, olga.email, NOW)
    assert len(db.exec(select(Message)).all()) == 5
    accounts.request_link(db, olga.email, NOW + timedelta(minutes=11))
    assert len(db.exec(select(Message)).all()) == 6


def test_asking_writes_as_much_for_nobody(
    database: Database, count_queries: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    with database.begin(writes=True) as db:
        accounts.add_user(db, "Olga", "olga@example.org")
    kinds = []
    for email in ("olga@example.org", "nobody@example.org"):
        with count_queries() as queries, database.begin(writes=True) as db:
            accounts.request_link(db, email, NOW)
        kinds.append(sorted(q.split()[0] for q in queries if not q.startswith("SELECT")))
    assert kinds == [["INSERT", "INSERT"], ["DELETE", "INSERT"]]


def test_signing_out_ends_one_sign_in(db: DbSession, olga: User) -> None:
    here = accounts.start_sign_in(db, olga.id, present())
    there = accounts.start_sign_in(db, olga.id, present())
    accounts.sign_out(db, here)
    accounts.sign_out(db, here)
    accounts.sign_out(db, "nonsense")
    assert accounts.actor_of_cookie(db, here) is None
    assert accounts.actor_of_cookie(db, there) is not None


def test_a_new_password_ends_every_other_sign_in(db: DbSession, olga: User) -> None:
    cookies = [accounts.start_sign_in(db, olga.id, present()) for _ in range(3)]
    new = "four large yellow trains"
    accounts.set_password(db, olga, new, keep_cookie=cookies[1])
    known = [accounts.actor_of_cookie(db, cookie) is not None for cookie in cookies]
    assert known == [False, True, False]
    assert [accounts.password_is_right(olga.password_hash, p) for p in (PASSWORD, new)] == [
        False,
        True,
    ]


def test_ones_own_sign_ins(db: DbSession, olga: User) -> None:
    other = accounts.add_user(db, "Other", "other@example.org")
    accounts.start_sign_in(db, other.id, NOW)
    accounts.start_sign_in(db, olga.id, NOW - timedelta(days=15))
    accounts.start_sign_in(db, olga.id, NOW - timedelta(days=1))
    accounts.start_sign_in(db, olga.id, NOW)
    actor = accounts.actor_of_user(db, olga)
    found = accounts.list_sign_ins(db, actor, NOW)
    assert [row.created_at for row in found] == [NOW, NOW - timedelta(days=1)]
    theirs = accounts.list_sign_ins(db, accounts.actor_of_user(db, other), NOW)
    accounts.end_sign_in(db, actor, theirs[0].id)
    accounts.end_sign_in(db, actor, found[0].id)
    assert len(accounts.list_sign_ins(db, actor, NOW)) == 1
    assert len(accounts.list_sign_ins(db, accounts.actor_of_user(db, other), NOW)) == 1


def test_the_first_account(db: DbSession) -> None:
    assert accounts.first_user(db) is None
    first = accounts.add_user(db, "Ana", "ana@example.org")
    accounts.add_user(db, "Bea", "bea@example.org")
    assert accounts.first_user(db) is first

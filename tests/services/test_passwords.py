"""Passwords: which are too weak, and how they are kept."""

import unicodedata
from time import process_time

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db import Database
from app.domain.errors import Invalid
from app.models import User
from app.services import accounts, passwords
from app.services.passwords import MAX_PASSWORD, weaknesses

NAME, EMAIL = "Olga Ruiz Hernández", "olga.ruiz@clusters.example.org"


def _codes(password: str) -> list[str]:
    return [each.code for each in weaknesses(password, NAME, EMAIL)]


@pytest.mark.parametrize(
    "good",
    [
        "three small green boats",
        "correct horse battery staple",
        "la casa azul de mi abuela",
        "contraseña de un lugar lejano",
        "um barco a vela no rio",
        "vK3#x9Lw!2mQz7t",
        "красивая лошадь пьёт",
        "雨の日に散歩する犬はかわいいです",
    ],
)
def test_several_words_are_good(good: str) -> None:
    assert _codes(good) == []


@pytest.mark.parametrize(
    ("poor", "code"),
    [
        ("", "too_short"),
        ("vK3#x9Lw!2mQz7", "too_short"),
        ("e\u0301" * 14, "too_short"),  # fourteen letters, however they came
        ("x" * (MAX_PASSWORD + 1), "too_long"),
        ("passwordpassword", "too_easy"),
        ("password12345678", "too_easy"),
        ("p@ssw0rdp@ssw0rd", "too_easy"),
        ("qwertyuiopasdfgh", "too_easy"),
        ("1q2w3e4r5t6y7u8i9o0p", "too_easy"),
        ("123456789012345", "too_easy"),
        ("iloveyouiloveyou", "too_easy"),
        ("abcdefghijklmnop", "too_easy"),
        ("abababababababababab", "too_easy"),
        ("ＰＡＳＳＷＯＲＤ１２３４５６７８", "too_easy"),
        ("Olga Ruiz Hernández", "too_easy"),
        ("OlgaRuizHernández1", "too_easy"),
        ("hernández.ruiz.olga.2026", "too_easy"),
        ("olga.ruiz@clusters.example.org", "too_easy"),
        ("convoca2026convoca", "too_easy"),
        ("Convoca training 2026", "too_easy"),
        ("olgaolgaolgaolga!", "too_easy"),
    ],
)
def test_what_others_would_try_is_not(poor: str, code: str) -> None:
    assert _codes(poor) == [code]


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=15, max_size=MAX_PASSWORD))
def test_any_text_is_judged(text: str) -> None:
    assert len(_codes(text)) <= 1


def test_judging_takes_no_longer_for_what_is_long() -> None:
    """Zxcvbn by itself takes minutes for a thousand characters."""
    _codes("something to read the lists of words for")
    signs = "4@8({[<369gq#!1i|0$5+7%2zZ" * 3  # each may mean several letters
    for long in ("p@$$w0rd1990" * 80, "qazwsxedcrfvtgb" * 66, "aA1!" * 250, signs):
        begun = process_time()
        _codes(long)
        assert process_time() - begun < 2


def test_what_is_taken_can_be_signed_in_with() -> None:
    """An accent that is a character of its own makes what is typed longer than what is kept."""
    apart = "".join(f"{letter}\u0301" for letter in "aeiou") * (MAX_PASSWORD // 8)
    assert len(apart) > MAX_PASSWORD > len(unicodedata.normalize("NFKC", apart))
    assert _codes(apart) == ["too_long"]


def test_a_hash_of_former_parameters_is_made_anew(database: Database) -> None:
    password = "three small green boats"
    former = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(password)
    with database.begin(writes=True) as db:
        accounts.add_user(db, "Olga", "olga@example.org").password_hash = former
    with pytest.raises(Invalid):
        accounts.user_with_password(database, "olga@example.org", "wrong")
    hashes = [former]
    for _ in range(2):
        user = accounts.user_with_password(database, "olga@example.org", password)
        with database.begin(writes=False) as db:
            hashes.append(db.get_one(User, user.id).password_hash)
    assert hashes[1].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert hashes[2] == hashes[1]
    assert passwords.password_is_right(hashes[1], password)


def test_a_password_that_was_changed_meanwhile_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = "three small green boats"
    former = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(password)
    with database.begin(writes=True) as db:
        accounts.add_user(db, "Olga", "olga@example.org").password_hash = former

    def change_meanwhile(_: str) -> str:
        with database.begin(writes=True) as db:
            found = accounts.find_user(db, "olga@example.org")
            assert found is not None
            found.password_hash = "another"
            db.add(found)
        return "made anew"

    monkeypatch.setattr(accounts, "hash_password", change_meanwhile)
    user = accounts.user_with_password(database, "olga@example.org", password)
    with database.begin(writes=False) as db:
        assert db.get_one(User, user.id).password_hash == "another"

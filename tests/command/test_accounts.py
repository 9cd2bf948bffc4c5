"""``convoca user``: who has an account, and what is done for somebody who cannot get in."""

from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from sqlmodel import select

from app.db import Database
from app.models import SignIn, now
from app.services import accounts, second_factor
from app.services.links import Links
from app.services.tokens import digest
from tests.command.test_convoca import convoca


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An installation with two accounts, one of them with a second step and two browsers."""
    convoca("migrate", data=tmp_path)
    database = Database(f"sqlite:///{tmp_path / 'convoca.db'}")
    links = Links("key", "http://127.0.0.1:8000")
    at = now()
    with database.begin(writes=True) as db:
        ana = accounts.add_user(db, "Ana", "ana@example.org")
        ana.password_hash = "something"
        second_factor.begin(db, links, ana)
        secret, _ = second_factor.pending(links, ana)
        second_factor.confirm(db, links, ana, pyotp.TOTP(secret).at(at), at)
        bea = accounts.add_user(db, "Bea", "bea@example.org")
        for user in (ana, ana, bea):
            # The program's clock is the machine's, the tests' is ahead of it or behind.
            row = accounts.start_sign_in(db, user.id, at)
            db.get_one(SignIn, digest(row)).expires_at += timedelta(days=4_000)
    database.close()
    return tmp_path


def _browsers(data: Path) -> int:
    database = Database(f"sqlite:///{data / 'convoca.db'}")
    with database.begin(writes=False) as db:
        found = len(db.exec(select(SignIn)).all())
    database.close()
    return found


def test_who_has_an_account(data: Path) -> None:
    listed = convoca("user", "list", data=data)
    assert (listed.returncode, listed.stdout.splitlines()) == (
        0,
        [
            "ana@example.org\tAna\torganizer\tpassword + second step\t2",
            "bea@example.org\tBea\torganizer\tlinks\t1",
        ],
    )


def test_somebody_is_signed_out_everywhere(data: Path) -> None:
    done = convoca("user", "sign-out", "ANA@example.org", data=data)
    assert (done.returncode, done.stdout) == (0, "ana@example.org is signed out everywhere.\n")
    assert _browsers(data) == 1


def test_somebody_who_lost_the_phone(data: Path) -> None:
    done = convoca("user", "second-step-off", "ana@example.org", data=data)
    said = "ana@example.org signs in with one step from now on.\n"
    assert (done.returncode, done.stdout) == (0, said)
    assert _browsers(data) == 1
    again = convoca("user", "second-step-off", "ana@example.org", data=data)
    assert (again.returncode, again.stderr) == (1, "ana@example.org has no second step.\n")


@pytest.mark.parametrize("command", ["sign-out", "second-step-off"])
@pytest.mark.parametrize("email", ["nobody@example.org", ""])
def test_nobody_is_nobody(data: Path, command: str, email: str) -> None:
    done = convoca("user", command, email, data=data)
    assert done.returncode == 1
    assert done.stderr.startswith("There is no such account.")
    assert _browsers(data) == 3

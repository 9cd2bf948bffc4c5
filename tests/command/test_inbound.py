"""``convoca inbound``, as a mail server calls it."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.doctor import examine
from app.mail.inbound import LIMIT
from app.settings import Settings, SettingsError
from tests import forks
from tests.command.test_convoca import ROOT, convoca
from tests.mail import inbound_corpus as corpus


def take(raw: bytes, data: Path, **env: str) -> tuple[int, str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CONVOCA_") and k != "PORT"}
    whole = clean | {"CONVOCA_DATA_DIR": str(data)} | env
    done = forks.convoca("inbound", env=whole, given=raw)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def kept(data: Path) -> list[bytes]:
    db = sqlite3.connect(data / "convoca.db")
    found = [row[0] for row in db.execute("SELECT raw FROM inbound_mail ORDER BY id")]
    db.close()
    return found


def test_a_mail_is_taken_in_once(tmp_path: Path) -> None:
    convoca("migrate", data=tmp_path)
    first = take(corpus.letter(), tmp_path)
    again = take(corpus.letter(), tmp_path)
    assert first == (0, "other: open (letter)\n", "")
    assert again == (0, "other: open (letter), as it came before\n", "")
    assert kept(tmp_path) == [corpus.letter()]


def test_a_large_mail_is_read_to_its_end(tmp_path: Path) -> None:
    convoca("migrate", data=tmp_path)
    done = take(corpus.letter() + b"x" * (3 * LIMIT), tmp_path)
    assert done == (0, "other: open (too-large)\n", "")
    assert [len(raw) < 1000 for raw in kept(tmp_path)] == [True]


@pytest.mark.parametrize("raw", [b"", b"\0\xff", corpus.google(), corpus.notification()])
def test_every_mail_is_taken(tmp_path: Path, raw: bytes) -> None:
    convoca("migrate", data=tmp_path)
    assert take(raw, tmp_path)[0] == 0


@pytest.mark.parametrize(
    "env",
    [
        {},  # no schema yet
        {"CONVOCA_DATABASE_URL": "postgresql+psycopg://u:p@127.0.0.1:1/none"},
        {"PORT": "many"},
    ],
)
def test_when_it_cannot_be_taken_in_the_server_keeps_it(
    tmp_path: Path, env: dict[str, str]
) -> None:
    code, said, error = take(corpus.letter(), tmp_path, **env)
    assert (code, said) == (75, "")
    assert len(error.splitlines()) == 1


def call(*arguments: str, cwd: Path, **kwargs: Any) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
        **kwargs,
    )
    return done.returncode, done.stderr.decode()


def test_called_wrongly_the_server_keeps_it(tmp_path: Path) -> None:
    code, said = call("inbound", "extra", cwd=tmp_path, input=corpus.letter())
    assert (code, said.splitlines()[0].split()[0]) == (75, "Usage:")


def test_without_an_environment_nothing_is_made(tmp_path: Path) -> None:
    code, said = call("inbound", cwd=tmp_path, input=corpus.letter())
    assert (code, len(said.splitlines()), "CONVOCA_DATA_DIR" in said) == (75, 1, True)
    assert list(tmp_path.iterdir()) == []


def test_a_closed_input_is_said_in_words(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app.cli", "inbound"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *command],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, b"no standard input" in done.stderr) == (75, True)


def test_a_database_that_is_locked_is_tried_later(tmp_path: Path) -> None:
    convoca("migrate", data=tmp_path)
    db = sqlite3.connect(tmp_path / "convoca.db", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    code, said, error = take(corpus.letter(), tmp_path)
    db.close()
    assert (code, said, len(error.splitlines())) == (75, "", 1)
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    "url",
    [
        "imaps://host.example",
        "pop3://u:p@host.example",
        "imaps://",
        "imaps://u:p@host.example:port",
        "imaps://u:p%0d%0aX@host.example",
    ],
)
def test_a_mailbox_that_is_none_is_named(url: str) -> None:
    with pytest.raises(SettingsError, match="CONVOCA_IMAP_URL must begin with"):
        Settings.from_environment({"CONVOCA_IMAP_URL": url})


def test_a_mailbox_is_taken() -> None:
    env = {"CONVOCA_IMAP_URL": "imaps://u:p%40@host.example/In", "CONVOCA_IMAP_EVERY": "30"}
    found = Settings.from_environment(env)
    assert (found.imap_url, found.imap_every) == (env["CONVOCA_IMAP_URL"], 30)
    assert Settings.from_environment({}).imap_every == 60
    with pytest.raises(SettingsError, match="CONVOCA_IMAP_EVERY"):
        Settings.from_environment(env | {"CONVOCA_IMAP_EVERY": "1"})


@pytest.mark.parametrize(
    ("mail_from", "level"),
    [(f"{'x' * 47}@example.org", "look"), (f"{'x' * 48}@example.org", "wrong")],
)
def test_the_doctor_says_if_the_address_is_too_long(
    tmp_path: Path, mail_from: str, level: str
) -> None:
    settings = Settings.from_environment(
        {"CONVOCA_MAIL_FROM": mail_from, "CONVOCA_DATA_DIR": str(tmp_path)}
    )
    [finding] = [f for f in examine(settings) if f.topic == "answers"]
    assert finding.level == level

"""The command, as somebody at a terminal runs it."""

import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from app import doctor
from app.cli import main
from app.settings import Settings, SettingsError
from tests import forks

ROOT = Path(__file__).parents[2]


def convoca(
    *arguments: str, data: Path, env: dict[str, str] | None = None, answer: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs ``convoca`` in a process of its own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CONVOCA_") and k != "PORT"}
    whole = clean | {"CONVOCA_DATA_DIR": str(data)} | (env or {})
    if "PYTHONPATH" not in (env or {}):
        done = forks.convoca(*arguments, env=whole, given=answer.encode())
        out, err = done.stdout.decode(), done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=ROOT,
        env=whole,
        capture_output=True,
        text=True,
        input=answer,
        timeout=60,
        check=False,
    )


def tables(data: Path, table: str) -> int:
    with sqlite3.connect(f"file:{data / 'convoca.db'}?mode=ro", uri=True) as db:
        count: int = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    db.close()
    return count


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "worker",
        "demo",
        "migrate",
        "user",
        "token",
        "doctor",
        "start",
        "inbound",
        "backup",
        "restore",
        "resume-sending",
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    listed = CliRunner().invoke(main, ["--help"])
    own = CliRunner().invoke(main, [command, "--help"])
    assert (listed.exit_code, own.exit_code) == (0, 0)
    assert re.search(rf"^  {command} +\S", listed.output, re.M)
    assert len(own.output.splitlines()) >= 5


def test_migrate_then_demo_twice(tmp_path: Path) -> None:
    first = convoca("migrate", data=tmp_path)
    again = convoca("migrate", data=tmp_path)
    assert first.stdout.startswith("The schema went from nothing to ")
    assert again.stdout.startswith("The schema is up to date")

    loaded = convoca("demo", data=tmp_path)
    counts = {t: tables(tmp_path, t) for t in ("cycle", "session", "person", "enrolment")}
    repeated = convoca("demo", data=tmp_path)

    assert loaded.stdout == "The demonstration cycle is there.\n"
    assert repeated.stdout == "The database holds something already; nothing was changed.\n"
    assert counts == {"cycle": 1, "session": 4, "person": 65, "enrolment": 60}
    assert {t: tables(tmp_path, t) for t in counts} == counts


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_an_empty_database_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, command: str
) -> None:
    done = convoca(command, data=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "The database is empty. Run:  convoca migrate",
    )


def test_a_foreign_schema_is_refused(tmp_path: Path) -> None:
    convoca("migrate", data=tmp_path)
    db = sqlite3.connect(tmp_path / "convoca.db")
    db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.commit()
    db.close()

    done = convoca("serve", data=tmp_path)

    assert done.returncode == 1
    assert "newer than this program knows" in done.stderr


def test_user_and_token(tmp_path: Path) -> None:
    convoca("migrate", data=tmp_path)

    link = convoca("user", "add", "ana@example.org", "--name", "Ana", data=tmp_path)
    twice = convoca("user", "add", "Ana@Example.org", "--name", "Ana", data=tmp_path)
    weak = convoca(
        "user", "add", "eva@example.org", "--name", "Eva", "--password", data=tmp_path,
        answer="short\nshort\n",
    )  # fmt: skip
    token = convoca("token", "create", "ana@example.org", "--name", "sheet", data=tmp_path)
    nobody = convoca("token", "create", "x@example.org", "--name", "sheet", data=tmp_path)

    assert link.stdout.startswith("http://127.0.0.1:8000/organize/sign-in/")
    assert (twice.returncode, weak.returncode, nobody.returncode) == (1, 1, 1)
    assert "15" in weak.stderr
    assert len(token.stdout.strip()) >= 32
    assert token.stdout.strip() not in (tmp_path / "convoca.db").read_bytes().decode("latin-1")
    assert tables(tmp_path, "user_account") == 1


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Topic and level of each line."""
    rows = re.findall(r"^(ok|look|wrong) +([^:]+): ", done.stdout, re.M)
    return {topic: level for level, topic in rows}


def test_doctor_finds_nothing_wrong_with_a_fresh_installation(tmp_path: Path) -> None:
    convoca("migrate", data=tmp_path)
    done = convoca("doctor", data=tmp_path)
    assert done.returncode == 0
    assert findings(done) == {
        "data folder": "ok",
        "disk": "ok",
        "base URL": "look",
        "key": "look",
        "SQLite": "ok",
        "database": "ok",
        "mail": "look",
        "answers": "look",
        "time zones": "ok",
    }


@pytest.mark.parametrize(
    ("free", "level", "said"),
    [
        (5_000_000_000, "ok", "5000 MB free"),
        (999_999_999, "look", "1000 MB free. A recording has up to 50 MB; make room in time."),
        (200_000_000, "wrong", "200 MB free: no file is taken with less than 200 MB. Make room."),
    ],
)
def test_doctor_says_how_much_space_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str, said: str
) -> None:
    monkeypatch.setattr("app.doctor.free_space", lambda folder: free)
    database = f"sqlite:///{tmp_path}/convoca.db"
    settings = Settings(data_dir=tmp_path, database_url=database, base_url="http://localhost")
    found = [f for f in doctor.examine(settings) if f.topic == "disk"]
    assert found == [doctor.Finding(level, "disk", said)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("env", "topic"),
    [
        ({"CONVOCA_BASE_URL": "http://convoca.example.org"}, "base URL"),
        ({"CONVOCA_SECRET_KEY": "short"}, "key"),
        ({"CONVOCA_SMTP_URL": "smtp://127.0.0.1:1"}, "mail"),
        ({"CONVOCA_SMTP_URL": "smtp://a..b"}, "mail"),
        ({"CONVOCA_DATABASE_URL": "postgresql+psycopg://127.0.0.1:1/x"}, "database"),
    ],
)
def test_doctor_says_what_is_wrong(tmp_path: Path, env: dict[str, str], topic: str) -> None:
    convoca("migrate", data=tmp_path)
    done = convoca("doctor", data=tmp_path, env=env)
    assert done.returncode == 1
    assert [t for t, level in findings(done).items() if level == "wrong"] == [topic]


def test_doctor_says_so_where_it_cannot_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_settings: Settings) -> Iterator[doctor.Finding]:
        raise KeyError

    monkeypatch.setitem(doctor._LOOKS, "mail", broken)
    settings = Settings.from_environment({"CONVOCA_DATA_DIR": str(tmp_path)})
    found = {f.topic: (f.level, f.text) for f in doctor.examine(settings)}
    assert found["mail"] == ("wrong", "it cannot be looked at (KeyError). Look at its settings.")
    assert found["time zones"][0] == "ok"


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"PORT": "many"}, "The port must be a number"),
        ({"PORT": "70000"}, "between 1 and 65535"),
        ({"CONVOCA_BASE_URL": "convoca.example.org"}, "CONVOCA_BASE_URL must be like"),
        ({"CONVOCA_DATABASE_URL": "mysql://x"}, "must begin with sqlite"),
        ({"CONVOCA_SMTP_URL": "http://x"}, "must begin with smtp"),
        ({"CONVOCA_SMTP_PER_SECOND": "many"}, "CONVOCA_SMTP_PER_SECOND must be a number from"),
        ({"CONVOCA_SMTP_PER_SECOND": "nan"}, "CONVOCA_SMTP_PER_SECOND must be a number from"),
        ({"CONVOCA_SMTP_PER_HOUR": "-1"}, "CONVOCA_SMTP_PER_HOUR must be a number from 1 to"),
        ({"CONVOCA_SMTP_TIMEOUT": "60"}, "CONVOCA_SMTP_TIMEOUT must be a number from 1 to 45"),
        ({"CONVOCA_MAIL_FROM": "Training <t@example.org>"}, "CONVOCA_MAIL_FROM must be one"),
        ({"CONVOCA_MAIL_FROM": "training"}, "CONVOCA_MAIL_FROM must be one address"),
        ({"CONVOCA_MAIL_FROM": "t@example.org, u@example.org"}, "must be one address"),
        ({"CONVOCA_MAIL_FROM": "t@example.org\nBcc: x@example.org"}, "must be one address"),
        ({"CONVOCA_MAIL_FROM": "t@example.org,u@example.org"}, "must be one address"),
        ({"CONVOCA_MAIL_FROM": "t@example.org\u200b"}, "must be one address"),
        ({"CONVOCA_MAIL_FROM": "t@exa_ñ.org"}, "must be one address"),
        ({"CONVOCA_MAIL_FROM_NAME": "Us\nBcc: x@example.org"}, "must be a name on one line"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(env: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Settings.from_environment(env)


def test_mails_come_from_the_host_unless_it_is_said() -> None:
    base = {"CONVOCA_BASE_URL": "https://convoca.example.org"}
    assert Settings.from_environment(base).mail_from == "convoca@convoca.example.org"
    said = base | {
        "CONVOCA_MAIL_FROM": "training@cepal.example",
        "CONVOCA_MAIL_FROM_NAME": "Formación\xa0CEPAL",
    }
    assert Settings.from_environment(said).mail_from == "training@cepal.example"


def test_limits_of_the_mail_server() -> None:
    none = Settings.from_environment({"CONVOCA_SMTP_PER_SECOND": "0", "CONVOCA_SMTP_PER_HOUR": ""})
    assert (none.smtp_per_second, none.smtp_per_hour, none.smtp_timeout) == (None, None, 20.0)
    names = ("PER_SECOND", "PER_HOUR", "TIMEOUT")
    env = {
        f"CONVOCA_SMTP_{name}": value
        for name, value in zip(names, ("0.5", "500", "7"), strict=True)
    }
    said = Settings.from_environment(env)
    assert (said.smtp_per_second, said.smtp_per_hour, said.smtp_timeout) == (0.5, 500, 7.0)


def test_the_command_names_it_without_a_traceback(tmp_path: Path) -> None:
    done = convoca("migrate", data=tmp_path, env={"PORT": "many"})
    assert (done.returncode, done.stderr) == (1, "The port must be a number, not 'many'.\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONVOCA_BASE_URL", "http://["),
        ("CONVOCA_BASE_URL", "https://me:secret@convoca.example.org"),
        ("CONVOCA_BASE_URL", "https://convoca.example.org:port"),
        ("CONVOCA_BASE_URL", "https://convoca.example.org#top"),
        ("CONVOCA_BASE_URL", "https://convoca example.org"),
        ("CONVOCA_SMTP_URL", "smtp://["),
        ("CONVOCA_SMTP_URL", "smtp://mail.example.org:port"),
        ("CONVOCA_SMTP_URL", "smtp://"),
        ("CONVOCA_SMTP_URL", "smtp://127.0.0.1:"),
        ("CONVOCA_SMTP_URL", "smtp://u:%00@127.0.0.1"),
        ("CONVOCA_BASE_URL", "https://convoca.example.org:"),
    ],
)
def test_an_address_that_is_none_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be"):
        Settings.from_environment({name: value})


def test_a_database_that_does_not_answer_is_said_in_one_line(tmp_path: Path) -> None:
    away = {"CONVOCA_DATABASE_URL": "postgresql+psycopg://u:p@127.0.0.1:1/none"}
    for command in ("migrate", "start", "serve", "worker"):
        answer = convoca(command, data=tmp_path, env=away)
        assert (answer.returncode, answer.stdout) == (1, "")
        assert answer.stderr.startswith("The database does not answer: ")
        assert len(answer.stderr.splitlines()) == 1


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    answer = convoca("migrate", data=taken)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"{taken} cannot be used (File exists). Set CONVOCA_DATA_DIR.\n"
    looked = convoca("doctor", data=taken)
    assert looked.returncode == 1
    assert f"wrong  data folder: {taken} cannot be written to" in looked.stdout


def test_a_port_that_is_taken_is_said_before_anything_is_done(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = convoca("start", data=tmp_path, env={"PORT": str(port)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Port {port} on 127.0.0.1 cannot be used")
    assert not (tmp_path / "convoca.db").exists()

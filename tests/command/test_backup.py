"""``convoca backup``, ``restore`` and ``resume-sending``, as somebody at a terminal runs them."""

from pathlib import Path

from app.backups import UNFINISHED
from tests.command.test_convoca import convoca, tables


def test_there_and_back(tmp_path: Path) -> None:
    data, other, backups = (tmp_path / name for name in ("data", "other", "backups"))
    backups.mkdir()
    nothing = convoca("backup", str(backups), data=data)
    assert (nothing.returncode, nothing.stderr) == (
        1,
        f"There is no database in {data / 'convoca.db'}: nothing was backed up.\n",
    )
    convoca("migrate", data=data)
    convoca("demo", data=data)
    convoca("user", "add", "ana@example.org", "--name", "Ana", data=data)

    made = convoca("backup", str(backups), data=data)
    (file,) = backups.iterdir()
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(f"The backup is complete: {file} (")
    assert "it is as secret as the server" in made.stdout
    assert file.stat().st_mode & 0o777 == 0o600

    looked = convoca("backup", "--verify", str(file), data=tmp_path / "none")
    assert (looked.returncode, looked.stdout.splitlines()[0]) == (0, f"{file} is whole.")
    assert not (tmp_path / "none").exists()

    back = convoca("restore", str(file), data=other)
    assert (back.returncode, back.stderr) == (0, "")
    assert "Nothing is sent until you say so:  convoca resume-sending" in back.stdout
    counts = [tables(each, "enrolment") for each in (data, other)]
    assert counts == [60, 60]
    assert tables(other, "sending_hold") == 1

    again = convoca("restore", str(file), data=other)
    assert (again.returncode, again.stdout) == (1, "")
    assert "put back into an empty place only" in again.stderr

    no = convoca("resume-sending", data=other, answer="n\n")
    assert no.returncode == 1
    yes = convoca("resume-sending", "--leave-out", data=other, answer="y\n")
    assert yes.stdout.endswith("Mails go out again; waiting now: 0.\n")
    over = convoca("resume-sending", data=other)
    assert over.stdout == "Nothing is held back: mails go out.\n"


def test_what_is_wrong_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "cut.tar.gz").write_bytes(b"\x1f\x8b\x08\x00")
    said = {
        ("backup", "--verify"): "Say which file:  convoca backup --verify FILE",
        ("backup", "--verify", str(tmp_path / "cut.tar.gz")): "The archive is damaged, or is none "
        "of Convoca's.",
        ("backup", "--verify", str(tmp_path / "no")): f"No such file or directory: {tmp_path}/no",
        ("restore", str(tmp_path / "no")): f"No such file or directory: {tmp_path}/no",
    }
    for arguments, sentence in said.items():
        done = convoca(*arguments, data=tmp_path / "data")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{sentence}\n")
    assert not (tmp_path / "data").exists()


def test_no_command_works_where_a_restore_has_not_ended(tmp_path: Path) -> None:
    convoca("migrate", data=tmp_path)
    (tmp_path / UNFINISHED).mkdir()
    for command in ("migrate", "serve", "worker", "resume-sending"):
        done = convoca(command, data=tmp_path)
        assert done.returncode == 1
        assert "run it again:  convoca restore FILE" in done.stderr

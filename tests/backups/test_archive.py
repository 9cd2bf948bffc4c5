"""What is read of an archive is what was written, or nothing is: damaged, cut short, or made up."""

import gzip
import hashlib
import random
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from app.backups import archive
from app.backups.archive import BackupError, Manifest, Writer, verified
from app.backups.restore import restore
from tests.backups.world import left, settings_of

DIGEST = hashlib.sha256(b"slides").hexdigest()
FILE = f"files/{DIGEST[:2]}/{DIGEST}"
GOOD = {"database.sqlite": b"d" * 3000, "secret.key": b"k" * 64, FILE: b"slides"}
SECOND = datetime(2026, 11, 24, 12, 0, 0, 5, tzinfo=UTC)


def manifest_of(**values: Any) -> Manifest:
    return replace(Manifest("0.1", "0019", "sqlite", "3.53", SECOND, True, {}), **values)


def written(path: Path, content: dict[str, bytes] | None = None, **values: object) -> Manifest:
    with path.open("wb") as out:
        writer = Writer(out)
        for name, data in (content or GOOD).items():
            writer.add(name, BytesIO(data), len(data))
        manifest = manifest_of(**{"members": dict(writer.members), **values})
        writer.finish(manifest)
    return manifest


def test_what_was_written_is_read_and_tar_reads_it_too(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    assert written(path) == verified(path)
    with tarfile.open(path) as found:
        assert {m.name: m.size for m in found} == {
            **{name: len(content) for name, content in GOOD.items()},
            "manifest.json": len(verified(path).document()),
        }


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/passwd",
        "files/../../evil",
        "files/aa/../" + "a" * 64,
        f"files/{DIGEST[:2]}/{DIGEST}x",
        f"files/00/{DIGEST}",
        "files",
        "badge-keys/../x.pem",
        "badge-keys/1.pem",
        "database.sqlite-wal",
        "convoca.db",
        "secret.key\n",
    ],
)
def test_a_name_that_is_none_of_ours_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.tar.gz"
    written(path, {**GOOD, name: b"x"})
    with pytest.raises(BackupError, match="not one of Convoca's"):
        verified(path)
    there = settings_of(tmp_path / "there")
    with pytest.raises(BackupError):
        restore(there, path)
    assert left(tmp_path) == ["x.tar.gz"]


def made_by_hand(path: Path, *blocks: bytes) -> None:
    path.write_bytes(gzip.compress(b"".join(blocks)))


def head(kind: bytes, name: str = "secret.key", size: int = 0, link: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "block",
    [
        head(tarfile.SYMTYPE, link="/etc/passwd"),
        head(tarfile.LNKTYPE, link="../x"),
        head(tarfile.CHRTYPE),
        head(tarfile.BLKTYPE),
        head(tarfile.FIFOTYPE),
        head(tarfile.DIRTYPE),
        head(tarfile.CONTTYPE),
        head(tarfile.GNUTYPE_SPARSE),
        head(tarfile.XHDTYPE, size=1 << 40),
        head(tarfile.XGLTYPE, size=1 << 40),
        head(tarfile.GNUTYPE_LONGNAME, size=1 << 40),
        head(tarfile.AREGTYPE),
        head(tarfile.REGTYPE, "secret.key", 5000),
        head(tarfile.REGTYPE, "manifest.json", 1 << 30),
        head(tarfile.REGTYPE, "database.sqlite", 1 << 45),  # of so small a file
        head(tarfile.REGTYPE, "database.sqlite", -5),
        b"\xff" * 512,
        b"x",
        b"",
        b"\0" * 1024,
    ],
)
def test_links_devices_long_heads_and_bombs_are_refused_unread(
    tmp_path: Path, block: bytes
) -> None:
    path = tmp_path / "x.tar.gz"
    made_by_hand(path, block, b"\0" * 2048)
    with pytest.raises(BackupError):
        verified(path)
    there = settings_of(tmp_path / "there")
    with pytest.raises(BackupError):
        restore(there, path)
    assert left(tmp_path) == ["x.tar.gz"]


def test_more_than_the_disk_has_room_for_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.tar.gz"
    written(path, {"database.sqlite": b"\0" * 20_000_000}, schema="0013")
    monkeypatch.setattr("app.backups.restore.free_space", lambda _: 210_000_000)
    with pytest.raises(BackupError, match="has 210 MB free; 220 MB are needed"):
        restore(settings_of(tmp_path / "there"), path)
    assert left(tmp_path) == ["x.tar.gz"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"format": 2}, "is of a later kind"),
        ({"database": "mysql"}, "manifest cannot be read"),
        ({"convoca": "1\x1b]0;title\a"}, "manifest cannot be read"),
        ({"members": {"secret.key": (float("inf"), "")}}, "manifest cannot be read"),
        ({"database": "postgresql"}, "holds no database"),
        ({"members": {}}, "other members than its manifest names"),
        (
            {"members": dict.fromkeys(GOOD, (1, "0" * 64))},
            "in the archive is not what was written",
        ),
    ],
)
def test_a_manifest_that_does_not_fit(
    tmp_path: Path, values: dict[str, Any], sentence: str
) -> None:
    path = tmp_path / "x.tar.gz"
    written(path, **values)
    with pytest.raises(BackupError, match=sentence):
        verified(path)


def test_a_manifest_of_lists_in_lists(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    with path.open("wb") as out, gzip.GzipFile(fileobj=out, mode="wb") as zipped:
        document = b"[" * 102_400  # a whole number of blocks
        zipped.write(head(tarfile.REGTYPE, "manifest.json", len(document)) + document)
        zipped.write(b"\0" * 1024)
    with pytest.raises(BackupError, match="manifest cannot be read"):
        verified(path)


def test_a_file_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    written(path, {**GOOD, FILE: b"others"})
    with pytest.raises(BackupError, match="is not what its name says"):
        verified(path)


def test_members_twice_and_more_after_the_end(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    written(path)
    whole = gzip.decompress(path.read_bytes())
    made_by_hand(path, whole[:3584], whole)
    with pytest.raises(BackupError, match="not one of Convoca's"):
        verified(path)
    made_by_hand(path, whole, b"\0" * 512)
    with pytest.raises(BackupError, match="goes on after its end"):
        verified(path)


def test_cut_anywhere_it_is_not_whole(tmp_path: Path) -> None:
    """As a kill or a full disk leaves what others copy."""
    path = tmp_path / "x.tar.gz"
    written(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BackupError):
            verified(path)


def test_changed_anywhere_it_is_refused_or_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    manifest = written(path)
    whole = path.read_bytes()
    chance, same = random.Random(7), 0
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= chance.randint(1, 255)
        path.write_bytes(changed)
        try:
            found = verified(path)
        except BackupError:
            continue
        assert found == manifest
        same += 1
    assert same < len(whole) // 10


def test_what_becomes_shorter_while_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as out, pytest.raises(BackupError, match="become shorter"):
        Writer(out).add("secret.key", BytesIO(b"abc"), 4)


def test_the_archive_changes_between_two_readings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "x.tar.gz", tmp_path / "y.tar.gz"
    manifest = written(path, schema="0013")
    written(other, {**GOOD, "secret.key": b"j" * 64}, schema="0013")
    monkeypatch.setattr(archive, "verified", lambda _: manifest)
    with pytest.raises(BackupError, match="has changed while it was read"):
        restore(settings_of(tmp_path / "there"), other)
    assert left(tmp_path) == ["x.tar.gz", "y.tar.gz"]

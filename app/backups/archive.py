"""The file of a backup: a tar, compressed, whose last member says what the others are.

Reading believes nothing: neither names nor sizes nor kinds of members, since what is unpacked
lands in the data folder. So it does not go by `tarfile.open`, which also follows links, makes
devices, and reads as much of a long header into memory as that one says it is long.
"""

import gzip
import hashlib
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

FORMAT = 1
MANIFEST = "manifest.json"
DATABASES: Mapping[str, str] = {"sqlite": "database.sqlite", "postgresql": "database.pgdump"}
SECRET_KEY = "secret.key"  # noqa: S105
BADGE_KEYS = "badge-keys"
FILES = "files"

CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_END = 2 * _BLOCK
_DEFLATE_AT_MOST = 1100  # bytes out of one byte, a little more than it can be
_ANY = 1 << 62
_MEMBERS: Mapping[re.Pattern[str], int] = {
    re.compile(r"database\.(sqlite|pgdump)"): _ANY,
    re.compile(r"secret\.key"): 4096,
    re.compile(r"badge-keys/[0-9]{4}\.pem"): 65_536,
    re.compile(r"files/([0-9a-f]{2})/\1[0-9a-f]{62}"): _ANY,
    re.compile(r"manifest\.json"): 1 << 27,
}
"""What may be in an archive, and how many bytes of it."""


class BackupError(RuntimeError):
    """A backup that cannot be made, read or put back; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds. `members`: size in bytes and SHA-256 of each. `lost`: names of
    uploaded files that the database names and the disk did not have, or had with other content.
    """

    convoca: str
    schema: str
    database: str  # sqlite or postgresql
    database_version: str
    made_at: datetime  # aware, UTC: what was committed before is in it
    keys: bool
    members: Mapping[str, tuple[int, str]]
    lost: tuple[str, ...] = ()
    format: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of everything in it."""
        return sum(size for size, _ in self.members.values())

    @property
    def files(self) -> int:
        """How many uploaded files are in it."""
        return sum(name.startswith(f"{FILES}/") for name in self.members)

    def document(self) -> bytes:
        """As it stands in the archive."""
        return json.dumps(asdict(self) | {"made_at": self.made_at.isoformat()}, indent=1).encode()

    @classmethod
    def read(cls, document: bytes) -> "Manifest":
        """Raises BackupError where it is none, or of a later kind."""
        try:
            found: dict[str, Any] = json.loads(document)
            number = found["format"]
            if isinstance(number, int) and number > FORMAT:
                raise BackupError(
                    f"The archive is of a later kind ({number}) than this Convoca "
                    f"({FORMAT}) reads. Install the newer Convoca that made it."
                )
            found["made_at"] = datetime.fromisoformat(found["made_at"])
            found["members"] = {
                str(name): (int(size), str(digest))
                for name, (size, digest) in found["members"].items()
            }
            found["lost"] = tuple(map(str, found["lost"]))
            manifest = cls(**found)
        except (
            *(ValueError, KeyError, TypeError, AttributeError, OverflowError),
            RecursionError,  # lists in lists, without an end
        ) as error:
            raise BackupError("The archive's manifest cannot be read.") from error
        # What is said of it goes to a terminal, which would do as it is told.
        said = (manifest.convoca, manifest.schema, manifest.database_version, *manifest.lost)
        printable = all(isinstance(each, str) and each.isprintable() for each in said)
        known = manifest.database in DATABASES
        if not printable or not known or manifest.made_at.tzinfo is None:
            raise BackupError("The archive's manifest cannot be read.")
        return manifest


class Writer:
    """Puts members into an archive, one after the other."""

    def __init__(self, to: BinaryIO) -> None:
        self.members: dict[str, tuple[int, str]] = {}
        # The fastest level: most of it are dumps and pictures that are compressed already.
        self._zip = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=to, mtime=0)

    def add(self, name: str, source: BinaryIO, size: int) -> str:
        """So many bytes from `source`, under this name; the SHA-256 of them. Raises BackupError
        where there are fewer."""
        self._zip.write(_head(name, size))
        digest, left = hashlib.sha256(), size
        while left and (chunk := source.read(min(left, CHUNK))):
            digest.update(chunk)
            self._zip.write(chunk)
            left -= len(chunk)
        if left:
            raise BackupError(f"{name} has become shorter while it was read.")
        self._zip.write(b"\0" * _padding(size))
        self.members[name] = (size, digest.hexdigest())
        return digest.hexdigest()

    def finish(self, manifest: Manifest) -> None:
        """The end of it. Nothing is complete without."""
        document = manifest.document()
        self._zip.write(_head(MANIFEST, len(document)) + document)
        self._zip.write(b"\0" * (_padding(len(document)) + _END))
        self._zip.close()


def _head(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")


def _padding(size: int) -> int:
    return -size % _BLOCK


Take = Callable[[str, int, Iterator[bytes]], None]
"""Is given a member: its name, its size in bytes, and what is in it, all of which it reads."""


def verified(path: Path) -> Manifest:
    """What is in an archive, all of which is there and as it was written.

    Raises BackupError otherwise; OSError where the file cannot be read.
    """
    found: dict[str, tuple[int, str]] = {}

    def take(name: str, size: int, chunks: Iterator[bytes]) -> None:
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
        found[name] = (size, digest.hexdigest())

    manifest = read(path, take)
    if set(found) != set(manifest.members):
        raise BackupError("The archive holds other members than its manifest names.")
    for name, known in manifest.members.items():
        if found[name] != known:
            raise BackupError(f"{name} in the archive is not what was written.")
    if DATABASES[manifest.database] not in found:
        raise BackupError("The archive holds no database.")
    for name, (_, digest) in found.items():
        if name.startswith(f"{FILES}/") and not name.endswith(f"/{digest}"):
            raise BackupError(f"{name} in the archive is not what its name says.")
    return manifest


def read(path: Path, take: Take) -> Manifest:
    """Hands over each member but the last, and gives that: the manifest.

    Raises BackupError where anything in it is not as we write it: other names, links, devices,
    more bytes than can have been in a file of its size, an end that is missing.
    """
    most = path.stat().st_size * _DEFLATE_AT_MOST
    try:
        with path.open("rb") as stream, gzip.GzipFile(fileobj=stream) as unzipped:
            return _members(unzipped, most, take)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BackupError("The archive is damaged, or is none of Convoca's.") from error


def _members(stream: gzip.GzipFile, most: int, take: Take) -> Manifest:
    seen: set[str] = set()
    while True:
        name, size = _next_head(stream)
        most -= size
        if name in seen or most < 0:
            raise BackupError(f"The archive is not one of Convoca's ({name!r}).")
        seen.add(name)
        with _content(stream, size) as chunks:
            if name == MANIFEST:
                document = b"".join(chunks)
                break
            take(name, size, chunks)
    if stream.read(_END + 1) != b"\0" * _END:
        raise BackupError("The archive goes on after its end.")
    return Manifest.read(document)


@contextmanager
def _content(stream: gzip.GzipFile, size: int) -> Iterator[Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        left = size
        while left:
            chunk = stream.read(min(left, CHUNK))
            if not chunk:
                raise EOFError
            left -= len(chunk)
            yield chunk

    content = chunks()
    yield content
    for _ in content:
        pass
    if stream.read(_padding(size)) != b"\0" * _padding(size):
        raise BackupError("The archive is damaged.")


def _next_head(stream: gzip.GzipFile) -> tuple[str, int]:
    block = stream.read(_BLOCK)
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        if len(block) < _BLOCK or not any(block):
            raise BackupError("The archive ends too early: it was not completed.") from error
        raise BackupError("The archive is damaged, or is none of Convoca's.") from error
    known = (most for pattern, most in _MEMBERS.items() if pattern.fullmatch(info.name))
    if info.type != tarfile.REGTYPE or not 0 <= info.size <= next(known, -1):
        raise BackupError(
            f"The archive is not one of Convoca's: it holds {info.name[:100]!r}. "
            "Nothing was unpacked."
        )
    return info.name, info.size

"""Making a backup while web and worker go on.

The order is what makes it whole. An uploaded file is in the store before a row names it, and is
taken away after none does. So the store comes first; then the database, as it is at one moment;
then what has come into the store meanwhile. What a row of that moment names is in the first part,
or has come since and is too new to be tidied away (`services.files`).
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from io import BufferedReader, BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from app import schema_version
from app.backups import archive, postgres_dump, sqlite_copy
from app.backups.archive import BackupError, Manifest, Writer
from app.db import DbSession, make_engine, sqlite_module
from app.models import now
from app.services.files import files_in_use
from app.services.secret_key import secret_key
from app.settings import Settings

_PREFIX = ".convoca-backup-"
_LOCK = "lock"
_YOUNG = 60.0  # seconds within which whoever makes a folder has locked it
_STORED = "[0-9a-f]" * 2 + "/" + "[0-9a-f]" * 64


@dataclass(frozen=True, slots=True)
class _Database:
    """The database as it was at one moment. `named`: the uploaded files that its rows name; None
    where its schema is another version's, and nobody here can read it."""

    path: Path
    schema: str
    version: str
    made_at: datetime
    named: set[str] | None


def default_name(at: datetime) -> str:
    """What a backup of this aware instant is called where nobody says."""
    return f"convoca-{at:%Y%m%dT%H%M%SZ}.tar.gz"


def make(settings: Settings, target: Path, *, keys: bool = True) -> Manifest:
    """Writes everything that belongs to an installation into a new file, with mode 0600.

    The file is there when it is complete, verified and on the disk, and not before, however this
    ends. Uploaded files that are missing, or damaged, on the disk are left out and named.

    Raises BackupError; OSError where the disk is full or must not be written to.
    """
    if target.exists():
        raise BackupError(f"{target} is there already. Choose another name.")
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent}.")
    with _beside(target) as staging:
        draft = staging / "archive"
        with draft.open("xb") as to:
            draft.chmod(0o600)
            manifest = _write(settings, Writer(to), staging, keys)
            to.flush()
            os.fsync(to.fileno())
        if archive.verified(draft) != manifest:
            raise BackupError("What was written cannot be read back alike.")
        _into_place(draft, target)
    return manifest


def _write(settings: Settings, writer: Writer, staging: Path, keys: bool) -> Manifest:
    damaged = _add_files(settings, writer)
    database = _snapshot(settings, staging)
    damaged |= _add_files(settings, writer)
    kind = "sqlite" if settings.sqlite else "postgresql"
    with database.path.open("rb") as stream:
        writer.add(archive.DATABASES[kind], stream, database.path.stat().st_size)
    if keys:
        _add_keys(settings, writer)
    there = {Path(name).name for name in writer.members}
    lost = damaged if database.named is None else database.named - there
    manifest = Manifest(
        convoca=version("convoca"),
        schema=database.schema,
        database=kind,
        database_version=database.version,
        made_at=database.made_at,
        keys=keys,
        members=dict(writer.members),
        lost=tuple(sorted(lost)),
    )
    writer.finish(manifest)
    return manifest


def _add_files(settings: Settings, writer: Writer) -> set[str]:
    """All files of the store that are not in the archive yet. Names those that are not what their
    names say; they are in it under no name."""
    damaged = set()
    for path in sorted(settings.files_dir.glob(_STORED)):
        name = f"{archive.FILES}/{path.parent.name}/{path.name}"
        if name in writer.members or path.parent.name != path.name[:2]:
            continue
        with suppress(FileNotFoundError), path.open("rb") as stream:  # tidied away just now
            if not _is(stream, path.name):
                damaged.add(path.name)
                continue
            stream.seek(0)
            writer.add(name, stream, os.fstat(stream.fileno()).st_size)
    return damaged


def _is(stream: BufferedReader, digest: str) -> bool:
    return hashlib.file_digest(stream, "sha256").hexdigest() == digest


def _add_keys(settings: Settings, writer: Writer) -> None:
    key = secret_key(settings.secret_key, settings.data_dir).encode()
    writer.add(archive.SECRET_KEY, BytesIO(key), len(key))
    for path in sorted(settings.badge_keys_dir.glob("[0-9]" * 4 + ".pem")):
        with path.open("rb") as stream:
            writer.add(
                f"{archive.BADGE_KEYS}/{path.name}", stream, os.fstat(stream.fileno()).st_size
            )


def _snapshot(settings: Settings, staging: Path) -> _Database:
    return _of_sqlite(settings, staging) if settings.sqlite else _of_postgres(settings, staging)


def _of_sqlite(settings: Settings, staging: Path) -> _Database:
    source, copied = sqlite_path(settings), staging / "database"
    if not source.is_file():
        raise BackupError(f"There is no database in {source}: nothing was backed up.")
    made_at = now()
    sqlite_copy.copy(source, copied)
    schema = sqlite_copy.check(copied)
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite_module().connect(f"{copied.as_uri()}?mode=ro", uri=True),
        module=sqlite_module(),
        poolclass=StaticPool,
    )
    named = _named(engine, schema)
    engine.dispose()
    return _Database(copied, schema, sqlite_copy.version(), made_at, named)


def _of_postgres(settings: Settings, staging: Path) -> _Database:
    dumped = staging / "database"
    engine = make_engine(settings.database_url)
    try:
        # What is read here and what is dumped is one moment's.
        level = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with engine.connect() as plain, plain.execution_options(**level).begin():
            snapshot = plain.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
            made_at = now()
            major = postgres_dump.server_of(plain)
            postgres_dump.dump(engine, dumped, snapshot, major)
            schema = postgres_dump.check(dumped)
            named = None
            if schema == schema_version.wanted():
                with DbSession(plain) as db:
                    named = files_in_use(db)
            server = plain.exec_driver_sql("SHOW server_version").scalar_one()
    finally:
        engine.dispose()
    return _Database(dumped, schema, str(server), made_at, named)


def _named(engine: Engine, schema: str) -> set[str] | None:
    if schema != schema_version.wanted():
        return None
    try:
        with DbSession(engine) as db:
            return files_in_use(db)
    except SQLAlchemyError as error:
        raise BackupError(f"The copy cannot be read: {type(error).__name__}.") from error


def sqlite_path(settings: Settings) -> Path:
    """The file of the embedded database."""
    return Path(make_url(settings.database_url).database or "").absolute()


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder beside the file that is to come, on its disk, for what is not complete. What others
    have left who were killed is taken away."""
    for left in target.parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            _take_away(left)
    with (
        TemporaryDirectory(prefix=_PREFIX, dir=target.parent) as name,
        Path(name, _LOCK).open("x") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(name)


def _take_away(left: Path) -> None:
    """Unless somebody is at it."""
    if not (left / _LOCK).exists():
        if time() - left.stat().st_mtime > _YOUNG:
            shutil.rmtree(left)
        return
    with (left / _LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(left)


def _into_place(draft: Path, target: Path) -> None:
    try:
        os.link(draft, target)  # which replaces nothing, as renaming would
    except FileExistsError:
        raise BackupError(f"{target} is there already. Choose another name.") from None
    except OSError:  # a disk without such links
        draft.rename(target)
    sync_folder(target.parent)


def sync_folder(path: Path) -> None:
    """Lets what is in a folder outlive a power cut."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

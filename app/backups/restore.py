"""Putting a backup back, into an empty place.

Where it ends midway, what is there says so: the folder `UNFINISHED` stays in the data folder, and
with it no command but `restore` works there. The database comes last, and with the row that holds
back whatever would be sent: no worker ever sees it without.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, text, update
from sqlmodel import col

from app import schema_version
from app.backups import UNFINISHED, archive, postgres_dump, sqlite_copy
from app.backups.archive import BackupError, Manifest
from app.backups.make import sqlite_path, sync_folder
from app.db import Database, make_engine
from app.domain.ids import new_id
from app.models import SendingHold, now
from app.services import part_requests, reminders
from app.services.files import RESERVE, free_space
from app.settings import Settings

_BEGUN = "begun"
_MAY_BE_THERE = {UNFINISHED, "lost+found"}
_TABLES = text(
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname <> 'information_schema' "
    "AND n.nspname NOT LIKE 'pg\\_%' AND NOT EXISTS "
    "(SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
)


def restore(settings: Settings, path: Path) -> Manifest:
    """Puts back what is in an archive: database, uploaded files, and the keys if it holds them.

    An older schema is migrated. Nothing is sent from there until somebody says so
    (`services.sending`); what has become due since waits with the rest. Run again after it was
    killed, it goes on or begins anew.

    Raises BackupError where the archive is damaged or does not fit, or the place is not empty:
    then nothing was changed. OSError where the disk is full.
    """
    manifest = archive.verified(path)
    _refuse_what_does_not_fit(settings, manifest)
    with _staging(settings) as staging:
        if not _is_complete(settings):
            _refuse_what_is_not_empty(settings)
            _clear(settings, staging)
            _refuse_what_has_no_room(settings, manifest)
            _unpack(path, manifest, staging)
            _lay_out(settings, staging)
            _put_database(settings, manifest, staging)
        _catch_up(settings)
    return manifest


def _refuse_what_does_not_fit(settings: Settings, manifest: Manifest) -> None:
    if settings.sqlite != (manifest.database == "sqlite"):
        names = {True: "SQLite", False: "PostgreSQL"}
        raise BackupError(
            f"This is a backup of {names[not settings.sqlite]}, and CONVOCA_DATABASE_URL is one of "
            f"{names[settings.sqlite]}. It goes back only into the kind that it was made of."
        )
    if manifest.schema not in schema_version.known():
        raise BackupError(
            f"The backup's schema ({manifest.schema}) is newer than this program knows "
            f"({schema_version.wanted()}). Install Convoca {manifest.convoca} or newer, then "
            "restore with that."
        )


def _refuse_what_is_not_empty(settings: Settings) -> None:
    """Of an unfinished restore only what that one made may be there."""
    begun = (settings.data_dir / UNFINISHED / _BEGUN).exists()
    folders = {settings.data_dir, settings.badge_keys_dir}
    if settings.sqlite:
        file = sqlite_path(settings)
        if any(file.with_name(file.name + end).exists() for end in ("", "-wal", "-shm")):
            raise BackupError(f"There is a database already: {file}. {_ELSEWHERE}")
    for folder in sorted(folders):
        names = {each.name for each in folder.iterdir()} if folder.is_dir() else set()
        if names - _MAY_BE_THERE and not begun:
            raise BackupError(f"The folder {folder} is not empty. {_ELSEWHERE}")
    if not settings.sqlite and not begun:
        engine = make_engine(settings.database_url)
        try:
            tables = _tables(engine)
        finally:
            engine.dispose()
        if tables:
            raise BackupError(f"The database is not empty. {_ELSEWHERE}")


def _tables(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(_TABLES).scalar_one())


_ELSEWHERE = (
    "A backup is put back into an empty place only: set CONVOCA_DATA_DIR to a new folder and "
    "CONVOCA_DATABASE_URL, if you set it, to a new database, or move what is there away."
)


def _refuse_what_has_no_room(settings: Settings, manifest: Manifest) -> None:
    free = free_space(settings.data_dir)
    if manifest.size + RESERVE > free:
        raise BackupError(
            f"{settings.data_dir} has {free // 1_000_000} MB free; "
            f"{(manifest.size + RESERVE) // 1_000_000} MB are needed."
        )


@contextmanager
def _staging(settings: Settings) -> Iterator[Path]:
    """The folder that says that a restore has begun; it goes when one has ended, or has changed
    nothing."""
    made = not settings.data_dir.exists()
    staging = settings.data_dir / UNFINISHED
    staging.mkdir(parents=True, exist_ok=True)
    with (staging / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupError("Another restore into this place is going on.") from None
        try:
            yield staging
        except BaseException:
            if not (staging / _BEGUN).exists() or _undone(settings, staging):
                shutil.rmtree(staging)
                if made:
                    settings.data_dir.rmdir()
            raise
        shutil.rmtree(staging)


def _is_complete(settings: Settings) -> bool:
    """Whether a restore that was killed had done all but to say so."""
    if not (settings.data_dir / UNFINISHED / _BEGUN).exists():
        return False
    if settings.sqlite:
        return sqlite_path(settings).exists()
    engine = make_engine(settings.database_url)
    try:
        return schema_version.present(engine) is not None
    finally:
        engine.dispose()


def _clear(settings: Settings, staging: Path) -> None:
    """Says that a restore has begun, and takes away what one that was killed had laid out."""
    (staging / _BEGUN).touch()
    for name in (archive.FILES, archive.BADGE_KEYS):
        shutil.rmtree(staging / name, ignore_errors=True)
    for place in (settings.files_dir, settings.badge_keys_dir):
        shutil.rmtree(place, ignore_errors=True)
    (settings.data_dir / archive.SECRET_KEY).unlink(missing_ok=True)
    if settings.sqlite:
        _on_its_way(settings).unlink(missing_ok=True)


def _undone(settings: Settings, staging: Path) -> bool:
    """Takes back what was done, as it did not go well. False where it was too far for that: then it
    goes on from there the next time."""
    if _is_complete(settings):
        return False
    if not settings.sqlite:
        engine = make_engine(settings.database_url)
        try:
            if _tables(engine):
                return False
        finally:
            engine.dispose()
    _clear(settings, staging)
    return True


def _on_its_way(settings: Settings) -> Path:
    """Where the embedded database is until it is whole."""
    place = sqlite_path(settings)
    return place.with_name(f".{place.name}{UNFINISHED}")


def _unpack(path: Path, manifest: Manifest, staging: Path) -> None:
    """Into the folder, each member once more as the manifest says: the file may have changed since
    it was looked at."""

    def take(name: str, size: int, chunks: Iterator[bytes]) -> None:
        to, digest = staging / name, hashlib.sha256()
        to.parent.mkdir(parents=True, exist_ok=True)
        with to.open("wb") as out:
            for chunk in chunks:
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        if manifest.members.get(name) != (size, digest.hexdigest()):
            raise BackupError("The archive has changed while it was read.")

    archive.read(path, take)


def _lay_out(settings: Settings, staging: Path) -> None:
    for name, place in (
        (archive.FILES, settings.files_dir),
        (archive.BADGE_KEYS, settings.badge_keys_dir),
        (archive.SECRET_KEY, settings.data_dir / archive.SECRET_KEY),
    ):
        if not (staging / name).exists():
            continue
        if name == archive.SECRET_KEY and settings.secret_key:
            if settings.secret_key.encode() != (staging / name).read_bytes():
                raise BackupError(
                    "CONVOCA_SECRET_KEY is another key than that of the backup: links made before "
                    "would not work. Leave it out, or set it to the key that it was."
                )
            continue
        _move(staging / name, place)


def _move(source: Path, place: Path) -> None:
    """Also to another disk, and into a folder that is there."""
    if place.is_dir():
        for each in source.iterdir():
            shutil.move(each, place / each.name)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, place)
    # On the disk before there is a row that names it. What is in the files is there already.
    for folder, _, _ in os.walk(place) if place.is_dir() else ():
        sync_folder(Path(folder))
    sync_folder(place.parent)


def _put_database(settings: Settings, manifest: Manifest, staging: Path) -> None:
    source = staging / archive.DATABASES[manifest.database]
    if not settings.sqlite:
        engine = make_engine(settings.database_url)
        try:
            _put_postgres(engine, source, manifest, staging)
        finally:
            engine.dispose()
        return
    if sqlite_copy.check(source) != manifest.schema:
        raise BackupError("The database in the archive has another schema than it says.")
    engine = make_engine(f"sqlite:///{source}")
    schema_version.upgrade(engine, last=_holding(manifest))
    engine.dispose()
    settled = _on_its_way(settings)
    settled.parent.mkdir(parents=True, exist_ok=True)
    sqlite_copy.copy(source, settled)  # one file, with no journal beside it
    sqlite_copy.check(settled)
    settled.rename(sqlite_path(settings))
    sync_folder(settled.parent)


def _put_postgres(engine: Engine, source: Path, manifest: Manifest, staging: Path) -> None:
    if not _tables(engine):  # else a restore was killed between this and what follows
        postgres_dump.restore(engine, source, staging / "wanted")

    def first(connection: Connection) -> None:
        row = text("INSERT INTO alembic_version (version_num) VALUES (:schema)")
        connection.execute(row, {"schema": manifest.schema})

    schema_version.upgrade(engine, first=first, last=_holding(manifest))


def _holding(manifest: Manifest) -> Callable[[Connection], None]:
    """Holds back what would be sent, in the transaction in which the database gets its schema."""

    def hold(connection: Connection) -> None:
        moment = now()
        table = SendingHold.__table__  # type: ignore[attr-defined]
        row = {"id": new_id(), "created_at": moment, "repeats_until": moment, "ended_by": ""}
        connection.execute(insert(table).values(**row, backup_at=manifest.made_at))

    return hold


def _catch_up(settings: Settings) -> None:
    """Queues what has become due since the backup, with what waits: it may have gone out as well,
    and whoever decides is to see it."""
    database = Database(settings.database_url)
    try:
        with database.begin(writes=True) as db:
            reminders.run_due(db, now())
            part_requests.remind_parts(db, now())
        with database.begin(writes=True) as db:
            held = update(SendingHold).where(col(SendingHold.ended_at).is_(None))
            db.connection().execute(held.values(repeats_until=now()))
    finally:
        database.close()

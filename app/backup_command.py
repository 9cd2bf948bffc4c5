"""The commands ``convoca backup``, ``convoca restore`` and ``convoca resume-sending``."""

from datetime import datetime
from pathlib import Path
from typing import NoReturn

import click
from sqlalchemy.exc import OperationalError

from app import schema_version
from app.backups.archive import BackupError, Manifest
from app.command_line import fail, opened, read_settings
from app.db import Database
from app.languages import file_size
from app.models import now
from app.services import sending
from app.services.actor import SYSTEM
from app.services.outbox import cycle_titles_by_id


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--without-keys", is_flag=True, help="Leave out the keys; keep them elsewhere.")
@click.option("--verify", is_flag=True, help="Only look whether FILE is a whole backup.")
def backup(file: Path | None, without_keys: bool, verify: bool) -> None:
    """Write everything into one FILE, while web and worker go on.

    The database, the uploaded files, and the keys: that of the links and those that sign badges.
    So whoever reads the file can do what the server can: keep it as you keep the server, or
    encrypt it. Without FILE, or where it is a folder, it is named for the time. A file that is
    there is complete and was read back.
    """
    from app.backups import archive, make

    settings = read_settings()
    if verify:
        if file is None:
            fail("Say which file:  convoca backup --verify FILE")
        try:
            manifest = archive.verified(file)
        except (BackupError, OSError) as error:
            _fail(error)
        click.echo(f"{file} is whole.\n{_said(manifest)}")
        return
    target = (file or Path()).absolute()
    if target.is_dir():
        target = target / make.default_name(now())
    try:
        manifest = make.make(settings, target, keys=not without_keys)
    except (BackupError, OSError, OperationalError) as error:
        _fail(error)
    size = file_size(target.stat().st_size, "en")
    click.echo(f"The backup is complete: {target} ({size})\n{_said(manifest)}")
    if manifest.keys:
        click.echo("The keys are in it: it is as secret as the server. See docs/operations.md")
    else:
        click.echo("The keys are not in it: without them no personal link works after a restore.")


def _said(manifest: Manifest) -> str:
    kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[manifest.database]
    said = [
        f"Made at        {_at(manifest.made_at)} by Convoca {manifest.convoca}",
        f"Database       {kind} {manifest.database_version}, schema {manifest.schema}",
        f"Uploaded files {manifest.files}",
        f"Keys           {'in it' if manifest.keys else 'not in it'}",
    ]
    if manifest.lost:
        said.append(
            f"MISSING        {len(manifest.lost)} uploaded files that the database names were "
            f"missing or damaged: {', '.join(name[:12] for name in manifest.lost[:5])}"
        )
    return "\n".join(said)


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def restore(file: Path) -> None:
    """Put a backup back, into an empty place.

    CONVOCA_DATA_DIR (and CONVOCA_DATABASE_URL, if it is set) say where; what holds anything
    already is refused. An older schema is migrated. Nothing is sent from there until you say so:
    convoca resume-sending, or Mail on the organizers' pages.
    """
    from app.backups.restore import restore as put_back

    settings = read_settings()
    try:
        manifest = put_back(settings, file)
    except (BackupError, OSError, OperationalError) as error:
        _fail(error)
    click.echo(f"The backup of {_at(manifest.made_at)} is in {settings.data_dir}.")
    if manifest.schema != (wanted := schema_version.wanted()):
        click.echo(f"The schema went from {manifest.schema} to {wanted}.")
    if not manifest.keys:
        click.echo(
            "It held no keys. Before you start Convoca, put secret.key and the folder badge-keys "
            "there, else new ones are made and no personal link works."
        )
    if manifest.lost:
        click.echo(f"Uploaded files that were missing in the backup already: {len(manifest.lost)}")
    with opened(settings) as database:
        click.echo(_what_waits(database))
    click.echo("Nothing is sent until you say so:  convoca resume-sending")
    click.echo("That holds for sign-in links by mail too; for one of yours:  convoca user link")


@click.command("resume-sending")
@click.option("--leave-out", is_flag=True, help="Leave out what may have gone already.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def resume_sending(leave_out: bool, yes: bool) -> None:
    """After a restore, let go out what waits.

    What was sent after the backup was made waits in it as if it had not been: it would be told a
    second time. --leave-out keeps that back; it can be sent later from the page Mail.
    """
    settings = read_settings()
    with opened(settings) as database:
        with database.begin(writes=False) as db:
            held = sending.current(db)
        if held is None:
            click.echo("Nothing is held back: mails go out.")
            return
        click.echo(_what_waits(database))
        if not yes:
            question = "Leave out those, and send the rest?" if leave_out else "Send all of it?"
            click.confirm(question, abort=True)
        with database.begin(writes=True) as db:
            dropped = sending.drop_all_that_repeats(db, SYSTEM) if leave_out else 0
            goes = sending.resume(db, SYSTEM, now())
        if dropped:
            click.echo(f"Left out: {dropped}.")
        click.echo(f"Mails go out again; waiting now: {goes}.")


def _what_waits(database: Database) -> str:
    with database.begin(writes=False) as db:
        held = sending.current(db)
        groups = sending.waiting(db, SYSTEM) if held else []
        titles = cycle_titles_by_id(db, {w.cycle_id for w in groups if w.cycle_id})
    if held is None:
        return ""
    said = [
        f"Nothing is sent since the restore at {_at(held.created_at)}; "
        f"the backup was made at {_at(held.backup_at)}."
    ]
    for repeats, words in (
        (True, "May have gone out already, after the backup was made:"),
        (False, "Queued since the restore:"),
    ):
        rows = [w for w in groups if w.repeats is repeats]
        if rows:
            said.append(words)
            said += [f"{w.count:7}  {w.kind}  {titles.get(w.cycle_id or '', '')}" for w in rows]
    return "\n".join(said if groups else [*said, "No mail waits."])


def _fail(error: BackupError | OSError | OperationalError) -> NoReturn:
    if isinstance(error, BackupError):
        fail(str(error))
    if isinstance(error, OSError):
        fail(f"{error.strerror or error}: {error.filename or ''}".removesuffix(": "))
    reason = str(error.orig).strip().splitlines()[0]
    fail(f"The database does not answer: {reason}. To see what is wrong:  convoca doctor")

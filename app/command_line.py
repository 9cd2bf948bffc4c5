"""What the commands share: settings, the database, and how they end."""

import contextlib
import sys
from collections.abc import Iterator
from typing import NoReturn

import click
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from app import schema_version
from app.backups import UNFINISHED
from app.db import Database
from app.domain.errors import DomainError, Invalid
from app.models import Enrolment
from app.services.links import Links
from app.services.secret_key import path_of_key, secret_key
from app.settings import Settings, SettingsError
from app.slow_statements import tell_slow_statements

TRY_LATER = 75
"""EX_TEMPFAIL of sysexits.h."""


def fail(text: str) -> NoReturn:
    """Ends with status 1, and says why."""
    click.echo(text, err=True)
    sys.exit(1)


def later(text: str) -> NoReturn:
    """Ends so that whoever called tries again later, and says why."""
    click.echo(text, err=True)
    sys.exit(TRY_LATER)


def read_settings() -> Settings:
    """From the environment; ends where they are wrong."""
    try:
        return Settings.from_environment()
    except SettingsError as error:
        fail(str(error))


@contextlib.contextmanager
def opened(settings: Settings, *, check: bool = True) -> Iterator[Database]:
    """The database; ends in plain words where it does not answer or, with `check`, has an old
    schema, or a restore has not ended."""
    if (settings.data_dir / UNFINISHED).exists():
        fail(
            f"A restore into {settings.data_dir} has not ended. Wait for it or, if it was broken "
            "off, run it again:  convoca restore FILE"
        )
    try:
        database = Database(settings.database_url)
    except OSError as error:
        fail(f"{settings.data_dir} cannot be used ({error.strerror}). Set CONVOCA_DATA_DIR.")
    tell_slow_statements(database.engine, settings.slow_statement_ms)
    try:
        if check:
            schema_version.check(database.engine)
        yield database
    except schema_version.StaleSchema as error:
        fail(str(error))
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        fail(f"The database does not answer: {reason}. To see what is wrong:  convoca doctor")
    except Invalid as error:
        fail("\n".join(f"{f.field}: {f.sentence % f.params}" for f in error.fields))
    except DomainError as error:
        fail(str(error))
    finally:
        database.close()


def links_of(settings: Settings) -> Links:
    """The links of this installation."""
    return Links(secret_key(settings.secret_key, settings.data_dir), settings.base_url)


def say_if_the_key_is_lost(settings: Settings, database: Database) -> None:
    """Says so where a key is about to be made though links were mailed that hang on another."""
    if settings.secret_key or path_of_key(settings.data_dir).exists():
        return
    with database.begin(writes=False) as db:
        mailed = db.exec(select(Enrolment.id).limit(1)).first() is not None
    if mailed:
        click.echo(
            f"{path_of_key(settings.data_dir)}, which signs the links in mails, is not there. A "
            "new one is made, and links that were mailed before do not work with it. If you have "
            "a copy in your backup, stop, put it back and start again.",
            err=True,
        )

"""The command ``convoca``."""

import contextlib
import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import click

from app import schema_version
from app.accounts_command import token, user
from app.backup_command import backup, restore, resume_sending
from app.badge_keys_command import badge_key
from app.command_line import (
    TRY_LATER,
    fail,
    later,
    links_of,
    opened,
    read_settings,
    say_if_the_key_is_lost,
)
from app.db import Database
from app.logs import start_logging
from app.models import now
from app.services import accounts
from app.settings import Settings, SettingsError

# What only one command needs is imported there, so that the others start at once.

DEMO_ORGANIZER = "organizer@example.org"


def _listen(settings: Settings) -> socket.socket:
    """Takes the port, before anything is said or started."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        fail(
            f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}). "
            f"Choose another, such as PORT={settings.port + 1}."
        )


def _run_web(settings: Settings, database: Database, listener: socket.socket) -> None:
    import uvicorn

    from app.heads import http_protocol
    from app.main import create_app
    from app.server import STOPS_WITHIN, WebServer
    from app.warm_up import warm_up

    app = create_app(settings, database=database)
    warm_up(app)
    config = uvicorn.Config(
        app,
        http=http_protocol(),
        log_config=None,  # ours: its lines are written as all others
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOPS_WITHIN,
    )
    with listener, contextlib.suppress(KeyboardInterrupt):
        WebServer(config).run(sockets=[listener])


@contextlib.contextmanager
def _worker_beside(settings: Settings, database: Database) -> Iterator[None]:
    """The worker in a thread of this process; leaving waits until it has put down its work."""
    from app.worker.courier import telling_webhooks
    from app.worker.loop import worker_for
    from app.worker.mailbox import reading_mailbox

    stop = threading.Event()
    worker = worker_for(settings, database, links_of(settings))
    thread = threading.Thread(target=worker.run, args=(stop,), name="worker")
    thread.start()
    try:
        with reading_mailbox(settings, database), telling_webhooks(settings, database):
            yield
    finally:
        stop.set()
        thread.join()


def _read_zones_again(settings: Settings, database: Database) -> None:
    """Lets the sessions to come follow the zone data in use: it may be newer than the last time."""
    from app.domain.zones import zone_data_version
    from app.services.zone_guard import read_zones_again, untold

    with database.begin(writes=True) as db:
        moved = read_zones_again(db, now())
        slugs = untold(db, now()) if moved else []
    if moved:
        click.echo(
            f"The zone data ({zone_data_version()}) has moved sessions: "
            f"{sum(map(len, moved.values()))}, in cycles: {len(moved)}."
        )
    if slugs:
        click.echo("Tell those concerned:")
    for slug in slugs:
        click.echo(f"  {settings.base_url}/organize/c/{slug}/publish")


@click.group(
    commands=[user, token, badge_key, backup, restore, resume_sending],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="convoca")
def main() -> None:
    """Runs virtual training cycles: schedules, calendars that stay right, attendance.

    Settings come from the environment: CONVOCA_DATA_DIR (default: var), CONVOCA_DATABASE_URL
    (default: SQLite in the data folder), CONVOCA_BASE_URL (the address people type),
    CONVOCA_HOST, PORT, CONVOCA_SMTP_URL (default: mails become files),
    CONVOCA_SMTP_PER_SECOND and CONVOCA_SMTP_PER_HOUR (default: no limit), CONVOCA_SMTP_TIMEOUT
    (seconds, default: 20), CONVOCA_MAIL_FROM, CONVOCA_MAIL_FROM_NAME, CONVOCA_IMAP_URL (the
    mailbox that answers arrive in), CONVOCA_SECRET_KEY (default: a file in the data folder),
    CONVOCA_BADGE_KEYS (a folder, default: badge-keys in the data folder), CONVOCA_LOG (text or
    json), CONVOCA_SLOW_STATEMENT_MS (default: 500), CONVOCA_METRICS_TOKEN (who may read /metrics;
    default: nobody), CONVOCA_TRUSTED_PROXIES (default: this machine), CONVOCA_API_PER_MINUTE
    (requests with one token, default: 3000), CONVOCA_IMAP_EVERY (seconds, default: 60),
    CONVOCA_OIDC_ISSUER and what belongs to it (see docs/accounts.md).
    """
    start_logging(os.environ.get("CONVOCA_LOG", ""))
    os.umask(0o077)  # the data folder holds addresses and the key


@main.command()
def start() -> None:
    """Everything at once, to try it: migrate, load the demonstration, web and worker.

    On a database that holds something already, nothing is loaded again.
    """
    from app.services import demo, demo_reports

    settings = read_settings()
    # Whoever tries it looks for the link to sign in with, not for what their browser asked.
    logging.getLogger("convoca.access").setLevel(logging.WARNING)
    listener = _listen(settings)
    with opened(settings, check=False) as database:
        schema_version.upgrade(database.engine)
        schema_version.check(database.engine)
        _read_zones_again(settings, database)
        links = links_of(settings)
        with database.begin(writes=True) as db:
            loaded = demo.load(db, now(), organizer_email=DEMO_ORGANIZER)
            if loaded:
                demo_reports.write_reports(db, settings.data_dir / "demo-reports", now())
            user = accounts.find_user(db, DEMO_ORGANIZER) or accounts.first_user(db)
            link = accounts.new_link(db, links, user, now()) if user else ""
        click.echo(f"Convoca is at      {settings.base_url}")
        if link:
            click.echo(f"Sign in with       {link}")
            click.echo("                   (once, within 10 minutes; another: convoca user link)")
        if not settings.smtp_url:
            click.echo(f"Mails are files in {settings.mail_dir}")
        if loaded:
            click.echo(f"Reports to read in {settings.data_dir / 'demo-reports'}")
        click.echo("Stop with Ctrl-C.")
        with _worker_beside(settings, database):
            _run_web(settings, database, listener)


@main.command()
@click.option("--with-worker", is_flag=True, help="Also run the worker in this process.")
def serve(with_worker: bool) -> None:
    """Serve the web pages and the API.

    Refuses to start on a schema that is not up to date. Newer zone data is followed as by
    `migrate`.
    """
    settings = read_settings()
    with opened(settings) as database:
        say_if_the_key_is_lost(settings, database)
        _read_zones_again(settings, database)
        beside = _worker_beside(settings, database) if with_worker else contextlib.nullcontext()
        with beside:
            _run_web(settings, database, _listen(settings))


@main.command()
def worker() -> None:
    """Send what is in the outbox, and tell webhooks, until stopped. Several may run at once.

    With CONVOCA_IMAP_URL also fetch the answers that come by mail. Newer zone data is followed as
    by `migrate`.
    """
    import signal

    from app.worker.courier import telling_webhooks
    from app.worker.loop import worker_for
    from app.worker.mailbox import reading_mailbox

    settings = read_settings()
    with opened(settings) as database:
        say_if_the_key_is_lost(settings, database)
        _read_zones_again(settings, database)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        with reading_mailbox(settings, database), telling_webhooks(settings, database):
            worker_for(settings, database, links_of(settings)).run(stop)


@main.command()
def migrate() -> None:
    """Bring the database up to date with the program. Safe to run again.

    The schema first. Then sessions to come are moved to where the zone data of this version has
    their local times, which readers see at once; the publish page has one click that tells those
    concerned.
    """
    settings = read_settings()
    with opened(settings, check=False) as database:
        before = schema_version.present(database.engine)
        schema_version.upgrade(database.engine)
        after = schema_version.present(database.engine)
        if before == after:
            click.echo(f"The schema is up to date ({after}).")
        else:
            click.echo(f"The schema went from {before or 'nothing'} to {after}.")
        _read_zones_again(settings, database)


@main.command("demo")
def demo_command() -> None:
    """Load the demonstration cycle into an empty database.

    It is shifted in time: two sessions are past, one begins within the quarter hour, one is two
    weeks ahead.
    """
    from app.services import demo

    settings = read_settings()
    with opened(settings) as database, database.begin(writes=True) as db:
        loaded = demo.load(db, now(), organizer_email=DEMO_ORGANIZER)
    click.echo(
        "The demonstration cycle is there."
        if loaded
        else "The database holds something already; nothing was changed."
    )


class _HandsOver(click.Command):
    """A command that a mail server calls: if it is called wrongly, the mail is not to be lost."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            error.show()
            sys.exit(TRY_LATER)


@main.command(cls=_HandsOver)
def inbound() -> None:
    """Take in one mail from standard input: convoca inbound < mail.eml

    For a mail server that hands over what comes to the address of the answers. Says in one line
    what became of it. The same mail again changes nothing. Exit status 75 (try later) if it cannot
    be taken in now, so that the server keeps it.
    """
    from app.services.inbound import receive_from

    if sys.stdin is None:
        later("There is no standard input: give the mail as in  convoca inbound < mail.eml")
    if not (os.environ.get("CONVOCA_DATA_DIR") or os.environ.get("CONVOCA_DATABASE_URL")):
        data = Settings.from_environment({}).data_dir
        if not (data / "convoca.db").exists():
            later(
                f"There is no database in {data}. Mail servers call programs with an empty "
                "environment: set CONVOCA_DATA_DIR or CONVOCA_DATABASE_URL for this one."
            )
    try:
        with opened(read_settings()) as database:
            with database.begin(writes=True) as db:
                said = receive_from(db, sys.stdin.buffer, now())
            click.echo(said)
    except SystemExit:
        sys.exit(TRY_LATER)
    except Exception as error:
        click.echo(f"It could not be taken in: {type(error).__name__}", err=True)
        sys.exit(TRY_LATER)


@main.command()
def doctor() -> None:
    """Say in plain words what is set wrong. Exit status 1 if something is."""
    from app import doctor as doctor_module

    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        fail(f"wrong  settings: {error}")
    findings = doctor_module.examine(settings)
    for finding in findings:
        click.echo(f"{finding.level:5}  {finding.topic}: {finding.text}")
    if any(f.level == "wrong" for f in findings):
        sys.exit(1)


if __name__ == "__main__":
    main()

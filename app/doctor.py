"""``convoca doctor``: what is set wrong, in plain words, with what mends it."""

import contextlib
import ipaddress
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from app import schema_version
from app.db import Database, sqlite_module
from app.domain.zones import use_packaged_zone_data, zone_data_version, zone_names
from app.languages import file_size
from app.mail.failures import SendError
from app.mail.mailbox import Mailbox, MailboxError
from app.mail.transport import SmtpTransport
from app.services.files import MEGABYTE, RESERVE, free_space
from app.services.secret_key import UnusableKey, secret_key
from app.settings import Settings

Level = Literal["ok", "look", "wrong"]

_LONGEST_LOCAL = 64  # octets before the @ (RFC 5321, 4.5.3.1.1)
_LITTLE = 1000 * MEGABYTE  # bytes of free space
_TAG = 17  # a plus and the code of a guest


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `wrong` must be mended, `look` deserves a thought."""

    level: Level
    topic: str
    text: str


def examine(settings: Settings) -> list[Finding]:
    """Looks at everything that a setting can get wrong. Sends nothing, changes nothing."""
    found: list[Finding] = []
    for topic, look in _LOOKS.items():
        try:
            found += look(settings)
        except Exception as error:
            # Whoever asks what is wrong must be told, also of what nobody thought of.
            text = f"it cannot be looked at ({type(error).__name__}). Look at its settings."
            found.append(Finding("wrong", topic, text))
    return found


def _data_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    if not folder.exists():
        yield Finding(
            "look", "data folder", f"{folder} does not exist yet; it is made at the start."
        )
        return
    try:
        probe = folder / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError as error:
        yield Finding(
            "wrong",
            "data folder",
            f"{folder} cannot be written to ({error.strerror}). "
            "Give it to the user that runs Convoca, or set CONVOCA_DATA_DIR.",
        )
        return
    yield Finding("ok", "data folder", str(folder))
    yield _space(settings)


def _space(settings: Settings) -> Finding:
    free = free_space(settings.files_dir)
    text = f"{file_size(free, 'en')} free"
    if free <= RESERVE:
        said = f"{text}: no file is taken with less than {file_size(RESERVE, 'en')}. Make room."
        return Finding("wrong", "disk", said)
    if free < _LITTLE:
        return Finding("look", "disk", f"{text}. A recording has up to 50 MB; make room in time.")
    return Finding("ok", "disk", text)


def _base_url(settings: Settings) -> Iterator[Finding]:
    host = urlsplit(settings.base_url).hostname or ""
    local = host == "localhost"
    with contextlib.suppress(ValueError):
        local = local or ipaddress.ip_address(host).is_loopback
    if local:
        yield Finding(
            "look",
            "base URL",
            f"{settings.base_url} works on this machine only, and so do the links in mails. "
            "Set CONVOCA_BASE_URL to the address that people type.",
        )
    elif not settings.secure:
        yield Finding(
            "wrong",
            "base URL",
            f"{settings.base_url} is not https: sign-ins and personal links could be read on the "
            "way. Put a proxy with a certificate in front and set CONVOCA_BASE_URL=https://….",
        )
    else:
        yield Finding("ok", "base URL", settings.base_url)


def _key(settings: Settings) -> Iterator[Finding]:
    if settings.secret_key:
        if len(settings.secret_key) < 32:
            yield Finding(
                "wrong",
                "key",
                "CONVOCA_SECRET_KEY is short enough to be guessed. Use 32 random "
                "characters or more; changing it ends all personal links.",
            )
        else:
            yield Finding("ok", "key", "from CONVOCA_SECRET_KEY")
        return
    path = settings.data_dir / "secret.key"
    if not path.exists():
        yield Finding("look", "key", "none yet; one is made at the start and kept beside the data.")
    elif path.stat().st_mode & 0o077:
        yield Finding(
            "wrong", "key", f"others on this machine can read {path}. Run:  chmod 600 {path}"
        )
    else:
        try:
            secret_key("", settings.data_dir)
        except UnusableKey as error:
            yield Finding("wrong", "key", str(error))
        else:
            yield Finding("ok", "key", f"in {path}; keep a copy with your backups")


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.sqlite:
        version = sqlite_module().sqlite_version_info
        text = ".".join(str(n) for n in version)
        if (3, 7, 0) <= version <= (3, 51, 2):
            yield Finding(
                "wrong",
                "SQLite",
                f"version {text} can corrupt a database (WAL reset). Install the "
                "package pysqlite3, or use PostgreSQL.",
            )
        else:
            yield Finding("ok", "SQLite", f"version {text}")
        path = settings.database_url.removeprefix("sqlite:///")
        if not settings.data_dir.exists() and path.startswith(str(settings.data_dir)):
            yield Finding("look", "database", "none yet. Run:  convoca migrate")
            return
    try:
        database = Database(settings.database_url)
    except OSError:  # what is wrong with the folder has been said
        return
    try:
        schema_version.check(database.engine)
    except schema_version.StaleSchema as error:
        yield Finding("wrong", "database", str(error))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        yield Finding(
            "wrong", "database", f"it does not answer: {reason}. Look at CONVOCA_DATABASE_URL."
        )
    else:
        kind = "SQLite" if settings.sqlite else "PostgreSQL"
        yield Finding("ok", "database", f"{kind}, schema {schema_version.wanted()}")
    finally:
        database.close()


def _mail(settings: Settings) -> Iterator[Finding]:
    if not settings.smtp_url:
        yield Finding(
            "look",
            "mail",
            f"no CONVOCA_SMTP_URL: mails are written to {settings.mail_dir} and not sent.",
        )
        return
    server = urlsplit(settings.smtp_url)
    try:
        SmtpTransport(settings.smtp_url, timeout=min(10.0, settings.smtp_timeout)).greet()
    except SendError as error:
        yield Finding(
            "wrong",
            "mail",
            f"{server.hostname} does not let us send: {error}. "
            "Look at CONVOCA_SMTP_URL (host, port, user, password).",
        )
    else:
        yield Finding("ok", "mail", f"{server.hostname} answers; {_pace(settings)}")
    if settings.mail_from.endswith(("@localhost", "@127.0.0.1")):
        yield Finding(
            "wrong",
            "mail",
            "mails would come from an address that cannot be answered. Set CONVOCA_MAIL_FROM.",
        )


def _pace(settings: Settings) -> str:
    limits = [
        f"{number:g} {each}"
        for number, each in (
            (settings.smtp_per_second, "a second (CONVOCA_SMTP_PER_SECOND)"),
            (settings.smtp_per_hour, "an hour (CONVOCA_SMTP_PER_HOUR)"),
        )
        if number is not None
    ]
    return f"at most {' and '.join(limits)}" if limits else "as many mails as it takes"


def _answers(settings: Settings) -> Iterator[Finding]:
    local = settings.mail_from.rpartition("@")[0]
    if len(local.encode()) + _TAG > _LONGEST_LOCAL:
        yield Finding(
            "wrong",
            "answers",
            f"{settings.mail_from} is too long for answers by mail: with what tells them apart "
            f"({local}+…@) it has more than {_LONGEST_LOCAL} characters before the @. "
            "Set a shorter CONVOCA_MAIL_FROM.",
        )
        return
    if not settings.imap_url:
        yield Finding(
            "look",
            "answers",
            "no CONVOCA_IMAP_URL: answers of calendar programs are not fetched. Set it, or let "
            f"your mail server hand what comes to {local}+…@ to:  convoca inbound",
        )
        return
    server = urlsplit(settings.imap_url)
    mailbox = Mailbox(settings.imap_url, timeout=10)
    try:
        mailbox.open()  # what it takes is said only of a folder that may be changed
        waiting = len(mailbox.unseen())
    except MailboxError as error:
        yield Finding(
            "wrong",
            "answers",
            f"the mailbox at {server.hostname} cannot be read: {error}. "
            "Look at CONVOCA_IMAP_URL (host, port, user, password, folder).",
        )
        return
    finally:
        mailbox.close()
    if mailbox.read_only:
        yield Finding(
            "look",
            "answers",
            f"the mailbox at {server.hostname} is read-only for us: what was read cannot be "
            "marked, and is read again after each start. Let the user change flags in the folder.",
        )
        return
    open_line = server.scheme == "imap" and server.hostname not in ("127.0.0.1", "::1", "localhost")
    yield Finding(
        "look" if open_line else "ok",
        "answers",
        f"the mailbox at {server.hostname} can be read, unseen mails: {waiting}"
        f"; what was read is told by {mailbox.marks}"
        + (". The password goes there unencrypted: use imaps://" if open_line else ""),
    )


def _zones(_settings: Settings) -> Iterator[Finding]:
    use_packaged_zone_data()
    if zoneinfo.TZPATH:
        yield Finding(
            "wrong", "time zones", "the system's zone data is in the way of the package's."
        )
    else:
        yield Finding(
            "ok", "time zones", f"data of {zone_data_version()}, {len(zone_names())} zones"
        )


_LOOKS: Mapping[str, Callable[[Settings], Iterator[Finding]]] = {
    "data folder": _data_folder,
    "base URL": _base_url,
    "key": _key,
    "database": _database,
    "mail": _mail,
    "answers": _answers,
    "time zones": _zones,
}

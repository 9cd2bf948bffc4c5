"""PostgreSQL's own tools, as backups are made and put back with them: pg_dump and pg_restore.

What they are told of the server is what the program itself connects with. The password goes
through the child's environment, never its command line, which everybody on the machine can read.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine

from app.backups.archive import BackupError

_VERSION_TABLE = "alembic_version"


def tool(name: str, server: int | None = None) -> str:
    """Where a tool lies.

    Raises BackupError where it is missing, or older than the server (its major version) that it is
    to speak to.
    """
    path = shutil.which(name)
    if path is None:
        raise BackupError(
            f"{name} is missing. Install PostgreSQL's client programs (on Debian and Ubuntu: "
            "postgresql-client), or put the folder that they are in into PATH."
        )
    said = _run([path, "--version"], {})
    found = re.search(r"(\d+)(?:\.|devel|beta|rc|\s|$)", said)
    if server is not None and (found is None or int(found[1]) < server):
        has = found[1] if found else "of another kind"
        raise BackupError(
            f"The server is PostgreSQL {server}, {path} is {has}: it must not be older. Install "
            f"the client programs of version {server} (postgresql-client-{server}), or put "
            "their folder first in PATH."
        )
    return path


def dump(engine: Engine, to: Path, snapshot: str, server: int) -> None:
    """The database as a transaction sees it that has exported its snapshot. Raises BackupError."""
    place, secret = _connection(engine)
    command = [tool("pg_dump", server), "--format=custom", "--no-owner", "--no-privileges"]
    command += [f"--snapshot={snapshot}", "--no-password", f"--file={to}", f"--dbname={place}"]
    _run(command, secret)
    with to.open("rb") as written:
        os.fsync(written.fileno())


def check(dumped: Path) -> str:
    """The schema's version in a dump, whose table of contents is read. Raises BackupError."""
    restoring = tool("pg_restore")
    script = _run([restoring, "--data-only", f"--table={_VERSION_TABLE}", "-f", "-", str(dumped)])
    rows = re.search(r"^COPY [^\n]*\n(.*?)^\\\.$", script, re.MULTILINE | re.DOTALL)
    found = rows[1].split() if rows else []
    if len(found) != 1:
        raise BackupError("The database is empty.")
    return found[0]


def restore(engine: Engine, dumped: Path, listing: Path) -> None:
    """Puts all of a dump into an empty database, in one transaction, but for the row that says
    which schema it is: until that is there, nobody works with it. `listing`: where to write down
    what of the dump is wanted. Raises BackupError."""
    place, secret = _connection(engine)
    with engine.connect() as connection:
        restoring = tool("pg_restore", server_of(connection))
    contents = _run([restoring, "--list", str(dumped)]).splitlines()
    unwanted = re.compile(rf"\d+; .* TABLE DATA \S+ {_VERSION_TABLE} ")
    wanted = [line for line in contents if not unwanted.match(line)]
    if len(wanted) != len(contents) - 1:
        raise BackupError("The dump in the archive is none of Convoca's.")
    listing.write_text("\n".join(wanted) + "\n")
    command = [restoring, "--single-transaction", "--exit-on-error", "--no-owner"]
    command += ["--no-privileges", "--no-password", f"--use-list={listing}", f"--dbname={place}"]
    _run([*command, str(dumped)], secret)


def server_of(connection: Connection) -> int:
    """The major version of the server."""
    number: str = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
    return int(number) // 10_000


def _connection(engine: Engine) -> tuple[str, Mapping[str, str]]:
    """What the tools are told on their command line, and what in their environment."""
    _, given = engine.dialect.create_connect_args(engine.url)
    secret = given.pop("password", None)
    words = {name: value for name, value in given.items() if isinstance(value, str | int)}
    return make_conninfo("", **words), {"PGPASSWORD": str(secret)} if secret is not None else {}


def _run(command: Sequence[str], more: Mapping[str, str] | None = None) -> str:
    """What a program says; raises BackupError with what it complains of."""
    try:
        done = subprocess.run(  # noqa: S603
            command,
            env={**os.environ, "LC_ALL": "C", **(more or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise BackupError(f"{command[0]} cannot be run ({error.strerror}).") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        last = "\n".join(said[-5:]) or f"it ended with status {done.returncode}"
        raise BackupError(f"{Path(command[0]).name} failed: {last}")
    return done.stdout.decode(errors="replace")

"""Processes that have loaded everything when they begin: copies of one that did so once.

To load what Convoca needs takes a second; a test of the command or of killed workers begins many
processes. What must be loaded anew (another zone data, another Python) is begun the usual way.
"""

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0
_context = get_context("forkserver")
_context.set_forkserver_preload(
    ["alembic.command", "app.cli", "app.doctor", "app.main", "app.services.demo", "app.worker.loop"]
)
Process = Any  # what `fork` gives; its class has no public name


def fork(work: Callable[..., None], *arguments: object) -> Process:
    """A process that does this work, which must be a function of a module."""
    process = _context.Process(target=work, args=arguments)
    process.start()
    return process


def pipe() -> tuple[Any, Any]:
    """Both ends of a connection, of which one goes to a process."""
    return _context.Pipe()


def _command(arguments: tuple[str, ...], env: Mapping[str, str], folder: Path) -> None:
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(env)
    flags = os.O_WRONLY | os.O_CREAT
    for number, (name, how) in enumerate((("in", os.O_RDONLY), ("out", flags), ("err", flags))):
        os.dup2(os.open(folder / name, how, 0o600), number)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    from app.cli import main

    main(arguments, prog_name="convoca")


def convoca(
    *arguments: str, env: Mapping[str, str], given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """``convoca`` with these arguments, in this environment, with this on its standard input."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_bytes(given)
        process = fork(_command, arguments, dict(env), folder)
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"convoca {arguments} took more than {PATIENCE} s")
        code, out, err = process.exitcode, *((folder / n).read_bytes() for n in ("out", "err"))
        process.close()
        return subprocess.CompletedProcess(arguments, code, out, err)

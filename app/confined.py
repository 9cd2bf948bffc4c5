"""Processes of our own in which files from outside are read: whatever is wrong with one, it ends
there. Such a process is given the file on its input and nothing else; what it says back is bounded.
Whoever waits for one, or for a picture that is made anew, stands in line, which is short.
"""

import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from app.domain.errors import Busy

MOST_IN_LINE = 12
"""Of 40 threads, which answer everybody: so many at most read a file or wait for their turn."""
_line = threading.BoundedSemaphore(MOST_IN_LINE)


@contextmanager
def in_turn(
    at_once: "threading.BoundedSemaphore | threading.Lock", patience: float = -1
) -> Iterator[None]:
    """Around the reading of a file, which takes a processor: for as many as `at_once` has places.
    The others wait, `patience` seconds at most (-1: as long as it takes). Raises Busy where that
    was too long, and at once where the line has no place left: they would take all threads."""
    if not _line.acquire(blocking=False):
        raise Busy
    try:
        if not at_once.acquire(timeout=patience):
            raise Busy
        try:
            yield
        finally:
            at_once.release()
    finally:
        _line.release()


def limit(*, memory: int, cpu: int, files: int, alone: bool = False) -> None:
    """Takes from this process what reading a file does not need: it has so many bytes of memory,
    so many seconds of a processor and so many open files, and writes none; `alone`: it begins no
    other process and no thread."""
    if sys.platform == "win32":
        return
    import resource

    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: files,
    }
    if alone:
        limits[resource.RLIMIT_NPROC] = 0
    for which, most in limits.items():
        with suppress(ValueError, OSError):  # less is granted already
            resource.setrlimit(which, (most, most))


def command(module: str) -> str:
    """What such a process runs: `main` of a module of ours. Nothing of the working folder, the
    environment or the user's own packages is taken for a part of Python or of ours (-I); nothing is
    compiled anew into a file (-B)."""
    return (
        "import sys; sys.path[:0] = [each for each in sys.argv[1:] if each not in sys.path]; "
        f"from {module} import main; main()"
    )


@cache
def installed(*names: str) -> tuple[str, ...]:
    """Where these packages are installed. Raises ModuleNotFoundError where one is not."""
    found = {}
    for name in names:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(name)
        found[str(Path(spec.origin).resolve().parents[1])] = True
    return tuple(found)


def ask(program: str, places: tuple[str, ...], data: bytes, *, patience: float, most: int) -> bytes:
    """What a process says of `data` until it ends, by itself or not; it is ended here if it does
    not. `places` as `installed` says; `patience` in seconds, `most` in bytes.

    Raises:
        TimeoutError: it takes longer, or says more.
    """
    # Where the system's folders lie, without which Windows starts no process.
    environment = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    with tempfile.TemporaryFile() as given:
        given.write(data)
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-B", "-c", program, *places],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=places[0],
        )
    try:
        return _answer(process, patience, most)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _answer(process: "subprocess.Popen[bytes]", patience: float, most: int) -> bytes:
    assert process.stdout is not None
    until = time.monotonic() + patience
    pieces: list[bytes] = []
    length = 0
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    while poll.poll(max(0.0, until - time.monotonic()) * 1000):
        more = os.read(process.stdout.fileno(), 1 << 20)
        if not more:
            return b"".join(pieces)
        pieces.append(more)
        length += len(more)
        if length > most:
            break
    raise TimeoutError

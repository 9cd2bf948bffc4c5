"""Workbooks, read in a process of their own: whatever is wrong with one, it ends there.

See docs/adr/0025.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from app.domain.errors import N_, Busy
from app.meetings.archives import damaged
from app.meetings.keys import clean
from app.meetings.refusals import MEGABYTE, Refused
from app.meetings.sheets import Line, Sheet

_PATIENCE = 20.0  # seconds; the process has fewer of a processor
_LONGEST_ANSWER = 64 * MEGABYTE
_AT_ONCE = threading.BoundedSemaphore(2)  # they take a processor and some memory each
# Nothing of the working folder, the environment or the user's own packages is taken for a part of
# Python or of ours (-I); nothing is compiled anew into a file (-B).
_COMMAND = (
    "import sys; sys.path[:0] = [each for each in sys.argv[1:] if each not in sys.path]; "
    "from app.meetings.workbook_reader import main; main()"
)
_NEEDED = ("app", "openpyxl", "defusedxml", "et_xmlfile")
_TOO_LONG = N_("This workbook takes too long to read. Save it as CSV, and upload that.")


def read_workbook(data: bytes) -> tuple[Sheet, ...]:
    """The sheets of an XLSX workbook, cells as text.

    Raises Refused for one that is not read, Busy where too many are being read already.
    """
    if not _AT_ONCE.acquire(timeout=_PATIENCE):
        raise Busy
    try:
        told = _ask(data)
    finally:
        _AT_ONCE.release()
    try:
        answer = json.loads(told)
        if "refused" in answer:
            sentence, code, params = answer["refused"]
            raise Refused(sentence, code=code, **params)
        return tuple(_sheet(**each) for each in answer["sheets"])
    except (ValueError, TypeError, KeyError):
        raise damaged() from None  # it ended before it had said all


def _sheet(name: str, hidden: bool, rows: list[tuple[int, list[str]]]) -> Sheet:
    lines = []
    for number, cells in rows:
        cleaned = [clean(cell) for cell in cells]
        while cleaned and not cleaned[-1]:
            cleaned.pop()
        if cleaned:
            lines.append(Line(number, tuple(cleaned)))
    return Sheet(clean(name), tuple(lines), hidden)


@cache
def _packages() -> tuple[str, ...]:
    """Where what it needs is installed. Raises ModuleNotFoundError where something is not."""
    found = {}
    for name in _NEEDED:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(name)
        found[str(Path(spec.origin).resolve().parents[1])] = True
    return tuple(found)


def _ask(data: bytes) -> bytes:
    # Where the system's folders lie, without which Windows starts no process.
    environment = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    with tempfile.TemporaryFile() as given:
        given.write(data)
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-B", "-c", _COMMAND, *_packages()],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=_packages()[0],
        )
    try:
        return _answer(process)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _answer(process: "subprocess.Popen[bytes]") -> bytes:
    if process.stdout is None:
        raise damaged()
    until = time.monotonic() + _PATIENCE
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
        if length > _LONGEST_ANSWER:
            break
    raise Refused(_TOO_LONG, code="hostile")

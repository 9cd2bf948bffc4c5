"""Workbooks, read in a process of their own: whatever is wrong with one, it ends there.

See docs/adr/0025.
"""

import json
import threading

from app.confined import ask, command, in_turn, installed
from app.domain.errors import N_
from app.meetings.archives import damaged
from app.meetings.keys import clean
from app.meetings.refusals import MEGABYTE, Refused
from app.meetings.sheets import Line, Sheet

_PATIENCE = 20.0  # seconds; the process has fewer of a processor
_LONGEST_ANSWER = 64 * MEGABYTE
_AT_ONCE = threading.BoundedSemaphore(2)  # they take a processor and some memory each
_COMMAND = command("app.meetings.workbook_reader")
_NEEDED = ("app", "openpyxl", "defusedxml", "et_xmlfile")
_TOO_LONG = N_("This workbook takes too long to read. Save it as CSV, and upload that.")


def read_workbook(data: bytes) -> tuple[Sheet, ...]:
    """The sheets of an XLSX workbook, cells as text.

    Raises Refused for one that is not read, Busy where too many are being read already.
    """
    with in_turn(_AT_ONCE, _PATIENCE):
        try:
            places = installed(*_NEEDED)
            told = ask(_COMMAND, places, data, patience=_PATIENCE, most=_LONGEST_ANSWER)
        except TimeoutError:
            raise Refused(_TOO_LONG, code="hostile") from None
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

"""Somebody's calendar after their mails, as another implementation of iTIP understands them.

libical says what each message is to the calendar at that moment (``icalclassify`` of libicalss:
new, an update, a cancellation, obsolete …); this keeps, replaces or removes the entry accordingly.
"""

import ctypes
import ctypes.util
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

NEW, UPDATE, RESCHEDULE, CANCEL, OBSOLETE = 11104, 11105, 11106, 11118, 11125
_VEVENT = 4


@cache
def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("icalss")
    if not name:
        pytest.skip("libicalss is not installed (Debian: apt-get install libical3)")
    lib = ctypes.CDLL(name)
    handle = ctypes.c_void_p
    for function, result, arguments in (
        ("icalparser_parse_string", handle, [ctypes.c_char_p]),
        ("icalclassify", ctypes.c_int, [handle, handle, ctypes.c_char_p]),
        ("icalcomponent_get_first_component", handle, [handle, ctypes.c_int]),
        ("icalcomponent_get_uid", ctypes.c_char_p, [handle]),
        ("icalcomponent_free", None, [handle]),
    ):
        each = getattr(lib, function)
        each.restype, each.argtypes = result, arguments
    return lib


@dataclass
class Mailbox:
    """One address and the calendar that its mails have made."""

    address: str
    entries: dict[str, bytes] = field(default_factory=dict)  # by UID: the whole object
    told: list[int] = field(default_factory=list)  # what libical took each message for
    _lib: Any = field(default_factory=_library)

    def take(self, message: bytes) -> int:
        """One message arrives, as text/calendar. Returns what libical takes it for."""
        lib = self._lib
        coming = lib.icalparser_parse_string(message)
        assert coming, message
        event = lib.icalcomponent_get_first_component(coming, _VEVENT)
        uid = lib.icalcomponent_get_uid(event).decode()
        held = self.entries.get(uid)
        match = lib.icalparser_parse_string(held) if held else None
        kind: int = lib.icalclassify(coming, match, self.address.encode())
        for each in filter(None, (coming, match)):
            lib.icalcomponent_free(each)
        if kind in (NEW, UPDATE, RESCHEDULE):
            self.entries[uid] = message
        elif kind == CANCEL:
            self.entries.pop(uid, None)
        self.told.append(kind)
        return kind


def replay(address: str, messages: Iterable[bytes]) -> Mailbox:
    """The calendar of an address after these messages, in the order given."""
    box = Mailbox(address)
    for message in messages:
        box.take(message)
    return box

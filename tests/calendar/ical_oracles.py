"""Other people's parsers, asked one thing: when does each event start and end?

Each is given the VTIMEZONE under a name that is nowhere in any zone database, so it has to take
the observances themselves at their word.

`icalendar`, `vobject` and `ics` come with the development dependencies; `libical` is a Debian
package (libical3) and is used through ctypes; `ical_js` runs in node, from the folder that
CONVOCA_TEST_ICAL_JS names (what ``npm install ical.js`` leaves in node_modules/ical.js).
"""

import ctypes
import ctypes.util
import hashlib
import json
import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import icalendar
import ics
import pytest
import vobject
from icalendar.timezone import TZP
from ics.grammar.parse import calendar_string_to_containers
from ics.utils import iso_to_arrow

Spans = dict[str, tuple[datetime, datetime]]
Oracle = Callable[[bytes], Spans]


def under_another_name(data: bytes) -> bytes:
    """The same with every TZID replaced by letters that name no zone, and no POSIX rule either."""
    for name in set(re.findall(rb"^TZID:(.+)\r\n", data, re.MULTILINE)):
        digest = hashlib.sha256(data + name).hexdigest()[:10]
        other = b"Nowhere" + digest.translate(str.maketrans("0123456789", "ghijklmnop")).encode()
        data = data.replace(b"TZID:" + name + b"\r\n", b"TZID:" + other + b"\r\n")
        data = data.replace(b";TZID=" + name + b":", b";TZID=" + other + b":")
    return data


def icalendar_events(data: bytes) -> list[Any]:
    """The events as icalendar reads them. Any: its values have as many types as RFC 5545."""
    return list(icalendar.Calendar.from_ical(data).events)


def vobject_calendar(data: bytes) -> Any:
    """The object as vobject reads it."""
    return vobject.readOne(data.decode())


def _utc(value: Any) -> datetime:
    assert isinstance(value, datetime)
    assert value.tzinfo is not None
    return value.astimezone(UTC)


def by_icalendar(data: bytes) -> Spans:
    """icalendar, which leaves the observances to dateutil."""
    return {
        str(event["UID"]): (_utc(event["DTSTART"].dt), _utc(event["DTEND"].dt))
        for event in icalendar_events(data)
    }


def by_icalendar_pytz(data: bytes) -> Spans:
    """icalendar expanding the observances itself, into a list of changes for a pytz zone."""
    calendar = icalendar.Calendar.from_ical(data)
    provider = TZP("pytz")
    built = {z.tz_name: z.to_tz(provider, lookup_tzid=False) for z in calendar.timezones}
    found: Spans = {}
    for event in icalendar_events(data):
        both = []
        for name in ("DTSTART", "DTEND"):
            value, tzid = event[name].dt, event[name].params.get("TZID")
            if tzid:
                # None: pytz refuses a local time that exists twice or never.
                value = built[tzid].localize(value.replace(tzinfo=None), is_dst=None)
            both.append(_utc(value))
        found[str(event["UID"])] = (both[0], both[1])
    return found


def by_vobject(data: bytes) -> Spans:
    calendar = vobject_calendar(data)
    return {
        event.uid.value: (_utc(event.dtstart.value), _utc(event.dtend.value))
        for event in calendar.contents.get("vevent", [])
    }


def by_ics(data: bytes) -> Spans:
    """ics, whose reader of events looks for zones before it has read them: asked in two steps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zones = ics.Calendar(data.decode())._timezones
    (container,) = calendar_string_to_containers(data.decode())
    found: Spans = {}
    for event in (part for part in container if part.name == "VEVENT"):
        lines = {line.name: line for line in event}
        for name in ("DTSTART", "DTEND"):
            assert set(lines[name].params.get("TZID", [])) <= set(zones)
        found[lines["UID"].value] = (
            _utc(iso_to_arrow(lines["DTSTART"], zones).datetime),
            _utc(iso_to_arrow(lines["DTEND"], zones).datetime),
        )
    return found


class _IcalTime(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int) for name in
          ("year", "month", "day", "hour", "minute", "second", "is_date", "is_daylight")),
        ("zone", ctypes.c_void_p),
    ]  # fmt: skip


_ICAL_VEVENT = 4  # icalcomponent_kind in ical.h


class Libical:
    """The C library behind Evolution, KOrganizer, Cyrus and GNOME Calendar."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("ical")
        if not name:
            pytest.skip("libical is not installed (Debian: apt-get install libical3)")
        self.lib = lib = ctypes.CDLL(name)
        handle, kind = ctypes.c_void_p, ctypes.c_int
        for function, result, arguments in (
            ("icalparser_parse_string", handle, [ctypes.c_char_p]),
            ("icalcomponent_get_first_component", handle, [handle, kind]),
            ("icalcomponent_get_next_component", handle, [handle, kind]),
            ("icalcomponent_get_uid", ctypes.c_char_p, [handle]),
            ("icalcomponent_get_summary", ctypes.c_char_p, [handle]),
            ("icalcomponent_get_dtstart", _IcalTime, [handle]),
            ("icalcomponent_get_dtend", _IcalTime, [handle]),
            ("icaltime_as_timet_with_zone", ctypes.c_long, [_IcalTime, handle]),
            ("icalcomponent_count_errors", ctypes.c_int, [handle]),
            ("icalrestriction_check", ctypes.c_int, [handle]),
            ("icalcomponent_free", None, [handle]),
        ):
            getattr(lib, function).restype = result
            getattr(lib, function).argtypes = arguments

    def __call__(self, data: bytes) -> Spans:
        lib, found = self.lib, {}
        root = lib.icalparser_parse_string(data)
        assert root
        assert lib.icalcomponent_count_errors(root) == 0
        event = lib.icalcomponent_get_first_component(root, _ICAL_VEVENT)
        while event:
            starts, ends = lib.icalcomponent_get_dtstart(event), lib.icalcomponent_get_dtend(event)
            assert starts.zone, "floating: the TZID was not found"
            assert ends.zone, "floating: the TZID was not found"
            uid = lib.icalcomponent_get_uid(event).decode()
            found[uid] = (self._instant(starts), self._instant(ends))
            event = lib.icalcomponent_get_next_component(root, _ICAL_VEVENT)
        lib.icalcomponent_free(root)
        return found

    def _instant(self, time: _IcalTime) -> datetime:
        return datetime.fromtimestamp(self.lib.icaltime_as_timet_with_zone(time, time.zone), UTC)

    def summaries(self, data: bytes) -> list[str]:
        """The title of each event."""
        lib = self.lib
        root = lib.icalparser_parse_string(data)
        assert lib.icalcomponent_count_errors(root) == 0
        found = []
        event = lib.icalcomponent_get_first_component(root, _ICAL_VEVENT)
        while event:
            found.append((lib.icalcomponent_get_summary(event) or b"").decode())
            event = lib.icalcomponent_get_next_component(root, _ICAL_VEVENT)
        lib.icalcomponent_free(root)
        return found

    def allowed(self, data: bytes) -> bool:
        """Whether libical finds every property allowed for the METHOD (RFC 5546's tables)."""
        root = self.lib.icalparser_parse_string(data)
        good = bool(self.lib.icalrestriction_check(root))
        good = good and self.lib.icalcomponent_count_errors(root) == 0
        self.lib.icalcomponent_free(root)
        return good


_ICAL_JS = """
const { pathToFileURL } = require("node:url");
const [folder] = process.argv.slice(1);
import(pathToFileURL(folder + "/dist/ical.js")).then(({ default: ICAL }) => {
  const found = {};
  const calendar = new ICAL.Component(ICAL.parse(require("node:fs").readFileSync(0, "utf8")));
  const zones = {};
  for (const zone of calendar.getAllSubcomponents("vtimezone"))
    zones[zone.getFirstPropertyValue("tzid")] = new ICAL.Timezone(zone);
  const instant = (event, name) => {
    const property = event.getFirstProperty(name);
    const tzid = property.getParameter("tzid");
    const time = property.getFirstValue().clone();
    if (tzid) time.zone = zones[tzid];
    return time.toUnixTime();
  };
  for (const event of calendar.getAllSubcomponents("vevent"))
    found[event.getFirstPropertyValue("uid")] =
      [instant(event, "dtstart"), instant(event, "dtend")];
  process.stdout.write(JSON.stringify(found));
});
"""


def by_ical_js(data: bytes) -> Spans:
    """Thunderbird's engine."""
    folder, node = os.environ["CONVOCA_TEST_ICAL_JS"], shutil.which("node")
    assert node, "ical.js needs node"
    assert Path(folder, "dist", "ical.js").is_file(), "the folder of the npm package ical.js"
    run = subprocess.run(
        [node, "-e", _ICAL_JS, folder], input=data, stdout=subprocess.PIPE, check=True
    )
    return {
        uid: (datetime.fromtimestamp(a, UTC), datetime.fromtimestamp(b, UTC))
        for uid, (a, b) in json.loads(run.stdout).items()
    }

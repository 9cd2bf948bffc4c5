"""A second opinion of our own: RFC 5545 read by the letter, sharing no code with the writer."""

import calendar as months
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

_LINE = re.compile(
    r"(?P<name>[A-Z0-9-]+)"
    r'(?P<params>(?:;[A-Z0-9-]+=(?:"[^"\x00-\x08\x0a-\x1f\x7f]*"|[^";:,\x00-\x08\x0a-\x1f\x7f]*)'
    r'(?:,(?:"[^"\x00-\x08\x0a-\x1f\x7f]*"|[^";:,\x00-\x08\x0a-\x1f\x7f]*))*)*)'
    r":(?P<value>[^\x00-\x08\x0a-\x1f\x7f]*)"
)
_PARAM = re.compile(r';([A-Z0-9-]+)=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)')
_ESCAPED = re.compile(r"(?:[^\\;,]|\\[\\;,nN])*")
_WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


@dataclass
class Line:
    name: str
    params: dict[str, str]
    value: str

    @property
    def text(self) -> str:
        """The value as TEXT; AssertionError if it is not escaped as TEXT must be."""
        assert _ESCAPED.fullmatch(self.value), self.value
        return re.sub(
            r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], self.value, flags=re.DOTALL
        )


@dataclass
class Component:
    name: str
    lines: list[Line] = field(default_factory=list)
    parts: list["Component"] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [line.name for line in self.lines]

    def line(self, name: str) -> Line:
        """The one line with this name."""
        (found,) = [line for line in self.lines if line.name == name]
        return found

    def __getitem__(self, name: str) -> str:
        return self.line(name).value

    def all(self, name: str) -> list["Component"]:
        return [part for part in self.parts if part.name == name]


def logical_lines(data: bytes) -> list[str]:
    """Unfolded lines, after checking breaks, lengths and characters of the physical ones."""
    assert data.endswith(b"\r\n")
    physical = data[:-2].split(b"\r\n")
    for piece in physical:
        assert piece.strip(b" ") != b"", "an empty line"
        assert len(piece) <= 75, piece
        piece.decode()  # each for itself: no character is broken in two
    whole = data.decode().replace("\r\n ", "")
    lines = whole[:-2].split("\r\n")
    for line in lines:
        assert not re.search("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff]", line), line
        assert not line.startswith((" ", "\t")), line
    return lines


def parse(data: bytes) -> Component:
    """The one object in the bytes. AssertionError where they break a rule."""
    root = Component("")
    open_: list[Component] = [root]
    for text in logical_lines(data):
        match = _LINE.fullmatch(text)
        assert match, text
        name, value = match["name"], match["value"]
        assert value != "", f"empty property: {text}"
        params = dict(_PARAM.findall(match["params"]))
        assert all(params.values()), f"empty parameter: {text}"
        if name == "BEGIN":
            part = Component(value)
            open_[-1].parts.append(part)
            open_.append(part)
        elif name == "END":
            assert open_.pop().name == value, text
        else:
            assert not open_[-1].parts, f"property after a component: {text}"
            open_[-1].lines.append(Line(name, params, value))
    assert open_ == [root]
    (calendar,) = root.parts
    assert calendar.name == "VCALENDAR"
    assert calendar.parts, "a VCALENDAR needs a component (3.6)"
    return calendar


def stamp(value: str) -> datetime:
    """A DATE-TIME: aware if it ends with Z."""
    assert re.fullmatch(r"\d{8}T\d{6}Z?", value), value
    read = datetime.fromisoformat(value[:15])
    return read.replace(tzinfo=UTC) if value.endswith("Z") else read


def _utc_offset(value: str) -> timedelta:
    assert re.fullmatch(r"[+-]\d{4}(\d\d)?", value), value
    assert value not in ("-0000", "-000000")
    size = timedelta(hours=int(value[1:3]), minutes=int(value[3:5]), seconds=int(value[5:] or 0))
    return -size if value[0] == "-" else size


@dataclass
class Zone:
    """A VTIMEZONE as its observances say, not as its name says."""

    component: Component

    def __post_init__(self) -> None:
        kinds = [part.name for part in self.component.parts]
        # What Outlook takes: at most one of each, STANDARD always.
        assert kinds in (["STANDARD"], ["STANDARD", "DAYLIGHT"]), kinds
        assert self.component.names == ["TZID"]
        rules = ["RRULE"] if len(kinds) == 2 else []
        for part in self.component.parts:
            assert part.names == ["DTSTART", *rules, "TZOFFSETFROM", "TZOFFSETTO", "TZNAME"]
        if len(kinds) == 2:
            standard, daylight = self.component.parts
            assert _utc_offset(standard["TZOFFSETTO"]) < _utc_offset(daylight["TZOFFSETTO"])

    def changes(self, last_year: int) -> list[tuple[datetime, timedelta, timedelta]]:
        """(instant, offset before, offset after) up to the end of a year."""
        found = []
        for part in self.component.parts:
            before, after = _utc_offset(part["TZOFFSETFROM"]), _utc_offset(part["TZOFFSETTO"])
            for wall in _onsets(part, last_year):
                found.append((wall.replace(tzinfo=UTC) - before, before, after))
        return sorted(found)

    def offset(self, instant: datetime) -> timedelta:
        """The offset in force at an instant, which must not be before the first observance."""
        past = [c for c in self.changes(instant.year + 1) if c[0] <= instant]
        assert past, f"{instant} is before the first observance"
        return past[-1][2]

    def instant(self, wall: datetime) -> datetime:
        """What a local time stands for. AssertionError if that is not one instant exactly."""
        offsets = {c[2] for c in self.changes(wall.year + 1)}
        tried = [wall.replace(tzinfo=UTC) - offset for offset in offsets]
        (one,) = {t for t in tried if self.offset(t) == wall.replace(tzinfo=UTC) - t}
        return one


def _onsets(part: Component, last_year: int) -> list[datetime]:
    first = stamp(part["DTSTART"])
    if "RRULE" not in part.names:
        return [first]
    match = re.fullmatch(
        r"FREQ=YEARLY;BYMONTH=(\d+);BYDAY=(-1|[1-4])(MO|TU|WE|TH|FR|SA|SU)", part["RRULE"]
    )
    assert match, part["RRULE"]
    month, ordinal, weekday = int(match[1]), int(match[2]), _WEEKDAYS.index(match[3])
    found = []
    for year in range(first.year, last_year + 1):
        length = months.monthrange(year, month)[1]
        days = [d for d in range(1, length + 1) if months.weekday(year, month, d) == weekday]
        day = days[ordinal - 1] if ordinal > 0 else days[ordinal]
        found.append(first.replace(year=year, month=month, day=day))
    assert found[0] == first, "DTSTART must be the rule's first onset (3.6.5)"
    return found


def zones(calendar: Component) -> dict[str, Zone]:
    found = {part["TZID"]: Zone(part) for part in calendar.all("VTIMEZONE")}
    assert len(found) == len(calendar.all("VTIMEZONE")), "a TZID is defined twice"
    return found


def when(calendar: Component, event: Component, name: str) -> datetime:
    """DTSTART or DTEND as an instant, by the VTIMEZONE that stands in the same object."""
    line = event.line(name)
    read = stamp(line.value)
    if read.tzinfo:
        assert line.params == {}
        return read
    assert list(line.params) == ["TZID"]
    return zones(calendar)[line.params["TZID"]].instant(read)


def spans(data: bytes) -> dict[str, tuple[datetime, datetime]]:
    """Start and end of each event by its UID."""
    calendar = parse(data)
    return {
        event["UID"]: (when(calendar, event, "DTSTART"), when(calendar, event, "DTEND"))
        for event in calendar.all("VEVENT")
    }

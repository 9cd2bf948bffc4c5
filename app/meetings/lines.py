"""What the rows of a table say, before it is settled which day their times are on."""

import re
from dataclasses import dataclass

from app.domain.errors import N_
from app.meetings.durations import seconds
from app.meetings.headers import DURATIONS
from app.meetings.keys import name_key
from app.meetings.moments import Written, written
from app.meetings.sheets import Line
from app.meetings.tables import Found
from app.meetings.values import Column, Marker, Remark, Role, SetAside, Unreadable, Why
from app.meetings.words import (
    Action,
    action,
    is_numbered,
    original_name,
    role,
    role_of_title,
    without_markers,
    yes,
)

_LONGEST_NAME = 200
_ADDRESS = re.compile(
    r"[^\s@<>(),;:\"\[\]#]{1,64}@[^\s@<>(),;:\"\[\]#_]+\.[^\s@<>(),;:\"\[\]#_.]{2,}"
)

NOBODY = N_("There is neither a name nor an address.")
NO_TIME = N_("“%(value)s” under “%(header)s” is no date or time that can be read.")
NO_DURATION = N_("“%(value)s” under “%(header)s” is no duration that can be read.")
NO_UNIT = N_("“%(value)s” under “%(header)s” is in no unit: say in the header if it is minutes.")
NOTHING = N_("It says neither when somebody was there nor for how long.")
NO_JOINING = N_("It says when somebody left, but not when they joined.")
NO_ACTION = N_("“%(value)s” under “%(header)s” is neither joining nor leaving.")


@dataclass(frozen=True, slots=True)
class Who:
    """One person as a row names them. `key` tells people of one file apart."""

    name: str
    email: str
    other_name: str
    markers: frozenset[Marker]
    role: Role | None
    key: tuple[str, str]

    @property
    def shown(self) -> str:
        """The name, or the address where there is none."""
        return self.name or self.email


@dataclass(frozen=True, slots=True)
class RawRow:
    """What a row says. Either `action` and `joined` (when that was), or one stay, or the sum of
    several (`summed`): `joined` and `left` are then the first and the last time."""

    number: int
    table: int
    who: Who
    joined: Written | None = None
    left: Written | None = None
    seconds: int | None = None
    summed: bool = False
    action: Action | None = None
    connection: str = ""


class _Wrong(Exception):
    """A cell that cannot be read."""

    def __init__(self, sentence: str, **params: str) -> None:
        super().__init__(sentence)
        self.remark = Remark(sentence, params)


def read_line(found: Found, place: int, line: Line) -> RawRow | SetAside | Unreadable:
    """One row of the table that is the `place`-th of the report."""
    who = _who(found, line)
    if not who.name and not who.email:
        return Unreadable(line.number, place, Remark(NOBODY))
    if yes(found.cell(line, Column.WAITING)):
        return SetAside(line.number, place, who.name, Why.WAITING_ROOM)
    try:
        if Column.ACTION in found.places and Column.AT in found.places:
            return _event(found, place, line, who)
        return _stay(found, place, line, who)
    except _Wrong as wrong:
        return Unreadable(line.number, place, wrong.remark, who.shown)


def shown_name(found: Found, line: Line) -> str:
    """The name as the file shows it."""
    name = found.cell(line, Column.NAME)
    first, last = Column.FIRST_NAME in found.places, Column.LAST_NAME in found.places
    if name and first is last:
        return name
    # Nombre and Apellidos; Prénom and Nom: what is called as the whole name is a part too.
    parts = (found.cell(line, Column.FIRST_NAME), name, found.cell(line, Column.LAST_NAME))
    return " ".join(filter(None, parts))


def _who(found: Found, line: Line) -> Who:
    shown = shown_name(found, line)[:_LONGEST_NAME]
    name, markers = without_markers(shown)
    other = ""
    if found.renamed:
        name, other = original_name(name)
    if not other and Column.LAST_NAME in found.places:
        other = _registered(found, line, name)
    if yes(found.cell(line, Column.GUEST)):
        markers |= {Marker.GUEST}
    email = _address(found.cell(line, Column.EMAIL)) or _address(found.cell(line, Column.ACCOUNT))
    return Who(
        name=name,
        email=email,
        other_name=other,
        markers=markers,
        role=role(found.cell(line, Column.ROLE)) or _role_by(found.title),
        key=(name_key(shown), email.casefold()),
    )


def _registered(found: Found, line: Line, name: str) -> str:
    """The name that somebody registered by, if it is another one."""
    first, last = (found.cell(line, each) for each in (Column.FIRST_NAME, Column.LAST_NAME))
    whole = f"{first} {last}"[:_LONGEST_NAME]
    return whole if first and last and name_key(whole) != name_key(name) else ""


def _address(cell: str) -> str:
    return cell if "@" in cell and len(cell) < 255 and _ADDRESS.fullmatch(cell) else ""


def _role_by(title: str) -> Role | None:
    return None if is_numbered(title) else role_of_title(title)


def _event(found: Found, place: int, line: Line, who: Who) -> RawRow:
    said = found.cell(line, Column.ACTION)
    what = action(said)
    if what is None:
        raise _Wrong(NO_ACTION, value=said[:60], header=_header(found, Column.ACTION))
    at = _time(found, line, Column.AT)
    if at is None:
        raise _Wrong(NOTHING)
    connection = found.cell(line, Column.CONNECTION)
    return RawRow(line.number, place, who, joined=at, action=what, connection=connection)


def _stay(found: Found, place: int, line: Line, who: Who) -> RawRow | SetAside:
    joined, left, summed = _times(found, line)
    if joined is None and left is None:
        length = _duration(found, line, needed=True)
        came = yes(found.cell(line, Column.ATTENDED))
        if length == 0 or (length is None and came is False):
            return SetAside(line.number, place, who.name, Why.NO_SHOW)
        if length is None:
            raise _Wrong(NOTHING)
        return RawRow(line.number, place, who, seconds=length)
    length = _duration(found, line, needed=False)
    if joined is None and not length:
        raise _Wrong(NO_JOINING)
    return RawRow(line.number, place, who, joined, left, length, summed)


def _times(found: Found, line: Line) -> tuple[Written | None, Written | None, bool]:
    summed = Column.JOINED not in found.places and Column.FIRST_JOINED in found.places
    columns = (Column.FIRST_JOINED, Column.LAST_LEFT) if summed else (Column.JOINED, Column.LEFT)
    joined, left = (_time(found, line, each) for each in columns)
    return joined, left, summed


def _time(found: Found, line: Line, column: Column) -> Written | None:
    cell = found.cell(line, column)
    if not cell:
        return None
    at = written(cell)
    if at is None or at.clock is None:
        raise _Wrong(NO_TIME, value=cell[:60], header=_header(found, column))
    return at


def _duration(found: Found, line: Line, *, needed: bool) -> int | None:
    for column in sorted(DURATIONS & set(found.places)):
        cell = found.cell(line, column)
        length = seconds(cell, column)
        if length is not None:
            return length
        if cell and needed:
            bare = column is Column.DURATION and cell.isdecimal()
            sentence = NO_UNIT if bare else NO_DURATION
            raise _Wrong(sentence, value=cell[:60], header=_header(found, column))
    return None


def _header(found: Found, column: Column) -> str:
    return found.headers[found.places[column]].text[:60]

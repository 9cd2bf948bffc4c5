"""Where in a file its tables are, and what stands around them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from app.meetings import headers as names
from app.meetings.headers import Header, is_of_people, known, read_header
from app.meetings.sheets import Line, Sheet
from app.meetings.stated_zones import StatedZone, stated_zone
from app.meetings.values import AskColumns, Column, ColumnMap
from app.meetings.words import is_numbered

_LOOKED_AT = 400  # lines of a sheet that may be headers
_OFFSETS = ("(utc", "(gmt", "utc+", "utc-", "gmt+", "gmt-")


@dataclass(slots=True)
class Found:
    """A table of people as it lies in the file."""

    sheet: str
    title: str
    header: Line
    headers: tuple[Header, ...]
    lines: list[Line] = field(default_factory=list)
    places: dict[Column, int] = field(init=False)
    renamed: bool = field(init=False)  # a name may have another one in brackets behind it

    def __post_init__(self) -> None:
        self.places = {}
        self.renamed = any(each.renamed for each in self.headers)
        for place, each in enumerate(self.headers):
            if each.column is not None:
                self.places.setdefault(each.column, place)

    def cell(self, line: Line, column: Column) -> str:
        """What a row has in a column; empty where it has nothing, or a dash for nothing."""
        place = self.places.get(column)
        if place is None or place >= len(line.cells):
            return ""
        cell = line.cells[place]
        return "" if cell in _NOTHING else cell


_NOTHING = frozenset({"-", "--", "\u2013", "\u2014", "N/A", "n/a", "#N/A"})


@dataclass(slots=True)
class Parts:
    """A file taken apart: its tables of people, other sections by their titles, and the lines that
    belong to none."""

    tables: list[Found] = field(default_factory=list)
    sections: list[tuple[str, str, Line]] = field(default_factory=list)
    others: list[Line] = field(default_factory=list)


def take_apart(sheets: Sequence[Sheet]) -> Parts:
    """Finds every table that says by its headers who was there when. Hidden sheets are left out."""
    parts = Parts()
    for sheet in sheets:
        if not sheet.hidden:
            _take_apart(sheet, parts)
    return parts


def by_hand(sheets: Sequence[Sheet], said: ColumnMap) -> Parts:
    """The one table whose columns a person named; nothing where there is no such row."""
    parts = Parts()
    for sheet in sheets:
        if sheet.name != said.sheet:
            continue
        for place, line in enumerate(sheet.lines):
            if line.number != said.header:
                continue
            width = max([len(line.cells), *(at + 1 for at in said.columns if 0 <= at < 200)])
            cells = [*line.cells, *[""] * (width - len(line.cells))]
            own = tuple(_said(cell, said.columns.get(at)) for at, cell in enumerate(cells))
            if is_of_people(own):
                parts.tables.append(
                    Found(sheet.name, "", line, own, list(sheet.lines[place + 1 :]))
                )
                parts.others.extend(sheet.lines[:place])
    return parts


def _said(cell: str, column: Column | None) -> Header:
    found = read_header(cell)
    return Header(cell, column, found.languages, found.zone, found.renamed)


def _take_apart(sheet: Sheet, parts: Parts) -> None:
    title, current, tries = "", None, 0
    section: tuple[str, str] | None = None
    for place, line in enumerate(sheet.lines):
        below = sheet.lines[place + 1] if place + 1 < len(sheet.lines) else None
        if len(line.cells) == 1:
            text = line.cells[0]
            if is_numbered(text) or (below is not None and _headers(below) is not None):
                title, current = text, None
                section = (sheet.name, text) if is_numbered(text) else None
                continue
        if (current is None and tries < _LOOKED_AT) or (current and _may_be(line, current)):
            tries += current is None
            if found := _headers(line):
                current = Found(sheet.name, title, line, found)
                parts.tables.append(current)
                title, section = "", None
                continue
        if current is not None:
            current.lines.append(line)
            continue
        if section is not None and len(line.cells) > 2:
            parts.sections.append((*section, line))
        section = None
        parts.others.append(line)


def _may_be(line: Line, current: Found) -> bool:
    """Whether a row within a table may be the headers of the next one: each row is asked, so
    quickly."""
    return line.cells == current.header.cells or known(line.cells[:1]) > 0


def _headers(line: Line) -> tuple[Header, ...] | None:
    if known(line.cells) < 2:
        return None
    found = _two_names(tuple(map(read_header, line.cells)))
    return found if is_of_people(found) else None


def _two_names(headers: tuple[Header, ...]) -> tuple[Header, ...]:
    """Nombre de usuario, Nombre, Apellido: a second column of names beside one of surnames is that
    of given names. (And in French Nom, beside Prénom, that of surnames.)"""
    columns = [each.column for each in headers]
    first, last = Column.FIRST_NAME in columns, Column.LAST_NAME in columns
    if columns.count(Column.NAME) != 2 or first is last:
        return headers
    second = len(columns) - 1 - columns[::-1].index(Column.NAME)
    part = Column.LAST_NAME if first else Column.FIRST_NAME
    own = replace(headers[second], column=part)
    return (*headers[:second], own, *headers[second + 1 :])


def columns_to_ask(sheets: Sequence[Sheet]) -> AskColumns | None:
    """The row that looks like headers, for a person to say what they mean; None where there is no
    table at all: rows of which most have the same number of cells."""
    for sheet in sheets:
        widths = Counter(len(line.cells) for line in sheet.lines if len(line.cells) > 1)
        if sheet.hidden or not widths:
            continue
        usual, count = widths.most_common(1)[0]
        if count < 2 or count * 2 < len(sheet.lines):
            continue
        first = next(line for line in sheet.lines if len(line.cells) >= usual)
        return AskColumns(sheet.name, first.number, first.cells)
    return None


def title_of(parts: Parts) -> str:
    """What the meeting is called, if the file says so."""
    named = (text for label, text in _labelled(parts.others) if names.is_topic_label(label))
    within = (
        table.lines[0].cells[place]
        for table in parts.tables
        for place, header in enumerate(table.headers)
        if header.topic and table.lines and place < len(table.lines[0].cells)
    )
    return next(filter(None, named), "") or next(within, "")


def stated_in(parts: Parts) -> StatedZone | None:
    """The zone that the file states above or below its tables; None where it states none, or
    two."""
    found = {
        zone.name: zone
        for label, text in _labelled(parts.others)
        if names.is_zone_label(label) and (zone := stated_zone(text))
    }
    for line in parts.others:
        for cell in line.cells:
            if cell.lower().startswith(_OFFSETS) and (zone := stated_zone(cell)):
                found[zone.name] = zone
    return next(iter(found.values())) if len(found) == 1 else None


def _labelled(lines: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """Every cell with what it may be the label of: the cell beside it, or below."""
    for place, line in enumerate(lines):
        if len(line.cells) == 2:
            yield line.cells[0], line.cells[1]
        if place + 1 < len(lines):
            yield from zip(line.cells, lines[place + 1].cells, strict=False)

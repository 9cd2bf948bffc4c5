"""Reading a provider's attendance report: from its bytes to plain values.

What the file leaves open (which is the day and which the month, whose clock it shows, until when
somebody stayed, what a column means) comes back as a question; the same bytes with the answer among
the hints give a report without it. Nothing is decided because it is likely.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from app.domain.errors import N_
from app.domain.zones import zone
from app.meetings import tables as parts_of
from app.meetings.clocks import Clock, anchor
from app.meetings.decoding import decode
from app.meetings.delimited import read_delimited
from app.meetings.file_names import date_in
from app.meetings.headers import language_of, provider_of
from app.meetings.kinds import is_zip, refuse_markup
from app.meetings.lines import RawRow, read_line, shown_name
from app.meetings.moments import Written, written
from app.meetings.orders import Order, may_be_swapped, settle
from app.meetings.refusals import LIMIT, empty, no_table, too_large
from app.meetings.sheets import Contents
from app.meetings.stated_zones import StatedZone, named
from app.meetings.stays import Outcome, closed, stays_of
from app.meetings.tables import Found, Parts
from app.meetings.values import (
    AskOpenUntil,
    AskZone,
    Column,
    Hints,
    Layout,
    Presence,
    Provider,
    Question,
    Remark,
    Report,
    Row,
    SetAside,
    Settled,
    Table,
    Unreadable,
    Why,
    ZoneKnown,
)
from app.meetings.words import is_numbered
from app.meetings.workbooks import read_workbook
from app.meetings.zone_fits import naive, zone_fits

OTHER_DAY = N_("No row of this file is from the day of the session. Is it the right file?")
NOBODY_IN = N_("By these times nobody was there during the session. Is it the right time zone?")
DAMAGED = N_("Some letters in this file are damaged, so some names may not be right.")
HIDDEN = N_("The hidden sheet “%(sheet)s” was not read.")
NO_PRESENCE = N_("It says nothing about who was there when.")
BY_STAYS = N_("%(count)s of its rows are sums of what another table says one by one; that counts.")
SWAPPED = N_(
    "A spreadsheet program may have swapped day and month here. Upload the file as it was "
    "downloaded."
)
_NEAR = timedelta(days=1)


def read_report(data: bytes, filename: str, hints: Hints) -> Report:
    """What a report says.

    Args:
        data: the file.
        filename: what it is called; a date in it may settle what its rows leave open.
        hints: the session, and answers to earlier questions.

    Raises:
        Refused: it is no report, too large, or would do harm; the sentence says what to do.
        Busy: too many workbooks are being read already.
        UnknownZone: one of the hints' zones is none.
    """
    for name in filter(None, (hints.zone, hints.times_zone, *hints.zones)):
        zone(name)
    if len(data) > LIMIT:
        raise too_large()
    if not data.strip():
        raise empty()
    contents = _contents(data)
    parts = (
        parts_of.by_hand(contents.sheets, hints.mapping)
        if hints.mapping
        else parts_of.take_apart(contents.sheets)
    )
    if not parts.tables:
        return _without_columns(contents, hints)
    return _Reading(contents, parts, filename, hints).report()


def _contents(data: bytes) -> Contents:
    if is_zip(data):
        return Contents(read_workbook(data), "xlsx")
    text, encoding, damaged = decode(data)
    refuse_markup(text)
    sheet, delimiter = read_delimited(text)
    return Contents((sheet,), encoding, delimiter, damaged)


def _remarks(contents: Contents) -> list[Remark]:
    found = [Remark(HIDDEN, {"sheet": each.name}) for each in contents.sheets if each.hidden]
    return [*found, Remark(DAMAGED)] if contents.damaged else found


def _without_columns(contents: Contents, hints: Hints) -> Report:
    question = parts_of.columns_to_ask(contents.sheets)
    if question is None:
        raise no_table()
    return Report(
        provider=hints.provider or Provider.OTHER,
        layout=Layout.UNKNOWN,
        language="",
        encoding=contents.encoding,
        delimiter=contents.delimiter,
        date_order=None,
        settled=Settled.NOT_NEEDED,
        zone="",
        zone_known=ZoneKnown.NOT_NEEDED,
        tables=(),
        rows=(),
        questions=(question,),
        remarks=tuple(_remarks(contents)),
    )


class _Reading:
    """One report on its way from lines to values."""

    def __init__(self, contents: Contents, parts: Parts, filename: str, hints: Hints) -> None:
        self._contents, self._parts, self._hints = contents, parts, hints
        self._raw: list[RawRow] = []
        self._set_aside: list[SetAside] = []
        self._unreadable: list[Unreadable] = []
        for place, table in enumerate(parts.tables):
            for line in table.lines:
                self._sort(read_line(table, place, line))
        first, last = (naive(at, hints.zone).date() for at in (hints.starts, hints.ends))
        self._session = first, last
        self._mistrust()
        self._times = [at for each in self._raw for at in (each.joined, each.left) if at]
        self._chosen = named(hints.times_zone) if hints.times_zone else None
        self._named = date_in(filename)
        self._order = self._settle()
        file_zone = parts_of.stated_in(parts)
        self._stated = [_stated(table) or file_zone for table in parts.tables]

    def _sort(self, read: RawRow | SetAside | Unreadable) -> None:
        match read:
            case RawRow():
                self._raw.append(read)
            case SetAside():
                self._set_aside.append(read)
            case Unreadable():
                self._unreadable.append(read)

    def _mistrust(self) -> None:
        """Of a workbook in which some dates are dates and some are still text, takes out the rows
        in which a spreadsheet program may have swapped day and month."""
        times = [at for each in self._raw for at in (each.joined, each.left) if at]
        if self._contents.delimiter or not any(at.figures for at in times):
            return
        trusted = []
        for row in self._raw:
            if any(may_be_swapped(at, self._session) for at in (row.joined, row.left)):
                self._unreadable.append(
                    Unreadable(row.number, row.table, Remark(SWAPPED), row.who.shown)
                )
            else:
                trusted.append(row)
        self._raw = trusted

    def _settle(self) -> Order:
        day = self._named[0] if self._named else None
        chosen = self._hints.date_order
        found = settle(self._times, self._elsewhere(), self._session, day, chosen)
        if found.settled is Settled.NOT_NEEDED and self._times:
            return Order(None, Settled.FILE_NAME if self._named else Settled.SESSION)
        return found

    def _elsewhere(self) -> Iterator[Written]:
        """Dates that are written as those of the rows, by the same program."""
        for line in self._parts.others:
            yield from filter(None, map(written, line.cells))
        for table in self._parts.tables:
            if Column.REGISTERED in table.places:
                cells = (table.cell(line, Column.REGISTERED) for line in table.lines)
                yield from (at for cell in cells if cell and (at := written(cell)))

    def _clocks(self) -> list[Clock]:
        hints = self._hints
        clocks = []
        for stated in self._stated:
            own = stated or self._chosen
            there = own.info if own else zone(hints.zone)
            starts, ends = (
                each.astimezone(there).replace(tzinfo=None) for each in (hints.starts, hints.ends)
            )
            clocks.append(Clock(self._order, anchor((starts, ends), self._named), own))
        return clocks

    def report(self) -> Report:
        outcome = stays_of(self._raw, self._clocks())
        outcome.set_aside.extend(self._set_aside)
        outcome.unreadable.extend(self._unreadable)
        headers = [each for table in self._parts.tables for each in table.headers]
        layout = self._layout()
        zone_name, known = self._zone()
        rows = closed(outcome.rows, self._hints.open_until)
        return Report(
            provider=self._hints.provider or self._provider(layout),
            layout=layout,
            language=language_of(headers),
            encoding=self._contents.encoding,
            delimiter=self._contents.delimiter,
            date_order=self._order.order,
            settled=self._order.settled,
            zone=zone_name,
            zone_known=known,
            tables=tuple(self._tables(outcome)),
            rows=rows,
            set_aside=tuple(sorted(outcome.set_aside, key=lambda e: (e.table, e.number))),
            unreadable=tuple(sorted(outcome.unreadable, key=lambda e: (e.table, e.number))),
            questions=tuple(self._questions(rows, known)),
            remarks=(*_remarks(self._contents), *self._doubts(rows)),
            title=parts_of.title_of(self._parts)[:200],
        )

    def _layout(self) -> Layout:
        tables = self._parts.tables
        columns = {column for table in tables for column in table.places}
        if Column.ACTION in columns and Column.AT in columns:
            logged = Column.CONNECTION in columns
            return Layout.EVENT_LOG if logged else Layout.EVENTS
        if Column.FIRST_JOINED in columns or any(is_numbered(each.title) for each in tables):
            return Layout.SECTIONS
        if Column.ATTENDED in columns:
            return Layout.WEBINAR
        if not self._times:
            return Layout.TOTALS if self._raw else Layout.JOINS
        dated = any(each.has_date for each in self._times)
        return Layout.JOINS if dated else Layout.CLOCK

    def _provider(self, layout: Layout) -> Provider:
        tables = self._parts.tables
        found = provider_of(each for table in tables for each in table.headers)
        if found is Provider.OTHER and (
            layout in (Layout.EVENTS, Layout.EVENT_LOG)
            or any(is_numbered(each.title) for each in tables)
        ):
            return Provider.TEAMS
        return found

    def _zone(self) -> tuple[str, ZoneKnown]:
        if not self._times:
            return "", ZoneKnown.NOT_NEEDED
        stated: list[StatedZone] = [each for each in self._stated if each]
        cells = [each.zone for each in self._times if each.zone]
        if stated and all(self._stated):
            return stated[0].name, ZoneKnown.STATED
        if len(cells) == len(self._times):
            return cells[0].name, ZoneKnown.STATED
        if self._chosen:
            return self._chosen.name, ZoneKnown.CHOSEN
        return "", ZoneKnown.OPEN

    def _tables(self, outcome: Outcome) -> Iterator[Table]:
        used = {each.table for each in outcome.rows}
        for place, table in enumerate(self._parts.tables):
            covered = sum(
                each.table == place and each.why is Why.ELSEWHERE for each in outcome.set_aside
            )
            names = {shown_name(table, line) for line in table.lines}
            yield Table(
                title=table.title,
                sheet=table.sheet,
                header=table.header.number,
                headers=tuple(each.text for each in table.headers),
                columns=tuple(each.column for each in table.headers),
                rows=len(table.lines),
                names=len(names),
                used=place in used,
                why=Remark(BY_STAYS, {"count": covered}) if covered else None,
            )
        for sheet, title, line in self._parts.sections:
            yield Table(
                title=title,
                sheet=sheet,
                header=line.number,
                headers=line.cells,
                columns=(None,) * len(line.cells),
                rows=0,
                names=0,
                used=False,
                why=Remark(NO_PRESENCE),
            )

    def _questions(self, rows: Sequence[Row], known: ZoneKnown) -> Iterator[Question]:
        hints = self._hints
        if self._order.question:
            yield self._order.question
        if known is ZoneKnown.OPEN:
            stays = [
                (row.joined, row.left) for row in rows if row.joined and row.joined.tzinfo is None
            ]
            session = (hints.starts, hints.ends)
            unclear = next((each.unclear for each in self._times if each.unclear), "")
            yield AskZone(zone_fits(stays, session, hints.zone, hints.zones), unclear)
        unended = [row for row in rows if row.presence is Presence.OPEN]
        if unended and hints.open_until is None:
            yield AskOpenUntil(len(unended), max(_moments(rows)))

    def _doubts(self, rows: Sequence[Row]) -> Iterator[Remark]:
        """What speaks against this file, or the answers that were given."""
        hints = self._hints
        spans = [(row.joined, row.left) for row in rows if row.joined]
        if not spans:
            return
        starts, ends = naive(hints.starts, ""), naive(hints.ends, "")
        plain = [(_plain(joined), _plain(left or joined)) for joined, left in spans]
        if not any(joined <= ends + _NEAR and starts - _NEAR <= left for joined, left in plain):
            yield Remark(OTHER_DAY)
        elif all(joined.tzinfo for joined, _ in spans) and not any(
            joined < ends and (until is None or starts < _plain(until))
            for (joined, _), (_, until) in zip(plain, spans, strict=True)
        ):
            yield Remark(NOBODY_IN)


def _stated(table: Found) -> StatedZone | None:
    columns = (Column.JOINED, Column.FIRST_JOINED, Column.AT, Column.LEFT, Column.LAST_LEFT)
    places = (table.places[each] for each in columns if each in table.places)
    return next((found for place in places if (found := table.headers[place].zone)), None)


def _plain(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


def _moments(rows: Sequence[Row]) -> list[datetime]:
    """All times of one kind: aware ones, or where there are none the naive."""
    every = [at for row in rows for at in (row.joined, row.left) if at]
    return [at for at in every if at.tzinfo] or every

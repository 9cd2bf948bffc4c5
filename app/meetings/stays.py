"""From rows to stays: each row of a file ends up as one, set aside, or unreadable."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.domain.errors import N_
from app.meetings.clocks import Clock
from app.meetings.lines import NO_JOINING, RawRow, Who
from app.meetings.pairing import Event, pair
from app.meetings.values import Presence, Remark, Row, SetAside, Unreadable, Why

ALREADY_IN = N_("Was there already when the list began.")
FIRST_AND_LAST = N_("The file says only when somebody first joined and last left.")
_ROUNDED = 60
"""Seconds by which a sum may be shorter than the time from first to last, and still be all of
it."""


@dataclass(slots=True)
class Outcome:
    """What became of the rows."""

    rows: list[Row] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


def stays_of(raw: Sequence[RawRow], clocks: Sequence[Clock]) -> Outcome:
    """The stays that rows tell of. `clocks` are those of the tables, in their order.

    Where a file has both the sum of each person's stays and the stays, a person's count by the
    stays, and only who is not among them counts by the sum.
    """
    outcome = Outcome()
    one_by_one = _Seen(each.who for each in raw if not each.summed and each.joined is not None)
    events: defaultdict[tuple[object, ...], list[RawRow]] = defaultdict(list)
    for row in raw:
        if row.action is not None:
            # A live event tells connections apart; two devices of one person are two of them.
            events[row.table, row.connection, row.who.key].append(row)
        elif row.summed and row.who in one_by_one:
            outcome.set_aside.append(SetAside(row.number, row.table, row.who.name, Why.ELSEWHERE))
        else:
            _one(row, clocks[row.table], outcome)
    for several in events.values():
        _paired(several, clocks[several[0].table], outcome)
    outcome.rows.sort(key=lambda each: (each.table, each.numbers))
    outcome.unreadable.sort(key=lambda each: (each.table, each.number))
    return outcome


class _Seen:
    """Who was seen, by name and address as far as both are there."""

    def __init__(self, people: Iterable[Who]) -> None:
        self._addresses: set[str] = set()
        self._by_name: defaultdict[str, set[str]] = defaultdict(set)
        for who in people:
            name, address = who.key
            self._addresses.add(address)
            self._by_name[name].add(address)
        self._addresses.discard("")

    def __contains__(self, who: Who) -> bool:
        name, address = who.key
        if address in self._addresses:
            return True
        under_this_name = self._by_name.get(name, set())
        return bool(under_this_name) and (not address or "" in under_this_name)


def _row(raw: RawRow, **more: object) -> Row:
    who = raw.who
    row = Row(
        numbers=(raw.number,),
        table=raw.table,
        name=who.name,
        email=who.email,
        other_name=who.other_name,
        role=who.role,
        markers=who.markers,
    )
    return replace(row, **more)  # type: ignore[arg-type]


def _one(raw: RawRow, clock: Clock, outcome: Outcome) -> None:
    if raw.joined is None and raw.left is None:
        outcome.rows.append(_row(raw, presence=Presence.TOTAL, seconds=raw.seconds))
        return
    if not (clock.settled(raw.joined) and clock.settled(raw.left)):
        outcome.rows.append(_row(raw, presence=Presence.UNSETTLED))
        return
    stay = clock.stay(raw.joined, raw.left, raw.seconds)
    if isinstance(stay, Remark):
        outcome.unreadable.append(Unreadable(raw.number, raw.table, stay, raw.who.shown))
        return
    remarks = stay.remarks
    if raw.summed and stay.left is not None:
        if raw.seconds is None:
            remarks = (*remarks, Remark(FIRST_AND_LAST))
        elif (stay.left - stay.joined).total_seconds() - raw.seconds > _ROUNDED:
            row = _row(raw, presence=Presence.TOTAL, seconds=raw.seconds, remarks=remarks)
            outcome.rows.append(row)
            return
    presence = Presence.OPEN if stay.left is None else Presence.INTERVAL
    outcome.rows.append(
        _row(raw, presence=presence, joined=stay.joined, left=stay.left, remarks=remarks)
    )


def _paired(several: Sequence[RawRow], clock: Clock, outcome: Outcome) -> None:
    """The stays of one person in a list of events."""
    if not all(clock.settled(each.joined) for each in several):
        numbers = tuple(each.number for each in several)
        outcome.rows.append(_row(several[0], presence=Presence.UNSETTLED, numbers=numbers))
        return
    events: list[Event] = []
    noted: dict[int, tuple[Remark, ...]] = {}
    for raw in several:
        if raw.joined is None or raw.action is None:
            continue
        at = clock.at(raw.joined)
        if isinstance(at, Remark):
            outcome.unreadable.append(Unreadable(raw.number, raw.table, at, raw.who.shown))
            continue
        noted[raw.number] = at[1]
        events.append(Event(at[0], raw.action, raw.number))
    stays, stray = pair(events)
    for each in stray:
        first = several[0]
        outcome.unreadable.append(
            Unreadable(each.number, first.table, Remark(NO_JOINING), first.who.shown)
        )
    for stay in stays:
        remarks = [remark for number in stay.numbers for remark in noted[number]]
        if stay.before:
            remarks.append(Remark(ALREADY_IN))
        outcome.rows.append(
            _row(
                several[0],
                numbers=stay.numbers,
                presence=Presence.OPEN if stay.left is None else Presence.INTERVAL,
                joined=stay.joined,
                left=stay.left,
                remarks=tuple(remarks),
            )
        )


def closed(rows: Iterable[Row], until: datetime | None) -> tuple[Row, ...]:
    """The rows with open intervals that end at an instant, as far as they began before it."""

    def one(row: Row) -> Row:
        if until is None or row.presence is not Presence.OPEN or row.joined is None:
            return row
        if row.joined.tzinfo is None:
            return row
        return replace(row, left=max(row.joined, until))

    return tuple(one(row) for row in rows)

"""What stands behind templates/components/plot.html: scales, places and shares, in percent, so that
a plot may be as wide as its place and nothing in it is distorted. Plain values in and out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10

_PARTS = {1: 4, 2: 4, 3: 3, 4: 4, 5: 5, 6: 3, 8: 4}
"""First digits of the top of a scale, and into how many parts such a scale is best divided."""
_CHARACTER = 2.1
"""So much of the width, in percent, a character of a number takes on a narrow screen."""
_WIDE_ENOUGH = 11.0
"""Percent of the width from which on a number has room within its part of a bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its number as a value and in words, its length in percent of the width."""

    value: float
    words: str
    length: float


@dataclass(frozen=True, slots=True)
class BarRow:
    """What is measured, and a bar for each series; one is None where nothing is known."""

    label: str
    bars: tuple[Bar | None, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class BarPlot:
    """Horizontal bars, grouped where there are several series."""

    rows: tuple[BarRow, ...]
    series: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole: its number, the whole percents that it is shown with, where it begins and
    how long it is in percent of the width. `within`: there is room for words in it."""

    value: int
    percent: int
    start: float
    length: float
    within: bool


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A whole and its parts, in the order of the series; empty parts have the length 0."""

    label: str
    total: int
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class SharePlot:
    """Rows of parts, each as wide as the place."""

    rows: tuple[ShareRow, ...]
    series: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a line: places in percent from the start and from the top."""

    value: float
    words: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line: what it shows, its points in order (None: nothing is known there), and the stretches
    to draw as (x1, y1, x2, y2); of a step they go sideways, then up or down."""

    label: str
    points: tuple[Point | None, ...]
    stretches: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class LinePlot:
    """Lines over a row of things in order; `ticks`: (value, place from the top in percent)."""

    labels: tuple[str, ...]
    lines: tuple[Line, ...]
    ticks: tuple[tuple[int, float], ...]


def figure(value: float) -> str:
    """A number as it is written: whole, or with one digit behind the point."""
    return str(round(value)) if value == round(value) else f"{value:.1f}"


def nice_top(value: float) -> int:
    """The smallest of 1, 2, 3, 4, 5, 6, 8, 10, 20, 30 … that is not less; 1 for nothing."""
    if value <= 1:
        return 1
    power = int(10 ** floor(log10(value)))
    return next(n * power for n in (*_PARTS, 10, 20) if n * power >= value)


def ticks(top: int) -> tuple[int, ...]:
    """Whole numbers from 0 to `top` (of `nice_top`) at equal distances: six at most."""
    wanted = _PARTS[int(str(top)[0])]
    parts = next(n for n in (wanted, 5, 2, 1) if top % n == 0)
    return tuple(range(0, top + 1, top // parts))


def percents(parts: Sequence[int]) -> tuple[int, ...]:
    """Whole percents that make 100 together (0 where there is nothing), each less than one away
    from the true share: what is left over goes to the largest remainders, the first of equals."""
    total = sum(parts)
    if not total:
        return tuple(0 for _ in parts)
    found = [part * 100 // total for part in parts]
    remainders = sorted(range(len(parts)), key=lambda i: (-(parts[i] * 100 % total), i))
    for place in remainders[: 100 - sum(found)]:
        found[place] += 1
    return tuple(found)


def bar_plot(
    rows: Iterable[tuple[str, Sequence[float | None]]],
    series: Sequence[str] = ("",),
    *,
    top: float | None = None,
    words: Sequence[Sequence[str]] | None = None,
    notes: Sequence[str] | None = None,
) -> BarPlot:
    """Bars for rows of (label, a value for each series), all on one scale from 0.

    Args:
        top: the value of a bar that takes all the room; the largest, unless given.
        words: what to write at each bar in place of its number; row by row.
        notes: what stands quietly beside each label.
    """
    rows = list(rows)
    values = [v for _, row in rows for v in row if v is not None]
    highest = max([*values, 0.0]) if top is None else top
    said = words or [["" if v is None else figure(v) for v in row] for _, row in rows]
    longest = max((len(one) for row in said for one in row), default=0)
    room = max(97 - _CHARACTER * longest, 40.0)  # behind the longest bar stands its number
    found = []
    for place, (label, row) in enumerate(rows):
        bars: list[Bar | None] = []
        for n, value in enumerate(row):
            if value is None:
                bars.append(None)
                continue
            length = room * min(max(value, 0.0) / highest, 1.0) if highest else 0.0
            bars.append(Bar(value, said[place][n], round(length, 2)))
        found.append(BarRow(label, tuple(bars), notes[place] if notes else ""))
    return BarPlot(tuple(found), tuple(series))


def share_plot(rows: Iterable[tuple[str, Sequence[int]]], series: Sequence[str]) -> SharePlot:
    """Shares for rows of (label, a count for each series)."""
    found = []
    for label, parts in rows:
        total, before, shares = sum(parts), 0, []
        for part, percent in zip(parts, percents(parts), strict=True):
            start = before * 100 / total if total else 0.0
            length = part * 100 / total if total else 0.0
            before += part
            within = length >= _WIDE_ENOUGH
            shares.append(Share(part, percent, round(start, 2), round(length, 2), within))
        found.append(ShareRow(label, total, tuple(shares)))
    return SharePlot(tuple(found), tuple(series))


def line_plot(
    labels: Sequence[str],
    lines: Iterable[tuple[str, Sequence[float | None]]],
    *,
    step: bool = False,
    top: int | None = None,
) -> LinePlot:
    """Lines over `labels`, each as (what it shows, a value for each label), on one scale from 0 to
    `top` (a round number above the largest, unless given). `step`: what holds until the next."""
    lines = list(lines)
    values = [v for _, row in lines for v in row if v is not None]
    highest = top or nice_top(max([*values, 0.0]))
    count = len(labels)

    def x(place: int) -> float:
        return round(100 * (place + 0.5) / count, 2)

    def y(value: float) -> float:
        return round(100 - 100 * min(max(value, 0.0), highest) / highest, 2)

    found = []
    for label, row in lines:
        points = tuple(
            None if value is None else Point(value, figure(value), x(place), y(value))
            for place, value in enumerate(row)
        )
        found.append(Line(label, points, _stretches(points, step=step)))
    scale = tuple((value, y(value)) for value in ticks(highest))
    return LinePlot(tuple(labels), tuple(found), scale)


def _stretches(
    points: Sequence[Point | None], *, step: bool
) -> tuple[tuple[float, float, float, float], ...]:
    """Between neighbours that are both known: a gap stays a gap."""
    found = []
    for one, other in pairwise(points):
        if one is None or other is None:
            continue
        if not step:
            found.append((one.x, one.y, other.x, other.y))
            continue
        found.append((one.x, one.y, other.x, one.y))
        if one.y != other.y:
            found.append((other.x, one.y, other.x, other.y))
    return tuple(found)

"""Scales, places and shares of plots."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web import plots
from app.web.templating import environment

COUNTS = st.lists(st.integers(0, 10_000), min_size=1, max_size=8)


@given(st.floats(0, 1e9))
def test_the_top_of_a_scale_is_a_round_number_not_far_above(value: float) -> None:
    top = plots.nice_top(value)
    assert value <= top <= max(2 * value, 1)
    marks = plots.ticks(top)
    assert (marks[0], marks[-1]) == (0, top)
    assert len(marks) <= 6
    assert len({b - a for a, b in pairwise(marks)}) == 1


@pytest.mark.parametrize(
    ("value", "ticks"),
    [
        (0, (0, 1)),
        (2, (0, 1, 2)),
        (7, (0, 2, 4, 6, 8)),
        (10, (0, 2, 4, 6, 8, 10)),
        (51, (0, 20, 40, 60)),
        (101, (0, 50, 100, 150, 200)),
    ],
)
def test_scales(value: float, ticks: tuple[int, ...]) -> None:
    assert plots.ticks(plots.nice_top(value)) == ticks


@given(COUNTS)
def test_percents_make_a_hundred_and_are_near(parts: list[int]) -> None:
    found, total = plots.percents(parts), sum(parts)
    assert sum(found) == (100 if total else 0)
    for part, percent in zip(parts, found, strict=True):
        assert abs(percent - (100 * part / total if total else 0)) < 1
        assert part or not percent


@given(st.lists(st.tuples(st.text(max_size=5), COUNTS.map(lambda c: (c * 3)[:3])), max_size=6))
def test_bars_are_on_one_scale_and_leave_room_for_their_numbers(
    rows: list[tuple[str, list[int]]],
) -> None:
    plot = plots.bar_plot(rows, ("a", "b", "c"))
    bars = [bar for row in plot.rows for bar in row.bars if bar]
    assert [bar.value for bar in bars] == [value for _, row in rows for value in row]
    assert all(0 <= bar.length <= 97 - 2.1 * len(bar.words) for bar in bars)
    for one, other in pairwise(bars):
        if one.value < other.value:
            assert one.length <= other.length
        if one.value == other.value:
            assert one.length == other.length
        assert (one.length == 0) == (one.value == 0) or one.value < 3  # a hair may round to none


@given(st.lists(st.tuples(st.just("x"), COUNTS.map(lambda c: (c * 4)[:4])), max_size=5))
def test_shares_fill_the_width_side_by_side(rows: list[tuple[str, list[int]]]) -> None:
    for row, (_, parts) in zip(plots.share_plot(rows, "abcd").rows, rows, strict=True):
        assert row.total == sum(parts)
        end = 0.0
        for share, part in zip(row.shares, parts, strict=True):
            assert share.value == part
            assert share.start == pytest.approx(end, abs=0.02)
            end = share.start + share.length
        assert end == pytest.approx(100 if row.total else 0, abs=0.03)


def test_a_gap_in_a_line_stays_a_gap() -> None:
    plot = plots.line_plot("1234", [("x", (10, None, 5, 10))])
    (line,) = plot.lines
    assert plot.ticks == ((0, 100.0), (2, 80.0), (4, 60.0), (6, 40.0), (8, 20.0), (10, 0.0))
    assert [p and (p.x, p.y, p.words) for p in line.points] == [
        (12.5, 0.0, "10"),
        None,
        (62.5, 50.0, "5"),
        (87.5, 0.0, "10"),
    ]
    assert line.stretches == ((62.5, 50.0, 87.5, 0.0),)


def test_a_step_holds_until_the_next() -> None:
    (line,) = plots.line_plot("123", [("x", (5, 10, 10))], step=True).lines
    assert line.stretches == (
        (16.67, 50.0, 50.0, 50.0),
        (50.0, 50.0, 50.0, 0.0),
        (50.0, 0.0, 83.33, 0.0),
    )


def test_figures() -> None:
    assert [plots.figure(v) for v in (0, 3, 3.0, 3.25, 48.96)] == ["0", "3", "3", "3.2", "49.0"]
    assert plots.bar_plot([("x", [1])], words=[["<1>"]]).rows[0].bars[0] == plots.Bar(
        1, "<1>", 90.7
    )


def drawn(macro: str, plot: Any) -> str:
    template = environment("en").from_string(
        '{% import "components/plot.html" as plots with context %}'
        '{{ plots[macro](plot, label, "p") }}'
    )
    return template.render(macro=macro, plot=plot, label="How many <i>", zone="")


@pytest.mark.parametrize("macro", ["bars", "shares", "lines"])
def test_every_figure_stands_in_the_table_too_and_nothing_needs_colour(macro: str) -> None:
    series = ("Enrolled & more", "Attended", "Third", "Fourth", "Fifth")
    values = [(7, 5, 3, 2, 1), (11, 0, 13, 4, 9)]
    plot: Any
    if macro == "bars":
        plot = plots.bar_plot([("One", values[0]), ("Two", values[1])], series)
    elif macro == "shares":
        plot = plots.share_plot([("One", values[0]), ("Two", values[1])], series)
    else:
        rows = list(zip(series, zip(*values, strict=True), strict=True))
        plot = plots.line_plot(("One", "Two"), rows)
    html = drawn(macro, plot)
    table = html.split("<table")[1]
    cells = [int(n) for n in re.findall(r'<td class="figure">(\d+)', table)]
    numbers = [n for row in values for n in row]
    assert [n for n in cells if n not in (18, 37)] == numbers  # and the sums, of shares
    assert table.count("Enrolled &amp; more") == 1
    assert html.count("How many &lt;i&gt;") >= 3
    assert "<i>" not in html
    assert "style=" not in html
    looks = re.findall(
        r'fill="url\(#p-(\w+)\)"|(plot-solid|plot-open)|stroke-dasharray="([^"]+)"', html
    )
    assert len({look for look in looks if any(look)}) == 5


def test_what_is_not_known_is_said() -> None:
    html = drawn("bars", plots.bar_plot([("One", (None,))]))
    assert "not known" in html
    assert html.count("–") == 2  # in the plot and in the table

"""Dates, times and durations: as they are written, and in which order."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.meetings.durations import seconds
from app.meetings.file_names import date_in
from app.meetings.moments import Written, written
from app.meetings.orders import settle
from app.meetings.values import AskDateOrder, Column, DateOrder, Settled
from tests.meetings.reports import hints, one, read, spans

DAY, MONTH = DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST
TEN = datetime(2026, 3, 17, 10, 5)


@pytest.mark.parametrize(
    ("cell", "order", "expected"),
    [
        ("17/03/2026 10:05:00", DAY, TEN),
        ("17/3/2026 10:05", DAY, TEN),
        ("3/17/26, 10:05:00 AM", MONTH, TEN),
        ("03/17/2026 10:05:00 a. m.", MONTH, TEN),
        ("17.03.26, 10:05:00", DAY, TEN),
        ("17-03-2026 10:05", DAY, TEN),
        ("17. 03. 2026 10:05", DAY, TEN),
        ("2026-03-17 10:05:00", None, TEN),
        ("2026/03/17 10:05", None, TEN),
        ("2026-03-17T10:05:00.123", None, TEN),
        ("Mar 17, 2026 10:05 AM", None, TEN),
        ("17 mar. 2026 10:05", None, TEN),
        ("17 de marzo de 2026, 10:05:00 a.m.", None, TEN),
        ("martes, 17 de marzo de 2026 10:05", None, TEN),
        ("terça-feira, 17 de março de 2026 10:05", None, TEN),
        ("mar. 17 mars 2026 10 h 05", None, TEN),
        ("17 mars 2026 à 10:05", None, TEN),
        ("Dienstag, 17. März 2026 um 10:05 Uhr", None, TEN),
        ("10:05 17/03/2026", DAY, TEN),
        ("10:05:00 AM 3/17/2026", MONTH, TEN),
        ("17/03/2026 10:05:00 PM", DAY, TEN + timedelta(hours=12)),
        ("17/03/2026 10:05:00 p. m.", DAY, TEN + timedelta(hours=12)),
        ("17.03.2026 10:05 nachm.", DAY, TEN + timedelta(hours=12)),
        ("17/03/2026 10:05 da noite", DAY, TEN + timedelta(hours=12)),
        ("17/03/2026 22:05 PM", DAY, TEN + timedelta(hours=12)),
        ("17/03/2026 12:05 AM", DAY, datetime(2026, 3, 17, 0, 5)),
        ("17/03/2026 12:05 PM", DAY, datetime(2026, 3, 17, 12, 5)),
    ],
)
def test_written_times(cell: str, order: DateOrder | None, expected: datetime) -> None:
    found = written(cell)
    assert found is not None
    assert found.local(order) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "x",
        "17/03/2026 25:05",
        "17/03/2026 10:65",
        "13:05 AM",
        "32/03/2026 10:05",
        "17/13/2026 10:05",
        "0/3/2026 10:05",
        "17/03/1926 10:05",
        "2026-02-30 10:05",
        "1/2/3/2026 10:05",
        "46098.41",
        "10:05 what is this text that goes on and on, and on, and on, and says nothing at all",
    ],
)
def test_what_is_no_time(cell: str) -> None:
    assert written(cell) is None


def test_a_time_alone() -> None:
    assert written("10:30 PM") == Written(time(22, 30))
    assert written("17/03/2026") == Written(None, figures=(17, 3), year=2026)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)), st.sampled_from([DAY, MONTH]))
def test_figures_come_back_in_their_order(at: datetime, order: DateOrder) -> None:
    at = at.replace(microsecond=0)
    day = "%d/%m" if order is DAY else "%m/%d"
    for clock in ("%H:%M:%S", "%I:%M:%S %p"):
        found = written(at.strftime(f"{day}/%Y {clock}"))
        assert found is not None
        assert found.local(order) == at


days = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@given(st.lists(days, min_size=1, max_size=8), days, st.sampled_from([DAY, MONTH]))
def test_an_order_is_never_settled_wrongly_by_values(
    given_days: list[date], session: date, order: DateOrder
) -> None:
    """What is written in one order is read in it, or in no way that names other days by values."""
    figures = [
        Written(time(10), figures=(d.day, d.month) if order is DAY else (d.month, d.day), year=2026)
        for d in given_days
    ]
    found = settle(figures, [], (session, session), None, None)
    if found.settled in (Settled.VALUE, Settled.FORM):
        assert [each.on(found.order) for each in figures] == given_days
    if any(each.day > 12 for each in given_days):
        assert found.settled is Settled.VALUE
    if found.settled is Settled.OPEN:
        assert isinstance(found.question, AskDateOrder)
    if session in given_days and found.settled is Settled.SESSION:
        near = [each.on(found.order) for each in figures]
        assert any(d and abs(d - session) <= timedelta(days=1) for d in near)
    assert settle(figures[::-1], [], (session, session), None, None) == found


@given(st.lists(days, min_size=1, max_size=5), st.sampled_from([DAY, MONTH]))
def test_what_was_answered_wins(given_days: list[date], order: DateOrder) -> None:
    figures = [Written(time(10), figures=(d.day, d.month), year=2026) for d in given_days]
    found = settle(figures, [], (given_days[0], given_days[0]), given_days[0], order)
    assert (found.order, found.settled) == (order, Settled.CHOSEN)


TABLE = "Name,Join Time,Leave Time\n{}\n"


def row(day: str) -> str:
    return TABLE.format(f"Ana,{day} 10:05,{day} 11:00")


@pytest.mark.parametrize(
    ("name", "order", "settled"),
    [
        ("Ciclo 2026-04-03.csv", DAY, Settled.FILE_NAME),
        ("participants_20260304.csv", MONTH, Settled.FILE_NAME),
        ("Ciclo - Attendance report 4-3-26.csv", None, Settled.OPEN),
        ("report.csv", None, Settled.OPEN),
    ],
)
def test_the_files_name_settles_the_order(
    name: str, order: DateOrder | None, settled: Settled
) -> None:
    report = read(row("03/04/2026"), name)  # neither is near the session
    assert (report.date_order, report.settled) == (order, settled)


@pytest.mark.parametrize(
    ("name", "order", "settled"),
    [
        ("Ciclo.csv", DAY, Settled.SESSION),
        ("Ciclo 2026-04-03.csv", DAY, Settled.SESSION),
        ("Ciclo 2025-01-01.csv", DAY, Settled.SESSION),
        ("Ciclo 2026-03-04.csv", None, Settled.OPEN),  # it may be another session's
    ],
)
def test_the_session_and_the_files_name_agree_or_it_is_asked(
    name: str, order: DateOrder | None, settled: Settled
) -> None:
    report = read(row("03/04/2026"), name, hints(starts=STARTS_IN_APRIL, ends=ENDS_IN_APRIL))
    assert (report.date_order, report.settled) == (order, settled)


STARTS_IN_APRIL = datetime.fromisoformat("2026-04-03T15:00Z")
ENDS_IN_APRIL = datetime.fromisoformat("2026-04-03T17:00Z")


def test_the_same_day_in_both_orders_is_no_question() -> None:
    report = read(row("09/09/2026"))
    assert (report.settled, one(report).presence) == (Settled.FORM, "interval")


def test_both_orders_in_one_file() -> None:
    """As a spreadsheet program leaves it that took for dates what it could."""
    report = read(TABLE.format("Ana,17/03/2026 10:05,17/03/2026 11:00\nInés,03/17/2026 10:05,"))
    assert report.settled is Settled.SESSION or report.questions
    answered = read(
        TABLE.format("Ana,17/03/2026 10:05,17/03/2026 11:00\nInés,03/17/2026 10:05,"),
        given=hints(date_order=DAY, times_zone="America/Bogota"),
    )
    assert spans(answered) == [("Ana", "03-17 15:05:00", "03-17 16:00:00")]
    assert [(each.number, str(each.reason)) for each in answered.unreadable] == [
        (3, "There is no such day in the order of day and month that the file has.")
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2026-03-17 10:30 Ciclo - Attendance Report.csv", (date(2026, 3, 17), time(10, 30))),
        ("2026-03-17 10_30 Ciclo.csv", (date(2026, 3, 17), time(10, 30))),
        ("Ciclo_20260317.csv", (date(2026, 3, 17), None)),
        ("17-03-2026.csv", (date(2026, 3, 17), None)),
        ("Attendance report 3-17-26.csv", (date(2026, 3, 17), None)),
        ("Attendance report 3-4-26.csv", None),
        ("participants_81200000000.csv", None),
        ("2026-13-45.csv", None),
        ("report (3).csv", None),
        ("", None),
    ],
)
def test_dates_in_names_of_files(name: str, expected: tuple[date, time | None] | None) -> None:
    assert date_in(name) == expected


@pytest.mark.parametrize(
    ("cell", "column", "expected"),
    [
        ("1h 49m 22s", Column.DURATION, 6562),
        ("1 h 30 min", Column.DURATION, 5400),
        ("01:49:22", Column.DURATION, 6562),
        ("59 min", Column.DURATION, 3540),
        ("204 mins", Column.DURATION, 12240),
        ("59", Column.MINUTES, 3540),
        ("59", Column.SECONDS, 59),
        ("59,5", Column.MINUTES, 3570),
        ("59.0", Column.MINUTES, 3540),
        ("1.5 hours", Column.DURATION, 5400),
        ("1 hora y 30 minutos", Column.DURATION, 5400),
        ("1 hora e 30 minutos", Column.DURATION, 5400),
        ("1 heure et 30 minutes", Column.DURATION, 5400),
        ("1 Stunde und 30 Minuten", Column.DURATION, 5400),
        ("59 Min. 3 Sek.", Column.DURATION, 3543),
        ("1 Std. 5 Min.", Column.DURATION, 3900),
        ("22 segundos", Column.DURATION, 22),
        ("PT1H", Column.DURATION, 3600),
        ("PT1H2M3.5S", Column.DURATION, 3723),
        ("P1DT1H", Column.DURATION, 90000),
        ("0", Column.MINUTES, 0),
        ("59", Column.DURATION, None),  # of what?
        ("49:22", Column.DURATION, None),  # hours or minutes?
        ("5 min 3 h", Column.DURATION, None),
        ("3 h 3 h", Column.DURATION, None),
        ("5 bananas", Column.DURATION, None),
        ("-5 min", Column.DURATION, None),
        ("PT", Column.DURATION, None),
        ("99999999999999999999", Column.MINUTES, None),
        ("", Column.DURATION, None),
    ],
)
def test_durations(cell: str, column: Column, expected: int | None) -> None:
    assert seconds(cell, column) == expected


UNITS = [
    ("{h}h {m}m {s}s",),
    ("{h} h {m} min {s} s",),
    ("{h}:{m:02}:{s:02}",),
    ("PT{h}H{m}M{s}S",),
    ("{h} hours, {m} minutes and {s} seconds",),
    ("{h} horas {m} minutos y {s} segundos",),
    ("{h} horas, {m} minutos e {s} segundos",),
    ("{h} heures {m} minutes et {s} secondes",),
    ("{h} Std. {m} Min. {s} Sek.",),
    ("{h} Stunden {m} Minuten und {s} Sekunden",),
]


@pytest.mark.parametrize("pattern", [each for (each,) in UNITS])
@given(length=st.integers(0, 47 * 3600))
def test_durations_come_back(pattern: str, length: int) -> None:
    cell = pattern.format(h=length // 3600, m=length // 60 % 60, s=length % 60)
    assert seconds(cell) == length
    assert seconds(cell.upper().replace(" ", "\u00a0")) == length
    assert seconds(str(length), Column.SECONDS) == length


@given(st.text(max_size=200))
def test_any_text_is_a_time_or_is_none(cell: str) -> None:
    found = written(cell)
    assert found is None or found.clock is not None or found.has_date
    assert (seconds(cell) or 0) >= 0
    date_in(cell)

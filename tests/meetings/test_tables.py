"""Tables of no provider, and those of which a person has to say what their columns mean."""

import pytest

from app.meetings.values import (
    AskColumns,
    Column,
    ColumnMap,
    Layout,
    Presence,
    Provider,
    Why,
)
from tests.meetings.reports import at_bogota, hints, one, read, refusal, spans


@pytest.mark.parametrize(
    "text",
    [
        "Name,Joined,Left\nAna,17/03/2026 10:00,17/03/2026 11:00\n",
        "email;entrada;salida\nana@example.org;17/03/2026 10:00;17/03/2026 11:00\n",
        "Nº|Participante|Hora de ingreso|Hora de salida|Notas\n1|Ana|17/03/2026 10:00|17/03/2026 "
        "11:00|x\n",
        "List of today\n\nName\tJoined\tLeft\nAna\t17/03/2026 10:00\t17/03/2026 11:00\n",
    ],
)
def test_any_table_with_people_and_times(text: str) -> None:
    report = read(text)
    assert (report.provider, report.layout) == (Provider.OTHER, Layout.JOINS)
    assert [(joined, left) for _, joined, left in spans(report)] == [
        ("03-17 15:00:00", "03-17 16:00:00")
    ]


def test_a_table_with_people_and_durations() -> None:
    report = read("Participante,Permanencia (minutos)\nAna,59\n")
    assert (report.layout, one(report).seconds) == (Layout.TOTALS, 59 * 60)


UNKNOWN = "Who,From,Until,Tel\nAna,17/03/2026 10:00,17/03/2026 11:00,300123\n"


def test_columns_that_cannot_be_told_are_asked() -> None:
    report = read("Report of today\n" + UNKNOWN)
    assert report.questions == (AskColumns("", 2, ("Who", "From", "Until", "Tel")),)
    assert (report.rows, report.ready, report.layout) == ((), False, Layout.UNKNOWN)
    assert "300123" not in repr(report)


def test_columns_named_by_hand() -> None:
    said = ColumnMap(2, {0: Column.NAME, 1: Column.JOINED, 2: Column.LEFT})
    report = read("Report of today\n" + UNKNOWN, given=at_bogota(mapping=said))
    assert spans(report) == [("Ana", "03-17 15:00:00", "03-17 16:00:00")]
    assert (one(report).numbers, report.ready) == ((3,), True)
    assert report.tables[0].not_kept == ("Tel",)
    assert "300123" not in repr(report)


@pytest.mark.parametrize(
    "said",
    [
        ColumnMap(2, {0: Column.NAME}),  # not when
        ColumnMap(2, {1: Column.JOINED, 2: Column.LEFT}),  # not who
        ColumnMap(99, {0: Column.NAME, 1: Column.JOINED}),  # no such row
        ColumnMap(2, {0: Column.NAME, 1: Column.JOINED}, "Sheet 9"),
        ColumnMap(2, {}),
        ColumnMap(2, {-1: Column.NAME, 10**9: Column.JOINED}),
    ],
)
def test_an_answer_that_does_not_do_is_asked_again(said: ColumnMap) -> None:
    report = read("Report of today\n" + UNKNOWN, given=at_bogota(mapping=said))
    assert [type(each) for each in report.questions] == [AskColumns]


def test_an_answer_goes_before_what_headers_say() -> None:
    """Somebody who knows better than the words above the columns."""
    said = ColumnMap(1, {0: Column.NAME, 2: Column.JOINED, 1: Column.LEFT})
    report = read(
        "Name,Join Time,Leave Time\nAna,17/03/2026 11:00,17/03/2026 10:00\n",
        given=at_bogota(mapping=said),
    )
    assert spans(report) == [("Ana", "03-17 15:00:00", "03-17 16:00:00")]


def test_a_column_beyond_the_headers() -> None:
    said = ColumnMap(1, {0: Column.NAME, 2: Column.MINUTES})
    report = read("Who,What\nAna,x,59\nInés,y,30\n", given=at_bogota(mapping=said))
    assert [row.seconds for row in report.rows] == [59 * 60, 30 * 60]


def test_two_reports_in_one_file() -> None:
    """Somebody put one below the other: the headers come twice."""
    table = "Name,Join Time,Leave Time\n{},17/03/2026 10:00,17/03/2026 11:00\n"
    report = read(table.format("Ana") + table.format("Inés"))
    assert [(row.name, row.table, row.numbers) for row in report.rows] == [
        ("Ana", 0, (2,)),
        ("Inés", 1, (4,)),
    ]


def test_a_person_with_a_name_like_a_header() -> None:
    report = read("Name,Join Time,Leave Time\nName,17/03/2026 10:00,17/03/2026 11:00\n")
    assert [row.name for row in report.rows] == ["Name"]


def test_who_did_not_come_and_who_has_no_time() -> None:
    report = read(
        "Attended,Name,Join Time,Leave Time,Duration (minutes)\n"
        "No,Ana,,,\nNo,Inés,--,--,0\nYes,Paz,,,\nYes,Sol,,,30\n",
        given=hints(),
    )
    assert [(each.name, each.why) for each in report.set_aside] == [
        ("Ana", Why.NO_SHOW),
        ("Inés", Why.NO_SHOW),
    ]
    assert [each.number for each in report.unreadable] == [4]
    assert one(report).presence is Presence.TOTAL


@pytest.mark.parametrize(
    "text",
    [
        "Dear all,\nhere is what was said.\nRegards,\nAna\n",
        "hello",
        "one\ntwo\nthree\n",
        "a,b\n",
        "x,y,z\n",
    ],
)
def test_what_is_no_table(text: str) -> None:
    refused = refusal(text.encode())
    assert (refused.code, refused.reason) == (
        "not_a_report",
        "There is no table in this file, so it is no attendance report.",
    )

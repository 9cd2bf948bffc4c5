"""Whose clock a report shows: stated, answered, suggested; and days on which clocks change."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.zones import UnknownZone
from app.meetings.stated_zones import stated_zone
from app.meetings.values import AskZone, Hints, Report, ZoneFit, ZoneKnown
from app.meetings.zone_fits import zone_fits
from tests.meetings.reports import ENDS, STARTS, at_bogota, hints, one, read, spans

JOINS = "Name,Email,Join Time{},Leave Time{},Duration\n"
ANA = "Ana,,17/03/2026 10:00,17/03/2026 11:00,\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("UTC", "UTC"),
        ("GMT", "UTC"),
        ("(UTC)", "UTC"),
        ("(GMT-05:00)", "UTC-05:00"),
        ("UTC+5:30", "UTC+05:30"),
        ("GMT-5", "UTC-05:00"),
        ("GMT\u22125", "UTC-05:00"),
        ("-03:00", "UTC-03:00"),
        ("America/Lima", "America/Lima"),
        ("america/lima", "America/Lima"),
        ("(UTC-05:00) Bogota, Lima, Quito, Rio Branco", "America/Bogota"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC-03:00) City of Buenos Aires", "America/Argentina/Buenos_Aires"),
        ("(UTC+01:00) Brussels, Copenhagen, Madrid, Paris", "Europe/Madrid"),
        ("(UTC-03:00) Brasilia", "America/Sao_Paulo"),
        ("EST", None),  # of many places
        ("CST", None),
        ("(UTC-03:00) Nowhere", None),  # its summers are not known
        ("UTC-25:00", None),
        ("minutes", None),
        ("", None),
    ],
)
def test_zones_as_files_state_them(text: str, name: str | None) -> None:
    found = stated_zone(text)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        (JOINS.format(" (GMT-03:00)", " (GMT-03:00)") + ANA, "UTC-03:00"),
        (JOINS.format(" (UTC)", "") + ANA, "UTC"),
        (JOINS.format(" (America/Santiago)", "") + ANA, "America/Santiago"),
        ("Time zone,America/Lima\n" + JOINS.format("", "") + ANA, "America/Lima"),
        ("Zona horaria,(UTC-05:00) Bogota\n" + JOINS.format("", "") + ANA, "America/Bogota"),
        ("Meeting,Time Zone\nCiclo,UTC\n" + JOINS.format("", "") + ANA, "UTC"),
        ("Report,x\n(UTC-03:00) Montevideo,x\n" + JOINS.format("", "") + ANA, "America/Montevideo"),
    ],
)
def test_a_stated_zone_is_no_question(text: str, zone: str) -> None:
    # Also where another was answered: the file knows better.
    for given_hints in (hints(), at_bogota()):
        report = read(text, given=given_hints)
        assert (report.zone, report.zone_known) == (zone, ZoneKnown.STATED)
        assert report.questions == ()


def test_a_zone_in_each_time() -> None:
    report = read(
        JOINS.format("", "")
        + "Ana,,2026-03-17T10:00:00-05:00,2026-03-17T16:00:00Z,\n"
        + "Inés,,2026-03-17 12:00 UTC-3,2026-03-17 11:00 (GMT-05:00),\n",
        given=hints(),
    )
    assert spans(report) == [
        ("Ana", "03-17 15:00:00", "03-17 16:00:00"),
        ("Inés", "03-17 15:00:00", "03-17 16:00:00"),
    ]
    assert (report.zone_known, report.questions) == (ZoneKnown.STATED, ())


def test_two_zones_in_one_file_are_none() -> None:
    report = read(
        "Time zone,America/Lima\nZona horaria,America/Santiago\n" + JOINS.format("", "") + ANA,
        given=hints(),
    )
    assert report.zone_known is ZoneKnown.OPEN


def test_letters_behind_a_time_are_told_and_not_believed() -> None:
    report = read(
        JOINS.format("", "") + "Ana,,17/03/2026 10:00 EST,17/03/2026 11:00 EST,\n", given=hints()
    )
    (question,) = report.questions
    assert isinstance(question, AskZone)
    assert question.written == "EST"


def ask(text: str, given_hints: Hints | None = None) -> AskZone:
    report = read(text, given=given_hints or hints())
    (question,) = [each for each in report.questions if isinstance(each, AskZone)]
    return question


def test_the_zone_under_which_people_were_there_is_suggested_first() -> None:
    # The session is from 10 to 12 in Bogotá, from 12 to 14 in Buenos Aires.
    rows = "Ana,,17/03/2026 12:00,17/03/2026 14:01,\nInés,,17/03/2026 11:58,17/03/2026 13:30,\n"
    zones = ("America/Lima", "America/Argentina/Buenos_Aires")
    question = ask(JOINS.format("", "") + rows, hints(zones=zones))
    assert question.fits[0] == ZoneFit("America/Argentina/Buenos_Aires", 2, 2)
    assert "America/Bogota" in [each.zone for each in question.fits]


def test_of_zones_alike_the_sessions_own_is_first() -> None:
    question = ask(JOINS.format("", "") + ANA, hints(zones=("America/Lima", "America/Panama")))
    assert [each.zone for each in question.fits][:3] == [
        "America/Bogota",
        "America/Lima",
        "America/Panama",
    ]


def test_a_zone_that_nobody_named_is_looked_for_last() -> None:
    rows = "Ana,,18/03/2026 00:00,18/03/2026 02:00,\n"  # nine hours before UTC
    assert ask(JOINS.format("", "") + rows).fits[0] == ZoneFit("Etc/GMT-9", 1, 1)


@given(st.integers(-11, 12), st.lists(st.integers(-20, 100), min_size=1, max_size=20))
def test_the_right_offset_fits_as_well_as_any(hours: int, minutes: list[int]) -> None:
    """People who come around the start and stay till the end."""
    there = timedelta(hours=hours)
    stays = [
        (
            (STARTS + timedelta(minutes=each) + there).replace(tzinfo=None),
            (ENDS + there).replace(tzinfo=None),
        )
        for each in minutes
    ]
    name = f"Etc/GMT{-hours:+d}" if hours else "UTC"
    fits = zone_fits(stays, (STARTS, ENDS), "America/Bogota", (name,))
    assert fits[0].rows == len(stays)
    assert name in [each.zone for each in fits]


def test_answers_that_are_no_zone() -> None:
    with pytest.raises(UnknownZone):
        read(ANA, given=hints(times_zone="America/Nowhere"))


def autumn(rows: str, **more: str) -> Report:
    """In Santiago clocks went back from 24:00 to 23:00 on 4 April 2026."""
    given_hints = Hints(
        datetime(2026, 4, 5, 1, tzinfo=UTC),
        datetime(2026, 4, 5, 5, tzinfo=UTC),
        "America/Santiago",
        times_zone="America/Santiago",
    )
    return read("Name,Join Time,Leave Time,Duration\n" + rows, given=given_hints)


def test_a_time_that_clocks_showed_twice() -> None:
    row = one(autumn("Ana,04/04/2026 22:00,04/04/2026 23:30,\n"))
    assert row.left == datetime(2026, 4, 5, 2, 30, tzinfo=UTC)
    assert [str(each) for each in row.remarks] == [
        "Clocks showed 23:30 twice on that day. It is taken as 02:30 UTC."
    ]
    by_duration = one(autumn("Ana,04/04/2026 22:00,04/04/2026 23:30,2 h 30 min\n"))
    assert by_duration.left == datetime(2026, 4, 5, 3, 30, tzinfo=UTC)


def test_somebody_may_leave_by_the_clock_before_they_joined() -> None:
    row = one(autumn("Ana,04/04/2026 23:50,04/04/2026 23:20,\n"))
    assert row.joined == datetime(2026, 4, 5, 2, 50, tzinfo=UTC)
    assert row.left == datetime(2026, 4, 5, 3, 20, tzinfo=UTC)


def test_a_time_that_clocks_never_showed() -> None:
    """In Santiago clocks go from 24:00 to 01:00 on 5 September 2026."""
    given_hints = Hints(
        datetime(2026, 9, 6, 3, tzinfo=UTC),
        datetime(2026, 9, 6, 6, tzinfo=UTC),
        "America/Santiago",
        times_zone="America/Santiago",
    )
    row = one(
        read(
            "Name,Join Time,Leave Time\nAna,06/09/2026 00:30,06/09/2026 02:00\n", given=given_hints
        )
    )
    assert (row.joined, row.left) == (
        datetime(2026, 9, 6, 4, 30, tzinfo=UTC),
        datetime(2026, 9, 6, 5, tzinfo=UTC),
    )
    assert [str(each) for each in row.remarks] == [
        "Clocks never showed 00:30 on that day. It is taken as 04:30 UTC."
    ]


def test_answers_under_which_nobody_was_there_are_pointed_out() -> None:
    report = read(JOINS.format("", "") + ANA, given=hints(times_zone="Asia/Tokyo"))
    assert [str(each) for each in report.remarks] == [
        "By these times nobody was there during the session. Is it the right time zone?"
    ]


def test_past_midnight_without_dates() -> None:
    given_hints = Hints(
        datetime(2026, 3, 18, 4, 30, tzinfo=UTC),
        datetime(2026, 3, 18, 6, 30, tzinfo=UTC),
        "America/Bogota",
        times_zone="America/Bogota",
    )
    text = (
        "First name,Last name,Email,Duration,Time joined,Time exited\n"
        "Ana,Ruiz,,,11:25 PM,1:31 AM\nInés,Paz,,,12:10 AM,1:00 AM\nJoão,Sá,,,1:00 AM,12:59 AM\n"
    )
    report = read(text, given=given_hints)
    assert spans(report) == [
        ("Ana Ruiz", "03-18 04:25:00", "03-18 06:31:00"),
        ("Inés Paz", "03-18 05:10:00", "03-18 06:00:00"),
    ]
    assert [(each.number, str(each.reason)) for each in report.unreadable] == [
        (4, "It says that somebody left before they joined.")
    ]

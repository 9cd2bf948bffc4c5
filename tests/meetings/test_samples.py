"""Every report in shared/provider-reports, held against its manifest and read by eye."""

import json
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.meetings.reading import read_report
from app.meetings.values import (
    AskDateOrder,
    AskOpenUntil,
    AskZone,
    DateOrder,
    Hints,
    Layout,
    Marker,
    Presence,
    Provider,
    Report,
    Role,
    Settled,
    Why,
    ZoneKnown,
)
from tests.meetings.reports import SAMPLES, hints, needs_samples, numbers, spans

pytestmark = needs_samples

MANIFEST: list[dict[str, Any]] = (
    json.loads((SAMPLES / "manifest.json").read_text(encoding="utf-8")) if SAMPLES.is_dir() else []
)


def sample(name: str, given: Hints | None = None) -> Report:
    path = SAMPLES / name
    return read_report(path.read_bytes(), path.name, given or hints())


def session(day: date, **more: Any) -> Hints:
    """A session on that day, from 8 to 23 in UTC."""
    starts = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    return Hints(starts, starts.replace(hour=23), "UTC", **more)


@pytest.mark.parametrize("entry", MANIFEST, ids=[each["file"] for each in MANIFEST])
def test_as_the_manifest_says(entry: dict[str, Any]) -> None:
    report = sample(entry["file"])
    assert [
        {
            "section": table.title or None,
            "columns": len(table.headers),
            "rows": table.rows,
            "distinct_display_names": table.names,
        }
        for table in report.tables
    ] == entry["expect_tables"]
    assert report.provider == entry["provider"]
    assert report.encoding == entry["encoding"]
    assert report.delimiter == entry["delimiter"].replace("TAB", "\t")
    assert report.language == entry["locale"].split()[0].split("-")[0].strip(",")
    # Every row of every table is told once, by its own number.
    assert numbers(report) == sorted(
        number
        for table in report.tables
        for number in range(table.header + 1, table.header + 1 + table.rows)
    )
    assert report.unreadable == ()


def test_all_samples_are_in_the_manifest() -> None:
    files = {str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*.csv")}
    assert {entry["file"] for entry in MANIFEST} == files


def test_layouts() -> None:
    assert {entry["file"]: sample(entry["file"]).layout for entry in MANIFEST} == {
        "teams/en_2022_meeting_summary_rejoins_invitado.csv": Layout.JOINS,
        "teams/en-GB_2022_three_sections_utf8.csv": Layout.SECTIONS,
        "teams/es_2021_attendance_list_events.csv": Layout.EVENTS,
        "teams/pt-BR_2021_attendance_list_downloaded_during_meeting.csv": Layout.EVENTS,
        "teams/en_2020_attendance_list_utf8bom_comma.csv": Layout.EVENTS,
        "teams/en-GB_2020_attendance_list_dayfirst.csv": Layout.EVENTS,
        "zoom/en_unique_users_utf8bom.csv": Layout.TOTALS,
        "zoom/en_2026_webinar_attendee_report.csv": Layout.WEBINAR,
        "zoom/en_2026_webinar_rejoin_three_sections.csv": Layout.WEBINAR,
        "zoom/en_2026_meeting_summary_plus_detail.csv": Layout.JOINS,
        "zoom/en_2026_meeting_flat_list.csv": Layout.JOINS,
        "webex/en_2021_event_attendee_report_utf16le_tsv.csv": Layout.JOINS,
        "meet/en_attendance_report_u202f.csv": Layout.CLOCK,
        "teams/en_2022_live_event_attendee_report.csv": Layout.EVENT_LOG,
        "layouts_es/teams_es_three_sections.csv": Layout.SECTIONS,
        "layouts_es/zoom_es_2025_meeting.csv": Layout.JOINS,
    }


def test_one_table_with_rejoins_and_guests() -> None:
    report = sample(
        "teams/en_2022_meeting_summary_rejoins_invitado.csv",
        session(date(2022, 9, 16), times_zone="UTC"),
    )
    assert (report.date_order, report.settled) == (DateOrder.MONTH_FIRST, Settled.VALUE)
    assert report.title == "Ciclo sintético – sesión 1"
    assert [span for span in spans(report) if span[0] == "Elena Furtado Rebolledo"] == [
        ("Elena Furtado Rebolledo", "09-16 17:58:36", "09-16 19:49:07"),
        ("Elena Furtado Rebolledo", "09-16 19:50:17", "09-16 19:50:39"),
        ("Elena Furtado Rebolledo", "09-16 20:08:55", "09-16 20:09:20"),
    ]
    guests = [(row.name, row.email) for row in report.rows if Marker.GUEST in row.markers]
    assert guests == [("valentín baroja", ""), ("Tomás Valdivieso", "")]
    assert Counter(row.role for row in report.rows) == {Role.ORGANIZER: 1, Role.PRESENTER: 24}
    assert (report.ready, report.questions) == (True, ())


def test_sums_are_not_counted_beside_the_stays() -> None:
    report = sample("teams/en-GB_2022_three_sections_utf8.csv")
    assert {row.table for row in report.rows} == {1}
    assert {(each.table, each.why) for each in report.set_aside} == {(0, Why.ELSEWHERE)}
    assert [table.used for table in report.tables] == [False, True]
    assert str(report.tables[0].why).startswith("8 of its rows are sums of what another")
    assert report.tables[1].why is None
    first = report.rows[0]
    assert (first.name, first.markers) == ("ANA ALDAMA", frozenset({Marker.EXTERNAL}))


def test_who_is_only_in_the_sums_is_not_lost() -> None:
    report = sample("layouts_es/teams_es_three_sections.csv", hints(times_zone="America/Bogota"))
    assert spans(report) == [
        ("Ana Aldama", "03-17 14:58:02", "03-17 16:31:40"),
        ("Carla Pizarro", "03-17 15:20:11", "03-17 16:00:20"),
        ("read.ai meeting notes", "03-17 15:00:00", "03-17 16:31:00"),
        ("Bruno Hinestroza", "03-17 15:05:00", "03-17 15:35:00"),
        ("Bruno Hinestroza", "03-17 15:49:57", "03-17 16:10:00"),
    ]
    assert [row.markers for row in report.rows] == [
        set(),
        {Marker.UNVERIFIED},
        {Marker.UNVERIFIED, Marker.MACHINE},
        {Marker.EXTERNAL},
        {Marker.EXTERNAL},
    ]
    assert [(each.number, each.why) for each in report.set_aside] == [(12, Why.ELSEWHERE)]


def test_events_in_spanish() -> None:
    report = sample("teams/es_2021_attendance_list_events.csv", session(date(2021, 2, 23)))
    assert (report.date_order, report.settled) == (DateOrder.DAY_FIRST, Settled.VALUE)
    assert [(row.numbers, row.presence) for row in report.rows[:4]] == [
        ((2, 3), Presence.INTERVAL),
        ((4,), Presence.OPEN),
        ((5, 6, 7), Presence.INTERVAL),  # was there before, joined again: one stay
        ((8, 9), Presence.INTERVAL),
    ]
    assert spans(report)[:4] == [
        ("ANA ALDAMA", "02-23 08:30:03", "02-23 08:30:03"),
        ("ANA ALDAMA", "02-23 08:30:25", "?"),
        ("BRUNO HINESTROZA REBOLLEDO", "02-23 08:30:03", "02-23 11:40:16"),
        ("BRUNO HINESTROZA REBOLLEDO", "02-23 14:26:00", "02-23 14:28:38"),
    ]
    assert [type(each) for each in report.questions] == [AskZone, AskOpenUntil]
    assert report.questions[1] == AskOpenUntil(1, datetime(2021, 2, 23, 14, 28, 38))


def test_events_downloaded_during_the_meeting() -> None:
    given = session(date(2021, 3, 30), times_zone="UTC")
    report = sample("teams/pt-BR_2021_attendance_list_downloaded_during_meeting.csv", given)
    assert Counter(row.presence for row in report.rows) == {
        Presence.OPEN: 36,
        Presence.INTERVAL: 8,
    }
    last = datetime(2021, 3, 30, 22, 57, 58, tzinfo=UTC)
    assert report.questions == (AskOpenUntil(36, last),)
    assert report.ready
    until = session(date(2021, 3, 30), times_zone="UTC", open_until=last)
    closed = sample("teams/pt-BR_2021_attendance_list_downloaded_during_meeting.csv", until)
    ends = {row.left for row in closed.rows if row.presence is Presence.OPEN}
    assert (ends, closed.questions) == ({last}, ())


@pytest.mark.parametrize(
    ("name", "day", "order"),
    [
        ("en_2020_attendance_list_utf8bom_comma.csv", date(2020, 11, 4), DateOrder.MONTH_FIRST),
        ("en_2020_attendance_list_utf8bom_comma.csv", date(2020, 4, 11), DateOrder.DAY_FIRST),
        ("en-GB_2020_attendance_list_dayfirst.csv", date(2020, 12, 11), DateOrder.DAY_FIRST),
        ("en-GB_2020_attendance_list_dayfirst.csv", date(2020, 11, 12), DateOrder.MONTH_FIRST),
    ],
)
def test_the_session_settles_the_order(name: str, day: date, order: DateOrder) -> None:
    report = sample(f"teams/{name}", session(day))
    assert (report.date_order, report.settled) == (order, Settled.SESSION)
    assert {row.joined.date() for row in report.rows if row.joined} == {day}


def test_an_order_that_nothing_settles_is_asked() -> None:
    report = sample("teams/en-GB_2020_attendance_list_dayfirst.csv")
    assert (report.date_order, report.settled) == (None, Settled.OPEN)
    assert report.questions[0] == AskDateOrder("11/12/2020", date(2020, 12, 11), date(2020, 11, 12))
    assert not report.ready
    assert {(row.presence, row.joined) for row in report.rows} == {(Presence.UNSETTLED, None)}
    answered = sample(
        "teams/en-GB_2020_attendance_list_dayfirst.csv", hints(date_order=DateOrder.DAY_FIRST)
    )
    assert (answered.date_order, answered.settled) == (DateOrder.DAY_FIRST, Settled.CHOSEN)
    assert len(answered.rows) == 19
    assert [type(each) for each in answered.questions] == [AskZone]


def test_totals_without_times() -> None:
    report = sample("zoom/en_unique_users_utf8bom.csv")
    assert [(row.name, row.presence, row.seconds) for row in report.rows] == [
        ("Tomás Jara", Presence.TOTAL, 59 * 60),
        ("jara quiroga inés", Presence.TOTAL, 146 * 60),
        ("Bruno OtroDato Toledo", Presence.TOTAL, 146 * 60),
    ]
    assert (report.settled, report.zone_known) == (Settled.NOT_NEEDED, ZoneKnown.NOT_NEEDED)
    assert (report.questions, report.ready) == ((), True)


def test_a_webinar_with_who_did_not_come() -> None:
    given = session(date(2026, 8, 9), times_zone="UTC")
    report = sample("zoom/en_2026_webinar_attendee_report.csv", given)
    assert report.settled is Settled.SESSION
    assert [(row.name, row.role) for row in report.rows] == [
        ("Smoke Host", Role.HOST),
        ("Buyer Person", Role.ATTENDEE),
        ("Grumpy Person", Role.ATTENDEE),
    ]
    assert [(each.name, each.number, each.why) for each in report.set_aside] == [
        ("Noshow Person", 12, Why.NO_SHOW)
    ]
    assert report.tables[1].not_kept == (
        "Phone",
        "Registration Time",
        "Approval Status",
        "Country/Region Name",
    )
    assert "9000000001" not in repr(report)


def test_a_date_elsewhere_in_the_file_settles_the_order() -> None:
    report = sample("zoom/en_2026_webinar_rejoin_three_sections.csv")
    assert (report.date_order, report.settled) == (DateOrder.MONTH_FIRST, Settled.VALUE)
    alice = [row for row in report.rows if row.name == "Alice"]
    assert sum((row.left - row.joined).seconds for row in alice if row.left and row.joined) == (
        85 * 60
    )
    assert [row.role for row in report.rows] == [
        Role.HOST,
        Role.PANELIST,
        *[Role.ATTENDEE] * 3,
    ]


def test_waiting_is_not_presence() -> None:
    report = sample("layouts_es/zoom_es_2025_meeting.csv", hints(times_zone="America/Bogota"))
    assert spans(report) == [
        ("Bruno Hinestroza", "03-17 15:00:06", "03-17 16:31:40"),
        ("Carla Pizarro", "03-17 15:20:11", "03-17 16:00:20"),
    ]
    assert report.rows[0].other_name == "iPhone de Bruno"
    assert [(each.number, each.why) for each in report.set_aside] == [(5, Why.WAITING_ROOM)]


def test_times_wrapped_as_formulas() -> None:
    given = session(date(2021, 6, 14), times_zone="UTC")
    report = sample("webex/en_2021_event_attendee_report_utf16le_tsv.csv", given)
    assert (report.date_order, report.settled) == (DateOrder.YEAR_FIRST, Settled.FORM)
    assert spans(report)[0] == ("host", "06-14 16:58:50", "06-14 20:22:49")
    assert report.title == "Test Event"


def test_times_without_a_date() -> None:
    data = (SAMPLES / "meet/en_attendance_report_u202f.csv").read_bytes()
    by_name = read_report(data, "2026-03-17 22:25 Ciclo - Attendance Report.csv", hints())
    assert by_name.settled is Settled.FILE_NAME
    assert spans(by_name) == [("Ana Aldama", "03-17 22:30:00", "03-17 23:25:00")]
    late = Hints(
        datetime(2026, 3, 18, 3, 30, tzinfo=UTC),
        datetime(2026, 3, 18, 4, 30, tzinfo=UTC),
        "America/Bogota",
        times_zone="America/Bogota",
    )
    by_session = read_report(data, "report.csv", late)
    assert by_session.settled is Settled.SESSION
    assert spans(by_session) == [("Ana Aldama", "03-18 03:30:00", "03-18 04:25:00")]


def test_a_live_event_is_in_utc() -> None:
    given = session(date(2022, 1, 25))
    report = sample("teams/en_2022_live_event_attendee_report.csv", given)
    assert (report.zone, report.zone_known) == ("UTC", ZoneKnown.STATED)
    assert [(row.email, row.numbers, row.presence) for row in report.rows] == [
        ("johndoe@test.net", (2, 4), Presence.INTERVAL),
        ("mbrigs@corp.co", (3,), Presence.OPEN),
    ]
    assert report.rows[0].left == datetime(2022, 1, 25, 17, 25, 54, tzinfo=UTC)
    assert "Mozila" not in repr(report.rows)


def test_whose_clock_is_asked_and_the_own_one_suggested() -> None:
    report = sample("layouts_es/zoom_es_2025_meeting.csv")
    assert (report.zone, report.zone_known, report.ready) == ("", ZoneKnown.OPEN, False)
    (question,) = report.questions
    assert isinstance(question, AskZone)
    assert (question.fits[0].zone, question.fits[0].rows) == ("America/Bogota", 2)
    assert all(row.joined and row.joined.tzinfo is None for row in report.rows)


def test_a_file_of_another_day_is_pointed_out() -> None:
    right = sample("layouts_es/zoom_es_2025_meeting.csv")
    wrong = sample("zoom/en_2026_meeting_flat_list.csv")
    assert [str(each) for each in right.remarks] == []
    assert [str(each) for each in wrong.remarks] == [
        "No row of this file is from the day of the session. Is it the right file?"
    ]


def test_providers_named_by_hand() -> None:
    report = sample("zoom/en_2026_meeting_flat_list.csv", hints(provider=Provider.OTHER))
    assert report.provider is Provider.OTHER

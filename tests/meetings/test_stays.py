"""From rows to stays: joinings and leavings, sums, what is set aside and what cannot be read."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.meetings.pairing import Event, pair
from app.meetings.values import (
    AskOpenUntil,
    Layout,
    Marker,
    Presence,
    Role,
    Why,
)
from app.meetings.words import Action, without_markers
from tests.meetings.reports import (
    ENDS,
    at_bogota,
    hints,
    one,
    read,
    spans,
)

JOINS = "Name,Email,Join Time,Leave Time,Duration (minutes)\n"
START = datetime(2026, 3, 17, 10)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def events(*pairs: tuple[int, Action]) -> list[Event]:
    return [Event(at(minute), action, place) for place, (minute, action) in enumerate(pairs, 2)]


actions = st.sampled_from(list(Action))
distinct = st.lists(
    st.tuples(st.integers(0, 600), actions), max_size=30, unique_by=lambda pair: pair[0]
)


@given(distinct, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_where_times_differ(
    pairs: list[tuple[int, Action]], random: object
) -> None:
    straight = events(*pairs)
    mixed = [*straight]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert pair(mixed) == pair(straight)


@given(st.lists(st.tuples(st.integers(0, 60), actions), max_size=30))
def test_every_event_is_in_one_stay_or_stray(pairs: list[tuple[int, Action]]) -> None:
    given_events = events(*pairs)
    stays, stray = pair(given_events)
    told = [number for stay in stays for number in stay.numbers] + [e.number for e in stray]
    assert sorted(told) == [each.number for each in given_events]
    assert {each.action for each in stray} <= {Action.LEFT}
    # One after the other, only the last perhaps without an end.
    for stay, following in pairwise(stays):
        assert stay.left is not None
        assert stay.joined <= stay.left <= following.joined
    assert all(stay.left is None or stay.joined <= stay.left for stay in stays)


def test_somebody_who_joins_twice_was_in_all_the_time() -> None:
    stays, stray = pair(
        events((0, Action.BEFORE), (1, Action.JOINED), (30, Action.LEFT), (31, Action.LEFT))
    )
    assert [(stay.joined, stay.left, stay.numbers, stay.before) for stay in stays] == [
        (at(0), at(30), (2, 3, 4), True)
    ]
    assert [each.number for each in stray] == [5]


EVENTS = "Full Name\tUser Action\tTimestamp\n"


def event(name: str, action: str, clock: str) -> str:
    return f"{name}\t{action}\t17/03/2026 {clock}\n"


@given(st.permutations(range(6)))
def test_rows_of_different_people_may_be_mixed(order: list[int]) -> None:
    rows = [
        event("Ana", "Joined", "10:00:00"),
        event("Ana", "Left", "10:30:00"),
        event("Ana", "Joined", "10:40:00"),
        event("Inés", "Joined", "10:01:00"),
        event("Inés", "Joined", "10:02:00"),
        event("Inés", "Left", "10:50:00"),
    ]
    report = read(EVENTS + "".join(rows[place] for place in order))
    assert sorted(spans(report)) == [
        ("Ana", "03-17 15:00:00", "03-17 15:30:00"),
        ("Ana", "03-17 15:40:00", "?"),
        ("Inés", "03-17 15:01:00", "03-17 15:50:00"),
    ]


def test_what_cannot_be_read_in_a_list_of_events() -> None:
    report = read(
        EVENTS
        + event("Ana", "Left", "10:00:00")
        + event("Ana", "Fell asleep", "10:00:00")
        + event("", "Joined", "10:00:00")
        + event("Ana", "Joined", "25:00:00")
        + "Ana\tJoined\t\n"
    )
    assert [(each.number, str(each.reason)) for each in report.unreadable] == [
        (2, "It says when somebody left, but not when they joined."),
        (3, "“Fell asleep” under “User Action” is neither joining nor leaving."),
        (4, "There is neither a name nor an address."),
        (5, "“17/03/2026 25:00:00” under “Timestamp” is no date or time that can be read."),
        (6, "It says neither when somebody was there nor for how long."),
    ]


def test_connections_of_a_live_event_are_told_apart() -> None:
    report = read(
        "SessionId,ParticipantId,FullName,UserAgent,UtcEventTimestamp,Action,Role\n"
        "a,ana@example.org,Ana,Mozilla,3/17/2026 3:00:00 PM,Joined,Attendee\n"
        "b,ana@example.org,Ana,Mozilla,3/17/2026 3:10:00 PM,Joined,Presenter\n"
        "a,ana@example.org,Ana,Mozilla,3/17/2026 3:20:00 PM,Left,Attendee\n",
        given=hints(),
    )
    assert report.layout is Layout.EVENT_LOG
    assert spans(report) == [
        ("Ana", "03-17 15:00:00", "03-17 15:20:00"),
        ("Ana", "03-17 15:10:00", "?"),
    ]
    assert [row.role for row in report.rows] == [Role.ATTENDEE, Role.PRESENTER]


def test_an_open_stay_is_asked_about_and_closed_by_the_answer() -> None:
    text = JOINS + "Ana,,17/03/2026 10:00,,\nInés,,17/03/2026 10:00,17/03/2026 10:30,30\n"
    report = read(text)
    last = datetime.fromisoformat("2026-03-17T15:30Z")
    assert report.questions == (AskOpenUntil(1, last),)
    assert (report.ready, report.rows[0].left) == (True, None)
    closed = read(text, given=at_bogota(open_until=ENDS))
    assert closed.questions == ()
    assert (closed.rows[0].presence, closed.rows[0].left) == (Presence.OPEN, ENDS)
    early = datetime.fromisoformat("2026-03-17T14:00Z")
    never = read(text, given=at_bogota(open_until=early)).rows[0]
    assert never.joined == never.left  # it cannot end before it began


def test_what_cannot_be_read_in_a_table() -> None:
    report = read(
        JOINS
        + ",,17/03/2026 10:00,17/03/2026 11:00,60\n"
        + "Ana,,17/03/2026 11:00,17/03/2026 10:00,60\n"
        + "Ana,,,17/03/2026 10:00,\n"
        + "Ana,,,,\n"
        + "Ana,,,,soon\n"
        + "Ana,,tomorrow,17/03/2026 10:00,\n"
    )
    assert [(each.number, str(each.reason)) for each in report.unreadable] == [
        (2, "There is neither a name nor an address."),
        (3, "It says that somebody left before they joined."),
        (4, "It says when somebody left, but not when they joined."),
        (5, "It says neither when somebody was there nor for how long."),
        (6, "“soon” under “Duration (minutes)” is no duration that can be read."),
        (7, "“tomorrow” under “Join Time” is no date or time that can be read."),
    ]
    assert report.rows == ()


def test_a_missing_time_is_worked_out_from_the_duration() -> None:
    report = read(JOINS + "Ana,,17/03/2026 10:00,,60\nInés,,,17/03/2026 11:00,30\n")
    assert spans(report) == [
        ("Ana", "03-17 15:00:00", "03-17 16:00:00"),
        ("Inés", "03-17 15:30:00", "03-17 16:00:00"),
    ]
    assert {str(row.remarks[0]) for row in report.rows} == {
        "One of the two times is missing. It was worked out from the duration."
    }


def test_a_figure_that_is_too_large_is_not_told_to_say_its_unit() -> None:
    report = read("Name,Duration (minutes)\nAna,99999999999999999999\nEva,30\n")
    assert [(each.number, each.name, str(each.reason)) for each in report.unreadable] == [
        (
            2,
            "Ana",
            "“99999999999999999999” under “Duration (minutes)” is no duration that can be read.",
        )
    ]


def test_a_figure_without_a_unit_is_not_guessed() -> None:
    report = read("Name,Duration\nAna,59\nInés,59 min\n")
    assert [(each.number, str(each.reason)) for each in report.unreadable] == [
        (2, "“59” under “Duration” is in no unit: say in the header if it is minutes.")
    ]
    assert one(report).seconds == 59 * 60


def test_the_times_count_and_not_the_minutes() -> None:
    row = one(read(JOINS + "Ana,,17/03/2026 10:00:30,17/03/2026 10:59:54,999\n"))
    assert (row.presence, row.seconds) == (Presence.INTERVAL, None)
    assert row.left is not None
    assert row.joined is not None
    assert row.left - row.joined == timedelta(minutes=59, seconds=24)


SUMS = (
    "2. Participants\nName\tFirst Join\tLast Leave\tIn-Meeting Duration\tEmail\n"
    "Ana\t17/03/2026 10:00:00\t17/03/2026 11:00:00\t1h\tana@example.org\n"
    "Inés\t17/03/2026 10:00:00\t17/03/2026 11:00:00\t40m\tines@example.org\n"
    "Paz\t17/03/2026 10:00:00\t17/03/2026 11:00:00\t\tpaz@example.org\n"
)


def test_sums_alone() -> None:
    report = read(SUMS)
    assert [(row.name, row.presence, row.seconds) for row in report.rows] == [
        ("Ana", Presence.INTERVAL, None),  # the whole time from first to last
        ("Inés", Presence.TOTAL, 40 * 60),  # was away for a while, nobody knows when
        ("Paz", Presence.INTERVAL, None),
    ]
    assert [str(each) for each in report.rows[2].remarks] == [
        "The file says only when somebody first joined and last left."
    ]
    assert report.layout is Layout.SECTIONS


def test_sums_count_for_nobody_who_has_stays() -> None:
    """By address; by name only where one of the two has none."""
    report = read(
        SUMS
        + "\n3. In-Meeting Activities\nName\tJoin Time\tLeave Time\tEmail\n"
        + "Ana R.\t17/03/2026 10:00:00\t17/03/2026 10:20:00\tANA@example.org\n"
        + "Inés\t17/03/2026 10:00:00\t17/03/2026 10:20:00\t\n"
        + "Paz\t17/03/2026 10:00:00\t17/03/2026 10:20:00\tother.paz@example.org\n"
    )
    assert [(each.name, each.why) for each in report.set_aside] == [
        ("Ana", Why.ELSEWHERE),
        ("Inés", Why.ELSEWHERE),
    ]
    assert [(row.name, row.table) for row in report.rows] == [
        ("Paz", 0),
        ("Ana R.", 1),
        ("Inés", 1),
        ("Paz", 1),
    ]


@pytest.mark.parametrize(
    ("shown", "name", "markers"),
    [
        ("Ana (Externo)", "Ana", {Marker.EXTERNAL}),
        ("Ana (Invitado)", "Ana", {Marker.GUEST}),
        ("Ana (Guest)", "Ana", {Marker.GUEST}),
        ("Ana (Convidado)", "Ana", {Marker.GUEST}),
        ("Ana (Gast)", "Ana", {Marker.GUEST}),
        ("Ana (Invité)", "Ana", {Marker.GUEST}),
        ("Ana (Unverified)", "Ana", {Marker.UNVERIFIED}),
        ("Ana (No comprobado)", "Ana", {Marker.UNVERIFIED}),
        ("Ana (Não verificado)", "Ana", {Marker.UNVERIFIED}),
        ("Ana (Nicht überprüft)", "Ana", {Marker.UNVERIFIED}),
        ("Ana (Non vérifié)", "Ana", {Marker.UNVERIFIED}),
        ("ANA (EXT) (Invitado)", "ANA", {Marker.GUEST, Marker.EXTERNAL}),
        ("Ana (Chile)", "Ana (Chile)", set()),
        ("Ana (Chile) (Guest)", "Ana (Chile)", {Marker.GUEST}),
        ("Otter.ai (Unverified)", "Otter.ai", {Marker.UNVERIFIED, Marker.MACHINE}),
        ("Fireflies.ai Notetaker Ana", "Fireflies.ai Notetaker Ana", {Marker.MACHINE}),
        ("Nota Pérez", "Nota Pérez", set()),
    ],
)
def test_what_stands_behind_a_name(shown: str, name: str, markers: set[Marker]) -> None:
    assert without_markers(shown) == (name, frozenset(markers))


@pytest.mark.parametrize(
    ("email", "account", "expected"),
    [
        ("ana@example.org", "other@example.org", "ana@example.org"),
        ("", "ana@example.org", "ana@example.org"),
        ("-", "ana@example.org", "ana@example.org"),
        ("", "ana_example.org#EXT#@firm.onmicrosoft.com", ""),
        ("", "8:teamsvisitor:0f1e", ""),
        ("no address", "", ""),
        ("a" * 300 + "@example.org", "", ""),
    ],
)
def test_addresses(email: str, account: str, expected: str) -> None:
    report = read(
        "Name,Email,Participant ID (UPN),Join Time,Leave Time\n"
        f"Ana,{email},{account},17/03/2026 10:00,17/03/2026 11:00\n"
    )
    assert one(report).email == expected


def test_two_rows_alike_are_two_rows() -> None:
    line = "Ana,ana@example.org,17/03/2026 10:00,17/03/2026 11:00,60\n"
    assert [row.numbers for row in read(JOINS + line + line).rows] == [(2,), (3,)]


SOME_CELLS = """
|Ana|Inés (Guest)|ana@example.org|17/03/2026 10:00|17/03/2026 11:30:00|10:15 AM
|2026-03-17T15:00:00Z|59|1 h|0|Yes|No|Joined|Left|-|?
"""
SOME_HEADERS = """
Name|First Name|Last Name|Email|Join Time|Leave Time|First Join|Last Leave|Duration
|Duration (minutes)|User Action|Timestamp|Attended|In Waiting Room|Guest|Role|Phone|SessionId
"""
CELLS = st.sampled_from(SOME_CELLS.replace("\n", "").split("|"))
HEADERS = st.lists(
    st.sampled_from(SOME_HEADERS.replace("\n", "").split("|")), min_size=2, max_size=8
)


@given(HEADERS, st.lists(st.lists(CELLS, min_size=1, max_size=8), min_size=1, max_size=8))
def test_every_row_is_told_once(headers: list[str], rows: list[list[str]]) -> None:
    text = ",".join(["Name", "Join Time", *headers]) + "\n"
    report = read(text + "".join(",".join(row) + "\n" for row in rows))
    told = [(row.table, number) for row in report.rows for number in row.numbers]
    told += [(each.table, each.number) for each in report.set_aside]
    told += [(each.table, each.number) for each in report.unreadable]
    assert len(told) == len(set(told)) == sum(table.rows for table in report.tables)

"""Conflicts, each by hand: what is said, at which row, and where it stops being one."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.conflict_sessions import meeting_place, same_room
from app.domain.conflicts import (
    ERRORS,
    HINTS,
    SENTENCES,
    Code,
    Conflict,
    RefKind,
    Severity,
    conflicts,
)
from app.domain.schedule import (
    CycleInstitution,
    InstitutionRole,
    PartRole,
    Schedule,
    SegmentKind,
    Session,
    SessionStatus,
)
from app.domain.sentences import fill
from tests.domain.build import LONG_BEFORE, ZERO, at, cycle, part, segment, session
from tests.plain import plain

HOST = PartRole.HOST
MODERATOR = PartRole.MODERATOR
PANELIST = PartRole.PANELIST
TICK = timedelta.resolution


def find(schedule: Schedule, *others: Schedule, now: datetime = LONG_BEFORE) -> list[Conflict]:
    return list(conflicts(schedule, others, holidays={}, now=now))


def codes(schedule: Schedule, *others: Schedule, now: datetime = LONG_BEFORE) -> list[Code]:
    return [each.code for each in find(schedule, *others, now=now)]


def said(conflict: Conflict) -> str:
    return fill(conflict.message, conflict.params, plain)


def whole(number: int, starts: float = 0, ends: float = 60, **fields: object) -> Session:
    """A session in order, with one segment and a host of its own."""
    host = segment(f"g{number}", starts, ends, part(f"host{number}", HOST))
    return session(number, starts, ends, host, **fields)


def test_nothing_to_say_about_a_schedule_in_order() -> None:
    assert find(cycle(whole(1), whole(2, 60, 120))) == []


def test_every_code_has_its_sentence_and_a_way_out() -> None:
    assert (set(SENTENCES), set(HINTS)) == (set(Code), set(Code))


# --- one person in two places ---------------------------------------------------------------


def two(*, second: float, role: PartRole = PartRole.SPEAKER) -> Schedule:
    return cycle(
        session(
            1,
            0,
            60,
            segment("a", 0, 30, part("ana", HOST), part("ana")),
            segment("b", second, 60, part("ana", role)),
        )
    )


def test_one_person_in_two_segments_of_a_session() -> None:
    (found,) = find(two(second=20))
    assert said(found) == (
        "Ana is in “A” and “B” at the same time, 2026-08-26 09:20–09:30 (America/Bogota)."
    )
    assert (found.code, found.severity) == (Code.PERSON_IN_TWO_SEGMENTS, Severity.ERROR)
    assert (found.subject.kind, found.subject.id, found.other and found.other.id) == (
        RefKind.SEGMENT,
        "a",
        "b",
    )
    assert (found.session_number, found.segment_id, found.person_id) == (1, "a", "ana")
    assert (found.starts, found.ends) == (at(20), at(30))


def test_one_after_the_other_is_fine() -> None:
    assert codes(two(second=30)) == []


def test_two_roles_in_one_segment_are_fine_but_one_role_twice_is_not() -> None:
    fine = segment("a", 0, 60, part("ana", HOST), part("ana", MODERATOR))
    assert codes(cycle(session(1, 0, 60, fine))) == []
    twice = segment("a", 0, 60, part("ana", HOST, id="p"), part("ana", HOST, id="q"))
    (found,) = find(cycle(session(1, 0, 60, twice)))
    assert (found.code, found.severity) == (Code.DUPLICATE_PART, Severity.WARNING)
    assert said(found) == "Ana is in “A” twice as host."


def test_one_person_in_two_sessions() -> None:
    found = find(
        cycle(
            session(1, 0, 60, segment("a", 0, 60, part("ana", HOST))),
            session(2, 30, 90, segment("b", 30, 90, part("ana", HOST))),
        )
    )
    assert [each.code for each in found] == [Code.PERSON_IN_TWO_SESSIONS, Code.SESSIONS_OVERLAP]
    assert said(found[0]) == (
        "Ana is in “A” of session 1 and in “B” of session 2 at the same time, "
        "2026-08-26 09:30–10:00 (America/Bogota)."
    )


def elsewhere(starts: float, status: SessionStatus = SessionStatus.SCHEDULED) -> Schedule:
    held = segment("x", starts, starts + 60, part("host1"))
    return cycle(session(7, starts, starts + 60, held, id="o", status=status), id="c2")


def test_one_person_in_two_cycles() -> None:
    (found,) = find(cycle(whole(1)), elsewhere(45))
    assert said(found) == (
        "Host1 is in “G1” of session 1 and, in the cycle “Cycle c2”, in “X” of session 7 at the "
        "same time, 2026-08-26 09:45–10:00 (America/Bogota)."
    )
    assert found.other is not None
    assert (found.code, found.other.cycle_id) == (Code.PERSON_IN_TWO_CYCLES, "c2")


def test_other_cycles_count_from_the_schedule_s_side_whichever_begins_first() -> None:
    (found,) = find(cycle(whole(1)), elsewhere(-45))
    assert (found.subject.cycle_id, found.session_number, found.starts) == ("c1", 1, at(0))


def test_what_does_not_count_of_other_cycles() -> None:
    mine = cycle(whole(1))
    assert codes(mine, elsewhere(60)) == []
    assert codes(mine, elsewhere(0, SessionStatus.DRAFT)) == []
    assert codes(mine, elsewhere(0, SessionStatus.CANCELLED)) == []
    assert codes(mine, mine) == []  # itself


def test_other_cycles_among_each_other_are_their_own_business() -> None:
    assert codes(cycle(whole(1, 500, 560)), elsewhere(0), elsewhere(30)) == []


def test_cancelled_sessions_do_not_conflict_but_draft_ones_do() -> None:
    for status, expected in [
        (SessionStatus.CANCELLED, []),
        (SessionStatus.DRAFT, [Code.SESSIONS_OVERLAP]),
    ]:
        assert codes(cycle(whole(1), whole(2, status=status))) == expected


# --- sessions -------------------------------------------------------------------------------


def test_two_sessions_at_once() -> None:
    (found,) = find(cycle(whole(2, 30, 90), whole(1, 0, 60)))
    assert said(found) == (
        "Session 1 and session 2 are at the same time, 2026-08-26 09:30–10:00 (America/Bogota)."
    )
    assert found.severity is Severity.ERROR


def test_a_segment_outside_its_session() -> None:
    def with_end(minutes: float) -> Schedule:
        return cycle(session(1, 0, 60, segment("a", 0, minutes, part("ana", HOST))))

    assert codes(with_end(60)) == []
    (found,) = find(with_end(61))
    assert (found.code, found.severity, found.segment_id) == (
        Code.SEGMENT_OUTSIDE_SESSION,
        Severity.ERROR,
        "a",
    )
    assert said(found) == (
        "“A” is planned for 2026-08-26 09:00–10:01 (America/Bogota), but session 1 only lasts "
        "2026-08-26 09:00–10:00 (America/Bogota)."
    )
    early = session(1, 0, 60, segment("a", -1, 60, part("ana", HOST)))
    assert codes(cycle(early)) == [Code.SEGMENT_OUTSIDE_SESSION]


def test_one_meeting_link_in_two_sessions_at_once() -> None:
    link = "https://meet.example.org/room"
    apart = cycle(whole(1, meeting_url=link), whole(2, 60, 120, meeting_url=link))
    assert codes(apart) == []
    at_once = cycle(whole(1, meeting_url=link), whole(2, 59, 119, meeting_url=link))
    found = find(at_once)
    assert [each.code for each in found] == [Code.MEETING_LINK_SHARED, Code.SESSIONS_OVERLAP]
    assert {each.severity for each in found} == {Severity.ERROR}
    assert said(found[0]) == (
        "Session 1 and session 2 use the same meeting link at the same time, "
        "2026-08-26 09:59–10:00 (America/Bogota)."
    )
    no_links = cycle(whole(1, meeting_url=""), whole(2, 59, 119, meeting_url=" "))
    assert codes(no_links) == [Code.SESSIONS_OVERLAP]


def test_one_meeting_link_in_two_cycles() -> None:
    mine = cycle(whole(1, meeting_url="https://Meet.Example.org/room/"))
    (found,) = find(
        mine, cycle(whole(8, 30, 90, meeting_url="http://meet.example.org/room"), id="c2")
    )
    assert (found.code, found.severity) == (Code.MEETING_LINK_SHARED_WITH_CYCLE, Severity.ERROR)
    assert said(found) == (
        "Session 1 and session 8 of the cycle “Cycle c2” use the same meeting link at the same "
        "time, 2026-08-26 09:30–10:00 (America/Bogota)."
    )


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("https://Zoom.example/j/1", "https://zoom.example/j/1/", True),
        (" https://zoom.example/j/1 ", "HTTPS://zoom.example:443/j/1", True),
        ("https://zoom.example", "http://zoom.example:80/", True),
        ("https://zoom.example/j/a", "https://zoom.example/j/A", False),
        ("https://zoom.example/j/1?pwd=a", "https://zoom.example/j/1?pwd=b", False),
        ("https://zoom.example/#a", "https://zoom.example/#b", False),
        ("https://zoom.example:8443/1", "https://zoom.example/1", False),
        ("https://Ana@zoom.example/1", "https://ana@zoom.example/1", False),
        ("https://[", "https://[", True),
        ("tel:+571", "tel:+572", False),
    ],
)
def test_links_to_the_same_room(a: str, b: str, same: bool) -> None:
    assert (same_room(a) == same_room(b)) is same


@pytest.mark.parametrize(
    "link",
    [
        "https://zoom.example/j/999?pwd=abc",
        "https://zoom.example/j/999/?pwd=other&uname=Ana#success",
        "http://ZOOM.example:80/j/999#x?y",
        "https://ana:secret@zoom.example./j/%39%399",
    ],
)
def test_links_to_one_place(link: str) -> None:
    assert meeting_place(link) == meeting_place("https://zoom.example/j/999")


def test_links_to_other_places() -> None:
    links = ("https://zoom.example/j/998", "https://zoom.example/J/999", "https://zoom.example")
    assert meeting_place("https://zoom.example/j/999") not in map(meeting_place, links)


# --- panels, hosts, gaps, links -------------------------------------------------------------


def panel(*people: tuple[str, PartRole]) -> list[Code]:
    parts = [part(name, role, id=f"{n}") for n, (name, role) in enumerate(people)]
    held = segment("p", 0, 60, part("h", HOST), *parts, kind=SegmentKind.PANEL)
    return codes(cycle(session(1, 0, 60, held)))


def test_panels() -> None:
    full = [("m", MODERATOR), ("a", PANELIST), ("b", PANELIST)]
    assert panel(*full) == []
    assert panel(*full[1:]) == [Code.PANEL_WITHOUT_MODERATOR]
    assert panel(*full[:2]) == [Code.PANEL_TOO_SMALL]
    assert panel(*full[:2], ("a", PANELIST)) == [Code.DUPLICATE_PART, Code.PANEL_TOO_SMALL]
    assert panel() == [Code.PANEL_TOO_SMALL, Code.PANEL_WITHOUT_MODERATOR]


def test_a_session_without_host() -> None:
    (found,) = find(cycle(session(1, 0, 60, segment("a", 0, 60, part("ana")))))
    assert (found.code, said(found)) == (Code.SESSION_WITHOUT_HOST, "Session 1 has no host.")


def test_gaps_at_the_start_between_and_at_the_end() -> None:
    held = session(1, 0, 60, segment("a", 5, 20, part("ana", HOST)), segment("b", 30, 50, title=""))
    found = find(cycle(held))
    assert [said(each) for each in found] == [
        "Nothing is planned at the start of session 1, 2026-08-26 09:00–09:05 (America/Bogota).",
        "Nothing is planned between “A” and “presentation”, "
        "2026-08-26 09:20–09:30 (America/Bogota).",
        "Nothing is planned at the end of session 1, 2026-08-26 09:50–10:00 (America/Bogota).",
    ]
    assert {each.severity for each in found} == {Severity.WARNING}


def test_an_empty_agenda() -> None:
    assert codes(cycle(session(1, 0, 60))) == [Code.AGENDA_EMPTY, Code.SESSION_WITHOUT_HOST]


def test_a_link_matters_from_two_days_before_until_the_end() -> None:
    held = cycle(whole(1, meeting_url="  "))
    two_days_before = at(0) - timedelta(hours=48)
    states = [two_days_before - TICK, two_days_before, at(0), at(60) - TICK, at(60)]
    assert [codes(held, now=now) for now in states] == [
        [],
        [Code.LINK_MISSING],
        [Code.LINK_MISSING],
        [Code.LINK_MISSING],
        [],
    ]


# --- hours and holidays ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        (-120, -60, []),  # 07:00 in Bogotá
        (-121, -60, [Code.OUTSIDE_WAKING_HOURS]),
        (660, 720, []),  # until 21:00
        (660, 721, [Code.OUTSIDE_WAKING_HOURS]),
        (780, 900, [Code.OUTSIDE_WAKING_HOURS]),  # 22:00 to 0:00
        (780, 1380, [Code.OUTSIDE_WAKING_HOURS]),  # 22:00 to 08:00
        (0, 1560, [Code.OUTSIDE_WAKING_HOURS]),  # 09:00 to 11:00 a day later
    ],
)
def test_a_speaker_s_waking_hours(starts: float, ends: float, expected: list[Code]) -> None:
    speaker = part("ana", HOST, zone="America/Bogota")
    assert codes(cycle(session(1, starts, ends, segment("a", starts, ends, speaker)))) == expected


def test_the_hour_is_told_by_the_speaker_s_clock() -> None:
    speaker = part("ana", HOST, zone="Asia/Tokyo")
    (found,) = find(
        cycle(session(1, 0, 60, segment("a", 0, 60, speaker, part("ana", zone="Asia/Tokyo"))))
    )
    assert said(found) == (
        "For Ana, “A” is at 2026-08-26 23:00–2026-08-27 00:00 (Asia/Tokyo): outside 07:00–21:00."
    )
    assert (found.severity, found.subject.kind) == (Severity.WARNING, RefKind.PART)


def test_no_zone_no_complaint() -> None:
    assert codes(cycle(session(1, 900, 960, segment("a", 900, 960, part("ana", HOST))))) == []


DAY = date(2026, 8, 26)


def holidays_found(schedule: Schedule, day: date, country: str = "CO") -> list[str]:
    holidays = {country: {day: "Día de Macondo"}}
    return [said(each) for each in conflicts(schedule, holidays=holidays, now=LONG_BEFORE)]


def test_a_holiday_where_the_speaker_lives_is_told_once_for_each_session() -> None:
    ana = part("ana", HOST, country="CO", zone="America/Bogota")
    held = cycle(session(1, 0, 60, segment("a", 0, 30, ana), segment("b", 30, 60, ana)))
    assert holidays_found(held, DAY) == [
        "2026-08-26 is a public holiday where Ana lives (Día de Macondo); session 1 is on that day."
    ]
    assert holidays_found(held, DAY, "CL") == []
    assert holidays_found(held, DAY + timedelta(days=1)) == []


def test_the_date_is_the_speaker_s() -> None:
    """14:00 UTC is 23:00 in Tokyo: the second hour is on the next day there."""
    ana = part("ana", HOST, country="JP", zone="Asia/Tokyo")

    def lasting(minutes: float) -> Schedule:
        return cycle(session(1, 0, minutes, segment("a", 0, minutes, ana)))

    def on(schedule: Schedule, day: date) -> int:
        found = conflicts(schedule, holidays={"JP": {day: "x"}}, now=LONG_BEFORE)
        return [each.code for each in found].count(Code.HOLIDAY_OF_PERSON)

    next_day = DAY + timedelta(days=1)
    assert (on(lasting(60), DAY), on(lasting(60), next_day)) == (1, 0)
    assert (on(lasting(61), DAY), on(lasting(61), next_day)) == (1, 1)


def test_without_a_zone_the_session_s_date_counts() -> None:
    night = cycle(session(1, 600, 660, segment("a", 600, 660, part("a", HOST, country="CO"))))
    assert len(holidays_found(night, DAY)) == 1  # 00:00 UTC on the 27th is 19:00 in Bogotá


def test_a_holiday_where_an_organizer_is() -> None:
    def by(role: InstitutionRole) -> Schedule:
        return cycle(whole(1), institutions=(CycleInstitution("i", "Macondo", role, "", "co"),))

    assert holidays_found(by(InstitutionRole.ORGANIZER), DAY) == [
        "2026-08-26 is a public holiday where Macondo is (Día de Macondo); session 1 is on that "
        "day."
    ]
    assert holidays_found(by(InstitutionRole.PARTNER), DAY) == []


# --- altogether -----------------------------------------------------------------------------


def test_by_time_then_errors_first() -> None:
    found = find(
        cycle(
            whole(3, 200, 260),
            session(1, 0, 60, segment("a", 0, 61, part("ana"))),
            session(2, 300, 360, segment("b", 300, 360, part("ana", HOST), part("x"))),
            whole(4, 200, 260),
        )
    )
    assert [(each.code, each.starts) for each in found] == [
        (Code.SEGMENT_OUTSIDE_SESSION, at(0)),
        (Code.SESSION_WITHOUT_HOST, at(0)),
        (Code.SESSIONS_OVERLAP, at(200)),
    ]


def test_ties_are_settled_the_same_way_whatever_comes_first() -> None:
    a = session(1, 0, 60, segment("b", 0, 60, part("ana", HOST)))
    b = session(2, 0, 60, segment("a", 0, 60, part("ana", HOST)))
    assert find(cycle(a, b)) == find(cycle(b, a))
    ana = part("ana", HOST, country="CO")
    one, other = segment("a", 0, 60, ana), segment("b", 0, 60, ana)
    holidays = {"CO": {DAY: "x"}}
    told = [
        conflicts(cycle(session(1, 0, 60, *both)), holidays=holidays, now=LONG_BEFORE)
        for both in ((one, other), (other, one))
    ]
    assert told[0] == told[1]


def test_errors_are_what_the_issue_calls_errors() -> None:
    severities = {code: code in ERRORS for code in Code}
    assert [code.value for code, error in severities.items() if error] == [
        "person_in_two_segments",
        "person_in_two_sessions",
        "person_in_two_cycles",
        "segment_outside_session",
        "sessions_overlap",
        "meeting_link_shared",
        "meeting_link_shared_with_cycle",
    ]


def test_two_hundred_other_cycles_are_no_burden() -> None:
    """6,000 segments elsewhere."""
    mine = cycle(whole(1))
    others = [
        cycle(
            *(
                session(
                    n, 100 * n, 100 * n + 60, segment("x", 100 * n, 100 * n + 60, part("host1"))
                )
                for n in range(30)
            ),
            id=f"o{i}",
        )
        for i in range(200)
    ]
    assert len(find(mine, *others)) == 200


def test_now_must_be_aware() -> None:
    with pytest.raises(ValueError, match="aware"):
        conflicts(cycle(), holidays={}, now=ZERO.replace(tzinfo=None))
    assert conflicts(cycle(), holidays={}, now=datetime(2026, 1, 1, tzinfo=UTC)) == ()

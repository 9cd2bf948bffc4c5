"""What a session says as a calendar entry, read by other people's parsers."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings

from app.calendar.colors import CSS3_NAMES
from app.calendar.render import render
from app.calendar.values import Calendar
from app.domain.errors import NotFound
from app.domain.faces import announced
from app.domain.schedule import InstitutionRole, Part, PartRole, Schedule, SessionStatus
from app.models import Cycle
from app.services import calendars
from app.services.calendars import (
    cycle_calendar,
    event_of,
    own_segments_of,
    people_lines,
    session_calendar,
)
from app.services.links import Links
from app.services.public import PublishedCycle
from tests import examples
from tests.calendar import ical_oracles as oracles
from tests.domain import build

NOW = datetime(2026, 8, 20, tzinfo=UTC)
STAMP = datetime(2026, 8, 1, 12, tzinfo=UTC)


def published(schedule: Schedule) -> PublishedCycle:
    """The schedule as if it had been released."""
    cycle = Cycle(
        id=schedule.id,
        slug=schedule.slug,
        language=schedule.language,
        zone=schedule.zone,
        contact_email="clusters@example.org",
    )
    return PublishedCycle(cycle, schedule, 1, STAMP, 1)


def who(person: str, role: PartRole, position: str = "", institution: str = "") -> Part:
    return Part(
        id=f"{person}-{role}",
        person_id=person,
        name=person,
        role=role,
        position=position,
        institution=institution,
    )


def test_what_looks_like_a_link_is_in_no_line() -> None:
    speakers = [
        who("Marc https://evil.example/win", PartRole.SPEAKER, "Chief www.evil.example", "CAF"),
        who("José M.Pérez", PartRole.PANELIST, "\u202eDirector\u202c", "ana@evil.example"),
        who("evil。example", PartRole.HOST),
    ]
    session = build.session(1, 0, 60, build.segment("a", 0, 60, *speakers))
    assert people_lines(session, "en") == (
        "Marc, CAF (speaker)",
        "José M.Pérez, Director (panelist)",
        "(host)",
    )
    own = own_segments_of(session.segments, "somebody else", "en")
    assert own[0].others == people_lines(session, "en")


def test_who_has_several_parts_is_named_once() -> None:
    session = build.session(
        1,
        0,
        60,
        build.segment("a", 0, 10, who("Silvia", PartRole.HOST, "Executive", "CP")),
        build.segment(
            "b",
            10,
            60,
            who("Marco", PartRole.SPEAKER),
            who("Silvia", PartRole.MODERATOR, "Executive", "CP"),
            who("Ivo", PartRole.INTERPRETER),
        ),
    )
    assert announced(session) == [
        ("Silvia", "Executive", "CP", (PartRole.HOST, PartRole.MODERATOR)),
        ("Marco", "", "", (PartRole.SPEAKER,)),
    ]
    event = event_of(build.cycle(session), session, "en", link="https://c.example/c/x/1")
    people = next(b for b in event.description.split("\n\n") if b.startswith("With:"))
    assert people == "With:\n– Silvia, Executive, CP (host, moderator)\n– Marco (speaker)"


def test_a_cancelled_session_says_so_in_words() -> None:
    session = build.session(1, 0, 60, status=SessionStatus.CANCELLED)
    event = event_of(build.cycle(session), session, "en", link="https://c.example/c/x/1")
    assert event.cancelled
    assert event.summary.startswith("Cancelled: ")
    assert event.description.startswith("This session will not take place.\n\n")


def test_a_long_description_is_cut_between_words() -> None:
    session = build.session(1, 0, 60, description={"en": "palabra " * 1000})
    event = event_of(build.cycle(session), session, "en", link="https://c.example/c/x/1")
    words = event.description.split("\n\n")[1]
    assert len(words) <= 2_000
    assert words.endswith("palabra …")


def test_the_first_organizer_answers() -> None:
    schedule = build.cycle(build.session(1, 0, 60))
    assert calendars.organizer_name(schedule) in {"", *(i.name for i in schedule.institutions)}
    organizers = [i for i in schedule.institutions if i.role is InstitutionRole.ORGANIZER]
    if organizers:
        assert calendars.organizer_name(schedule) == organizers[0].name


@pytest.mark.parametrize("accent", ["", "#0b6e99", "#ff0000", "#000000", "#ffffff"])
def test_colours_have_names_that_clients_know(accent: str) -> None:
    name = calendars.color_name(accent)
    assert (name in CSS3_NAMES) is bool(accent)


def test_every_colour_of_ours_is_one_of_the_standard() -> None:
    assert set(calendars._COLORS) <= CSS3_NAMES


def test_a_number_that_is_not_there(links: Links) -> None:
    with pytest.raises(NotFound):
        session_calendar(published(build.cycle(build.session(1, 0, 60))), 2, "", links)


def test_when_the_next_one_drops_out(links: Links) -> None:
    off = [
        build.session(n, n * 1440, n * 1440 + 60, status=SessionStatus.CANCELLED) for n in (1, 2)
    ]
    cycle = published(build.cycle(*off, build.session(3, 9000, 9060)))
    leaves = [s.starts + timedelta(days=30) for s in off]
    for moment, shown, until, modified in (
        (leaves[0] - timedelta(seconds=1), 3, leaves[0], STAMP),
        (leaves[0], 2, leaves[1], leaves[0]),
        (leaves[1], 1, None, leaves[1]),
    ):
        found = cycle_calendar(cycle, "", links, moment)
        assert len(oracles.icalendar_events(found.body)) == shown
        assert (found.until, found.modified) == (until, modified)


@settings(deadline=None, max_examples=examples.of(40))
@given(build.schedules())
def test_three_other_parsers_agree_on_every_schedule(schedule: Schedule) -> None:
    sessions = [s for s in schedule.sessions if s.ends > s.starts]
    events = tuple(
        event_of(schedule, s, "es", link=f"https://c.example/c/x/{s.number}") for s in sessions
    )
    if not events:
        return
    body = render(Calendar(events))
    expected = {
        s.uid: (s.starts.replace(microsecond=0), s.ends.replace(microsecond=0)) for s in sessions
    }
    for read in (oracles.by_icalendar, oracles.by_vobject, oracles.by_ics):
        assert read(oracles.under_another_name(body)) == expected


def test_the_bytes_do_not_depend_on_when_they_are_made(links: Links) -> None:
    cycle = published(build.cycle(build.session(1, 0, 60), build.session(2, 1440, 1500)))
    made = [cycle_calendar(cycle, "es", links, NOW + timedelta(days=d)).body for d in range(4)]
    assert all(a == b for a, b in pairwise(made))

"""What stands in downloads and feeds, line by line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.calendar.colors import CSS3_NAMES
from app.calendar.render import render
from app.calendar.values import Calendar, Event
from tests.calendar import ical_oracles as oracles
from tests.calendar import ical_strict as strict

EVENT = Event(
    uid="cycle-7-session-3@convoca.example",
    sequence=2,
    created=datetime(2026, 9, 1, 8, tzinfo=UTC),
    stamp=datetime(2026, 10, 2, 9, 30, tzinfo=UTC),
    starts=datetime(2026, 11, 26, 15, tzinfo=UTC),
    ends=datetime(2026, 11, 26, 17, tzinfo=UTC),
    zone="America/Bogota",
    summary="Sesión 3: gobernanza; redes, territorio",
    description="Abre: Ana Pérez\nEntrar: https://convoca.example/j",
    location="https://convoca.example/j",
    url="https://convoca.example/c/demo/3",
    conference="https://convoca.example/j?a=1,2;3",
    alarm_text="Empieza en 15 minutos",
    organizer_name='Ana "Nana" Pérez, CEPAL',
    organizer_address="ciclo@convoca.example",
)
FEED = Calendar(
    (EVENT,), name="Ciclo, 2026", source="https://convoca.example/feed/t.ics", color="teal"
)


def lines(calendar: Calendar) -> list[str]:
    return strict.logical_lines(render(calendar))


def test_a_download_from_first_line_to_last() -> None:
    assert lines(Calendar((EVENT,))) == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Convoca//Convoca//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "BEGIN:VTIMEZONE",
        "TZID:America/Bogota",
        "BEGIN:STANDARD",
        "DTSTART:20260101T000000",
        "TZOFFSETFROM:-0500",
        "TZOFFSETTO:-0500",
        "TZNAME:-05",
        "END:STANDARD",
        "END:VTIMEZONE",
        "BEGIN:VEVENT",
        "UID:cycle-7-session-3@convoca.example",
        "DTSTAMP:20261002T093000Z",
        "CREATED:20260901T080000Z",
        "LAST-MODIFIED:20261002T093000Z",
        "SEQUENCE:2",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        "DTSTART;TZID=America/Bogota:20261126T100000",
        "DTEND;TZID=America/Bogota:20261126T120000",
        r"SUMMARY:Sesión 3: gobernanza\; redes\, territorio",
        r"DESCRIPTION:Abre: Ana Pérez\nEntrar: https://convoca.example/j",
        "LOCATION:https://convoca.example/j",
        "URL:https://convoca.example/c/demo/3",
        "CONFERENCE;VALUE=URI;FEATURE=AUDIO,VIDEO:https://convoca.example/j?a=1,2;3",
        'ORGANIZER;CN="Ana “Nana” Pérez, CEPAL":mailto:ciclo@convoca.example',
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Empieza en 15 minutos",
        "TRIGGER:-PT15M",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    ]


def test_a_feed_adds_what_subscriptions_have_and_nothing_else() -> None:
    download = lines(Calendar((EVENT,)))
    assert lines(FEED) == [
        *download[:5],
        r"NAME:Ciclo\, 2026",
        r"X-WR-CALNAME:Ciclo\, 2026",
        "SOURCE;VALUE=URI:https://convoca.example/feed/t.ics",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "COLOR:teal",
        *download[5:],
    ]


def test_a_cancelled_event_stays_without_alarm_and_leaves_the_hour_free() -> None:
    expected = [
        {"STATUS:CONFIRMED": "STATUS:CANCELLED", "TRANSP:OPAQUE": "TRANSP:TRANSPARENT"}.get(x, x)
        for x in lines(Calendar((EVENT,)))
    ]
    alarm, end = expected.index("BEGIN:VALARM"), expected.index("END:VALARM")
    del expected[alarm : end + 1]
    assert lines(Calendar((replace(EVENT, cancelled=True),))) == expected


def test_there_are_no_empty_properties() -> None:
    bare = replace(
        EVENT, summary=" ", description="\n", location="", url="", conference="", alarm_text="\0",
        organizer_name="", organizer_address="",
    )  # fmt: skip
    calendar = strict.parse(render(Calendar((bare,))))
    (event,) = calendar.all("VEVENT")
    assert event.names == [
        "UID", "DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE", "STATUS", "TRANSP",
        "DTSTART", "DTEND",
    ]  # fmt: skip
    assert event.parts == []


def test_an_organizer_without_a_name() -> None:
    (event,) = strict.parse(render(Calendar((replace(EVENT, organizer_name=""),)))).all("VEVENT")
    assert event.line("ORGANIZER") == strict.Line("ORGANIZER", {}, "mailto:ciclo@convoca.example")


def test_a_feed_with_no_events_is_a_whole_calendar_still() -> None:
    calendar = strict.parse(render(replace(FEED, events=())))
    assert [part.name for part in calendar.parts] == ["VTIMEZONE"]
    assert calendar.names == [
        "VERSION", "PRODID", "CALSCALE", "NAME", "X-WR-CALNAME", "SOURCE", "REFRESH-INTERVAL",
        "X-PUBLISHED-TTL", "COLOR",
    ]  # fmt: skip
    assert strict.zones(calendar)["Etc/UTC"].offset(datetime(2026, 1, 1, tzinfo=UTC)) == timedelta()


@pytest.mark.parametrize("read", [oracles.by_icalendar, oracles.by_vobject])
def test_others_take_a_feed_with_no_events(read: oracles.Oracle) -> None:
    assert read(render(replace(FEED, events=()))) == {}


@pytest.mark.parametrize("color", ["", "#008080", "teal;x", "petrol"])
def test_a_colour_that_has_no_name_is_left_out(color: str) -> None:
    assert "COLOR" not in strict.parse(render(replace(FEED, color=color))).names


def test_colours_are_the_147_of_css3() -> None:
    assert len(CSS3_NAMES) == 147
    assert strict.parse(render(replace(FEED, color=" Teal "))).line("COLOR").value == "teal"


def test_one_vtimezone_for_each_zone_that_is_referred_to() -> None:
    later = timedelta(days=365)
    written = (
        EVENT,
        replace(EVENT, uid="2", zone="Europe/Madrid"),
        replace(EVENT, uid="3", zone="Europe/Madrid", starts=EVENT.starts + later,
                ends=EVENT.ends + later),
        replace(EVENT, uid="4", zone="America/Havana"),
        replace(EVENT, uid="5", zone="UTC"),
    )  # fmt: skip
    calendar = strict.parse(render(Calendar(written)))
    assert list(strict.zones(calendar)) == ["America/Bogota", "Europe/Madrid"]
    assert [e.line("DTSTART").params.get("TZID", "Z") for e in calendar.all("VEVENT")] == [
        "America/Bogota", "Europe/Madrid", "Europe/Madrid", "Z", "Z",
    ]  # fmt: skip
    assert [part.name for part in calendar.parts] == ["VTIMEZONE"] * 2 + ["VEVENT"] * 5


def test_the_same_value_gives_the_same_bytes() -> None:
    assert render(FEED) == render(replace(FEED, events=(replace(EVENT),)))


def test_others_find_every_property() -> None:
    data = render(FEED)
    (one,) = oracles.icalendar_events(data)
    assert one["SUMMARY"] == EVENT.summary
    assert one["DESCRIPTION"] == EVENT.description
    assert one["CONFERENCE"] == EVENT.conference
    assert one["CONFERENCE"].params["FEATURE"] == ["AUDIO", "VIDEO"]
    assert one["ORGANIZER"] == "mailto:ciclo@convoca.example"
    assert one["ORGANIZER"].params["CN"] == "Ana “Nana” Pérez, CEPAL"
    assert one.alarms.times[0].trigger.astimezone(UTC) == EVENT.starts - timedelta(minutes=15)
    other = oracles.vobject_calendar(data).vevent
    assert other.summary.value == EVENT.summary
    assert other.description.value == EVENT.description
    assert other.valarm.trigger.value == timedelta(minutes=-15)
    assert other.organizer.params["CN"] == ["Ana “Nana” Pérez, CEPAL"]


@pytest.mark.parametrize("calendar", [FEED, Calendar((replace(EVENT, cancelled=True),))])
def test_libical_allows_every_property_where_it_stands(calendar: Calendar) -> None:
    assert oracles.Libical().allowed(render(calendar))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"uid": ""}, "UID"),
        ({"uid": "a/b"}, "UID"),
        ({"uid": "a\r\nb"}, "UID"),
        ({"uid": "ñ"}, "UID"),
        ({"ends": EVENT.starts}, "end after"),
        ({"ends": EVENT.starts + timedelta(microseconds=5)}, "end after"),
        ({"starts": datetime(2026, 1, 1)}, "aware"),
        ({"stamp": datetime(2026, 1, 1)}, "aware"),
        ({"created": datetime(2026, 1, 1)}, "aware"),
        ({"zone": "Nowhere"}, "unknown time zone"),
        ({"sequence": -1}, "SEQUENCE"),
    ],
)
def test_what_cannot_be_written_truthfully_is_refused(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        render(Calendar((replace(EVENT, **wrong),)))  # type: ignore[arg-type]

"""What stands in REQUEST and CANCEL, line by line, and what other programs read in it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.calendar import itip
from app.calendar.lines import one_line
from app.calendar.values import Invite
from app.domain.invitations import Method
from tests import examples
from tests.calendar import ical_oracles as oracles
from tests.calendar import ical_strict as strict
from tests.calendar.itip_replay import NEW, RESCHEDULE, Mailbox
from tests.calendar.test_hostile_text import FRAGMENTS, straight
from tests.calendar.test_render import EVENT

INVITE = Invite(
    replace(EVENT, organizer_address="ciclo+b8y9enm7xd6q7xmc@convoca.example"),
    address="ana@example.org",
    name="Ana Ruiz",
)
typed = st.lists(st.one_of(st.text(max_size=30), st.sampled_from(FRAGMENTS)), max_size=6).map(
    "".join
)


def lines(method: Method, invite: Invite) -> list[str]:
    return strict.logical_lines(itip.message(method, invite))


def test_a_request_from_first_line_to_last() -> None:
    assert lines(Method.REQUEST, INVITE) == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Convoca//Convoca//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:REQUEST",
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
        'ORGANIZER;CN="Ana “Nana” Pérez, CEPAL":mailto:ciclo+b8y9enm7xd6q7xmc@convoca.example',
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE"
        ';CN="Ana Ruiz":mailto:ana@example.org',
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Empieza en 15 minutos",
        "TRIGGER:-PT15M",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    ]


def test_a_cancellation_asks_nothing_and_rings_no_bell() -> None:
    request, cancel = lines(Method.REQUEST, INVITE), lines(Method.CANCEL, INVITE)
    assert [line for line in request if line not in cancel] == [
        "METHOD:REQUEST",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE"
        ';CN="Ana Ruiz":mailto:ana@example.org',
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Empieza en 15 minutos",
        "TRIGGER:-PT15M",
        "END:VALARM",
    ]
    assert [line for line in cancel if line not in request] == [
        "METHOD:CANCEL",
        "STATUS:CANCELLED",
        "TRANSP:TRANSPARENT",
        'ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;CN="Ana Ruiz":mailto:ana@example.org',
    ]


@pytest.mark.parametrize("partstat", ["NEEDS-ACTION", "ACCEPTED", "TENTATIVE", "DECLINED"])
def test_what_was_answered_is_kept(partstat: str) -> None:
    data = itip.message(Method.REQUEST, replace(INVITE, partstat=partstat))
    (event,) = oracles.icalendar_events(data)
    assert event["ATTENDEE"].params["PARTSTAT"] == partstat


def test_whoever_has_no_name_has_no_cn() -> None:
    (event,) = strict.parse(itip.message(Method.REQUEST, replace(INVITE, name="\0 "))).all("VEVENT")
    assert list(event.line("ATTENDEE").params) == ["CUTYPE", "ROLE", "PARTSTAT", "RSVP"]


@pytest.mark.parametrize("method", list(Method))
def test_the_same_values_give_the_same_bytes(method: Method) -> None:
    assert itip.message(method, INVITE) == itip.message(method, replace(INVITE))


@pytest.mark.parametrize(
    "change",
    [
        {"address": ""},
        {"address": "a@b@c"},
        {"address": "no address"},
        {"partstat": "YES"},
        {"partstat": "ACCEPTED;X=Y"},
        {"event": replace(INVITE.event, organizer_address="")},
        {"event": replace(INVITE.event, uid="a/b")},
        {"event": replace(INVITE.event, zone="Mars/Olympus")},
        {"event": replace(INVITE.event, ends=INVITE.event.starts)},
        {"event": replace(INVITE.event, starts=datetime(2026, 11, 26, 15))},
    ],
)
@pytest.mark.parametrize("method", list(Method))
def test_what_cannot_be_true_is_refused(method: Method, change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        itip.message(method, replace(INVITE, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("zone", ["America/Bogota", "America/Santiago", "Europe/Madrid", "UTC"])
def test_every_program_reads_the_same_time(method: Method, zone: str) -> None:
    data = itip.message(method, replace(INVITE, event=replace(INVITE.event, zone=zone)))
    data = oracles.under_another_name(data)
    expected = {INVITE.event.uid: (INVITE.event.starts, INVITE.event.ends)}
    libical = oracles.Libical()
    for read in (oracles.by_icalendar, oracles.by_vobject, oracles.by_ics, libical):
        assert read(data) == expected
    assert libical.allowed(data)  # RFC 5546's tables for this METHOD


@pytest.mark.parametrize("method", list(Method))
def test_other_programs_read_the_attendee(method: Method) -> None:
    data = itip.message(method, replace(INVITE, name="Ana “Nana” Pérez, CEPAL; Bogotá: ✓"))
    (event,) = oracles.icalendar_events(data)
    assert event.errors == []
    assert str(event["ATTENDEE"]) == "mailto:ana@example.org"
    assert event["ATTENDEE"].params["CN"] == "Ana “Nana” Pérez, CEPAL; Bogotá: ✓"
    assert str(event["ORGANIZER"]) == "mailto:ciclo+b8y9enm7xd6q7xmc@convoca.example"
    third = oracles.vobject_calendar(data)
    assert third.method.value == method.value
    (attendee,) = third.vevent.attendee_list
    assert attendee.value == "mailto:ana@example.org"
    assert attendee.params["CN"] == ["Ana “Nana” Pérez, CEPAL; Bogotá: ✓"]


@settings(max_examples=examples.of(200), deadline=None)
@given(typed)
@example("\r\nATTENDEE:mailto:eve@evil.example")
@example('";RSVP=FALSE:mailto:eve@evil.example')
@example("^n^'^^")
@example(" " * 200)
def test_a_name_stays_one_parameter(name: str) -> None:
    for method in Method:
        data = itip.message(method, replace(INVITE, name=name))
        (event,) = strict.parse(data).all("VEVENT")
        line = event.line("ATTENDEE")
        assert line.value == "mailto:ana@example.org"
        plain = straight(one_line(name))
        assert straight(line.params.get("CN", '""')[1:-1]) == plain.replace("^", "^^")
        assert event.names.count("ATTENDEE") == 1
        (other,) = oracles.icalendar_events(data)
        assert str(other["ATTENDEE"]) == "mailto:ana@example.org"


@settings(max_examples=examples.of(200), deadline=None)
@given(typed)
@example("ana@example.org\r\nX:y")
@example("ana@example.org,eve@evil.example")
@example("<ana@example.org>")
def test_an_address_is_one_or_refused(address: str) -> None:
    try:
        data = itip.message(Method.REQUEST, replace(INVITE, address=address))
    except ValueError:
        return
    (event,) = strict.parse(data).all("VEVENT")
    assert event.names.count("ATTENDEE") == 1
    value = event.line("ATTENDEE").value
    assert value.startswith("mailto:")
    assert not set(value[7:]) & set(' <>",;:\\')


def test_a_calendar_follows() -> None:
    """Libical's own rules of iTIP: new, update, cancelled."""
    box = Mailbox("ana@example.org")
    moved = replace(
        INVITE.event,
        sequence=3,
        stamp=datetime(2026, 10, 3, tzinfo=UTC),
        starts=datetime(2026, 11, 26, 16, tzinfo=UTC),
    )
    off = replace(moved, sequence=4, stamp=datetime(2026, 10, 4, tzinfo=UTC))
    assert box.take(itip.message(Method.REQUEST, INVITE)) == NEW
    assert box.take(itip.message(Method.REQUEST, replace(INVITE, event=moved))) == RESCHEDULE
    assert list(box.entries) == [INVITE.event.uid]
    box.take(itip.message(Method.CANCEL, replace(INVITE, event=off)))
    assert box.entries == {}

"""Whatever is typed into whatever field comes back as it was, or does nothing."""

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.calendar.lines import clean, one_line
from app.calendar.render import render
from tests import examples
from tests.calendar import ical_oracles as oracles
from tests.calendar import ical_strict as strict
from tests.calendar.test_render import EVENT, FEED

FRAGMENTS = (
    "\r\nATTENDEE:mailto:eve@evil.example", "\nEND:VEVENT\nBEGIN:VEVENT\n", "\r\n X", "\\n", "\\N",
    "\\", ";", ",", ":", '"', "'", "^n", "^'", "^^", "%0D%0A", "\x00", "\x0b", "\r", "\x85",
    "\u2028", "\u2029", "\ufeff", "\ud800", " " * 80, "\t" * 80, "=\r\n",
    "ENCODING=QUOTED-PRINTABLE:",
    "ñ" * 40, "👩‍💻" * 12, "https://a.example/", "@", "mailto:", "ana@a.example", "\u202e", "‌",
)  # fmt: skip
typed = st.lists(st.one_of(st.text(max_size=30), st.sampled_from(FRAGMENTS)), max_size=6).map(
    "".join
)
ALWAYS = [
    "UID", "DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE", "STATUS", "TRANSP",
    "DTSTART", "DTEND",
]  # fmt: skip


def names(**values: str) -> list[str]:
    return [name.replace("_", "-") for name, value in values.items() if value]


@settings(max_examples=examples.of(400), deadline=None)
@given(typed, typed, typed, typed, typed, typed, typed, typed, typed)
@example("\\n", "a\\\nb\\;", "\\,", "\\", "\\", "\\n", '"', "^n", "x")
@example(*["\r\nATTENDEE:mailto:eve@evil.example"] * 9)
@example(*[" " * 200] * 9)
@example(*["x" + " " * 200 + "x"] * 9)
@example(*["x" + "\u00a0" * 200 + "x"] * 9)
@example(*["x" + "\u3000" * 200 + "x"] * 9)
def test_text_round_trips_or_is_inert(
    summary: str, description: str, location: str, url: str, conference: str, alarm: str,
    organizer: str, address: str, name: str,
) -> None:  # fmt: skip
    event = replace(
        EVENT, summary=summary, description=description, location=location, url=url,
        conference=conference, alarm_text=alarm, organizer_name=organizer,
        organizer_address=address,
    )  # fmt: skip
    data = render(replace(FEED, events=(event,), name=name, source=url, color=name))

    calendar = strict.parse(data)
    (read,) = calendar.all("VEVENT")
    links = {n: read[n] if n in read.names else "" for n in ("URL", "CONFERENCE", "ORGANIZER")}
    assert read.names == ALWAYS + names(
        SUMMARY=one_line(summary),
        DESCRIPTION=clean(description),
        LOCATION=one_line(location),
        **links,
    )
    assert [part.name for part in calendar.parts] == ["VTIMEZONE", "VEVENT"]
    assert [part.names for part in read.parts] == (
        [["ACTION", "DESCRIPTION", "TRIGGER"]] if one_line(alarm) else []
    )
    written = {
        "SUMMARY": one_line(summary),
        "DESCRIPTION": clean(description),
        "LOCATION": one_line(location),
    }
    for property_name, value in written.items():
        assert not value or read.line(property_name).text == value
    assert not name or not one_line(name) or calendar.line("NAME").text == one_line(name)

    (other,) = oracles.icalendar_events(data)
    assert other.errors == []
    assert {n: str(other.get(n, "")) for n in written} == written

    third = oracles.vobject_calendar(data).vevent
    got = {n: third.contents[n.lower()][0].value if value else "" for n, value in written.items()}
    assert got == written
    assert sorted(third.contents) == sorted(
        [*(n.lower() for n in read.names), *(["valarm"] if one_line(alarm) else [])]
    )


@settings(max_examples=examples.of(200), deadline=None)
@given(typed)
def test_libical_reads_the_same_title(summary: str) -> None:
    data = render(replace(FEED, events=(replace(EVENT, summary=summary, description=summary),)))
    assert oracles.Libical().summaries(data) == [one_line(summary)]


@settings(max_examples=examples.of(200), deadline=None)
@given(typed)
def test_a_name_stays_one_parameter(typed_name: str) -> None:
    data = render(replace(FEED, events=(replace(EVENT, organizer_name=typed_name),)))
    (read,) = strict.parse(data).all("VEVENT")
    line = read.line("ORGANIZER")
    assert line.value == "mailto:ciclo@convoca.example"
    plain = straight(one_line(typed_name))
    assert list(line.params) == (["CN"] if plain else [])
    assert straight(line.params.get("CN", '""')[1:-1]) == plain.replace("^", "^^")
    (other,) = oracles.icalendar_events(data)
    got = straight(str(other["ORGANIZER"].params.get("CN", "")))
    # icalendar takes some backslashes in a parameter for escapes, which RFC 5545 does not know.
    assert got == plain or "\\" in plain


def straight(text: str) -> str:
    return text.replace("“", '"').replace("”", '"')

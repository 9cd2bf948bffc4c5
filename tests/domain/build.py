"""Schedules for the rules' tests: by hand with `at`, `segment`, `session`, `cycle`; at random."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from app.domain.schedule import (
    CycleInstitution,
    InstitutionRole,
    Part,
    PartRole,
    Schedule,
    Segment,
    SegmentKind,
    Session,
    SessionStatus,
)
from app.domain.zones import wall_time

ZERO = datetime(2026, 8, 26, 14, tzinfo=UTC)  # 09:00 in Bogotá
LONG_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = ("America/Bogota", "America/Santiago", "Europe/Madrid", "Asia/Kolkata")


def at(minutes: float) -> datetime:
    """So many minutes after ZERO."""
    return ZERO + timedelta(minutes=minutes)


def part(
    person: str, role: PartRole = PartRole.SPEAKER, zone: str = "", country: str = "", id: str = ""
) -> Part:
    return Part(
        id=id or f"part-{person}-{role}",
        person_id=person,
        name=person.title(),
        role=role,
        country=country,
        zone=zone,
    )


def segment(
    id: str,
    starts: float,
    ends: float,
    *parts: Part,
    kind: SegmentKind = SegmentKind.PRESENTATION,
    title: str | None = None,
) -> Segment:
    return Segment(id, kind, id.upper() if title is None else title, at(starts), at(ends), parts)


def session(number: int, starts: float, ends: float, *segments: Segment, **fields: Any) -> Session:
    zone = fields.pop("zone", "America/Bogota")
    fields.setdefault("meeting_url", f"https://meet.example.org/{number}")
    return Session(
        id=fields.pop("id", f"s{number}"),
        uid=fields.pop("uid", f"uid-{number}"),
        number=number,
        title=fields.pop("title", {"en": f"Session {number}"}),
        zone=zone,
        wall_start=wall_time(at(starts), zone),
        starts=at(starts),
        ends=at(ends),
        segments=segments,
        **fields,
    )


def cycle(*sessions: Session, id: str = "c1", **fields: Any) -> Schedule:
    fields.setdefault("title", {"en": f"Cycle {id}"})
    return Schedule(
        id=id, slug=id, language="en", zone="America/Bogota", sessions=sessions, **fields
    )


languages = st.sampled_from(["en", "es", "pt"])
words = st.text(max_size=6)
localized = st.dictionaries(languages, words, max_size=3)
zones = st.sampled_from(ZONES)
minutes = st.integers(-60, 600)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))

parts = st.builds(
    Part,
    id=st.uuids().map(str),
    person_id=st.sampled_from("abcd"),
    name=words,
    role=st.sampled_from(PartRole),
    position=words,
    institution=words,
    country=st.sampled_from(["", "CO", "CL", "ES"]),
    zone=st.sampled_from(["", *ZONES]),
)


@st.composite
def segments(draw: st.DrawFn, around: datetime = ZERO) -> Segment:
    starts = around + timedelta(minutes=draw(minutes))
    return Segment(
        id=draw(st.uuids().map(str)),
        kind=draw(st.sampled_from(SegmentKind)),
        title=draw(words),
        starts=starts,
        ends=starts + timedelta(minutes=draw(st.integers(1, 90))),
        parts=tuple(draw(st.lists(parts, max_size=4))),
    )


@st.composite
def sessions(draw: st.DrawFn, id: str) -> Session:
    starts = at(draw(minutes))
    zone = draw(zones)
    return Session(
        id=id,
        uid=draw(st.uuids().map(str)),
        number=draw(st.integers(1, 9)),
        title=draw(localized),
        zone=zone,
        wall_start=wall_time(starts, zone),
        starts=starts,
        ends=starts + timedelta(minutes=draw(st.integers(1, 180))),
        description=draw(localized),
        status=draw(st.sampled_from(SessionStatus)),
        meeting_url=draw(
            st.sampled_from(
                ["", "https://m.example/1", "https://M.example/1/", "https://m.example/2"]
            )
        ),
        segments=tuple(draw(st.lists(segments(starts), max_size=4))),
        sequence=draw(st.integers(0, 5)),
        stamp=draw(st.none() | instants),
        created=draw(st.none() | instants),
        time_since=draw(st.none() | instants),
    )


institutions = st.builds(
    CycleInstitution,
    id=st.sampled_from("xyz"),
    name=words,
    role=st.sampled_from(InstitutionRole),
    acronym=words,
    country=st.sampled_from(["", "CO", "CL"]),
)


@st.composite
def schedules(draw: st.DrawFn, id: str = "c1") -> Schedule:
    ids = draw(st.lists(st.sampled_from(["s1", "s2", "s3", "s4"]), unique=True))
    return Schedule(
        id=id,
        slug=draw(words),
        title=draw(localized),
        language=draw(languages),
        zone=draw(zones),
        description=draw(localized),
        accent=draw(words),
        institutions=tuple(draw(st.lists(institutions, max_size=2))),
        sessions=tuple(draw(sessions(each)) for each in ids),
    )

"""Sessions and their agendas, in and out."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.domain.schedule import PartRole, SegmentKind, SessionStatus
from app.schemas.types import (
    EXACT,
    Change,
    Day,
    Id,
    Instant,
    Line40,
    Line100,
    Line200,
    Line300,
    Link,
    Out,
    Prose,
    Strict,
    Title,
    WallTime,
    WallTimeOut,
    Whole,
    YesNo,
    Zone,
    example,
)

Number = Annotated[int, Field(strict=True, ge=1, le=9999), EXACT]
SessionMinutes = Annotated[int, Field(strict=True, ge=1, le=24 * 60), EXACT]
Fold = Annotated[int, Field(strict=True, ge=0, le=1), EXACT]
Offset = Annotated[int, Field(strict=True, ge=0, le=7 * 24 * 60), EXACT]
WindowMinutes = Annotated[int, Field(strict=True, ge=0, le=24 * 60), EXACT]


class SessionIn(Strict):
    """A new session. Where the local time exists twice, `fold` 0 is the first, 1 the second."""

    model_config = example(
        title={"es": "Apertura", "en": "Opening"},
        wall_start="2026-11-26T09:00",
        minutes=90,
        zone="America/Bogota",
        meeting_url="https://meet.example.org/opening",
    )

    title: Title
    wall_start: WallTime
    minutes: SessionMinutes
    number: Number | None = None  # the next free one
    zone: Zone | None = None  # the cycle's
    fold: Fold | None = None
    description: Prose = Field(default_factory=dict)
    meeting_url: Link = ""
    meeting_passcode: Line100 = ""
    backstage_url: Link = ""
    check_in_before: WindowMinutes = 15
    check_in_after: WindowMinutes = 30
    check_in_word: Line40 = ""
    check_in_word_rotates: YesNo = False
    status: SessionStatus = SessionStatus.SCHEDULED


class SessionChange(Change):
    """What is left out stays as it is."""

    title: Title = Field(default_factory=dict)
    wall_start: WallTime = datetime(2000, 1, 1)  # noqa: DTZ001 (a wall time)
    minutes: SessionMinutes = 0
    number: Number = 0
    zone: Zone = ""
    fold: Fold | None = None
    description: Prose = Field(default_factory=dict)
    meeting_url: Link = ""
    meeting_passcode: Line100 = ""
    backstage_url: Link = ""
    check_in_before: WindowMinutes = 15
    check_in_after: WindowMinutes = 30
    check_in_word: Line40 = ""
    check_in_word_rotates: YesNo = False
    status: SessionStatus = SessionStatus.SCHEDULED


class SeriesIn(Strict):
    """Several sessions at one hour. Titles get their number: "Session 1", "Session 2", …"""

    model_config = example(
        title={"es": "Sesión", "en": "Session"},
        first_wall_start="2026-11-26T09:00",
        every_days=7,
        count=8,
        minutes=90,
        skip=["2026-12-24", "2026-12-31"],
    )

    title: Title
    first_wall_start: WallTime
    every_days: Whole = Field(ge=1, le=366)
    count: Whole = Field(ge=1, le=100)
    minutes: SessionMinutes
    zone: Zone | None = None
    meeting_url: Link = ""
    skip: list[Day] = Field(default_factory=list, max_length=100)


class PartIn(Strict):
    """A person in a role. Position and institution default to the person's of today."""

    person_id: Id
    role: PartRole
    position: Line200 | None = None
    institution: Line200 | None = None


class SegmentIn(Strict):
    """An item of the agenda. With `id` it is one that is there; `offset` pins its start."""

    id: Id | None = None
    kind: SegmentKind
    title: Line300 = ""
    minutes: Whole = Field(ge=1, le=24 * 60)
    offset: Offset | None = None
    parts: list[PartIn] = Field(default_factory=list, max_length=50)


class AgendaIn(Strict):
    """The whole agenda, in order."""

    model_config = example(
        segments=[
            {"kind": "opening", "title": "Welcome", "minutes": 10},
            {
                "kind": "panel",
                "title": "What clusters need",
                "minutes": 50,
                "parts": [{"person_id": "06cq3x1m8r7k2d5t9w4v0b6n1h", "role": "moderator"}],
            },
        ]
    )

    segments: list[SegmentIn] = Field(max_length=200)


class PartOut(Out):
    """A part."""

    id: str
    person_id: str
    name: str
    role: PartRole
    position: str
    institution: str


class SegmentOut(Out):
    """An item of the agenda with its computed times."""

    id: str
    kind: SegmentKind
    title: str
    minutes: int
    offset: int | None
    starts_at: Instant
    ends_at: Instant
    parts: list[PartOut]


class SessionOut(Out):
    """A session. Its links and the passcode are for organizers."""

    id: str
    revision: int
    cycle_id: str
    number: int
    uid: str
    title: dict[str, str]
    description: dict[str, str]
    wall_start: WallTimeOut
    zone: str
    fold: int
    minutes: int
    starts_at: Instant
    ends_at: Instant
    status: SessionStatus
    meeting_url: str
    meeting_passcode: str
    backstage_url: str
    check_in_before: int
    check_in_after: int
    check_in_word: str
    check_in_word_rotates: bool
    room_code: str
    segments: list[SegmentOut]

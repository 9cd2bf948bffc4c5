"""What was read out of a report, as plain values, and what may be told beforehand.

Nothing in here is guessed: what the file leaves open is one of the report's questions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class Provider(StrEnum):
    """Whose report it is."""

    ZOOM = "zoom"
    TEAMS = "teams"
    MEET = "meet"
    WEBEX = "webex"
    OTHER = "other"


class Layout(StrEnum):
    """How it is laid out."""

    EVENTS = "events"  # a row for each joining and each leaving
    EVENT_LOG = "event_log"  # the same of a Teams live event: in UTC, by connection
    JOINS = "joins"  # a row for each time that somebody was in
    SECTIONS = "sections"  # Teams' numbered sections: people, and a row for each time
    WEBINAR = "webinar"  # hosts, panelists and attendees, with those who did not come
    CLOCK = "clock"  # times without a date
    TOTALS = "totals"  # a duration for each person, no times
    UNKNOWN = "unknown"


class Column(StrEnum):
    """What a column of the file means. Of all other columns nothing is kept."""

    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    EMAIL = "email"
    ACCOUNT = "account"  # an identifier that may look like an address (UPN)
    JOINED = "joined"
    LEFT = "left"
    FIRST_JOINED = "first_joined"  # of a person who may have been away in between
    LAST_LEFT = "last_left"
    DURATION = "duration"  # with its unit in each cell
    MINUTES = "minutes"
    SECONDS = "seconds"
    ACTION = "action"  # joined, left
    AT = "at"  # when that was
    ROLE = "role"
    ATTENDED = "attended"
    GUEST = "guest"
    WAITING = "waiting"  # in the waiting room
    CONNECTION = "connection"  # what tells two connections of one person apart
    REGISTERED = "registered"  # looked at for the order of dates, and not kept


class DateOrder(StrEnum):
    """How a date in figures is read."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"
    YEAR_FIRST = "year_first"


class Settled(StrEnum):
    """What settled the date of a row."""

    FORM = "form"  # it can be read in one way only: the year first, or the month as a word
    VALUE = "value"  # a figure greater than 12
    SESSION = "session"  # only one reading is near to the session
    FILE_NAME = "file_name"  # only one reading is near to the date in the file's name
    CHOSEN = "chosen"
    OPEN = "open"
    NOT_NEEDED = "not_needed"  # there are no dates


class ZoneKnown(StrEnum):
    """How the zone of the times is known."""

    STATED = "stated"  # by the file
    CHOSEN = "chosen"
    OPEN = "open"
    NOT_NEEDED = "not_needed"  # there are no times


class Role(StrEnum):
    """What the file says somebody was."""

    HOST = "host"
    ORGANIZER = "organizer"
    PRESENTER = "presenter"
    PANELIST = "panelist"
    ATTENDEE = "attendee"


class Marker(StrEnum):
    """What stood behind a name, or beside it."""

    GUEST = "guest"
    EXTERNAL = "external"
    UNVERIFIED = "unverified"
    MACHINE = "machine"  # a note taker, as its name says


class Presence(StrEnum):
    """What a row says."""

    INTERVAL = "interval"  # in from `joined` to `left`
    OPEN = "open"  # in from `joined`; the file does not say until when
    TOTAL = "total"  # in for `seconds`; the file does not say when
    UNSETTLED = "unsettled"  # its times wait for an answer: which date, or which order


class Why(StrEnum):
    """Why a readable row does not count."""

    NO_SHOW = "no_show"
    WAITING_ROOM = "waiting_room"
    ELSEWHERE = "elsewhere"  # the sum of what another table says one by one


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence to be translated, and what is filled into it."""

    sentence: str
    params: Mapping[str, str | int | date] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.sentence % self.params if self.params else self.sentence


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Which column of a table means what, as a person said. `header` is the number of the row with
    the headers, `columns` are counted from 0."""

    header: int
    columns: Mapping[int, Column]
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known before, and what was answered to the report's questions.

    `starts` and `ends` are the session's, aware; `zone` is its own IANA zone, which is suggested
    for the times but never taken unasked. `zones` are others that may be suggested.
    """

    starts: datetime
    ends: datetime
    zone: str
    zones: tuple[str, ...] = ()
    provider: Provider | None = None
    date_order: DateOrder | None = None
    times_zone: str = ""
    open_until: datetime | None = None  # where open intervals end, aware
    mapping: ColumnMap | None = None

    def __post_init__(self) -> None:
        if self.starts.tzinfo is None or self.ends.tzinfo is None or not self.starts < self.ends:
            raise ValueError("a session has an aware start, and ends after it")
        if self.open_until is not None and self.open_until.tzinfo is None:
            raise ValueError("open intervals end at an aware instant")


@dataclass(frozen=True, slots=True)
class Row:
    """One stay of one person, or the sum of several.

    `numbers` are those of the rows in the file that it was read from, as a text editor or a
    spreadsheet program counts them; `table` is the place of its table in `Report.tables`.
    `joined` and `left` are aware UTC where the zone is known, else naive local times, and None
    where the file has none; `left` of an open interval is `Hints.open_until`, if that was given.
    `seconds` is there for a TOTAL only. `other_name` is what somebody was called before, or in a
    registration.
    """

    numbers: tuple[int, ...]
    table: int
    name: str
    email: str = ""
    presence: Presence = Presence.INTERVAL
    joined: datetime | None = None
    left: datetime | None = None
    seconds: int | None = None
    other_name: str = ""
    role: Role | None = None
    markers: frozenset[Marker] = frozenset()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that was read and does not count."""

    number: int
    table: int
    name: str
    why: Why


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that says nothing that could be read, and why. `name`: who stands in it, by name or by
    address; empty where nobody does."""

    number: int
    table: int
    reason: Remark
    name: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file. `names` is how many different names its rows show; `not_kept` are the
    headers of columns of which nothing was taken. `why` says why it was not used, or only in
    part."""

    title: str
    sheet: str
    header: int
    headers: tuple[str, ...]
    columns: tuple[Column | None, ...]
    rows: int
    names: int
    used: bool = True
    why: Remark | None = None

    @property
    def not_kept(self) -> tuple[str, ...]:
        """The headers of what was left out."""
        return tuple(
            header
            for header, column in zip(self.headers, self.columns, strict=True)
            if header and column in (None, Column.REGISTERED)
        )


@dataclass(frozen=True, slots=True)
class ZoneFit:
    """How many of `total` stays overlap the session if the times are those of a zone."""

    zone: str
    rows: int
    total: int


@dataclass(frozen=True, slots=True)
class AskDateOrder:
    """A date that can be read in two ways, and what it would be."""

    example: str
    day_first: date | None
    month_first: date | None


@dataclass(frozen=True, slots=True)
class AskZone:
    """The file does not say whose clock it shows. The first fit is what to suggest; `written` is
    what it puts behind its times, such as EST, if that does not say enough."""

    fits: tuple[ZoneFit, ...]
    written: str = ""


@dataclass(frozen=True, slots=True)
class AskOpenUntil:
    """Some joined and are not said to have left. `last` is the last time in the file."""

    stays: int
    last: datetime


@dataclass(frozen=True, slots=True)
class AskColumns:
    """No table says by its headers who was there when."""

    sheet: str
    header: int
    headers: tuple[str, ...]


Question = AskDateOrder | AskZone | AskOpenUntil | AskColumns


@dataclass(frozen=True, slots=True)
class Report:
    """What a file says. Every row of its tables is in `rows`, `set_aside` or `unreadable`, by its
    number; rows of a table that is not used are in none of them.

    `language` is that of the headers ("" where no header was known); `delimiter` is empty for a
    workbook. `date_order` is None where dates have one reading, or none. `zone` is an IANA name,
    or UTC+HH:MM where the file states no more; empty where it is not known.
    """

    provider: Provider
    layout: Layout
    language: str
    encoding: str
    delimiter: str
    date_order: DateOrder | None
    settled: Settled
    zone: str
    zone_known: ZoneKnown
    tables: tuple[Table, ...]
    rows: tuple[Row, ...]
    set_aside: tuple[SetAside, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    questions: tuple[Question, ...] = ()
    remarks: tuple[Remark, ...] = ()
    title: str = ""  # what the meeting is called

    @property
    def ready(self) -> bool:
        """Whether nothing is open that has to be answered before the rows can be used."""
        return all(isinstance(each, AskOpenUntil) for each in self.questions)

"""What a brief says of a session, as plain values. No participant is named in any of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.attendance import Basis, Status
from app.domain.schedule import PartRole, SegmentKind


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody with a part in a segment."""

    name: str
    role: PartRole
    institution: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A segment, with its start as an aware instant."""

    kind: SegmentKind
    title: str
    starts: datetime
    people: tuple[Speaker, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A material that everybody may open."""

    title: str
    address: str


@dataclass(frozen=True, slots=True)
class Brief:
    """A session on one page, at the aware instant `at`.

    `starts` and `ends` are aware, shown in the IANA zone. `over` and `closed` say how far its
    numbers can be relied on; `to_settle`: reports or rows of them wait. `statuses` and `bases`
    count people of all who were `enrolled`, the latter those who attended. `countries`: (ISO code,
    how many attended), the largest first, of `country_count`; `others` attended from those that are
    too small to be named, or said nothing. `mean` is that of the verified minutes. `opinions`: how
    many gave feedback; None: not asked, or withheld. `rating` is the mean of so many `ratings`,
    None where they are too few to be told.
    """

    language: str
    cycle: str
    number: int
    title: str
    starts: datetime
    ends: datetime
    zone: str
    at: datetime
    address: str
    organizers: tuple[str, ...] = ()
    accent: str = ""
    agenda: tuple[Item, ...] = ()
    over: bool = True
    closed: bool = True
    to_settle: bool = False
    enrolled: int = 0
    attended: int = 0
    statuses: Mapping[Status, int] = field(default_factory=dict)
    bases: Mapping[Basis, int] = field(default_factory=dict)
    mean: float | None = None
    unverified: int = 0
    countries: tuple[tuple[str, int], ...] = ()
    country_count: int = 0
    others: int = 0
    opinions: int | None = None
    ratings: int = 0
    rating: float | None = None
    materials: tuple[Shown, ...] = ()

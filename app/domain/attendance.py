"""From evidence to an attendance record: what was observed, and what it amounts to.

`record` is a pure function of a set: neither the order in which evidence arrives nor seeing the
same twice makes a difference.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.domain.intervals import inside
from app.domain.retractions import retracted

_ZERO = timedelta()
_SECOND = timedelta(seconds=1)


class Kind(StrEnum):
    """What was observed."""

    JOIN_CLICK = "join_click"
    CHECK_IN = "check_in"
    MARK = "mark"
    INTERVAL = "interval"  # a provider's report: joined and left
    TOTAL = "total"  # a provider's report: so long, without times
    RETRACTION = "retraction"


class Status(StrEnum):
    """What the evidence amounts to."""

    UNKNOWN = "unknown"
    PRESENT = "present"
    LATE = "late"
    PARTIAL = "partial"
    ABSENT = "absent"
    EXCUSED = "excused"


ATTENDED = frozenset({Status.PRESENT, Status.LATE, Status.PARTIAL})
"""What counts as having been there, in totals."""


class Basis(StrEnum):
    """What decided: one kind of evidence, that the session was closed without any, or nothing."""

    MARK = "mark"
    INTERVALS = "intervals"
    TOTALS = "totals"
    CHECK_IN = "check_in"
    CLOSING = "closing"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observed fact about one enrolment in one session.

    `id` is its identity: two with the same id are the same one, seen twice. `at` is aware: when
    it was observed, of a report when it was applied. Raises ValueError for a mark without a status
    (or with "unknown": that is what retracting a mark says), for a retraction that retracts
    nothing, for an interval that ends before it begins, and for times that are not its kind's.
    """

    id: str
    kind: Kind
    at: datetime
    source: str = ""
    recorded_by: str = ""  # the organizer, where one did it
    status: Status | None = None  # marks only
    reason: str = ""
    retracts: str = ""  # retractions only: the id of the evidence that does not count any more
    joined: datetime | None = None  # intervals only: aware, half-open
    left: datetime | None = None
    seconds: int | None = None  # totals only
    report: str = ""  # the id of the import that it comes from
    row: int | None = None  # its number in that file
    shown_as: str = ""  # the name in that row
    matched: str = ""  # how the row was matched, see `domain.matching`
    file: str = ""  # totals only: the same for two imports whose files say the same

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("evidence is observed at an aware instant")
        if (self.kind is Kind.MARK) != (self.status not in (None, Status.UNKNOWN)):
            raise ValueError("a mark has a status, and nothing else has")
        if (self.kind is Kind.RETRACTION) != bool(self.retracts):
            raise ValueError("a retraction says what it retracts, and nothing else does")
        if self.kind is Kind.INTERVAL:
            joined, left = _interval(self.joined, self.left)
            object.__setattr__(self, "joined", joined)
            object.__setattr__(self, "left", left)
        elif self.joined is not None or self.left is not None:
            raise ValueError("an interval has times, and nothing else has")
        if (self.kind is Kind.TOTAL) != (self.seconds is not None):
            raise ValueError("a total has seconds, and nothing else has")
        if self.seconds is not None and self.seconds < 0:
            raise ValueError("nobody is there for less than no time")


def _interval(joined: datetime | None, left: datetime | None) -> tuple[datetime, datetime]:
    if joined is None or left is None:
        raise ValueError("an interval has a beginning and an end")
    if joined.tzinfo is None or left.tzinfo is None:
        raise ValueError("an interval lies between aware instants")
    # In UTC: two instants of one zone are compared and subtracted by the clock on the wall
    # (PEP 495), which is an hour off where summer time begins or ends in between.
    joined, left = joined.astimezone(UTC), left.astimezone(UTC)
    if left < joined:
        raise ValueError("an interval does not end before it begins")
    return joined, left


@dataclass(frozen=True, slots=True)
class SessionTime:
    """When a session takes place: aware instants, half-open, and the breaks in it.

    `closed`: an organizer has said that nothing more is to come. `seconds`: how long it lasts
    without its breaks, a second at least, also where all is break. All is kept in UTC; breaks are
    cut to the session and put together. Raises ValueError for a session that does not end after
    its start.
    """

    starts: datetime
    ends: datetime
    breaks: tuple[tuple[datetime, datetime], ...] = ()
    closed: bool = False
    seconds: int = field(init=False)

    def __post_init__(self) -> None:
        utc = tuple((a.astimezone(UTC), b.astimezone(UTC)) for a, b in self.breaks)
        starts, ends = self.starts.astimezone(UTC), self.ends.astimezone(UTC)
        if not starts < ends:
            raise ValueError("a session ends after its start")
        object.__setattr__(self, "starts", starts)
        object.__setattr__(self, "ends", ends)
        object.__setattr__(self, "breaks", tuple(inside(starts, ends, utc)))
        object.__setattr__(self, "seconds", max(1, self.spent([(starts, ends)])))

    def spent(self, there: Iterable[tuple[datetime, datetime]]) -> int:
        """Seconds of pieces of the session that do not overlap (in UTC), less its breaks. Parts of
        a second are dropped at the end."""
        spent = _ZERO
        for starts, ends in there:
            spent += ends - starts
            for begin, end in self.breaks:
                if begin < ends and starts < end:
                    spent -= min(end, ends) - max(begin, starts)
        return spent // _SECOND

    def counted(
        self, intervals: Iterable[tuple[datetime, datetime]]
    ) -> list[tuple[datetime, datetime]]:
        """The pieces of time that count of intervals (in UTC), in order, to be shown: none overlaps
        another, none lies in a break."""
        return [
            (max(begin, free), min(end, until))
            for begin, end in inside(self.starts, self.ends, intervals)
            for free, until in self._without_breaks()
            if max(begin, free) < min(end, until)
        ]

    def _without_breaks(self) -> list[tuple[datetime, datetime]]:
        found, reached = [], self.starts
        for begin, end in self.breaks:
            found.append((reached, begin))
            reached = end
        return [*found, (reached, self.ends)]


@dataclass(frozen=True, slots=True)
class StatusRule:
    """When somebody who was there is late, or was there for a part only.

    `late_after`: minutes after the start; None: nobody is late. `partial_below`: percent of the
    session, less its breaks.
    """

    late_after: int | None = 15
    partial_below: int = 50


@dataclass(frozen=True, slots=True)
class Record:
    """One enrolment's attendance at one session.

    `seconds` None: not verified, which is not zero; they are what reports say, also where a mark
    decided. `at`, `recorded_by` and `reason` are those of the evidence that decided; of intervals
    the first, and when it began. `checked_in` and `clicked` are the first of their kind, shown
    beside the status whatever decided it.
    """

    status: Status
    basis: Basis
    seconds: int | None = None
    at: datetime | None = None
    recorded_by: str = ""
    reason: str = ""
    evidence_id: str = ""
    checked_in: datetime | None = None
    clicked: datetime | None = None

    @property
    def minutes(self) -> int | None:
        """Whole minutes that are verified; None: not verified."""
        return None if self.seconds is None else self.seconds // 60


def counts_at(found: Record, *, enrolled: bool) -> bool:
    """Whether somebody counts at the session that this is the record of: who is enrolled does at
    each, and who has no place any more where evidence that stands shows that they were seen."""
    return enrolled or found.status in ATTENDED


class _Case:
    """What a rung of the ladder looks at: what was not retracted, by kind, in order of time.

    `there`: the time in the session that intervals amount to. `seconds`: what reports say, that is
    the union of the intervals; where there are none, the sum of the totals, at most the session's
    length.
    """

    __slots__ = ("by_kind", "rule", "seconds", "session", "there")

    def __init__(
        self, evidence: Iterable[Evidence], session: SessionTime, rule: StatusRule
    ) -> None:
        self.session, self.rule = session, rule
        self.by_kind: dict[Kind, list[Evidence]] = {}
        for each in evidence:
            self.by_kind.setdefault(each.kind, []).append(each)
        self.there: list[tuple[datetime, datetime]] = []
        self.seconds: int | None = None
        if Kind.INTERVAL in self.by_kind:
            times = map(_times, self.by_kind[Kind.INTERVAL])
            self.there = inside(session.starts, session.ends, times)
            self.seconds = session.spent(self.there)
        elif Kind.TOTAL in self.by_kind:
            self.seconds = _total(self.by_kind[Kind.TOTAL], session)

    def first(self, kind: Kind) -> Evidence | None:
        """The earliest of a kind."""
        return next(iter(self.by_kind.get(kind, ())), None)


_Verdict = tuple[Status, Basis, Evidence | None]


def record(
    evidence: Iterable[Evidence], session: SessionTime, rule: StatusRule | None = None
) -> Record:
    """What the evidence on one enrolment and one session amounts to.

    The last organizer's mark decides; without one, the intervals of providers' reports, then their
    totals; then a check-in says "present, minutes unverified". Without any of these, somebody is
    absent once an organizer has closed the session and unknown before; so is who was in the meeting
    at no moment of the session. A mark of absence waits for the closing, too. A join click decides
    nothing.

    `evidence` is all of it, in any order; the same id counts once.
    """
    case = _Case(standing(evidence), session, rule or StatusRule())
    status, basis, decided = next(
        verdict for rung in _LADDER if (verdict := rung(case)) is not None
    )
    here, clicked = case.first(Kind.CHECK_IN), case.first(Kind.JOIN_CLICK)
    return Record(
        status=status,
        basis=basis,
        seconds=case.seconds,
        at=(decided.joined or decided.at) if decided else None,
        recorded_by=decided.recorded_by if decided else "",
        reason=decided.reason if decided else "",
        evidence_id=decided.id if decided else "",
        checked_in=here.at if here else None,
        clicked=clicked.at if clicked else None,
    )


def standing(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """What was not retracted, each once, in order of time.

    A retraction may itself be retracted by a later one, which makes its target count again.
    Going from the latest to the earliest settles every chain, and two that retract each other.
    """
    once: dict[str, Evidence] = {}
    for each in evidence:
        known = once.setdefault(each.id, each)
        if known != each:  # two unlike ones with one id settle the same way every time
            once[each.id] = min(known, each, key=lambda e: (e.at, repr(e)))
    ordered = sorted(once.values(), key=_by_time)
    if all(each.kind is not Kind.RETRACTION for each in ordered):
        return tuple(ordered)
    gone = retracted((e.at, e.id, e.retracts) for e in ordered if e.kind is Kind.RETRACTION)
    return tuple(each for each in ordered if each.id not in gone)


def _by_time(each: Evidence) -> tuple[datetime, str]:
    return each.at, each.id


def pieces(evidence: Iterable[Evidence], session: SessionTime) -> list[tuple[datetime, datetime]]:
    """The time that intervals of reports amount to, piece by piece: what the minutes are made of.
    Empty where only totals are known, or nothing."""
    intervals = [each for each in standing(evidence) if each.kind is Kind.INTERVAL]
    return session.counted(map(_times, intervals))


def seconds_untold(evidence: Iterable[Evidence], session: SessionTime) -> int:
    """How many seconds totals tell of that the intervals, which count before them, show nowhere,
    neither in the session nor around it. 0 where there are not both."""
    by_kind: dict[Kind, list[Evidence]] = {}
    for each in standing(evidence):
        by_kind.setdefault(each.kind, []).append(each)
    stays = [_times(each) for each in by_kind.get(Kind.INTERVAL, ())]
    totals = by_kind.get(Kind.TOTAL)
    if not stays or not totals:
        return 0
    pieces = inside(min(stays)[0], max(left for _, left in stays), stays)
    shown = sum((left - joined for joined, left in pieces), _ZERO) // _SECOND
    return max(0, _total(totals, session) - shown)


def _total(totals: Iterable[Evidence], session: SessionTime) -> int:
    """Seconds of totals together, at most the session's. Each row of a report is one, however often
    it is seen; a file that was read twice says the same twice, and what one reading of it has not,
    the other may."""
    rows: dict[tuple[str, str, str, int], dict[str, set[int | None]]] = {}
    for each in totals:
        same = each.file, each.source, each.shown_as, each.seconds or 0
        rows.setdefault(same, {}).setdefault(each.report, set()).add(each.row)
    told = (seconds * max(map(len, of.values())) for (*_, seconds), of in rows.items())
    return min(sum(told), session.seconds)


def _times(interval: Evidence) -> tuple[datetime, datetime]:
    assert interval.joined is not None
    assert interval.left is not None
    return interval.joined, interval.left


def _by_mark(case: _Case) -> _Verdict | None:
    marks = case.by_kind.get(Kind.MARK)
    if not marks:
        return None
    last = marks[-1]
    status = last.status or Status.UNKNOWN
    if status is Status.ABSENT and not case.session.closed:
        status = Status.UNKNOWN
    return status, Basis.MARK, last


def _by_intervals(case: _Case) -> _Verdict | None:
    intervals = case.by_kind.get(Kind.INTERVAL)
    if not intervals:
        return None
    first = min(intervals, key=lambda e: (_times(e), e.id)) if len(intervals) > 1 else intervals[0]
    status, after = _for_so_long(case), case.rule.late_after
    if status is Status.PRESENT and after is not None:
        in_time = case.there[0][0] <= case.session.starts + timedelta(minutes=after)
        status = Status.PRESENT if in_time else Status.LATE
    return status, Basis.INTERVALS, first


def _by_totals(case: _Case) -> _Verdict | None:
    first = case.first(Kind.TOTAL)
    return None if first is None else (_for_so_long(case), Basis.TOTALS, first)


def _for_so_long(case: _Case) -> Status:
    if not case.seconds:
        return Status.ABSENT if case.session.closed else Status.UNKNOWN
    enough = case.seconds * 100 >= case.rule.partial_below * case.session.seconds
    return Status.PRESENT if enough else Status.PARTIAL


def _by_check_in(case: _Case) -> _Verdict | None:
    first = case.first(Kind.CHECK_IN)
    return None if first is None else (Status.PRESENT, Basis.CHECK_IN, first)


def _by_closing(case: _Case) -> _Verdict | None:
    return (Status.ABSENT, Basis.CLOSING, None) if case.session.closed else None


def _unknown(_: _Case) -> _Verdict:
    return Status.UNKNOWN, Basis.NOTHING, None


_LADDER: tuple[Callable[[_Case], _Verdict | None], ...] = (
    _by_mark,
    _by_intervals,
    _by_totals,
    _by_check_in,
    _by_closing,
    _unknown,
)

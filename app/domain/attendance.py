"""From evidence to an attendance record: what was observed, and what it amounts to.

`record` is a pure function of a set: neither the order in which evidence arrives nor seeing the
same twice makes a difference.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.domain.intervals import inside

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

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("evidence is observed at an aware instant")
        if (self.kind is Kind.MARK) != (self.status not in (None, Status.UNKNOWN)):
            raise ValueError("a mark has a status, and nothing else has")
        if (self.kind is Kind.RETRACTION) != bool(self.retracts):
            raise ValueError("a retraction says what it retracts, and nothing else does")
        if self.kind is Kind.INTERVAL:
            _refuse_no_interval(self.joined, self.left)
        elif self.joined is not None or self.left is not None:
            raise ValueError("an interval has times, and nothing else has")
        if (self.kind is Kind.TOTAL) != (self.seconds is not None):
            raise ValueError("a total has seconds, and nothing else has")
        if self.seconds is not None and self.seconds < 0:
            raise ValueError("nobody is there for less than no time")


def _refuse_no_interval(joined: datetime | None, left: datetime | None) -> None:
    if joined is None or left is None:
        raise ValueError("an interval has a beginning and an end")
    if joined.tzinfo is None or left.tzinfo is None:
        raise ValueError("an interval lies between aware instants")
    if left.astimezone(UTC) < joined.astimezone(UTC):
        raise ValueError("an interval does not end before it begins")


@dataclass(frozen=True, slots=True)
class SessionTime:
    """When a session takes place: aware instants, half-open, and the breaks in it.

    `closed`: an organizer has said that nothing more is to come. Raises ValueError for a session
    that does not end after its start.
    """

    starts: datetime
    ends: datetime
    breaks: tuple[tuple[datetime, datetime], ...] = ()
    closed: bool = False

    def __post_init__(self) -> None:
        # Two instants of one zone are subtracted by the clock on the wall (PEP 495), which is an
        # hour off where summer time begins or ends in between.
        object.__setattr__(self, "starts", self.starts.astimezone(UTC))
        object.__setattr__(self, "ends", self.ends.astimezone(UTC))
        utc = tuple((a.astimezone(UTC), b.astimezone(UTC)) for a, b in self.breaks)
        object.__setattr__(self, "breaks", utc)
        if not self.starts < self.ends:
            raise ValueError("a session ends after its start")

    @property
    def seconds(self) -> int:
        """How long it lasts without its breaks. At least a second, also where all is break."""
        return max(1, self.attended([(self.starts, self.ends)]))

    def attended(self, intervals: Iterable[tuple[datetime, datetime]]) -> int:
        """Seconds of the session, less its breaks, that lie in at least one of the intervals
        (aware, in UTC). What belongs to two counts once; parts of a second are dropped at the end.
        """
        there = inside(self.starts, self.ends, intervals)
        spent = sum((ends - starts for starts, ends in there), _ZERO)
        for starts, ends in there:
            spent -= sum((b - a for a, b in inside(starts, ends, self.breaks)), _ZERO)
        return spent // _SECOND

    def counted(
        self, intervals: Iterable[tuple[datetime, datetime]]
    ) -> list[tuple[datetime, datetime]]:
        """The pieces of time that `attended` counts, in order, to be shown: none overlaps another,
        none lies in a break."""
        return [
            (max(begin, free), min(end, until))
            for begin, end in inside(self.starts, self.ends, intervals)
            for free, until in self._without_breaks()
            if max(begin, free) < min(end, until)
        ]

    def _without_breaks(self) -> list[tuple[datetime, datetime]]:
        found, reached = [], self.starts
        for begin, end in inside(self.starts, self.ends, self.breaks):
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


@dataclass(frozen=True, slots=True)
class _Case:
    """What a rung of the ladder looks at; evidence in order of time, retracted ones left out."""

    evidence: tuple[Evidence, ...]
    session: SessionTime
    rule: StatusRule

    def of(self, kind: Kind) -> list[Evidence]:
        return [each for each in self.evidence if each.kind is kind]


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
    seconds = _seconds(case)
    status, basis, decided = next(
        verdict for rung in _LADDER if (verdict := rung(case, seconds)) is not None
    )
    return Record(
        status=status,
        basis=basis,
        seconds=seconds,
        at=(decided.joined or decided.at) if decided else None,
        recorded_by=decided.recorded_by if decided else "",
        reason=decided.reason if decided else "",
        evidence_id=decided.id if decided else "",
        checked_in=next((each.at for each in case.of(Kind.CHECK_IN)), None),
        clicked=next((each.at for each in case.of(Kind.JOIN_CLICK)), None),
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
    ordered = sorted(once.values(), key=lambda e: (e.at, e.id))
    retracted: set[str] = set()
    for each in reversed(ordered):
        if each.kind is Kind.RETRACTION and each.id not in retracted:
            retracted.add(each.retracts)
    return tuple(each for each in ordered if each.id not in retracted)


def pieces(evidence: Iterable[Evidence], session: SessionTime) -> list[tuple[datetime, datetime]]:
    """The time that intervals of reports amount to, piece by piece: what the minutes are made of.
    Empty where only totals are known, or nothing."""
    intervals = [each for each in standing(evidence) if each.kind is Kind.INTERVAL]
    return session.counted(map(_times, intervals))


def _seconds(case: _Case) -> int | None:
    """What reports say: the union of the intervals; where there are none, the sum of the totals,
    at most the session's length. Totals that say the same of the same name are one, seen twice."""
    intervals = case.of(Kind.INTERVAL)
    if intervals:
        return case.session.attended([_times(each) for each in intervals])
    totals = {(each.source, each.shown_as, each.seconds or 0) for each in case.of(Kind.TOTAL)}
    if not totals:
        return None
    return min(sum(seconds for *_, seconds in totals), case.session.seconds)


def _times(interval: Evidence) -> tuple[datetime, datetime]:
    assert interval.joined is not None
    assert interval.left is not None
    return interval.joined.astimezone(UTC), interval.left.astimezone(UTC)


def _by_mark(case: _Case, _: int | None) -> _Verdict | None:
    marks = case.of(Kind.MARK)
    if not marks:
        return None
    last = marks[-1]
    status = last.status or Status.UNKNOWN
    if status is Status.ABSENT and not case.session.closed:
        status = Status.UNKNOWN
    return status, Basis.MARK, last


def _by_intervals(case: _Case, seconds: int | None) -> _Verdict | None:
    intervals = sorted(case.of(Kind.INTERVAL), key=lambda e: (_times(e), e.id))
    if not intervals or seconds is None:
        return None
    session = case.session
    there = inside(session.starts, session.ends, map(_times, intervals))
    status = _for_so_long(case, seconds)
    after = case.rule.late_after
    if (
        status is Status.PRESENT
        and after is not None
        and there[0][0] > session.starts + timedelta(minutes=after)
    ):
        status = Status.LATE
    return status, Basis.INTERVALS, intervals[0]


def _by_totals(case: _Case, seconds: int | None) -> _Verdict | None:
    first = next(iter(case.of(Kind.TOTAL)), None)
    if first is None or seconds is None:
        return None
    return _for_so_long(case, seconds), Basis.TOTALS, first


def _for_so_long(case: _Case, seconds: int) -> Status:
    if not seconds:
        return Status.ABSENT if case.session.closed else Status.UNKNOWN
    enough = seconds * 100 >= case.rule.partial_below * case.session.seconds
    return Status.PRESENT if enough else Status.PARTIAL


def _by_check_in(case: _Case, _: int | None) -> _Verdict | None:
    first = next(iter(case.of(Kind.CHECK_IN)), None)
    return None if first is None else (Status.PRESENT, Basis.CHECK_IN, first)


def _by_closing(case: _Case, _: int | None) -> _Verdict | None:
    return (Status.ABSENT, Basis.CLOSING, None) if case.session.closed else None


def _unknown(*_: object) -> _Verdict:
    return Status.UNKNOWN, Basis.NOTHING, None


_LADDER: tuple[Callable[[_Case, int | None], _Verdict | None], ...] = (
    _by_mark,
    _by_intervals,
    _by_totals,
    _by_check_in,
    _by_closing,
    _unknown,
)

"""From evidence to an attendance record: what was observed, and what it amounts to.

`record` is a pure function of a set: neither the order in which evidence arrives nor seeing the
same twice makes a difference.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What was observed."""

    JOIN_CLICK = "join_click"
    CHECK_IN = "check_in"
    MARK = "mark"
    RETRACTION = "retraction"


class Status(StrEnum):
    """What the evidence amounts to."""

    UNKNOWN = "unknown"
    PRESENT = "present"
    LATE = "late"
    PARTIAL = "partial"
    ABSENT = "absent"
    EXCUSED = "excused"


class Basis(StrEnum):
    """What decided: one kind of evidence, that the session was closed without any, or nothing."""

    MARK = "mark"
    CHECK_IN = "check_in"
    CLOSING = "closing"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observed fact about one enrolment in one session.

    `id` is its identity: two with the same id are the same one, seen twice. `at` is aware: when
    it was observed. Raises ValueError for a mark without a status (or with "unknown": that is
    what retracting a mark says), and for a retraction that retracts nothing.
    """

    id: str
    kind: Kind
    at: datetime
    source: str = ""
    recorded_by: str = ""  # the organizer, where one did it
    status: Status | None = None  # marks only
    reason: str = ""
    retracts: str = ""  # retractions only: the id of the evidence that does not count any more

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("evidence is observed at an aware instant")
        if (self.kind is Kind.MARK) != (self.status not in (None, Status.UNKNOWN)):
            raise ValueError("a mark has a status, and nothing else has")
        if (self.kind is Kind.RETRACTION) != bool(self.retracts):
            raise ValueError("a retraction says what it retracts, and nothing else does")


@dataclass(frozen=True, slots=True)
class Record:
    """One enrolment's attendance at one session.

    `minutes` None: not verified, which is not zero. `at`, `recorded_by` and `reason` are those of
    the evidence that decided. `checked_in` and `clicked` are the first of their kind, shown beside
    the status whatever decided it.
    """

    status: Status
    basis: Basis
    minutes: int | None = None
    at: datetime | None = None
    recorded_by: str = ""
    reason: str = ""
    evidence_id: str = ""
    checked_in: datetime | None = None
    clicked: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """What a rung of the ladder looks at; evidence in order of time, retracted ones left out."""

    evidence: tuple[Evidence, ...]
    starts: datetime
    ends: datetime
    closed: bool

    def of(self, kind: Kind) -> list[Evidence]:
        return [each for each in self.evidence if each.kind is kind]


_Verdict = tuple[Status, Basis, int | None, Evidence | None]


def record(
    evidence: Iterable[Evidence], session: tuple[datetime, datetime], closed: bool
) -> Record:
    """What the evidence on one enrolment and one session amounts to.

    The last organizer's mark decides; without one, a check-in says "present, minutes unverified";
    without either, somebody is absent once an organizer has closed the session and unknown before.
    A mark of absence waits for the closing, too. A join click decides nothing.

    Args:
        evidence: all of it, in any order; the same id counts once.
        session: start and end, aware, half-open; what minutes will be cut to.
        closed: whether an organizer has closed the session.

    Raises ValueError for a session that does not end after its start.
    """
    starts, ends = session
    if not starts < ends:
        raise ValueError("a session ends after its start")
    case = _Case(_standing(evidence), starts, ends, closed)
    status, basis, minutes, decided = next(
        verdict for rung in _LADDER if (verdict := rung(case)) is not None
    )
    return Record(
        status=status,
        basis=basis,
        minutes=minutes,
        at=decided.at if decided else None,
        recorded_by=decided.recorded_by if decided else "",
        reason=decided.reason if decided else "",
        evidence_id=decided.id if decided else "",
        checked_in=next((each.at for each in case.of(Kind.CHECK_IN)), None),
        clicked=next((each.at for each in case.of(Kind.JOIN_CLICK)), None),
    )


def _standing(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """What was not retracted, each once, in order of time.

    A retraction may itself be retracted by a later one, which makes its target count again.
    Going from the latest to the earliest settles every chain, and two that retract each other.
    """
    # Sorted by everything, so that two unlike ones with one id settle the same way every time.
    once = {each.id: each for each in sorted(evidence, key=_order, reverse=True)}
    ordered = sorted(once.values(), key=_order)
    retracted: set[str] = set()
    for each in reversed(ordered):
        if each.kind is Kind.RETRACTION and each.id not in retracted:
            retracted.add(each.retracts)
    return tuple(each for each in ordered if each.id not in retracted)


def _order(each: Evidence) -> tuple[datetime, str, str, str, str, str, str, str]:
    return (
        each.at,
        each.id,
        each.kind,
        each.status or "",
        each.retracts,
        each.source,
        each.recorded_by,
        each.reason,
    )


def _by_mark(case: _Case) -> _Verdict | None:
    marks = case.of(Kind.MARK)
    if not marks:
        return None
    last = marks[-1]
    status = last.status or Status.UNKNOWN
    if status is Status.ABSENT and not case.closed:
        status = Status.UNKNOWN
    return status, Basis.MARK, None, last


def _by_check_in(case: _Case) -> _Verdict | None:
    first = next(iter(case.of(Kind.CHECK_IN)), None)
    return None if first is None else (Status.PRESENT, Basis.CHECK_IN, None, first)


def _by_closing(case: _Case) -> _Verdict | None:
    return (Status.ABSENT, Basis.CLOSING, None, None) if case.closed else None


def _unknown(_: _Case) -> _Verdict:
    return Status.UNKNOWN, Basis.NOTHING, None, None


# Providers' intervals, then their totals, go between the mark and the check-in.
_LADDER: tuple[Callable[[_Case], _Verdict | None], ...] = (
    _by_mark,
    _by_check_in,
    _by_closing,
    _unknown,
)

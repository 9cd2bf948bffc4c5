"""Whether somebody has completed a cycle: a pure function of the attendance records and the rule.

Also what is missing, and whether it can still be made good while sessions are to come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from app.domain.attendance import Basis, Record, Status, StatusRule
from app.domain.text import Localized


@dataclass(frozen=True, slots=True)
class Rule:
    """An organizer's rule, of one version.

    Percents are of a session's length less its breaks; 0: having been there is enough. `of`: how
    many sessions the cycle is meant to have; `min_sessions` of them are needed. `mandatory`: ids of
    sessions that are needed whatever else. An excused session, or one whose minutes nobody
    measured, counts as attended in full if the rule says so, else not at all; an organizer's word
    "present" is not unverified. `warn`: participants are told while they can still meet it.
    Raises ValueError for numbers that cannot be.
    """

    min_sessions: int
    of: int
    min_percent_of_each: int = 0
    min_percent_of_whole: int = 0
    mandatory: tuple[str, ...] = ()
    excused_counts: bool = False
    unverified_counts: bool = False
    late_after: int | None = 15  # minutes; None: nobody is late
    partial_below: int = 50  # percent
    warn: bool = False

    def __post_init__(self) -> None:
        percents = (self.min_percent_of_each, self.min_percent_of_whole, self.partial_below)
        if not all(0 <= percent <= 100 for percent in percents):
            raise ValueError("a percent lies between 0 and 100")
        if not 1 <= self.min_sessions <= self.of:
            raise ValueError("a rule asks for one session or more, and not for more than there are")
        if self.late_after is not None and self.late_after < 0:
            raise ValueError("nobody is late before the start")

    @property
    def statuses(self) -> StatusRule:
        """What makes somebody late, or there for a part only."""
        return StatusRule(self.late_after, self.partial_below)


def to_document(rule: Rule) -> dict[str, Any]:
    """The rule in types that JSON has."""
    return {**asdict(rule), "mandatory": list(rule.mandatory)}


def from_document(document: Mapping[str, Any]) -> Rule:
    """The rule that a document holds; what an older one does not say is as it was then."""
    known = {each.name for each in fields(Rule)}
    values = {name: value for name, value in document.items() if name in known}
    return Rule(**{**values, "mandatory": tuple(values.get("mandatory", ()))})


class Standing(StrEnum):
    """How a session stands for somebody."""

    COUNTS = "counts"
    SHORT = "short"  # was there, and not for long enough, or nobody knows for how long
    MISSED = "missed"
    OPEN = "open"  # it is to come, or nothing is known of it yet


class Lack(StrEnum):
    """What is missing."""

    SESSIONS = "sessions"
    MANDATORY = "mandatory"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class Held:
    """A session of the cycle that was not called off. `seconds`: its length less its breaks.

    `over`: it has ended. `closed`: an organizer said that nothing more is to come. `begun`: its
    start is behind us; until then nobody has been there, nor missed it. A draft's `number` may be
    that of another one that was published, so its `title` goes with it.
    """

    id: str
    number: int
    seconds: int
    over: bool
    closed: bool = False
    begun: bool = True
    title: Localized = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that is missing: so many sessions, the mandatory session of this number (with its
    id and title), or so many percent points of the whole cycle."""

    what: Lack
    amount: int
    session_id: str = field(default="", compare=False)
    title: Localized = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far somebody is. `standings` go with the sessions; `percent` is of the whole cycle,
    rounded down. `reachable`: if all that is open counted in full, the rule would be met. `slack`:
    so many of the open sessions may be missed; None where the rule is met or cannot be any more.
    """

    completed: bool
    counted: int
    percent: int
    standings: tuple[Standing, ...]
    missing: tuple[Missing, ...] = field(default=())
    reachable: bool = True
    slack: int | None = None

    @property
    def at_risk(self) -> bool:
        """Whether the rule can be met only by missing nothing of what is still open."""
        return not self.completed and self.reachable and self.slack == 0


def completed(
    rule: Rule,
    sessions: Sequence[Held],
    records: Mapping[str, Record],
    called_off: int = 0,
    planned: Sequence[Held] = (),
) -> Outcome:
    """How far somebody is with these records, by the ids of the sessions; of a session without one
    nothing is known.

    Sessions that have not begun are open whatever is known of them, be it an excuse. So are those
    that are `planned`, which nobody has been told of yet, and those that the rule counts and that
    are not even planned: as long as the others are, on average. Those that were `called_off` (so
    many) will never be: the rule asks for no more than take place.
    """
    known = len(sessions)
    sessions = [*sessions, *map(_to_come, planned)]
    sessions += _not_there_yet(rule, sessions, called_off)
    records = {each.id: records[each.id] for each in sessions if each.begun and each.id in records}
    if called_off and 0 < len(sessions) < rule.min_sessions:
        rule = replace(rule, min_sessions=len(sessions))
    standings = tuple(_standing(rule, each, records.get(each.id)) for each in sessions)
    credited = [_credited(rule, each, records.get(each.id)) for each in sessions]
    missing = _missing(rule, sessions, standings, credited)
    best = tuple(Standing.COUNTS if s is Standing.OPEN else s for s in standings)
    at_best = [
        each.seconds if standing is Standing.OPEN else seconds
        for each, standing, seconds in zip(sessions, standings, credited, strict=True)
    ]
    reachable = not _missing(rule, sessions, best, at_best)
    return Outcome(
        completed=not missing,
        counted=sum(s is Standing.COUNTS for s in standings),
        percent=_percent(sessions, credited),
        standings=standings[:known],
        missing=missing,
        reachable=reachable,
        slack=_slack(rule, sessions, best, at_best, standings) if missing and reachable else None,
    )


def _not_there_yet(rule: Rule, sessions: Sequence[Held], called_off: int) -> list[Held]:
    mean = sum(each.seconds for each in sessions) // len(sessions) if sessions else 1
    untold = Held("", 0, mean, over=False, begun=False)
    return [untold] * (rule.of - len(sessions) - called_off)


def _to_come(session: Held) -> Held:
    return replace(session, over=False, closed=False, begun=False)


def needed(rule: Rule, sessions: Sequence[Held], outcome: Outcome) -> list[str]:
    """The ids of the sessions to come that somebody must not miss if the rule is to be met: all of
    them where nothing may be missed any more, else those that are mandatory."""
    if outcome.completed or not outcome.reachable:
        return []
    return [
        each.id
        for each, standing in zip(sessions, outcome.standings, strict=True)
        if standing is Standing.OPEN
        and not each.over
        and (outcome.at_risk or each.id in rule.mandatory)
    ]


def _standing(rule: Rule, session: Held, found: Record | None) -> Standing:
    status = Status.UNKNOWN if found is None else found.status
    if found is None or status is Status.UNKNOWN:
        return Standing.MISSED if session.closed and session.begun else Standing.OPEN
    if status is Status.ABSENT:
        return Standing.MISSED
    if status is Status.EXCUSED:
        return Standing.COUNTS if rule.excused_counts else Standing.MISSED
    if _long_enough(rule, session, found):
        return Standing.COUNTS
    # More may come: minutes until it is over, after that a report to what is a check-in so far.
    waiting = not session.over or (found.basis is Basis.CHECK_IN and not session.closed)
    return Standing.OPEN if waiting else Standing.SHORT


def _long_enough(rule: Rule, session: Held, found: Record) -> bool:
    percent = rule.min_percent_of_each
    match found.basis:
        case Basis.MARK if found.status is not Status.PARTIAL:
            return True
        case Basis.MARK if found.seconds is None:
            return percent == 0
        case Basis.CHECK_IN:
            return percent == 0 or rule.unverified_counts
        case _:
            return (found.seconds or 0) * 100 >= percent * session.seconds


def _credited(rule: Rule, session: Held, found: Record | None) -> int:
    """Seconds that count towards the whole."""
    if found is None or found.status in (Status.UNKNOWN, Status.ABSENT):
        return 0
    if found.status is Status.EXCUSED:
        return session.seconds if rule.excused_counts else 0
    if found.basis is Basis.MARK and found.status is not Status.PARTIAL:
        return session.seconds
    if found.seconds is not None:
        return found.seconds
    return session.seconds if found.basis is Basis.CHECK_IN and rule.unverified_counts else 0


def _percent(sessions: Sequence[Held], credited: Sequence[int]) -> int:
    whole = sum(each.seconds for each in sessions)
    return sum(credited) * 100 // whole if whole else 0


def _missing(
    rule: Rule,
    sessions: Sequence[Held],
    standings: Sequence[Standing],
    credited: Sequence[int],
) -> tuple[Missing, ...]:
    found = []
    counted = sum(s is Standing.COUNTS for s in standings)
    if counted < rule.min_sessions:
        found.append(Missing(Lack.SESSIONS, rule.min_sessions - counted))
    found += [
        Missing(Lack.MANDATORY, each.number, each.id, each.title)
        for each, standing in zip(sessions, standings, strict=True)
        if each.id in rule.mandatory and standing is not Standing.COUNTS
    ]
    percent = _percent(sessions, credited)
    if percent < rule.min_percent_of_whole:
        found.append(Missing(Lack.PERCENT, rule.min_percent_of_whole - percent))
    return tuple(found)


def _slack(
    rule: Rule,
    sessions: Sequence[Held],
    best: Sequence[Standing],
    at_best: Sequence[int],
    standings: Sequence[Standing],
) -> int:
    """How many of the open sessions may be missed, whichever: the mandatory ones aside, which may
    not. The longest are tried first, so that what is said holds for any of them."""
    free = [
        place
        for place, each in enumerate(sessions)
        if standings[place] is Standing.OPEN and each.id not in rule.mandatory
    ]
    free.sort(key=lambda place: -sessions[place].seconds)
    standing, credited = list(best), list(at_best)
    for missed, place in enumerate(free):
        standing[place], credited[place] = Standing.MISSED, 0
        if _missing(rule, sessions, standing, credited):
            return missed
    return len(free)

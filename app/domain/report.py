"""What a cycle amounts to in numbers: one pure tally over everybody, and over groups of them.

A tally is a sum: it makes no difference in which order people come, and the tallies of groups that
share nobody add up to that of all. So it is counted in whole minutes, as they are shown for each
person, and a mean is worked out from sums, never from other means.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.addresses import search_key
from app.domain.attendance import ATTENDED, Basis, Record, Status
from app.domain.completion import Outcome, Standing

LEAST = 3
"""What leaves the house names no group of fewer: see `folded`."""


class Dimension(StrEnum):
    """By what people are put into groups."""

    COUNTRY = "country"
    INSTITUTION = "institution"
    INITIATIVE = "initiative"
    GENDER = "gender"


@dataclass(frozen=True, slots=True)
class Row:
    """One enrolment. `enrolled`: they have a place; of whoever has none any more only the sessions
    count of which there is evidence. `records` and `answers` are by the id of the session; who did
    not answer stands in no answers. `outcome` None: there is no rule, or they have no place.
    """

    country: str = ""
    institution: str = ""
    initiative: str = ""
    gender: str = ""
    enrolled: bool = True
    records: Mapping[str, Record] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    outcome: Outcome | None = None

    def of(self, dimension: Dimension) -> str:
        """What they gave; empty where they said nothing."""
        return str(getattr(self, dimension.value))


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of people, and of attendances: one person at one session is one.

    `gone`: people without a place of whom there is evidence. `attended_once`: people who were at a
    session or more. `statuses`, `bases` (of those who attended) and `answers` count attendances.
    `minutes`: verified ones of all who attended, whole minutes each; `measured`: how many
    attendances these are of; `unverified`: attendances of unknown length, which are not zero.
    `completed`: people, `counted`: attendances that count, by the rule; 0 where there is none.
    """

    enrolled: int = 0
    gone: int = 0
    attended_once: int = 0
    statuses: Mapping[Status, int] = field(default_factory=dict)
    bases: Mapping[Basis, int] = field(default_factory=dict)
    answers: Mapping[str, int] = field(default_factory=dict)
    minutes: int = 0
    measured: int = 0
    unverified: int = 0
    completed: int = 0
    counted: int = 0

    @property
    def attended(self) -> int:
        """Attendances: people at a session, summed over the sessions."""
        return sum(self.statuses.get(status, 0) for status in ATTENDED)

    @property
    def mean(self) -> float | None:
        """Verified minutes of one attendance, on average; None where nothing was measured."""
        return self.minutes / self.measured if self.measured else None

    @property
    def people(self) -> int:
        """Everybody who is counted here."""
        return self.enrolled + self.gone

    def __add__(self, other: "Tally") -> "Tally":
        """Both together, of people (or of sessions) that they do not share."""
        return Tally(
            self.enrolled + other.enrolled,
            self.gone + other.gone,
            self.attended_once + other.attended_once,
            Counter(self.statuses) + Counter(other.statuses),
            Counter(self.bases) + Counter(other.bases),
            Counter(self.answers) + Counter(other.answers),
            self.minutes + other.minutes,
            self.measured + other.measured,
            self.unverified + other.unverified,
            self.completed + other.completed,
            self.counted + other.counted,
        )


@dataclass(frozen=True, slots=True)
class Group:
    """People who gave the same. `key` tells groups apart, `name` is what most of them wrote; both
    are empty for those who gave nothing."""

    key: str
    name: str
    tally: Tally


def tally(rows: Iterable[Row], sessions: Sequence[str]) -> Tally:
    """What all these people amount to, over the sessions with these ids, which are those that the
    outcomes were worked out for, in their order."""
    return _tally(rows, tuple(enumerate(sessions)))


def by_session(rows: Iterable[Row], sessions: Sequence[str]) -> dict[str, Tally]:
    """The same for each session by itself: then people and attendances are one. Who has no place
    any more counts where there is evidence; `completed` is of all who have a place."""
    rows = list(rows)
    return {
        session: _tally((row for row in rows if row.enrolled or session in row.records), [place])
        for place in enumerate(sessions)
        for session in place[1:]
    }


def by_dimension(
    rows: Iterable[Row], sessions: Sequence[str], dimension: Dimension
) -> tuple[Group, ...]:
    """The tallies of everybody who gave the same, the largest group first, those who gave nothing
    last. Case, accents and spaces make no difference in what was typed."""
    found: dict[str, list[Row]] = {}
    written: dict[str, Counter[str]] = {}
    for row in rows:
        value = row.of(dimension)
        key = search_key(value)
        found.setdefault(key, []).append(row)
        written.setdefault(key, Counter())[" ".join(value.split())] += 1
    groups = [
        Group(key, _usual(written[key]) if key else "", tally(theirs, sessions))
        for key, theirs in found.items()
    ]
    return tuple(sorted(groups, key=lambda g: (not g.key, -g.tally.people, g.key)))


def folded(
    groups: Iterable[Group], size: Callable[[Tally], int], least: int = LEAST
) -> tuple[tuple[Group, ...], Tally, int]:
    """For what leaves the house: the groups of `least` or more by `size`, the largest first; all
    others together; and how many those are. People who gave nothing are among the others.

    The others are `least` or none, too: else whoever knows the sum knows them, so the smallest
    group joins them. Groups of size 0 are left out altogether.
    """
    there = sorted(
        (group for group in groups if size(group.tally)), key=lambda g: (-size(g.tally), g.key)
    )
    shown = [group for group in there if group.key and size(group.tally) >= least]
    rest = [group for group in there if not (group.key and size(group.tally) >= least)]
    while shown and rest and sum(size(group.tally) for group in rest) < least:
        rest.append(shown.pop())
    return tuple(shown), sum((group.tally for group in rest), Tally()), len(rest)


def _usual(written: Counter[str]) -> str:
    return min(written, key=lambda text: (-written[text], text))


def _tally(rows: Iterable[Row], sessions: Sequence[tuple[int, str]]) -> Tally:
    enrolled = gone = once = minutes = measured = unverified = completed = counted = 0
    statuses: Counter[Status] = Counter()
    bases: Counter[Basis] = Counter()
    answers: Counter[str] = Counter()
    for row in rows:
        enrolled += row.enrolled
        gone += not row.enrolled
        there = False
        for place, session in sessions:
            answer = row.answers.get(session)
            if answer and row.enrolled:
                answers[answer] += 1
            if row.outcome is not None:
                counted += row.outcome.standings[place] is Standing.COUNTS
            found = row.records.get(session)
            if found is None:
                continue
            statuses[found.status] += 1
            if found.status not in ATTENDED:
                continue
            there = True
            bases[found.basis] += 1
            if found.minutes is None:
                unverified += 1
            else:
                measured += 1
                minutes += found.minutes
        once += there
        completed += row.outcome is not None and row.outcome.completed
    return Tally(
        enrolled,
        gone,
        once,
        statuses,
        bases,
        answers,
        minutes,
        measured,
        unverified,
        completed,
        counted,
    )

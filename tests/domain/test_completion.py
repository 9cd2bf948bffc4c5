"""Completion: whether the rule is met, what is missing, and whether it can still be met."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.attendance import Basis, Record, Status
from app.domain.completion import (
    Held,
    Lack,
    Missing,
    Outcome,
    Rule,
    Standing,
    completed,
    from_document,
    needed,
    to_document,
)

HOUR = 3600
RULE = Rule(min_sessions=3, of=4, min_percent_of_each=70)
SESSIONS = [Held(f"s{n}", n, 2 * HOUR, over=True) for n in (1, 2, 3, 4)]
CHECKED_IN = Record(Status.PRESENT, Basis.CHECK_IN)
EXCUSED = Record(Status.EXCUSED, Basis.MARK)
ABSENT = Record(Status.ABSENT, Basis.CLOSING)
UNKNOWN = Record(Status.UNKNOWN, Basis.NOTHING)


def measured(percent: float) -> Record:
    status = Status.PRESENT if percent >= 50 else Status.PARTIAL
    return Record(status, Basis.INTERVALS, int(percent * 2 * HOUR / 100))


def marked(status: Status, percent: float | None = None) -> Record:
    return Record(status, Basis.MARK, None if percent is None else int(percent * 2 * HOUR / 100))


def outcome(*records: Record, rule: Rule = RULE, sessions: list[Held] = SESSIONS) -> Outcome:
    return completed(rule, sessions, {s.id: r for s, r in zip(sessions, records, strict=False)})


def to_come(*numbers: int) -> list[Held]:
    return [replace(s, over=s.number not in numbers) for s in SESSIONS]


rules = st.builds(
    Rule,
    min_sessions=st.integers(1, 4),
    of=st.just(4),
    min_percent_of_each=st.integers(0, 100),
    min_percent_of_whole=st.integers(0, 100),
    mandatory=st.sampled_from([(), ("s2",), ("s1", "s4")]),
    excused_counts=st.booleans(),
    unverified_counts=st.booleans(),
)
records = st.one_of(
    st.sampled_from([CHECKED_IN, EXCUSED, ABSENT, UNKNOWN]),
    st.builds(measured, st.integers(0, 100)),
    st.builds(
        marked,
        st.sampled_from([Status.PRESENT, Status.LATE, Status.PARTIAL]),
        st.none() | st.integers(0, 100),
    ),
)
four = st.lists(records, min_size=4, max_size=4)
cycles = st.lists(
    st.sampled_from([(False, False), (True, False), (True, True)]), min_size=4, max_size=4
).map(
    lambda states: [
        replace(s, over=o, closed=c) for s, (o, c) in zip(SESSIONS, states, strict=True)
    ]
)


def test_three_of_four_at_seventy_percent() -> None:
    assert outcome(measured(70), measured(100), measured(69.9), measured(71)) == Outcome(
        True,
        3,
        77,
        (Standing.COUNTS, Standing.COUNTS, Standing.SHORT, Standing.COUNTS),
    )


def test_what_is_missing_and_out_of_reach() -> None:
    assert outcome(measured(69), measured(100), ABSENT, measured(90)) == Outcome(
        False,
        2,
        64,
        (Standing.SHORT, Standing.COUNTS, Standing.MISSED, Standing.COUNTS),
        (Missing(Lack.SESSIONS, 1),),
        reachable=False,
    )


def test_while_a_session_is_to_come_it_can_still_be_met() -> None:
    found = outcome(measured(90), measured(90), ABSENT, sessions=to_come(4))
    assert (found.missing, found.reachable, found.slack, found.at_risk) == (
        (Missing(Lack.SESSIONS, 1),),
        True,
        0,
        True,
    )


def test_slack_says_how_many_may_be_missed() -> None:
    found = outcome(measured(90), sessions=to_come(2, 3, 4))
    assert (found.slack, found.at_risk) == (1, False)


def test_an_unverified_check_in_counts_as_the_rule_says() -> None:
    four = (CHECKED_IN,) * 4
    closed = [replace(s, closed=True) for s in SESSIONS]
    assert outcome(*four, sessions=closed).standings == (Standing.SHORT,) * 4
    assert outcome(*four).standings == (Standing.OPEN,) * 4  # a report may still come
    assert outcome(*four, rule=replace(RULE, unverified_counts=True)).completed
    assert outcome(*four, rule=replace(RULE, min_percent_of_each=0)).completed


def test_an_excused_session_counts_as_the_rule_says() -> None:
    three = (measured(90), measured(90), EXCUSED, ABSENT)
    assert not outcome(*three).completed
    assert outcome(*three, rule=replace(RULE, excused_counts=True)).completed


def test_the_organizers_word_needs_no_minutes() -> None:
    assert outcome(*(marked(Status.PRESENT, 1),) * 2, marked(Status.LATE)).completed
    assert outcome(marked(Status.PARTIAL, 69), marked(Status.PARTIAL)).standings[:2] == (
        Standing.SHORT,
        Standing.SHORT,
    )
    assert outcome(marked(Status.PARTIAL, 70)).standings[0] is Standing.COUNTS


def test_a_mandatory_session_cannot_be_made_up_for() -> None:
    rule = replace(RULE, mandatory=("s3",))
    found = outcome(measured(90), measured(90), ABSENT, measured(90), rule=rule)
    assert found.missing == (Missing(Lack.MANDATORY, 3),)
    assert not found.reachable


def test_percent_of_the_whole_cycle() -> None:
    rule = Rule(min_sessions=1, of=4, min_percent_of_whole=60)
    found = outcome(measured(100), measured(40), measured(90), ABSENT, rule=rule)
    assert (found.percent, found.missing) == (57, (Missing(Lack.PERCENT, 3),))


def test_longer_sessions_weigh_more_in_the_whole() -> None:
    sessions = [Held("a", 1, 3 * HOUR, over=True), Held("b", 2, HOUR, over=True)]
    there = Record(Status.PRESENT, Basis.INTERVALS, 3 * HOUR)
    assert completed(replace(RULE, min_sessions=2, of=2), sessions, {"a": there}).percent == 75


def test_a_cycle_without_sessions_is_not_completed() -> None:
    assert completed(RULE, [], {}) == Outcome(
        False, 0, 0, (), (Missing(Lack.SESSIONS, 3),), reachable=True, slack=1
    )


@given(rules, cycles, four)
def test_what_is_completed_misses_nothing(
    rule: Rule, sessions: list[Held], found: list[Record]
) -> None:
    done = outcome(*found, rule=rule, sessions=sessions)
    assert done.completed is (done.missing == ())
    assert done.reachable or not done.completed
    assert (done.slack is None) is (done.completed or not done.reachable)


@given(rules, cycles, four, st.integers(0, 3))
def test_more_attendance_never_takes_completion_away(
    rule: Rule, sessions: list[Held], found: list[Record], place: int
) -> None:
    better = [*found]
    better[place] = measured(100)
    before = outcome(*found, rule=rule, sessions=sessions)
    after = outcome(*better, rule=rule, sessions=sessions)
    assert after.completed >= before.completed
    assert after.percent >= before.percent


@given(rules, cycles, four)
def test_reachable_means_that_full_attendance_of_the_rest_completes(
    rule: Rule, sessions: list[Held], found: list[Record]
) -> None:
    now = outcome(*found, rule=rule, sessions=sessions)
    best = [
        measured(100) if standing is Standing.OPEN else record
        for standing, record in zip(now.standings, found, strict=True)
    ]
    assert outcome(*best, rule=rule, sessions=sessions).completed is now.reachable


@given(rules, cycles, four, st.randoms())
def test_slack_holds_whichever_are_missed(rule, sessions, found, random) -> None:  # type: ignore[no-untyped-def]
    now = outcome(*found, rule=rule, sessions=sessions)
    free = [
        place
        for place, standing in enumerate(now.standings)
        if standing is Standing.OPEN and sessions[place].id not in rule.mandatory
    ]
    if now.slack is None:
        return
    missed = random.sample(free, now.slack)
    after = [
        ABSENT if place in missed else measured(100) if standing is Standing.OPEN else found[place]
        for place, standing in enumerate(now.standings)
    ]
    assert outcome(*after, rule=rule, sessions=sessions).completed


@given(rules)
def test_a_rule_survives_being_written_down(rule: Rule) -> None:
    assert from_document(to_document(rule)) == rule


def test_an_older_document_says_less() -> None:
    assert from_document({"min_sessions": 1, "of": 2, "min_percent_of_each": 75}) == Rule(1, 2, 75)


def test_rules_that_cannot_be() -> None:
    for wrong in [
        {"min_sessions": 0},
        {"min_sessions": 5},
        {"min_percent_of_each": 101},
        {"partial_below": -1},
        {"late_after": -1},
    ]:
        with pytest.raises(ValueError, match=r"percent|rule asks|late"):
            Rule(**{"min_sessions": 1, "of": 4, **wrong})  # type: ignore[arg-type]


@given(rules, cycles, four)
def test_what_is_needed_cannot_be_missed(
    rule: Rule, sessions: list[Held], found: list[Record]
) -> None:
    now = outcome(*found, rule=rule, sessions=sessions)
    for each in needed(rule, sessions, now):
        place = [s.id for s in sessions].index(each)
        after = [
            ABSENT if n == place else measured(100) if standing is Standing.OPEN else found[n]
            for n, standing in enumerate(now.standings)
        ]
        assert not outcome(*after, rule=rule, sessions=sessions).completed


def test_needed_are_the_sessions_to_come_only() -> None:
    sessions = to_come(3, 4)
    at_risk = outcome(measured(90), ABSENT, sessions=sessions)
    assert needed(RULE, sessions, at_risk) == ["s3", "s4"]
    easy = outcome(measured(90), measured(90), sessions=sessions)
    assert needed(RULE, sessions, easy) == []
    mandatory = replace(RULE, mandatory=("s4",))
    assert needed(
        mandatory, sessions, outcome(measured(90), measured(90), rule=mandatory, sessions=sessions)
    ) == ["s4"]
    lost = outcome(ABSENT, ABSENT, sessions=sessions)
    assert needed(RULE, sessions, lost) == []


def test_sessions_that_are_not_published_yet_can_still_be_attended() -> None:
    two = SESSIONS[:2]
    found = outcome(measured(90), ABSENT, sessions=two)
    assert (found.reachable, found.slack, found.standings) == (
        True,
        0,
        (Standing.COUNTS, Standing.MISSED),
    )
    assert needed(RULE, two, found) == []  # it has no name yet
    assert not outcome(ABSENT, ABSENT, sessions=two).reachable


def test_the_whole_is_the_cycle_as_it_is_meant_to_be() -> None:
    rule = Rule(min_sessions=1, of=4, min_percent_of_whole=60)
    found = outcome(measured(100), measured(100), rule=rule, sessions=SESSIONS[:2])
    assert (found.percent, found.completed, found.reachable) == (50, False, True)


def test_more_sessions_than_were_meant_are_all_counted() -> None:
    rule = Rule(min_sessions=2, of=2)
    assert outcome(ABSENT, measured(90), measured(90), ABSENT, rule=rule).completed


def test_what_was_called_off_is_not_asked_for() -> None:
    three = SESSIONS[:3]
    records = {each.id: measured(100) for each in three}
    whole = Rule(min_sessions=4, of=4, min_percent_of_whole=80)
    assert not completed(whole, three, records).completed  # the fourth is to come
    done = completed(whole, three, records, called_off=1)
    assert (done.completed, done.percent, done.missing) == (True, 100, ())
    short = completed(RULE, three, {"s1": measured(90), "s2": ABSENT, "s3": ABSENT}, called_off=1)
    assert (short.missing, short.reachable) == ((Missing(Lack.SESSIONS, 2),), False)
    assert not completed(RULE, [], {}, called_off=4).completed


@pytest.mark.parametrize(
    "known",
    [
        CHECKED_IN,
        EXCUSED,
        ABSENT,
        measured(100),
        Record(Status.PRESENT, Basis.TOTALS, 2 * HOUR),
        marked(Status.PRESENT),
        marked(Status.ABSENT),
        UNKNOWN,
    ],
)
def test_one_that_has_not_begun_is_open_whatever_is_known_of_it(known: Record) -> None:
    rule = Rule(1, 1, 0, excused_counts=True, unverified_counts=True)
    one = replace(SESSIONS[0], over=False, begun=False)
    for session in (one, replace(one, closed=True)):
        assert completed(rule, [session], {"s1": known}) == Outcome(
            False,
            0,
            0,
            (Standing.OPEN,),
            (Missing(Lack.SESSIONS, 1),),
            reachable=True,
            slack=0,
        )


@given(four, rules)
def test_what_is_to_come_is_as_if_nothing_were_known(found: list[Record], rule: Rule) -> None:
    sessions = [*SESSIONS[:2], *(replace(s, over=False, begun=False) for s in SESSIONS[2:])]
    assert outcome(*found, rule=rule, sessions=sessions) == outcome(
        *found[:2], rule=rule, sessions=sessions
    )


class TestPlanned:
    """Sessions that nobody has been told of: open, whatever is known of them."""

    exam = Held("exam", 5, 5400, over=True, closed=True)
    rule = Rule(min_sessions=1, of=4, mandatory=("exam",))

    def test_a_mandatory_one_is_lacking_and_open(self) -> None:
        records = {"s1": measured(90), "exam": measured(90)}
        found = completed(self.rule, SESSIONS, records, planned=[self.exam])
        assert (found.completed, found.reachable, found.counted) == (False, True, 1)
        assert found.missing == (Missing(Lack.MANDATORY, 5),)
        assert len(found.standings) == len(SESSIONS)
        assert completed(self.rule, [*SESSIONS, self.exam], records).completed

    def test_one_in_the_place_of_another_is_to_come(self) -> None:
        four, three = Rule(min_sessions=4, of=4), SESSIONS[:3]
        records = {each.id: measured(90) for each in three}
        found = completed(four, three, records, called_off=1, planned=[self.exam])
        assert (found.missing, found.at_risk) == ((Missing(Lack.SESSIONS, 1),), True)
        assert completed(four, three, records, called_off=1).completed

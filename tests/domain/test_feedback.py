"""What may be answered, what answers amount to, and what may change under them."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Invalid
from app.domain.feedback import (
    LONGEST,
    RATINGS,
    USUAL,
    Option,
    Question,
    QuestionKind,
    Summary,
    check,
    plain,
    refused_changes,
    same_words,
    summarise,
    window,
)
from app.domain.text import LANGUAGES

ENDS = datetime(2026, 12, 1, 15, 30, tzinfo=UTC)


def question(
    kind: QuestionKind, name: str = "q", options: str = "abc", *, required: bool = False
) -> Question:
    offered = tuple(Option(o, {"en": o.upper()}) for o in options)
    if kind not in (QuestionKind.ONE, QuestionKind.SEVERAL):
        offered = ()
    return Question(name, kind, {"en": f"{name}?"}, required, offered)


def wrong(questions: list[Question], chosen: dict[str, list[str]]) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as error:
        check(questions, chosen)
    return [(one.field, one.code) for one in error.value.fields]


KINDS = st.sampled_from(QuestionKind)
OPTION_SETS = st.lists(st.sampled_from("abcdef"), min_size=2, max_size=6, unique=True).map("".join)


@st.composite
def answered(draw: st.DrawFn) -> tuple[Question, list[str]]:
    """A question with something that answers it."""
    asked = question(draw(KINDS), options=draw(OPTION_SETS), required=draw(st.booleans()))
    match asked.kind:
        case QuestionKind.TEXT:
            words = draw(st.text(min_size=1, max_size=80).filter(lambda t: plain(t)))
            return asked, [words]
        case QuestionKind.SEVERAL:
            some = st.lists(st.sampled_from(asked.values), min_size=1, max_size=8)
            return asked, draw(some)
    return asked, [draw(st.sampled_from(asked.values))]


@given(answered())
def test_what_answers_a_question_is_kept_and_read_back_the_same(
    case: tuple[Question, list[str]],
) -> None:
    asked, chosen = case
    value = check([asked], {"q": chosen})["q"]
    read = [value] if asked.kind is QuestionKind.TEXT else value.split()
    assert check([asked], {"q": read}) == {"q": value}
    if asked.kind is not QuestionKind.TEXT:
        assert read == [v for v in asked.values if v in chosen]


@given(st.lists(answered(), max_size=12), st.randoms(use_true_random=False))
def test_a_summary_counts_every_answer_once_in_whatever_order(
    cases: list[tuple[Question, list[str]]], dice: object
) -> None:
    for kind in QuestionKind:
        asked = question(kind, options="abcdef")
        values = [check([asked], {"q": c})["q"] for q, c in cases if q.kind is kind]
        found = summarise(asked, Counter(values))
        dice.shuffle(values)  # type: ignore[attr-defined]
        assert summarise(asked, Counter(values)) == found
        assert found.answered == len(values)
        if kind is QuestionKind.TEXT:
            assert (found.counts, found.mean) == ((), None)
            continue
        assert [value for value, _ in found.counts] == list(asked.values)
        total = sum(times for _, times in found.counts)
        assert total == sum(len(value.split()) for value in values)
        if kind is not QuestionKind.SEVERAL:
            assert total == found.answered
        if kind is QuestionKind.RATING and values:
            assert found.mean == pytest.approx(sum(map(int, values)) / len(values))
        else:
            assert found.mean is None


@given(answered(), st.integers(1, 500))
def test_as_many_answers_as_there_are_copies(case: tuple[Question, list[str]], n: int) -> None:
    asked, chosen = case
    value = check([asked], {"q": chosen})["q"]
    one, many = summarise(asked, {value: 1}), summarise(asked, {value: n})
    assert many.counts == tuple((v, n * times) for v, times in one.counts)
    assert many.mean == (None if one.mean is None else pytest.approx(one.mean))


@given(st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=30), max_size=4)))
def test_whatever_comes_is_taken_or_refused(chosen: dict[str, list[str]]) -> None:
    questions = [question(kind, kind.value) for kind in QuestionKind]
    chosen |= {kind.value: chosen.get("q", []) for kind in QuestionKind}
    refused, values = set(), {}
    try:
        values = check(questions, chosen)
    except Invalid as error:
        refused = {one.field for one in error.fields}
    assert refused | set(values) <= set(QuestionKind)
    for asked in questions:
        if asked.kind is not QuestionKind.TEXT and asked.id in values:
            assert set(values[asked.id].split()) <= set(asked.values)


def test_all_that_is_missing_is_said_at_once_and_the_rest_is_optional() -> None:
    needed = [question(kind, kind.value, required=True) for kind in QuestionKind]
    assert wrong(needed, {"text": [" \u200b\n"], "several": [""]}) == [
        (kind.value, "missing") for kind in QuestionKind
    ]
    assert check([question(kind, kind.value) for kind in QuestionKind], {}) == {}
    retired = Question("old", QuestionKind.TEXT, {"en": "?"}, required=True, retired=True)
    assert check([retired], {"old": ["kept"], "unknown": ["x"]}) == {}


@pytest.mark.parametrize(
    ("kind", "chosen", "code"),
    [
        (QuestionKind.RATING, ["0"], "not_offered"),
        (QuestionKind.RATING, ["6"], "not_offered"),
        (QuestionKind.RATING, ["١"], "not_offered"),
        (QuestionKind.RATING, ["4", "5"], "not_offered"),
        (QuestionKind.ONE, ["z"], "not_offered"),
        (QuestionKind.ONE, ["a", "b"], "not_offered"),
        (QuestionKind.SEVERAL, ["a", "z"], "not_offered"),
        (QuestionKind.SEVERAL, ["a b"], "not_offered"),
        (QuestionKind.TEXT, ["x" * (LONGEST + 1)], "too_long"),
    ],
)
def test_what_cannot_be_an_answer(kind: QuestionKind, chosen: list[str], code: str) -> None:
    assert wrong([question(kind)], {"q": chosen}) == [("q", code)]


def test_words_are_plain() -> None:
    assert check([question(QuestionKind.TEXT)], {"q": ["  Más\r\ncafé\x00\u202e!\x07 "]}) == {
        "q": "Más\ncafé!"
    }
    assert check([question(QuestionKind.TEXT)], {"q": ["x" * LONGEST]}) == {"q": "x" * LONGEST}


def test_an_option_that_is_offered_no_more_still_was_an_answer() -> None:
    asked = question(QuestionKind.SEVERAL, options="ab")
    assert summarise(asked, {"a z": 2, "z": 1}) == Summary(3, (("a", 2), ("b", 0)))


class TestChanges:
    def test_nothing_is_refused_while_nobody_has_answered(self) -> None:
        before = [question(kind, kind.value) for kind in QuestionKind]
        after = [question(QuestionKind.TEXT, kind.value) for kind in QuestionKind]
        assert refused_changes(before, after, {}) == []
        assert refused_changes(before, after, {"text": {"": 4}}) == []

    def test_an_answered_question_keeps_its_kind(self) -> None:
        before = [question(QuestionKind.RATING, "r"), question(QuestionKind.ONE, "o")]
        after = [question(QuestionKind.SEVERAL, "o"), question(QuestionKind.TEXT, "r")]
        found = refused_changes(before, after, {"r": {"4": 1}, "o": {"a": 1}})
        assert [(e.field, e.code) for e in found] == [
            ("questions.0.kind", "answered"),
            ("questions.1.kind", "answered"),
        ]

    @pytest.mark.parametrize("kind", [QuestionKind.ONE, QuestionKind.SEVERAL])
    def test_an_option_stays_once_it_was_chosen(self, kind: QuestionKind) -> None:
        before, value = question(kind), "a" if kind is QuestionKind.ONE else "a b"
        dropped = refused_changes([before], [question(kind, options="cd")], {"q": {value: 2}})
        assert [(e.field, e.params["words"]) for e in dropped] == [
            ("questions.0.options", option.upper()) for option in value.split()
        ]
        assert refused_changes([before], [question(kind, options="dba")], {"q": {value: 2}}) == []

    @given(answered(), OPTION_SETS)
    def test_whatever_is_allowed_loses_no_answer(
        self, case: tuple[Question, list[str]], options: str
    ) -> None:
        asked, chosen = case
        value = check([asked], {"q": chosen})["q"]
        after = question(asked.kind, options=options)
        if refused_changes([asked], [after], {"q": {value: 3}}):
            return
        old = {v: n for v, n in summarise(asked, {value: 3}).counts if n}
        new = {v: n for v, n in summarise(after, {value: 3}).counts if n}
        assert new == old

    def test_of_withheld_answers_whatever_may_be_is_taken_as_given(self) -> None:
        before = [question(kind, kind.value) for kind in QuestionKind]
        other = [question(k, k.value, options="abd", required=True) for k in QuestionKind]
        found = refused_changes(before, other, None)
        assert [(e.field, e.params) for e in found] == [
            ("questions.1.options", {"words": "C"}),
            ("questions.2.options", {"words": "C"}),
        ]
        kinds = [*QuestionKind][1:]
        other = [question(kind, was.id) for kind, was in zip(kinds, before, strict=False)]
        found = refused_changes(before, other, None)
        assert [e.field for e in found] == [f"questions.{n}.kind" for n in range(3)]
        assert refused_changes(before, [question(QuestionKind.ONE, "new")], None) == []

    def test_what_reads_the_same(self) -> None:
        one = question(QuestionKind.ONE)
        assert same_words(one, question(QuestionKind.ONE, options="cbad", required=True))
        assert not same_words(one, Question("q", QuestionKind.ONE, {"en": "Other?"}))
        other = Option("a", {"en": "Another"})
        assert not same_words(one, Question("q", QuestionKind.ONE, {"en": "q?"}, options=(other,)))
        low = Question("q", QuestionKind.ONE, {"en": "q?"}, low={"en": "Bad"})
        assert not same_words(one, low)


def test_the_window() -> None:
    assert window(ENDS, 14) == (ENDS, ENDS + timedelta(days=14))
    with pytest.raises(ValueError, match="aware"):
        window(datetime(2026, 12, 1), 14)


def test_the_usual_questions_are_in_every_language() -> None:
    for kind, _, text, low, high in USUAL:
        assert set(text) == set(LANGUAGES)
        assert {*low, *high} == (set(LANGUAGES) if kind is QuestionKind.RATING else set())
    assert question(QuestionKind.RATING).values == RATINGS

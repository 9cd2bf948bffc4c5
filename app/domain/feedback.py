"""What is asked after a session, what may be answered to it, and what the answers amount to.

An answer is kept as one text, its value: the digit of a rating, the id of the chosen option, the
ids of several joined by spaces in the order of the options, or the words themselves.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.errors import N_, FieldError, Invalid
from app.domain.text import Localized, without_bidi

DAYS = 14
"""So long a form is open after the session's end, unless it says otherwise."""
MOST_DAYS = 90
MOST_QUESTIONS = 20
FEWEST_OPTIONS = 2
MOST_OPTIONS = 12
LONGEST = 2_000
"""Characters of an answer in words."""
LEAST = 3
"""Fewer anonymous answers than these are shown to nobody: of one, whoever knows who answered knows
all; of two, each of the two knows the other's."""

RATINGS = ("1", "2", "3", "4", "5")


class QuestionKind(StrEnum):
    """How a question is answered."""

    RATING = "rating"  # 1 to 5
    ONE = "one"  # one of the options
    SEVERAL = "several"  # any number of them
    TEXT = "text"


OF_OPTIONS = (QuestionKind.ONE, QuestionKind.SEVERAL)


@dataclass(frozen=True, slots=True)
class Option:
    """One of the answers that a question offers. Its words may change, its id does not."""

    id: str
    text: Localized


@dataclass(frozen=True, slots=True)
class Question:
    """A question. `low` and `high` are the words at the ends of a rating. `retired`: it is not
    asked any more, and stays for the answers that it has."""

    id: str
    kind: QuestionKind
    text: Localized
    required: bool = False
    options: tuple[Option, ...] = ()
    low: Localized = field(default_factory=dict)
    high: Localized = field(default_factory=dict)
    retired: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """What can be chosen, in order; nothing of a question that is answered in words."""
        if self.kind is QuestionKind.RATING:
            return RATINGS
        return tuple(option.id for option in self.options)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the answers to a question amount to: how many there are, how often each value was
    chosen (in the order of `Question.values`), the mean of a rating."""

    answered: int
    counts: tuple[tuple[str, int], ...] = ()
    mean: float | None = None


USUAL: tuple[tuple[QuestionKind, bool, Localized, Localized, Localized], ...] = (
    (
        QuestionKind.RATING,
        True,
        {
            "en": "How useful was this session to you?",
            "es": "¿Qué tan útil fue esta sesión para usted?",
            "pt": "Esta sessão foi útil para você?",
        },
        {"en": "Not at all", "es": "Nada útil", "pt": "Nada útil"},
        {"en": "Very useful", "es": "Muy útil", "pt": "Muito útil"},
    ),
    (
        QuestionKind.TEXT,
        False,
        {
            "en": "What was most useful?",
            "es": "¿Qué fue lo más útil?",
            "pt": "O que foi mais útil?",
        },
        {},
        {},
    ),
    (
        QuestionKind.TEXT,
        False,
        {
            "en": "What should we change?",
            "es": "¿Qué deberíamos cambiar?",
            "pt": "O que deveríamos mudar?",
        },
        {},
        {},
    ),
)
"""What is proposed for the first form of a cycle: kind, required, words, words at the two ends."""


def withheld(anonymous: bool, count: int) -> bool:
    """Whether `count` answers to a form are too few for anybody to be told what they say."""
    return anonymous and count < LEAST


def wording(anonymous: bool, asked: Iterable[Question]) -> str:
    """A short text that is another one as soon as these questions, their order, what they offer or
    whether names are kept is: an answer given to the one is none to the other."""
    parts = [
        [q.id, q.kind, q.required, [dict(q.text), dict(q.low), dict(q.high)]]
        + [[option.id, dict(option.text)] for option in q.options]
        for q in asked
    ]
    whole = json.dumps([anonymous, parts], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:24]


def window(ends: datetime, days: int) -> tuple[datetime, datetime]:
    """When a form opens and closes: a half-open interval of elapsed time after the session's end
    (aware). Raises ValueError for a naive time."""
    if ends.tzinfo is None:
        raise ValueError("a session's end must be aware")
    return ends, ends + timedelta(days=days)


def check(questions: Iterable[Question], given: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The values to keep, by the question's id, of what was chosen or typed for each question that
    is asked. What was left empty has none; what is no question here is left out.

    Raises Invalid for all that is wrong at once, each at the id of its question: ``missing``,
    ``not_offered``, ``too_long``.
    """
    values: dict[str, str] = {}
    errors: list[FieldError] = []
    for question in questions:
        if question.retired:
            continue
        found = _value(question, given.get(question.id, ()))
        if isinstance(found, FieldError):
            errors.append(found)
        elif found:
            values[question.id] = found
        elif question.required:
            errors.append(FieldError(question.id, _MISSING[question.kind], code="missing"))
    if errors:
        raise Invalid(*errors)
    return values


_MISSING = {
    QuestionKind.RATING: N_("Choose a number from 1 to 5."),
    QuestionKind.ONE: N_("Choose one of the answers."),
    QuestionKind.SEVERAL: N_("Choose at least one of the answers."),
    QuestionKind.TEXT: N_("Please answer in a few words."),
}


def _value(question: Question, given: Sequence[str]) -> str | FieldError:
    if question.kind is QuestionKind.TEXT:
        words = plain("".join(given[:1]))
        if len(words) > LONGEST:
            sentence = N_("This is too long: at most %(most)s characters.")
            return FieldError(question.id, sentence, {"most": LONGEST}, "too_long")
        return words
    chosen = {one for one in given if one}
    several = question.kind is QuestionKind.SEVERAL
    if not chosen <= set(question.values) or (len(chosen) > 1 and not several):
        sentence = N_("One of these answers is not offered any more. Please choose again.")
        return FieldError(question.id, sentence, code="not_offered")
    return " ".join(value for value in question.values if value in chosen)


def plain(text: str) -> str:
    """What somebody typed in several lines, without control characters and whatever turns the
    direction of text round."""
    text = without_bidi(text).replace("\r\n", "\n").replace("\r", "\n")
    kept = (c for c in text if c in "\n\t" or c.isprintable() or c in "\u200c\u200d")
    return "".join(kept).strip("\u200c\u200d \t\n\u00a0\u3000")


def summarise(question: Question, values: Mapping[str, int]) -> Summary:
    """What `values` (each with how often it was given) say. The order and the grouping of answers
    make no difference. What the question does not offer any more counts as an answer only."""
    answered = sum(values.values())
    if question.kind is QuestionKind.TEXT:
        return Summary(answered)
    chosen: Counter[str] = Counter()
    for value, times in values.items():
        for one in value.split():
            chosen[one] += times
    counts = tuple((value, chosen[value]) for value in question.values)
    mean = None
    if question.kind is QuestionKind.RATING and answered:
        mean = sum(int(value) * times for value, times in counts) / answered
    return Summary(answered, counts, mean)


def refused_changes(
    before: Iterable[Question],
    after: Sequence[Question],
    values: Mapping[str, Mapping[str, int]] | None,
) -> list[FieldError]:
    """Why the questions cannot become `after` while there are these answers, at fields named
    ``questions.2.options``; nothing where they can.

    Words may be corrected, questions and options added, moved and left out. But a question that
    was answered keeps its kind, and an option that was chosen stays: what somebody has answered
    must not become another answer, or none. Without `values` there are answers that are withheld:
    what is refused would tell of them, so whatever may have been chosen is taken as chosen.
    """
    kind_stays, option_stays = _STAYS_UNTOLD if values is None else _STAYS
    old = {question.id: question for question in before}
    errors = []
    for place, new in enumerate(after):
        was = old.get(new.id)
        if was is None:
            continue
        given = _anything(was) if values is None else values.get(new.id, {})
        if not given:
            continue
        if was.kind is not new.kind:
            errors.append(FieldError(f"questions.{place}.kind", kind_stays, code="answered"))
            continue
        chosen = dict(summarise(was, given).counts)
        for value in was.values:
            if value not in new.values and chosen[value]:
                words = next(o.text for o in was.options if o.id == value)
                errors.append(
                    FieldError(
                        f"questions.{place}.options",
                        option_stays,
                        {"words": next(iter(words.values()), "")},
                        "answered",
                    )
                )
    return errors


_STAYS = (
    N_("This question has answers, so it stays of its kind. Add another one."),
    N_("An answer that somebody chose cannot be taken away: “%(words)s”."),
)
_STAYS_UNTOLD = (
    N_("This question may have answers, so it stays of its kind. Add another one."),
    N_(
        "“%(words)s” cannot be taken away: until three have answered, nobody is told whether "
        "somebody chose it."
    ),
)


def _anything(question: Question) -> Mapping[str, int]:
    """Every answer that a question may have."""
    return dict.fromkeys(question.values or ("",), 1)


def same_words(one: Question, other: Question) -> bool:
    """Whether whoever answers them reads the same; options that only one of them has aside."""
    texts = {option.id: dict(option.text) for option in one.options}
    return (
        (dict(one.text), dict(one.low), dict(one.high))
        == (dict(other.text), dict(other.low), dict(other.high))
    ) and all(texts.get(o.id, dict(o.text)) == dict(o.text) for o in other.options)

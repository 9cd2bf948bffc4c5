"""Feedback after a session: the form that is asked for, and its results."""

from typing import Annotated, Literal

from pydantic import Field

from app.domain.feedback import MOST_DAYS, MOST_OPTIONS, MOST_QUESTIONS, QuestionKind
from app.schemas.types import EXACT, Id, Instant, Out, Strict, Title, YesNo

Days = Annotated[int, Field(strict=True, ge=1, le=MOST_DAYS), EXACT]


class OptionIn(Strict):
    """One of the answers that a question offers. With `id` it is one that is there."""

    id: Id | None = None
    text: Title


class QuestionIn(Strict):
    """A question. With `id` it is one that is there, also one that was not asked any more. The
    words at the ends of a rating may be left out."""

    id: Id | None = None
    kind: QuestionKind
    text: Title
    required: YesNo = False
    options: list[OptionIn] = Field(default_factory=list, max_length=MOST_OPTIONS)
    low: Title | None = None
    high: Title | None = None


class FeedbackFormIn(Strict):
    """The form of a session, whole: its questions in order."""

    anonymous: YesNo
    days: Days
    questions: list[QuestionIn] = Field(max_length=MOST_QUESTIONS)


class CountOut(Out):
    """How often an answer was chosen. `value`: "1" to "5" of a rating, else the option's id."""

    value: str
    text: dict[str, str]
    count: int


class WordsOut(Out):
    """An answer in words. `name` and `enrolment_id` are null where the form is anonymous."""

    text: str
    name: str | None
    enrolment_id: str | None


class QuestionOut(Out):
    """A question and what was answered. `mean` is that of a rating, null without answers;
    `retired`: it is not asked any more; `reworded_after`: so many people had answered the form
    when its words last changed, 0 where they never did."""

    id: str
    kind: QuestionKind
    text: dict[str, str]
    required: bool
    retired: bool
    reworded_after: int
    answered: int
    mean: float | None
    counts: list[CountOut]
    texts: list[WordsOut]


class FeedbackOut(Out):
    """What was answered after a session. `could`: the confirmed participants, and who has answered
    besides. `withheld`: fewer than three have answered an anonymous form, so that the questions
    say nothing yet."""

    session_id: str
    anonymous: bool
    opens_at: Instant
    closes_at: Instant
    state: Literal["before", "open", "closed"]
    could: int
    answered: int
    withheld: bool
    questions: list[QuestionOut]

"""What was answered after a session, as the results page shows it: plain values, plots."""

from typing import Any

from app.domain.feedback import Question, QuestionKind
from app.domain.text import localized
from app.services.feedback_results import Answered, Results
from app.web import plots

SHOWN = 200
"""So many answers in words are on the page; all of them are in the files."""


def questions(found: Results, language: str, main: str) -> list[dict[str, Any]]:
    """The questions with their answers, in the reader's language where they have that."""
    return [_shown(each, language, main) for each in found.questions]


def _shown(each: Answered, language: str, main: str) -> dict[str, Any]:
    question, summary = each.question, each.summary
    plot = None
    if question.kind is not QuestionKind.TEXT and summary.answered:
        rows = [
            (label_of(question, value, language, main), [times]) for value, times in summary.counts
        ]
        words = [[_words(times, summary.answered)] for _, times in summary.counts]
        plot = plots.bar_plot(rows, words=words)
    return {
        "id": question.id,
        "kind": question.kind.value,
        "text": localized(question.text, language, main),
        "retired": question.retired,
        "reworded_after": each.reworded_after,
        "answered": summary.answered,
        "mean": None if summary.mean is None else f"{summary.mean:.1f}",
        "plot": plot,
        "texts": each.texts[:SHOWN],
        "more": max(len(each.texts) - SHOWN, 0),
    }


def label_of(question: Question, value: str, language: str, main: str) -> str:
    """What a value says: the number of a rating with the words at its end, or an option's words."""
    if question.kind is QuestionKind.RATING:
        ends = {"1": question.low, "5": question.high}
        words = localized(ends.get(value, {}), language, main)
        return f"{value}: {words}" if words else value
    return next((localized(o.text, language, main) for o in question.options if o.id == value), "")


def _words(times: int, whole: int) -> str:
    """How often, and in how many percent of the answers; equal counts are equal percents, so they
    need not make 100 together."""
    return f"{times} · {round(100 * times / whole)} %" if times else "0"

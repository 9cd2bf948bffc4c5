"""What was answered after a session, as files for spreadsheets: a row for each person, or, where no
names are kept, a row for each answer with how often it was given."""

from collections.abc import Sequence

from app.domain.errors import N_
from app.domain.feedback import OF_OPTIONS, Question, QuestionKind
from app.domain.text import localized
from app.services.exports import (
    Cell,
    Gettext,
    local_time,
    to_csv,
    to_xlsx,
    who,
    who_head,
    with_zone,
)
from app.services.feedback_results import Results, Sheet

Table = tuple[list[str], list[list[Cell]]]


def feedback_csv(
    found: Results, sheets: Sequence[Sheet], gettext: Gettext, language: str, main: str
) -> bytes:
    """The answers as CSV, in the reader's language, else in `main`. Times are local ones in the
    session's zone, which is named above them."""
    return to_csv(*_table(found, sheets, gettext, language, main))


def feedback_xlsx(
    found: Results, sheets: Sequence[Sheet], gettext: Gettext, language: str, main: str
) -> bytes:
    """The same as a workbook of one sheet."""
    table = _table(found, sheets, gettext, language, main)
    return to_xlsx(gettext(N_("Feedback")), *table)


def _table(
    found: Results, sheets: Sequence[Sheet], gettext: Gettext, language: str, main: str
) -> Table:
    if found.form.anonymous:
        return _answers(found, gettext, language, main)
    return _people(found, sheets, gettext, language, main)


def _people(
    found: Results, sheets: Sequence[Sheet], gettext: Gettext, language: str, main: str
) -> Table:
    zone = found.session.zone
    questions = [each.question for each in found.questions]
    head = [
        *who_head(gettext),
        with_zone(gettext(N_("Answered at")), zone),
        *(localized(question.text, language, main) for question in questions),
    ]
    rows: list[list[Cell]] = [
        [
            *who(sheet.enrolment),
            local_time(sheet.at, zone),
            *(_cell(q, sheet.values.get(q.id, ""), language, main) for q in questions),
        ]
        for sheet in sheets
    ]
    return head, rows


def _answers(found: Results, gettext: Gettext, language: str, main: str) -> Table:
    head = [gettext(N_("Question")), gettext(N_("Answer")), gettext(N_("How many"))]
    rows: list[list[Cell]] = []
    for each in found.questions:
        question = each.question
        words = localized(question.text, language, main)
        rows += [
            [words, _cell(question, value, language, main), times]
            for value, times in each.summary.counts
            if not found.withheld
        ]
        rows += [[words, text.text, 1] for text in each.texts]
    return head, rows


def _cell(question: Question, value: str, language: str, main: str) -> Cell:
    if question.kind is QuestionKind.RATING:
        return int(value) if value else None
    if question.kind in OF_OPTIONS:
        names = {o.id: localized(o.text, language, main) for o in question.options}
        return "; ".join(names[one] for one in value.split() if one in names)
    return value

"""The questions of a session as fields of a form: read as typed, changed by its small buttons,
checked.

Fields are named ``question-0-text-es``, ``question-0-option-1-text-es``. Whatever stands in them is
kept until it is right.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain.errors import DomainError, Stale
from app.domain.feedback import DAYS, MOST_OPTIONS, MOST_QUESTIONS, OF_OPTIONS, Question
from app.domain.text import LANGUAGES
from app.schemas.feedback import FeedbackFormIn
from app.services.feedback_forms import Form as Saved
from app.web.forms import Errors, Form, errors_of
from app.web.problems import validate

KINDS = ("rating", "one", "several", "text")

_NAME = re.compile(
    r"question-(\d{1,3})-(?:option-(\d{1,3})-)?"
    r"(id|kind|required|(?:text|low|high)-(?:" + "|".join(LANGUAGES) + r"))"
)
_ACTION = re.compile(r"(up|down|add-option|remove-question|remove-option)-(\d{1,3})(?:-(\d{1,3}))?")
Texts = dict[str, str]


@dataclass(slots=True)
class OptionRow:
    """An answer that is offered, as typed."""

    id: str = ""
    text: Texts = field(default_factory=dict)


@dataclass(slots=True)
class QuestionRow:
    """A question as typed."""

    kind: str
    id: str = ""
    text: Texts = field(default_factory=dict)
    required: bool = False
    low: Texts = field(default_factory=dict)
    high: Texts = field(default_factory=dict)
    options: list[OptionRow] = field(default_factory=list)


@dataclass(slots=True)
class Editing:
    """What stands in the editor. `source`: the number of the session to take questions over from;
    `stale`: what is saved by now is another form than the one that this began with."""

    rows: list[QuestionRow]
    anonymous: bool = True
    days: str = str(DAYS)
    revision: str = "0"
    source: str = ""
    unsaved: bool = False
    stale: bool = False
    said: str = ""
    focus: str = ""
    errors: Errors = field(default_factory=Errors)


def rows_of(questions: Iterable[Question]) -> list[QuestionRow]:
    """Questions as they stand in the form."""
    return [
        QuestionRow(
            kind=question.kind.value,
            id=question.id,
            text=dict(question.text),
            required=question.required,
            low=dict(question.low),
            high=dict(question.high),
            options=[OptionRow(o.id, dict(o.text)) for o in question.options],
        )
        for question in questions
    ]


def saved(form: Saved) -> Editing:
    """A form as it stands."""
    row = form.row
    return Editing(rows_of(form.asked), row.anonymous, str(row.days), str(row.revision))


def typed(form: Form) -> Editing:
    """A form as it was typed; gaps in the numbers close."""
    found: dict[int, dict[str, str]] = {}
    options: dict[int, dict[int, dict[str, str]]] = {}
    for name, text in form.values.items():
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        place, inner, what = int(match[1]), match[2], match[3]
        if inner is None:
            found.setdefault(place, {})[what] = text.strip()
        else:
            options.setdefault(place, {}).setdefault(int(inner), {})[what] = text.strip()
    rows = []
    for place in sorted(found):
        row = found[place]
        kind = row.get("kind", "")
        rows.append(
            QuestionRow(
                kind=kind if kind in KINDS else "text",
                id=row.get("id", ""),
                text=_texts(row, "text"),
                required="required" in row,
                low=_texts(row, "low"),
                high=_texts(row, "high"),
                options=[
                    OptionRow(one.get("id", ""), _texts(one, "text"))
                    for _, one in sorted(options.get(place, {}).items())
                ],
            )
        )
    return Editing(
        rows=rows,
        anonymous=form.text("anonymous") == "yes",
        days=form.text("days"),
        revision=form.text("revision"),
        source=form.text("source"),
        unsaved=True,
    )


def _texts(row: dict[str, str], name: str) -> Texts:
    found = {code: row.get(f"{name}-{code}", "") for code in LANGUAGES}
    return {code: text for code, text in found.items() if text}


def act(rows: list[QuestionRow], action: str, main: str) -> str:
    """Does what a small button says, in place; tells which field is to have the cursor then. `main`
    is the language whose field comes first in mind: the cycle's."""
    kind = action.removeprefix("add-")
    if kind in KINDS:
        if len(rows) < MOST_QUESTIONS:
            options = [OptionRow(), OptionRow()] if kind in OF_OPTIONS else []
            rows.append(QuestionRow(kind, options=options))
        return f"question-{len(rows) - 1}-text-{main}"
    match = _ACTION.fullmatch(action)
    if match is None or int(match[2]) >= len(rows):
        return ""
    what, place = match[1], int(match[2])
    if what in ("up", "down"):
        to = max(0, min(len(rows) - 1, place + (1 if what == "down" else -1)))
        rows.insert(to, rows.pop(place))
        return f"question-{to}-text-{main}"
    if what == "remove-question":
        rows.pop(place)
        return f"question-{min(place, len(rows) - 1)}-text-{main}" if rows else ""
    options = rows[place].options
    if what == "add-option":
        if len(options) < MOST_OPTIONS:
            options.append(OptionRow())
        return f"question-{place}-option-{len(options) - 1}-text-{main}"
    if match[3] is not None and int(match[3]) < len(options):
        options.pop(int(match[3]))
    return f"question-{place}-text-{main}"


def to_form(editing: Editing) -> FeedbackFormIn:
    """What is to be saved. Raises Invalid, at fields named as in the schema."""
    return validate(
        FeedbackFormIn,
        {
            "anonymous": editing.anonymous,
            "days": editing.days,
            "questions": [
                {
                    "id": row.id or None,
                    "kind": row.kind,
                    "text": row.text,
                    "required": row.required,
                    "low": row.low or None,
                    "high": row.high or None,
                    "options": [{"id": o.id or None, "text": o.text} for o in row.options],
                }
                for row in editing.rows
            ],
        },
    )


def failed(
    editing: Editing,
    error: DomainError,
    now_saved: Saved | None,
    main: str,
    gettext: Callable[[str], str],
) -> None:
    """Notes what was wrong. After a `Stale` the form goes on from what is saved by now: what was
    typed stays, and saving once more is meant."""
    if not isinstance(error, Stale):
        editing.errors = errors_of(error, gettext, lambda name: in_form(name, main))
        editing.focus = next(iter(editing.errors), "")
        return
    editing.stale = True
    editing.revision = str(now_saved.row.revision) if now_saved else "0"
    there = {question.id for question in now_saved.questions} if now_saved else set()
    for row in editing.rows:
        row.id = row.id if row.id in there else ""


def in_form(name: str, main: str) -> str:
    """The form's name of a schema's field: ``questions-0-options-1-text`` is
    ``question-0-option-1-text-es``, where the language `main` is the one to fill in."""
    match = re.fullmatch(r"questions-(\d+)(?:-(.+))?", name)
    if match is None:
        return "add-question" if name == "questions" else name
    rest = match[2] or "text"
    rest = re.sub(r"^options-(\d+)(-text)?", r"option-\1-text", rest)
    if rest in ("text", "low", "high") or re.fullmatch(r"option-\d+-text", rest):
        rest = f"{rest}-{main}"
    return f"question-{match[1]}-{rest}"


def plain(rows: Sequence[QuestionRow]) -> list[Any]:
    """What the rows say, whatever their ids; equal for forms that ask the same."""
    return [
        (r.kind, r.text, r.required, r.low, r.high, [option.text for option in r.options])
        for r in rows
    ]

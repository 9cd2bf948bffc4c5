"""Organizers' pages: what is asked after a session, and what was answered."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, DomainError, NotFound
from app.domain.text import localized
from app.models import Cycle, Session, now
from app.services import exports, feedback_files, feedback_forms, feedback_results
from app.services.actor import Actor
from app.services.cycles import cycle_for_slug
from app.services.sessions import session_by_number
from app.web import feedback_form, feedback_view
from app.web.access.pages import MayEditCompletion, MayExportPeople, MayReadReport
from app.web.dependencies import Db
from app.web.downloads import download
from app.web.feedback_form import Editing
from app.web.forms import FormData, revision_of
from app.web.organize import cycle_bar
from app.web.problems import status_of
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/sessions/{number}")


_TAKEN_OUT = N_("What had answers and was taken out is not asked any more; the answers stay.")
_TAKEN_OUT_UNTOLD = N_("What was taken out is not asked any more; if it has answers, they stay.")


@router.get("/feedback")
def results(request: Request, db: Db, actor: MayReadReport, slug: str, number: int) -> Response:
    """What was answered so far; without questions the way to them."""
    cycle, session = _open(db, actor, slug, number)
    context = _about(request, cycle, session)
    try:
        found = feedback_results.results(db, actor, session.id)
    except NotFound:
        return page(request, "organize/feedback.html", {**context, "found": None})
    language = current_reader(request).language
    context |= {
        "found": found,
        "state": found.state(now()).value,
        "questions": feedback_view.questions(found, language, cycle.language),
    }
    return page(request, "organize/feedback.html", context)


@router.get("/feedback.csv")
def results_csv(
    request: Request, db: Db, actor: MayExportPeople, slug: str, number: int
) -> Response:
    """The answers as CSV."""
    data = feedback_files.feedback_csv(*_file(request, db, actor, slug, number))
    return download(data, exports.CSV_TYPE, f"{slug}-session-{number}-feedback.csv")


@router.get("/feedback.xlsx")
def results_xlsx(
    request: Request, db: Db, actor: MayExportPeople, slug: str, number: int
) -> Response:
    """The answers as XLSX."""
    data = feedback_files.feedback_xlsx(*_file(request, db, actor, slug, number))
    return download(data, exports.XLSX_TYPE, f"{slug}-session-{number}-feedback.xlsx")


@router.get("/feedback/questions")
def questions(
    request: Request, db: Db, actor: MayEditCompletion, slug: str, number: int
) -> Response:
    """The questions; where there are none yet, the usual ones are proposed."""
    return _editor(request, db, actor, slug, number)


@router.post("/feedback/questions")
def save_questions(
    request: Request, db: Db, actor: MayEditCompletion, slug: str, number: int, form: FormData
) -> Response:
    """Saves the form, or does what one of its small buttons says and saves nothing."""
    cycle, session = _open(db, actor, slug, number)
    editing = feedback_form.typed(form)
    action = form.text("action")
    if action not in ("", "save"):
        _act(request, db, actor, session, editing, action, cycle.language)
        return _editor(request, db, actor, slug, number, editing)
    try:
        new = feedback_form.to_form(editing)
        done = feedback_forms.save_form(db, actor, session.id, new, revision_of(editing.revision))
    except DomainError as error:
        db.rollback()
        return _editor(request, db, actor, slug, number, editing, error)
    return see_other(request, f"{_path(slug, number)}/questions", _said(request, done))


def _said(request: Request, done: feedback_forms.Saved) -> str:
    gettext = gettext_for(request)
    said: str = gettext("The questions are saved.")
    if done.retired:
        said += " " + gettext(_TAKEN_OUT_UNTOLD if done.withheld else _TAKEN_OUT)
    if done.reworded:
        said += " " + gettext("Words that were answered have changed: the results say so.")
    return said


@router.post("/feedback/spread")
def spread(request: Request, db: Db, actor: MayEditCompletion, slug: str, number: int) -> Response:
    """Gives the sessions that have none the same questions."""
    _, session = _open(db, actor, slug, number)
    done = feedback_forms.spread(db, actor, session.id)
    numbers = ", ".join(str(one.number) for one in done)
    said = gettext_for(request)(N_("The same is asked after these sessions now: %(numbers)s."))
    return see_other(request, f"{_path(slug, number)}/questions", said % {"numbers": numbers})


@router.get("/feedback/remove")
def confirm_removal(
    request: Request, db: Db, actor: MayEditCompletion, slug: str, number: int
) -> Response:
    """What will happen, and one button."""
    cycle, session = _open(db, actor, slug, number)
    form = feedback_forms.get_form(db, actor, session.id)
    if form is None:
        raise NotFound
    context = {**_about(request, cycle, session), "form": form}
    return page(request, "organize/feedback_remove.html", context)


@router.post("/feedback/remove")
def remove(
    request: Request, db: Db, actor: MayEditCompletion, slug: str, number: int, form: FormData
) -> Response:
    """Asks nothing after the session any more."""
    _, session = _open(db, actor, slug, number)
    feedback_forms.remove_form(db, actor, session.id, form.revision())
    said = gettext_for(request)(N_("Nothing is asked after this session any more."))
    return see_other(request, _path(slug, number), said)


def _editor(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    number: int,
    editing: Editing | None = None,
    error: DomainError | None = None,
) -> Response:
    """The page. After an error everything is read anew, and what was typed is put into it."""
    cycle, session = _open(db, actor, slug, number)
    form = feedback_forms.get_form(db, actor, session.id)
    if editing is None and form is not None:
        editing = feedback_form.saved(form)
    elif editing is None:
        editing = Editing(feedback_form.rows_of(feedback_forms.usual_questions()))
    if error is not None:
        feedback_form.failed(editing, error, form, cycle.language, gettext_for(request))
    language = current_reader(request).language
    there = {row.id for row in editing.rows}
    context = {
        **_about(request, cycle, session),
        "editing": editing,
        "errors": editing.errors,
        "form": form,
        "answers": {q.id: form.answers_to(q.id) for q in form.questions} if form else {},
        "theirs": feedback_form.rows_of(form.asked) if editing.stale and form else (),
        "same": form is not None
        and feedback_form.plain(feedback_form.rows_of(form.asked))
        == feedback_form.plain(editing.rows),
        "taken_out": [
            (question, localized(question.text, language, cycle.language))
            for question in (form.questions if form else ())
            if question.id not in there and form and form.keeps(question.id)
        ],
        "sources": [
            (one.number, f"{one.number}. {localized(one.title, language, cycle.language)}")
            for one in feedback_forms.sources(db, actor, session)
        ],
        "without": feedback_forms.without_form(db, actor, cycle.id) if form else [],
    }
    status = status_of(error) if error else 200
    return page(request, "organize/feedback_questions.html", context, status=status)


def _act(
    request: Request,
    db: DbSession,
    actor: Actor,
    session: Session,
    editing: Editing,
    action: str,
    main: str,
) -> None:
    """A small button: the rows, what was taken out before, or what another session asks."""
    gettext = gettext_for(request)
    if action == "take-over":
        number = int(editing.source) if editing.source.isascii() and editing.source.isdigit() else 0
        other = session_by_number(db, actor, session.cycle_id, number)
        copied = feedback_form.rows_of(feedback_forms.copy_of(db, actor, other.id))
        form = feedback_forms.get_form(db, actor, session.id)
        kept = [row for row in editing.rows if form and row.id and form.keeps(row.id)]
        editing.rows[:] = [*kept, *copied]
        editing.said = gettext(
            "The questions of session %(number)s stand below. Nothing is saved yet."
        ) % {"number": other.number}
        return
    if action.startswith("bring-back-"):
        form = feedback_forms.get_form(db, actor, session.id)
        wanted = action.removeprefix("bring-back-")
        found = [q for q in form.questions if q.id == wanted] if form else []
        editing.rows += feedback_form.rows_of(found)
        editing.focus = f"question-{len(editing.rows) - 1}-text-{main}"
        return
    editing.focus = feedback_form.act(editing.rows, action, main)


def _file(request: Request, db: DbSession, actor: Actor, slug: str, number: int) -> Any:
    cycle, session = _open(db, actor, slug, number)
    found = feedback_results.results(db, actor, session.id)
    sheets = feedback_results.sheets(db, actor, found)
    language = current_reader(request).language
    return found, sheets, gettext_for(request), language, cycle.language


def _open(db: DbSession, actor: Actor, slug: str, number: int) -> tuple[Cycle, Session]:
    cycle = cycle_for_slug(db, actor, slug)
    return cycle, session_by_number(db, actor, cycle.id, number)


def _path(slug: str, number: int) -> str:
    return f"/organize/c/{slug}/sessions/{number}/feedback"


def _about(request: Request, cycle: Cycle, session: Session) -> dict[str, Any]:
    language = current_reader(request).language
    return {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, language),
        "session": session,
        "title": localized(session.title, language, cycle.language),
        "path": _path(cycle.slug, session.number),
        "zone": current_reader(request).zone or session.zone,
        "now": now(),
    }

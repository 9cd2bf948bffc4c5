"""Organizers' pages: a provider's report as a preview, and whose its rows are."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, Clash, DomainError, Invalid
from app.domain.report_states import RowState
from app.models import now
from app.routers.pages.attendance import about, open_session, path_of
from app.schemas.report import DecisionIn
from app.services import report_decisions, report_freshness, report_lists, reports
from app.services.actor import Actor
from app.web import report_view as view
from app.web.access.pages import MayEditAttendance
from app.web.choices import zone_choices
from app.web.dependencies import Db
from app.web.forms import FormData, errors_of
from app.web.organize import PageNumber, address, page_number
from app.web.problems import status_of, translate, validate
from app.web.report_files import AgainPage, Anew, AnsweredPage
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/sessions/{number}/attendance/reports")


@router.get("/{import_id}")
def look(
    request: Request,
    db: Db,
    actor: MayEditAttendance,
    slug: str,
    number: int,
    import_id: str,
    state: str = "",
    row: str = "",
    page_no: PageNumber = "1",
) -> Response:
    """What was found in a report, and whose its rows are."""
    chosen = state if state in tuple(RowState) else ""
    marked = page_number(row) if row else None
    return _look(
        request, db, actor, slug, number, import_id, (chosen, page_number(page_no), marked)
    )


@router.post("/{import_id}/answers")
def answer(
    request: Request,
    anew: AnsweredPage,
    db: Db,
    actor: MayEditAttendance,
    slug: str,
    number: int,
    import_id: str,
) -> Response:
    """Reads it again with an answer more."""
    said = N_("Read again with your answer.")
    return _put(request, anew, db, actor, slug, number, import_id, said)


@router.post("/{import_id}/match")
def match(
    request: Request,
    anew: AgainPage,
    db: Db,
    actor: MayEditAttendance,
    slug: str,
    number: int,
    import_id: str,
) -> Response:
    """Matches it again, by who is enrolled and when the session is now."""
    return _put(request, anew, db, actor, slug, number, import_id, N_("Matched again."))


@router.post("/{import_id}/decide")
def decide(
    request: Request,
    db: Db,
    actor: MayEditAttendance,
    slug: str,
    number: int,
    import_id: str,
    form: FormData,
) -> Response:
    """Says whose the rows of one name are."""
    _, session = open_session(db, actor, slug, number)
    path = f"{path_of(slug, number)}/reports/{import_id}"
    reports.get_report(db, actor, session.id, import_id)
    row_id, whose = form.text("row"), form.text("whose")
    if not whose:
        error = Invalid.one("whose", N_("Choose somebody, or “nobody”."), code="missing")
        return _whose(request, db, actor, slug, number, import_id, row_id, error=error)
    try:
        decision = validate(
            DecisionIn,
            {
                "row_id": row_id,
                "enrolment_id": None if whose == "nobody" else whose,
                "remember": form.checked("remember"),
            },
        )
        report_decisions.decide(db, actor, session.id, import_id, [decision], now())
    except DomainError as error:
        db.rollback()
        first = error.fields[0] if isinstance(error, Invalid) else error
        return see_other(request, path, translate(first, gettext_for(request)), kind="warning")
    return see_other(request, path, gettext_for(request)(N_("Kept.")))


@router.post("/{import_id}/accept")
def accept(
    request: Request,
    db: Db,
    actor: MayEditAttendance,
    slug: str,
    number: int,
    import_id: str,
    form: FormData,
) -> Response:
    """Takes all suggestions."""
    _, session = open_session(db, actor, slug, number)
    path = f"{path_of(slug, number)}/reports/{import_id}"
    speak = gettext_for(request)
    try:
        count = report_decisions.accept_suggestions(
            db, actor, session.id, import_id, form.checked("remember"), now()
        )
    except Clash as error:
        db.rollback()
        return see_other(request, path, translate(error, speak), kind="warning")
    said = speak(N_("Suggestions accepted: %(count)s."))
    return see_other(request, path, said % {"count": count})


@router.get("/{import_id}/rows/{row_id}")
def whose(
    request: Request,
    db: Db,
    actor: MayEditAttendance,
    slug: str,
    number: int,
    import_id: str,
    row_id: str,
    q: str = "",
) -> Response:
    """The rows of one name, who may be meant, and a search for anybody else."""
    return _whose(request, db, actor, slug, number, import_id, row_id, q)


@router.post("/{import_id}/discard")
def discard(
    request: Request, db: Db, actor: MayEditAttendance, slug: str, number: int, import_id: str
) -> Response:
    """Throws a preview away."""
    _, session = open_session(db, actor, slug, number)
    path, speak = f"{path_of(slug, number)}/reports", gettext_for(request)
    try:
        reports.discard_report(db, actor, session.id, import_id)
    except Clash as error:
        db.rollback()
        there = f"{path}/{import_id}"
        return see_other(request, there, translate(error, speak), kind="warning")
    return see_other(request, path, speak(N_("Thrown away. Nothing of it was kept.")))


def _look(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    number: int,
    import_id: str,
    asked: tuple[str, int, int | None] = ("", 1, None),
    error: DomainError | None = None,
) -> Response:
    cycle, session = open_session(db, actor, slug, number)
    found = report_lists.look(db, actor, session.id, import_id, *asked)
    own = f"{path_of(slug, number)}/reports/{import_id}"
    language = current_reader(request).language
    context = {
        **about(request, cycle, session),
        "own": own,
        "found": found,
        "mark": report_freshness.mark_of(db, found.row),
        "state": asked[0],
        "asked": asked[2],
        "reading": view.reading(found.row, gettext_for(request), language),
        "said": lambda remark: view.remark(remark, gettext_for(request), language),
        "at": address(own, state=asked[0]),
        "zones": zone_choices(language),
        "errors": errors_of(error, gettext_for(request)),
        "error": None if isinstance(error, Invalid) else error,
    }
    status = status_of(error) if error else 200
    return page(request, "organize/report.html", context, status=status)


def _put(
    request: Request,
    anew: Anew,
    db: DbSession,
    actor: Actor,
    slug: str,
    number: int,
    import_id: str,
    said: str,
) -> Response:
    _, session = open_session(db, actor, slug, number)
    error = anew.error
    if anew.reading is not None:
        try:
            reports.answer_report(db, actor, session.id, import_id, anew.before, anew.reading)
        except DomainError as failed:
            db.rollback()
            error = failed
    if error is not None:
        return _look(request, db, actor, slug, number, import_id, error=error)
    path = f"{path_of(slug, number)}/reports/{import_id}"
    return see_other(request, path, gettext_for(request)(said))


def _whose(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    number: int,
    import_id: str,
    row_id: str,
    q: str = "",
    error: DomainError | None = None,
) -> Response:
    cycle, session = open_session(db, actor, slug, number)
    report, group = report_lists.group_of(db, actor, session.id, import_id, row_id)
    context = {
        **about(request, cycle, session),
        "own": f"{path_of(slug, number)}/reports/{import_id}",
        "report": report,
        "group": group,
        "q": q,
        "results": report_lists.search(db, actor, session.id, q),
        "errors": errors_of(error, gettext_for(request)),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/report_row.html", context, status=status)

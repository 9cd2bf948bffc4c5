"""JSON: providers' attendance reports."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import Clash
from app.domain.report_states import RowState
from app.models import ReportImport, now
from app.routers.api.present import page_of, report_out, report_row_out
from app.schemas.page import Page
from app.schemas.report import AnswersIn, DecisionsIn, ReportOut, ReportRowOut, UndoIn
from app.services import report_decisions, report_lists, reports
from app.web.access.programs import MayEditAttendance, MayReadAttendance
from app.web.api import After, JsonRoute, Limit, OnceDep, answer, clash
from app.web.dependencies import Db
from app.web.report_files import AgainProgram, AnsweredProgram, SentBody, not_applied

router = APIRouter(route_class=JsonRoute, tags=["attendance"])
_ONE = "/sessions/{session_id}/attendance/imports/{import_id}"


def _out(db: DbSession, row: ReportImport) -> ReportOut:
    return report_out(row, report_lists.counts_of(db, row.session_id).get(row.id, {}))


@router.get("/sessions/{session_id}/attendance/imports", response_model=Page[ReportOut])
def list_reports(db: Db, actor: MayReadAttendance, session_id: str) -> Response:
    """List the providers' reports that were read for a session, the last first.

    All at once: `next` is null.
    """
    listed = report_lists.list_reports(db, actor, session_id)
    return answer(page_of([report_out(one.row, one.counts) for one in listed]))


@router.post(
    "/sessions/{session_id}/attendance/upload",
    response_model=ReportOut,
    status_code=201,
    responses={
        200: {"model": ReportOut, "description": "The same file was read before, and waits."},
        **clash("`already_applied`."),
    },
)
def upload_report(
    sent: SentBody, db: Db, actor: MayEditAttendance, once: OnceDep, session_id: str
) -> Response:
    """Read a provider's report, as a preview.

    The body is the file as it was downloaded, up to 10 MB: CSV in any of the usual encodings, or
    XLSX. Nothing counts before it is applied. What the file leaves open is in `found.questions`.
    """

    def make() -> Response:
        assert sent.reading is not None
        added = reports.add_report(
            db, actor, session_id, sent.digest, sent.filename, sent.reading, sent.before
        )
        where = f"/sessions/{session_id}/attendance/imports/{added.row.id}"
        return answer(_out(db, added.row), status=200 if added.already else 201, location=where)

    return once(make)


@router.get(_ONE, response_model=ReportOut)
def get_report(db: Db, actor: MayReadAttendance, session_id: str, import_id: str) -> Response:
    """Get a provider's report: what was found, and how many rows are whose."""
    return answer(_out(db, reports.get_report(db, actor, session_id, import_id)))


@router.get(f"{_ONE}/rows", response_model=Page[ReportRowOut])
def list_report_rows(
    db: Db,
    actor: MayReadAttendance,
    session_id: str,
    import_id: str,
    limit: Limit = 50,
    after: After = None,
    state: Annotated[RowState | None, Query(description="Only rows in this state.")] = None,
) -> Response:
    """List the rows of a provider's report, by their numbers in the file."""
    rows, cursor = report_lists.rows_after(
        db, actor, session_id, import_id, state or "", after, limit
    )
    return answer(page_of([report_row_out(row) for row in rows], cursor))


@router.patch(_ONE, response_model=ReportOut, responses=clash("`not_in_preview`."))
def answer_report(
    anew: AnsweredProgram,
    db: Db,
    actor: MayEditAttendance,
    session_id: str,
    import_id: str,
    command: AnswersIn,
) -> Response:
    """Answer what a provider's report leaves open; the file is read again so.

    What was decided of a name stays decided.
    """
    if anew.error is not None:
        raise anew.error
    assert anew.reading is not None
    row = reports.answer_report(db, actor, session_id, import_id, anew.before, anew.reading)
    return answer(_out(db, row))


@router.post(f"{_ONE}/match", response_model=ReportOut, responses=clash("`not_in_preview`."))
def match_report(
    anew: AgainProgram,
    db: Db,
    actor: MayEditAttendance,
    once: OnceDep,
    session_id: str,
    import_id: str,
) -> Response:
    """Match the rows of a provider's report again, by who is enrolled and when the session is now.

    The file is read again with what was answered. What was decided of a name stays decided.
    """

    def make() -> Response:
        if anew.error is not None:
            raise anew.error
        assert anew.reading is not None
        row = reports.answer_report(db, actor, session_id, import_id, anew.before, anew.reading)
        return answer(_out(db, row))

    return once(make)


@router.delete(_ONE, status_code=204, response_class=Response, responses=clash("`not_in_preview`."))
def discard_report(db: Db, actor: MayEditAttendance, session_id: str, import_id: str) -> Response:
    """Throw away a provider's report that was not applied."""
    reports.discard_report(db, actor, session_id, import_id)
    return Response(status_code=204)


@router.post(f"{_ONE}/decisions", response_model=ReportOut, responses=clash("`report_undone`."))
def decide_rows(
    db: Db,
    actor: MayEditAttendance,
    once: OnceDep,
    session_id: str,
    import_id: str,
    command: DecisionsIn,
) -> Response:
    """Say whose rows of a provider's report are.

    Each counts for every row of the same name and address in it. Once the report is applied, what
    was credited to somebody else is retracted.
    """

    def make() -> Response:
        row = report_decisions.decide(db, actor, session_id, import_id, command.decisions, now())
        return answer(_out(db, row))

    return once(make)


@router.post(
    f"{_ONE}/apply",
    response_model=ReportOut,
    responses=clash(
        "`questions_open`, `report_undone`, `report_outdated`; `session_not_published`, "
        "`session_cancelled`; "
        "`session_not_begun`: apply it when the session is over."
    ),
)
def apply_report(
    request: Request,
    db: Db,
    actor: MayEditAttendance,
    once: OnceDep,
    session_id: str,
    import_id: str,
) -> Response:
    """Apply a provider's report: its matched rows become evidence.

    Twice is once. Where it would credit others by now than the preview says, or the session was
    moved, nothing is applied: it is matched again, and to be looked at again (`report_outdated`).
    """

    def make() -> Response:
        return answer(_out(db, reports.apply_report(db, actor, session_id, import_id, now())))

    try:
        return once(make)
    except Clash as error:
        not_applied(request, db, actor, session_id, import_id, error)
        raise


@router.post(f"{_ONE}/undo", response_model=ReportOut, responses=clash("`not_applied`."))
def undo_report(
    db: Db,
    actor: MayEditAttendance,
    once: OnceDep,
    session_id: str,
    import_id: str,
    command: UndoIn,
) -> Response:
    """Undo a provider's report, with the reason: all that it brought is retracted.

    Twice is once. The same file can be read again.
    """

    def make() -> Response:
        row = reports.undo_report(db, actor, session_id, import_id, command, now())
        return answer(_out(db, row))

    return once(make)

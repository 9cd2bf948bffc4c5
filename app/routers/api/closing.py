"""JSON: the evidence on a session, closing it and opening it again."""

from fastapi import APIRouter
from starlette.responses import Response

from app.models import now
from app.routers.api.present import closing_out, evidence_out, page_of, still_open_out
from app.schemas.completion import CloseIn, ClosingOut, ReopenIn, StillOpenOut
from app.schemas.enrolment import EvidenceOut
from app.schemas.page import Page
from app.services import attendance, closing
from app.web.access.programs import MayEditAttendance, MayReadAttendance
from app.web.api import After, JsonRoute, Limit, OnceDep, answer, clash
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute, tags=["attendance"])


@router.get("/sessions/{session_id}/evidence", response_model=Page[EvidenceOut])
def list_evidence(
    db: Db, actor: MayReadAttendance, session_id: str, limit: Limit = 50, after: After = None
) -> Response:
    """List every piece of evidence on a session, in the order in which it was observed.

    What was retracted stays in it, and so do the retractions.
    """
    rows, cursor = attendance.evidence_after(db, actor, session_id, after, limit)
    return answer(page_of([evidence_out(row) for row in rows], cursor))


@router.get("/sessions/{session_id}/still-open", response_model=StillOpenOut)
def list_still_open(db: Db, actor: MayReadAttendance, session_id: str) -> Response:
    """List what to look at before a session is closed."""
    return answer(still_open_out(closing.still_open(db, actor, session_id)))


@router.get("/sessions/{session_id}/closings", response_model=Page[ClosingOut])
def list_closings(db: Db, actor: MayReadAttendance, session_id: str) -> Response:
    """List when a session was closed and opened again, the last first."""
    rows = closing.closings(db, actor, session_id)
    return answer(page_of([closing_out(row) for row in rows]))


@router.post(
    "/sessions/{session_id}/closings",
    response_model=ClosingOut,
    responses=clash("`session_not_over`, `session_cancelled`, `session_not_published`."),
)
def close_session(
    db: Db, actor: MayEditAttendance, once: OnceDep, session_id: str, command: CloseIn
) -> Response:
    """Close a session: whoever was not seen was absent.

    Twice is once.
    """

    def make() -> Response:
        row = closing.close_session(db, actor, session_id, command, now())
        return answer(closing_out(row))

    return once(make)


@router.post(
    "/sessions/{session_id}/reopenings",
    response_model=ClosingOut,
    responses=clash("`not_closed`."),
)
def reopen_session(
    db: Db, actor: MayEditAttendance, once: OnceDep, session_id: str, command: ReopenIn
) -> Response:
    """Open a closed session again, with the reason."""

    def make() -> Response:
        row = closing.reopen_session(db, actor, session_id, command, now())
        return answer(closing_out(row))

    return once(make)

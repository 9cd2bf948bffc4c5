"""JSON: check-ins and attendance."""

from fastapi import APIRouter
from starlette.responses import Response

from app.models import now
from app.routers.api.present import attendance_out, check_in_out, page_of
from app.schemas.enrolment import AttendanceOut, CheckInIn, CheckInOut, MarkIn, RetractIn
from app.schemas.page import Page
from app.services import attendance, check_in_lists
from app.web.access.programs import MayEditAttendance, MayReadAttendance
from app.web.api import After, JsonRoute, Limit, OnceDep, answer, clash
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute, tags=["attendance"])


@router.get("/sessions/{session_id}/check-ins", response_model=Page[CheckInOut])
def list_check_ins(
    db: Db, actor: MayReadAttendance, session_id: str, limit: Limit = 50, after: After = None
) -> Response:
    """List the check-ins of a session, in the order in which they came.

    Also those that were taken back, which do not count: their `retracted` is true.
    """
    rows, cursor = check_in_lists.list_check_ins(db, actor, session_id, after, limit)
    return answer(page_of([check_in_out(row) for row in rows], cursor))


@router.post(
    "/sessions/{session_id}/check-ins",
    response_model=CheckInOut,
    status_code=201,
    responses={
        200: {"model": CheckInOut, "description": "It had been done before."},
        **clash(
            "`check_in_not_open`, `check_in_closed`, `check_in_taken_back`, `session_cancelled`, "
            "`enrolment_pending`, `enrolment_waitlisted`, `enrolment_withdrawn`."
        ),
    },
)
def check_in(
    db: Db, actor: MayEditAttendance, once: OnceDep, session_id: str, command: CheckInIn
) -> Response:
    """Check a participant in.

    Twice is once: then the answer is 200, with the first one's time.
    """

    def make() -> Response:
        row = check_in_lists.record_check_in(db, actor, session_id, command.enrolment_id, now())
        where = f"/sessions/{session_id}/check-ins"
        return answer(check_in_out(row), status=200 if row.already else 201, location=where)

    return once(make)


@router.get("/sessions/{session_id}/attendance", response_model=Page[AttendanceOut])
def list_attendance(
    db: Db, actor: MayReadAttendance, session_id: str, limit: Limit = 50, after: After = None
) -> Response:
    """List what is known of everybody's attendance at a session, by name.

    All who are confirmed, and whoever else there is evidence of.
    """
    rows, cursor = attendance.attendance_after(db, actor, session_id, after, limit)
    return answer(page_of([attendance_out(row, actor) for row in rows], cursor))


@router.post(
    "/sessions/{session_id}/attendance/marks",
    response_model=AttendanceOut,
    responses=clash(
        "`session_not_published`, `session_cancelled`; `session_not_begun`: nobody was there "
        "before check-in opens and is absent before the start, but somebody can be excused."
    ),
)
def mark_attendance(
    db: Db, actor: MayEditAttendance, once: OnceDep, session_id: str, command: MarkIn
) -> Response:
    """Say what somebody's attendance was, with the reason.

    It counts before all that was observed.
    """

    def make() -> Response:
        row = attendance.mark(db, actor, session_id, command, now())
        return answer(attendance_out(row, actor))

    return once(make)


@router.post(
    "/sessions/{session_id}/attendance/retractions",
    response_model=AttendanceOut,
    responses=clash("`nothing_to_retract`."),
)
def retract_mark(
    db: Db, actor: MayEditAttendance, once: OnceDep, session_id: str, command: RetractIn
) -> Response:
    """Take back a piece of evidence, or the mark that counts, with the reason.

    What was observed, or marked before, counts again.
    """

    def make() -> Response:
        row = attendance.retract(db, actor, session_id, command, now())
        return answer(attendance_out(row, actor))

    return once(make)

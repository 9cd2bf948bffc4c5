"""JSON: sessions and their agendas."""

from fastapi import APIRouter
from starlette.responses import Response

from app.routers.api.present import page_of, session_out
from app.schemas.page import Page
from app.schemas.session import AgendaIn, SeriesIn, SessionChange, SessionIn, SessionOut
from app.services import agendas, sessions
from app.web.access.programs import MayEditSchedule, MayReadCycle
from app.web.api import JsonRoute, OnceDep, Revision, answer, clash
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute, tags=["sessions"])


@router.get("/cycles/{cycle_id}/sessions", response_model=Page[SessionOut])
def list_sessions(db: Db, actor: MayReadCycle, cycle_id: str) -> Response:
    """List the sessions of a cycle by number, with their agendas.

    Drafts and cancelled ones are there. All at once: `next` is null.
    """
    rows = sessions.list_sessions(db, actor, cycle_id)
    return answer(page_of([session_out(row) for row in rows]))


@router.post("/cycles/{cycle_id}/sessions", response_model=SessionOut, status_code=201)
def create_session(
    db: Db, actor: MayEditSchedule, once: OnceDep, cycle_id: str, command: SessionIn
) -> Response:
    """Make a session, with an empty agenda.

    A local time that does not exist in the zone is refused with the nearest ones that do
    (`skipped_time`); one that exists twice asks for `fold` (`ambiguous_time`).
    """

    def make() -> Response:
        row = sessions.create_session(db, actor, cycle_id, command)
        return answer(
            session_out(row), status=201, revision=row.revision, location=f"/sessions/{row.id}"
        )

    return once(make)


@router.post("/cycles/{cycle_id}/sessions/series", response_model=Page[SessionOut], status_code=201)
def create_series(
    db: Db, actor: MayEditSchedule, once: OnceDep, cycle_id: str, command: SeriesIn
) -> Response:
    """Make several sessions at one hour, every so many days.

    Dates in `skip` are left out and do not count. Each can be edited on its own afterwards.
    """

    def make() -> Response:
        rows = sessions.create_series(db, actor, cycle_id, command)
        found = page_of([session_out(row) for row in rows])
        return answer(found, status=201, location=f"/cycles/{cycle_id}/sessions")

    return once(make)


@router.get(
    "/sessions/{session_id}",
    response_model=SessionOut,
    responses={304: {"description": "It is as If-None-Match has it."}},
)
def get_session(db: Db, actor: MayReadCycle, session_id: str) -> Response:
    """Read a session with its segments and parts.

    With If-None-Match the answer is 304 while nothing has changed.
    """
    # `hot` stands before this route and answers the same from what is kept.
    row = sessions.get_session(db, actor, session_id)
    return answer(session_out(row), revision=row.revision)


@router.patch(
    "/sessions/{session_id}",
    response_model=SessionOut,
    responses=clash(
        "`session_mandatory`: it is to be cancelled before it was published, and the completion "
        "rule names it; change that first."
    ),
)
def change_session(
    db: Db, actor: MayEditSchedule, session_id: str, revision: Revision, command: SessionChange
) -> Response:
    """Change a session.

    What is left out stays as it is.
    """
    row = sessions.change_session(db, actor, session_id, command, revision)
    return answer(session_out(row), revision=row.revision)


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    response_class=Response,
    responses=clash(
        "`session_released`: cancel it instead. `session_has_evidence`: attendance was recorded. "
        "`session_mandatory`: the completion rule names it; change that first."
    ),
)
def delete_session(db: Db, actor: MayEditSchedule, session_id: str, revision: Revision) -> Response:
    """Delete a session that was in no release."""
    sessions.delete_session(db, actor, session_id, revision)
    return Response(status_code=204)


@router.put("/sessions/{session_id}/agenda", response_model=SessionOut)
def put_agenda(
    db: Db, actor: MayEditSchedule, session_id: str, revision: Revision, command: AgendaIn
) -> Response:
    """Replace the agenda: segments with their parts, in order.

    A segment given by its `id` stays the same one; its parts keep position and institution as
    they were unless new ones are given. What overlaps is taken, and told as a conflict.
    """
    row = agendas.put_agenda(db, actor, session_id, command, revision)
    return answer(session_out(row), revision=row.revision)

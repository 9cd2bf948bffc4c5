"""JSON: the materials of sessions."""

from fastapi import APIRouter
from starlette.responses import Response

from app.routers.api.present import material_out, page_of
from app.schemas.material import MaterialLinkIn, MaterialOut
from app.schemas.page import Page
from app.services import materials, sessions
from app.services.schedules import released_session
from app.web.access.programs import MayEditSchedule, MayReadCycle
from app.web.api import JsonRoute, OnceDep, answer
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute, tags=["materials"])


@router.get("/sessions/{session_id}/materials", response_model=Page[MaterialOut])
def list_materials(db: Db, actor: MayReadCycle, session_id: str) -> Response:
    """List the materials of a session, in their order.

    Those that nobody else sees yet are there. All at once: `next` is null.
    """
    session = sessions.get_session(db, actor, session_id)
    listed = materials.list_materials(db, actor, session, released_session(db, session))
    return answer(page_of([material_out(one.material, one.opens) for one in listed]))


@router.post("/sessions/{session_id}/materials", response_model=MaterialOut, status_code=201)
def add_material(
    db: Db, actor: MayEditSchedule, once: OnceDep, session_id: str, command: MaterialLinkIn
) -> Response:
    """Add a link to slides, a document, a recording or whatever else.

    Files are uploaded on the pages. The link of a meeting of the cycle is refused
    (`meeting_link`): it would be shown to everybody.
    """

    def make() -> Response:
        row = materials.add_link(db, actor, session_id, command)
        session = sessions.get_session(db, actor, session_id)
        opens = materials.opening(row, session, released_session(db, session))
        found = material_out(row, opens)
        return answer(found, status=201, location=f"/sessions/{session_id}/materials")

    return once(make)


@router.delete("/materials/{material_id}", status_code=204, response_class=Response)
def remove_material(db: Db, actor: MayEditSchedule, material_id: str) -> Response:
    """Remove a material.

    A file that no other material has is deleted within some days.
    """
    materials.remove_material(db, actor, material_id)
    return Response(status_code=204)

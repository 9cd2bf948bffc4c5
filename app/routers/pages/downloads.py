"""Files of materials: for everybody on a public page, for participants on theirs."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.domain.errors import NotFound
from app.domain.materials import Audience
from app.domain.permissions import Permission
from app.models import now
from app.services import enrolments, materials
from app.services.public import published, published_with
from app.web import convertors as convertors  # makes {slug:slug} and {number:number} known
from app.web.access.gate import declares
from app.web.dependencies import Db, LinksDep
from app.web.downloads import send_material

router = APIRouter()


@router.api_route(
    "/c/{slug:slug}/{number:number}/materials/{material_id}",
    methods=["GET", "HEAD"],
    dependencies=[declares(Permission.PUBLIC)],
)
def public_file(request: Request, db: Db, slug: str, number: int, material_id: str) -> Response:
    """What everybody may have of a published session, from the instant on at which they may."""
    session = published(db, slug).schedule.session(number)
    if session is None:
        raise NotFound
    row = materials.visible_material(db, [session], material_id, now(), Audience.PUBLIC)
    return send_material(request, row, cache="no-cache")


@router.api_route(
    "/my/{token}/materials/{material_id}",
    methods=["GET", "HEAD"],
    dependencies=[declares(Permission.LINK)],
)
def my_file(request: Request, db: Db, links: LinksDep, token: str, material_id: str) -> Response:
    """What a participant may have of the published sessions of their cycle."""
    enrolment = enrolments.enrolment_of_link(db, links, token)
    audience = materials.audience_of(enrolment)
    if audience is None:
        raise NotFound
    sessions = published_with(db, enrolment.cycle_id).schedule.sessions
    row = materials.visible_material(db, sessions, material_id, now(), audience)
    return send_material(request, row)

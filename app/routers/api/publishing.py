"""JSON: what clashes, what publishing would do, and releases."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from app.models import now
from app.routers.api.present import page_of, preview_out, release_out
from app.schemas.cycle import ConflictOut, PublishIn, ReleaseOut, ReleasePreviewOut
from app.schemas.page import Page
from app.services import publishing
from app.web.api import JsonRoute, OnceDep, Sentences, answer, clash
from app.web.dependencies import Db, Reads, Writes

router = APIRouter(route_class=JsonRoute, tags=["publishing"])


@router.get("/cycles/{cycle_id}/conflicts", response_model=Page[ConflictOut])
def list_conflicts(db: Db, actor: Reads, say: Sentences, cycle_id: str) -> Response:
    """List everything that clashes or is missing in a cycle's draft, by time.

    The other cycles of its people are looked at, too. All at once: `next` is null.
    """
    reader = replace(actor, language=say.language)
    found = publishing.find_conflicts(db, reader, cycle_id, now())
    return answer(page_of([say.conflict_out(conflict) for conflict in found]))


@router.get("/cycles/{cycle_id}/releases", response_model=Page[ReleaseOut])
def list_releases(db: Db, actor: Reads, say: Sentences, cycle_id: str) -> Response:
    """List the releases of a cycle, the newest first, each with what was different.

    All at once: `next` is null.
    """
    told = publishing.told_releases(db, actor, cycle_id)
    return answer(page_of([release_out(each, say) for each in told]))


@router.get("/cycles/{cycle_id}/releases/preview", response_model=ReleasePreviewOut)
def preview_release(db: Db, actor: Reads, say: Sentences, cycle_id: str) -> Response:
    """Read what publishing now would change, and what speaks against it."""
    reader = replace(actor, language=say.language)
    return answer(preview_out(publishing.preview(db, reader, cycle_id, now()), say))


@router.post(
    "/cycles/{cycle_id}/releases",
    response_model=ReleaseOut,
    status_code=201,
    responses=clash(
        "`schedule_errors`: mend them first. `schedule_warnings`: read them, then accept them. "
        "`schedule_empty`, `nothing_to_publish`, `cycle_archived`."
    ),
)
def publish_release(
    db: Db, actor: Writes, say: Sentences, once: OnceDep, cycle_id: str, command: PublishIn
) -> Response:
    """Publish the draft as the next release."""

    def make() -> Response:
        release = publishing.publish(
            db, actor, cycle_id, accept_warnings=command.accept_warnings, now=now()
        )
        told = publishing.told_release(db, release)
        return answer(release_out(told, say), status=201, location=f"/cycles/{cycle_id}/releases")

    return once(make)

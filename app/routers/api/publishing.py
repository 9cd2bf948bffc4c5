"""JSON: what clashes, what publishing would do, and releases."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from app.db import DbSession
from app.models import Release, now
from app.routers.api.present import page_of, preview_out, release_out
from app.schemas.cycle import ConflictOut, PublishIn, ReleaseOut, ReleasePreviewOut
from app.schemas.page import Page
from app.services import cycles, publishing, release_effects, releases, reopening, zone_guard
from app.web.access.programs import MayPublish, MayReadCycle
from app.web.api import JsonRoute, OnceDep, Revision, Sentences, answer, clash
from app.web.dependencies import Db
from app.web.sentences import Presenter

router = APIRouter(route_class=JsonRoute, tags=["publishing"])


@router.get("/cycles/{cycle_id}/conflicts", response_model=Page[ConflictOut])
def list_conflicts(db: Db, actor: MayReadCycle, say: Sentences, cycle_id: str) -> Response:
    """List everything that clashes or is missing in a cycle's draft, by time.

    The other cycles of its people are looked at, too. All at once: `next` is null.
    """
    reader = replace(actor, language=say.language)
    found = publishing.find_conflicts(db, reader, cycle_id, now())
    return answer(page_of([say.conflict_out(conflict) for conflict in found]))


@router.get("/cycles/{cycle_id}/releases", response_model=Page[ReleaseOut])
def list_releases(db: Db, actor: MayReadCycle, say: Sentences, cycle_id: str) -> Response:
    """List the releases of a cycle, the newest first, each with what was different.

    All at once: `next` is null.
    """
    told = publishing.told_releases(db, actor, cycle_id)
    mails = releases.mails_by_release(db, cycle_id)
    found = [release_out(each, say, mails.get(each.release.number, 0)) for each in told]
    return answer(page_of(found))


@router.get("/cycles/{cycle_id}/releases/preview", response_model=ReleasePreviewOut)
def preview_release(db: Db, actor: MayReadCycle, say: Sentences, cycle_id: str) -> Response:
    """Read what publishing now would change, and what speaks against it.

    Also the mails that would make everybody's calendar say the same. The ETag is the cycle's.
    """
    reader, moment = replace(actor, language=say.language), now()
    cycle = cycles.get_cycle(db, actor, cycle_id)
    found = publishing.preview(db, reader, cycle.id, moment)
    planned = publishing.reach(db, reader, cycle.id, found.next_schedule, moment)
    opened = reopening.reopens(db, found.before, found.next_schedule)
    moved = release_effects.moves(
        db, found.before, found.next_schedule, {each.session_id for each in opened}
    )
    shown = preview_out(cycle, found, planned, (opened, moved), say, moment)
    return answer(shown, revision=shown.revision)


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
    db: Db,
    actor: MayPublish,
    say: Sentences,
    once: OnceDep,
    cycle_id: str,
    revision: Revision,
    command: PublishIn,
) -> Response:
    """Publish the draft as the next release.

    If the cycle invites, the mails that make calendars say the same are sent. If-Match takes the
    ETag of the preview, or the cycle's: nothing is published that was not in it.
    """

    def make() -> Response:
        release = publishing.publish(
            db,
            actor,
            cycle_id,
            accept_warnings=command.accept_warnings,
            now=now(),
            revision=revision,
            invite=command.invite,
            leave_out=releases.people_to_leave_out(db, actor, command.leave_out),
            note=command.note,
        )
        return _made(db, release, say)

    return once(make)


@router.post(
    "/cycles/{cycle_id}/releases/time-zones",
    response_model=ReleaseOut,
    status_code=201,
    responses=clash("`nothing_shifted`, `cycle_archived`."),
)
def publish_time_zones(
    db: Db, actor: MayPublish, say: Sentences, once: OnceDep, cycle_id: str, revision: Revision
) -> Response:
    """Publish only what newer zone data has moved: same local time, another instant.

    Whatever else is new in the draft stays unpublished, and its conflicts hold nothing back. If
    the cycle invites, those concerned get the mails.
    """

    def make() -> Response:
        release = zone_guard.publish_shifts(db, actor, cycle_id, now=now(), revision=revision)
        return _made(db, release, say)

    return once(make)


def _made(db: DbSession, release: Release, say: Presenter) -> Response:
    told = publishing.told_release(db, release)
    mails = releases.mails_by_release(db, release.cycle_id, [release.number])
    found = release_out(told, say, mails.get(release.number, 0))
    return answer(found, status=201, location=f"/cycles/{release.cycle_id}/releases")

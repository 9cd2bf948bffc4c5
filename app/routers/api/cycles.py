"""JSON: cycles, who carries them, and copies of them."""

from fastapi import APIRouter
from starlette.responses import Response

from app.routers.api.present import cycle_out, institutions_out, page_of
from app.schemas.cycle import (
    CloneIn,
    CycleChange,
    CycleIn,
    CycleInstitutionOut,
    CycleInstitutionsIn,
    CycleOut,
)
from app.schemas.page import Page
from app.services import cloning, cycles
from app.web.access.programs import MayCreateCycle, MayEditSchedule, MayEndCycle, MayReadCycle
from app.web.api import After, JsonRoute, Limit, OnceDep, Revision, answer, clash, tagged
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute, tags=["cycles"])


@router.get("/cycles", response_model=Page[CycleOut])
def list_cycles(db: Db, actor: MayReadCycle, limit: Limit = 50, after: After = None) -> Response:
    """List the cycles, the newest first."""
    rows, cursor = cycles.list_cycles(db, actor, after, limit)
    return answer(page_of([cycle_out(row) for row in rows], cursor))


@router.post("/cycles", response_model=CycleOut, status_code=201)
def create_cycle(db: Db, actor: MayCreateCycle, once: OnceDep, command: CycleIn) -> Response:
    """Make a cycle, as a draft."""

    def make() -> Response:
        row = cycles.create_cycle(db, actor, command)
        return answer(
            cycle_out(row), status=201, revision=row.revision, location=f"/cycles/{row.id}"
        )

    return once(make)


@router.get("/cycles/{cycle_id}", response_model=CycleOut)
def get_cycle(db: Db, actor: MayReadCycle, cycle_id: str) -> Response:
    """Read a cycle."""
    row = cycles.get_cycle(db, actor, cycle_id)
    return answer(cycle_out(row), revision=row.revision)


@router.patch("/cycles/{cycle_id}", response_model=CycleOut)
def change_cycle(
    db: Db, actor: MayEditSchedule, cycle_id: str, revision: Revision, command: CycleChange
) -> Response:
    """Change a cycle.

    What is left out stays as it is. The slug is fixed once a release has been made. Another text
    of the privacy notice is a new version of it.
    """
    row = cycles.change_cycle(db, actor, cycle_id, command, revision)
    return answer(cycle_out(row), revision=row.revision)


@router.delete(
    "/cycles/{cycle_id}",
    status_code=204,
    response_class=Response,
    responses=clash("`published`, `has_enrolments`: archive it instead."),
)
def delete_cycle(db: Db, actor: MayEndCycle, cycle_id: str) -> Response:
    """Delete a cycle that nobody outside has seen, with its sessions."""
    cycles.delete_cycle(db, actor, cycle_id)
    return Response(status_code=204)


@router.post("/cycles/{cycle_id}/archive", response_model=CycleOut)
def archive_cycle(db: Db, actor: MayEndCycle, once: OnceDep, cycle_id: str) -> Response:
    """Put a cycle away.

    Its public pages stay; nobody can enrol.
    """

    def make() -> Response:
        row = cycles.archive_cycle(db, actor, cycle_id)
        return answer(cycle_out(row), revision=row.revision)

    return once(make)


@router.post("/cycles/{cycle_id}/restore", response_model=CycleOut)
def restore_cycle(db: Db, actor: MayEndCycle, once: OnceDep, cycle_id: str) -> Response:
    """Take a cycle out of the archive."""

    def make() -> Response:
        row = cycles.restore_cycle(db, actor, cycle_id)
        return answer(cycle_out(row), revision=row.revision)

    return once(make)


@router.post("/cycles/{cycle_id}/clone", response_model=CycleOut, status_code=201)
def clone_cycle(
    db: Db, actor: MayEditSchedule, once: OnceDep, cycle_id: str, command: CloneIn
) -> Response:
    """Copy a cycle, as a draft.

    `first_date` is the day of the earliest session; the others keep their distance, and each its
    hour on the wall. Meeting links are not copied.
    """

    def make() -> Response:
        row = cloning.clone_cycle(db, actor, cycle_id, command)
        return answer(
            cycle_out(row), status=201, revision=row.revision, location=f"/cycles/{row.id}"
        )

    return once(make)


@router.get(
    "/cycles/{cycle_id}/institutions",
    response_model=Page[CycleInstitutionOut],
    responses=tagged(200),
)
def list_cycle_institutions(db: Db, actor: MayReadCycle, cycle_id: str) -> Response:
    """List the institutions of a cycle, in their order.

    The ETag is the cycle's.
    """
    row = cycles.get_cycle(db, actor, cycle_id)
    return answer(institutions_out(row), revision=row.revision)


@router.put(
    "/cycles/{cycle_id}/institutions",
    response_model=Page[CycleInstitutionOut],
    responses=tagged(200),
)
def set_cycle_institutions(
    db: Db, actor: MayEditSchedule, cycle_id: str, revision: Revision, command: CycleInstitutionsIn
) -> Response:
    """Replace the institutions of a cycle, in the order given.

    If-Match takes the cycle's ETag.
    """
    row = cycles.set_institutions(db, actor, cycle_id, command, revision)
    return answer(institutions_out(row), revision=row.revision)

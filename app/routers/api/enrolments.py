"""JSON: enrolments."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.domain.enrolment import EnrolmentStatus
from app.models import now
from app.routers.api.present import enrolment_out, page_of
from app.schemas.enrolment import EnrolmentChange, EnrolmentIn, EnrolmentOut
from app.schemas.page import Page
from app.services import enrolments
from app.web.access.programs import MayEditPeople, MayReadPeople
from app.web.api import After, JsonRoute, Limit, OnceDep, Revision, Search, answer, clash
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute, tags=["enrolments"])

Status = Annotated[EnrolmentStatus | None, Query(description="Only those that stand here.")]


@router.get("/cycles/{cycle_id}/enrolments", response_model=Page[EnrolmentOut])
def list_enrolments(
    db: Db,
    actor: MayReadPeople,
    cycle_id: str,
    status: Status = None,
    search: Search = "",
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """List the enrolments of a cycle by name.

    The search looks in name, address, institution and initiative.
    """
    rows, cursor = enrolments.list_enrolments(db, actor, cycle_id, search, status, after, limit)
    return answer(page_of([enrolment_out(row) for row in rows], cursor))


@router.post(
    "/cycles/{cycle_id}/enrolments",
    response_model=EnrolmentOut,
    status_code=201,
    responses=clash("`already_enrolled`."),
)
def add_enrolment(
    db: Db, actor: MayEditPeople, once: OnceDep, cycle_id: str, command: EnrolmentIn
) -> Response:
    """Enrol somebody: confirmed, or waitlisted if the cycle is full.

    They are sent a mail with their personal link. `consent` says that they agreed to the privacy
    notice of today.
    """

    def make() -> Response:
        row = enrolments.add_enrolment(db, actor, cycle_id, command, now())
        return answer(
            enrolment_out(row), status=201, revision=row.revision, location=f"/enrolments/{row.id}"
        )

    return once(make)


@router.get("/enrolments/{enrolment_id}", response_model=EnrolmentOut)
def get_enrolment(db: Db, actor: MayReadPeople, enrolment_id: str) -> Response:
    """Read an enrolment."""
    row = enrolments.get_enrolment(db, actor, enrolment_id)
    return answer(enrolment_out(row), revision=row.revision)


@router.patch(
    "/enrolments/{enrolment_id}", response_model=EnrolmentOut, responses=clash("`cycle_full`.")
)
def change_enrolment(
    db: Db, actor: MayEditPeople, enrolment_id: str, revision: Revision, command: EnrolmentChange
) -> Response:
    """Correct an enrolment, or decide about it.

    What is left out stays as it is. A new status is told by mail, but for withdrawals; a place
    that becomes free goes to the first on the waiting list.
    """
    row = enrolments.change_enrolment(db, actor, enrolment_id, command, revision, now=now())
    return answer(enrolment_out(row), revision=row.revision)

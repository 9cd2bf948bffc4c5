"""JSON: the directory of institutions and of initiatives."""

from fastapi import APIRouter
from starlette.responses import Response

from app.models import Initiative, Institution
from app.routers.api.present import page_of
from app.schemas.directory import (
    InitiativeChange,
    InitiativeIn,
    InitiativeOut,
    InstitutionChange,
    InstitutionIn,
    InstitutionOut,
    MergeIn,
)
from app.schemas.page import Page
from app.services import institutions, merging
from app.web.access.programs import MayEditDirectory, MayReadDirectory
from app.web.api import After, JsonRoute, Limit, OnceDep, Revision, Search, answer
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute)


@router.get("/institutions", response_model=Page[InstitutionOut], tags=["institutions"])
def list_institutions(
    db: Db, actor: MayReadDirectory, search: Search = "", limit: Limit = 50, after: After = None
) -> Response:
    """List institutions by name.

    The search looks in name and acronym.
    """
    rows, cursor = institutions.search_institutions(db, actor, search, after, limit)
    return answer(page_of([InstitutionOut.model_validate(row) for row in rows], cursor))


@router.post("/institutions", response_model=InstitutionOut, status_code=201, tags=["institutions"])
def create_institution(
    db: Db, actor: MayEditDirectory, once: OnceDep, command: InstitutionIn
) -> Response:
    """Add an institution."""

    def make() -> Response:
        row = institutions.create_institution(db, actor, command)
        return _institution(row, status=201, location=f"/institutions/{row.id}")

    return once(make)


@router.get("/institutions/{institution_id}", response_model=InstitutionOut, tags=["institutions"])
def get_institution(db: Db, actor: MayReadDirectory, institution_id: str) -> Response:
    """Read an institution."""
    return _institution(institutions.get_institution(db, actor, institution_id))


@router.patch(
    "/institutions/{institution_id}", response_model=InstitutionOut, tags=["institutions"]
)
def change_institution(
    db: Db,
    actor: MayEditDirectory,
    institution_id: str,
    revision: Revision,
    command: InstitutionChange,
) -> Response:
    """Change an institution.

    What is left out stays as it is.
    """
    return _institution(
        institutions.change_institution(db, actor, institution_id, command, revision)
    )


@router.post(
    "/institutions/{institution_id}/merge", response_model=InstitutionOut, tags=["institutions"]
)
def merge_institutions(
    db: Db, actor: MayEditDirectory, once: OnceDep, institution_id: str, command: MergeIn
) -> Response:
    """Make two institutions one: this one stays.

    Who works there, and the cycles that it carries, come to this one; the other goes.
    """

    def make() -> Response:
        return _institution(
            merging.merge_institutions(db, actor, institution_id, command.duplicate_id)
        )

    return once(make)


def _institution(row: Institution, *, status: int = 200, location: str = "") -> Response:
    return answer(
        InstitutionOut.model_validate(row), status=status, revision=row.revision, location=location
    )


@router.get("/initiatives", response_model=Page[InitiativeOut], tags=["initiatives"])
def list_initiatives(
    db: Db, actor: MayReadDirectory, search: Search = "", limit: Limit = 50, after: After = None
) -> Response:
    """List initiatives by name.

    The search looks in name, territory and sector.
    """
    rows, cursor = institutions.search_initiatives(db, actor, search, after, limit)
    return answer(page_of([InitiativeOut.model_validate(row) for row in rows], cursor))


@router.post("/initiatives", response_model=InitiativeOut, status_code=201, tags=["initiatives"])
def create_initiative(
    db: Db, actor: MayEditDirectory, once: OnceDep, command: InitiativeIn
) -> Response:
    """Add an initiative."""

    def make() -> Response:
        row = institutions.create_initiative(db, actor, command)
        return _initiative(row, status=201, location=f"/initiatives/{row.id}")

    return once(make)


@router.get("/initiatives/{initiative_id}", response_model=InitiativeOut, tags=["initiatives"])
def get_initiative(db: Db, actor: MayReadDirectory, initiative_id: str) -> Response:
    """Read an initiative."""
    return _initiative(institutions.get_initiative(db, actor, initiative_id))


@router.patch("/initiatives/{initiative_id}", response_model=InitiativeOut, tags=["initiatives"])
def change_initiative(
    db: Db,
    actor: MayEditDirectory,
    initiative_id: str,
    revision: Revision,
    command: InitiativeChange,
) -> Response:
    """Change an initiative.

    What is left out stays as it is.
    """
    return _initiative(institutions.change_initiative(db, actor, initiative_id, command, revision))


@router.post(
    "/initiatives/{initiative_id}/merge", response_model=InitiativeOut, tags=["initiatives"]
)
def merge_initiatives(
    db: Db, actor: MayEditDirectory, once: OnceDep, initiative_id: str, command: MergeIn
) -> Response:
    """Make two initiatives one: this one stays.

    The participants who stand for the other one stand for this one; the other goes.
    """

    def make() -> Response:
        return _initiative(
            merging.merge_initiatives(db, actor, initiative_id, command.duplicate_id)
        )

    return once(make)


def _initiative(row: Initiative, *, status: int = 200, location: str = "") -> Response:
    return answer(
        InitiativeOut.model_validate(row), status=status, revision=row.revision, location=location
    )

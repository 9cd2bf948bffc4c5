"""JSON: the directory of people."""

from fastapi import APIRouter
from starlette.responses import Response

from app.models import Person, now
from app.routers.api.present import page_of
from app.schemas.directory import MergeIn, PersonChange, PersonIn, PersonOut
from app.schemas.page import Page
from app.services import merging, people
from app.web.access.programs import MayEditPeople, MayReadPeople
from app.web.api import After, JsonRoute, Limit, OnceDep, Revision, Search, answer
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute)


@router.get("/people", response_model=Page[PersonOut], tags=["people"])
def list_people(
    db: Db, actor: MayReadPeople, search: Search = "", limit: Limit = 50, after: After = None
) -> Response:
    """List people by name.

    The search looks in name, address, position and institution.
    """
    rows, cursor = people.search_people(db, actor, search, after, limit)
    return answer(page_of([PersonOut.model_validate(row) for row in rows], cursor))


@router.post("/people", response_model=PersonOut, status_code=201, tags=["people"])
def create_person(db: Db, actor: MayEditPeople, once: OnceDep, command: PersonIn) -> Response:
    """Add a person."""

    def make() -> Response:
        row = people.create_person(db, actor, command)
        return _person(row, status=201, location=f"/people/{row.id}")

    return once(make)


@router.get("/people/{person_id}", response_model=PersonOut, tags=["people"])
def get_person(db: Db, actor: MayReadPeople, person_id: str) -> Response:
    """Read a person."""
    return _person(people.get_person(db, actor, person_id))


@router.patch("/people/{person_id}", response_model=PersonOut, tags=["people"])
def change_person(
    db: Db, actor: MayEditPeople, person_id: str, revision: Revision, command: PersonChange
) -> Response:
    """Change a person.

    What is left out stays as it is.
    """
    return _person(people.change_person(db, actor, person_id, command, revision, now=now()))


@router.post("/people/{person_id}/merge", response_model=PersonOut, tags=["people"])
def merge_people(
    db: Db, actor: MayEditPeople, once: OnceDep, person_id: str, command: MergeIn
) -> Response:
    """Make two people one: this one stays.

    Parts and enrolments of the other one come to this one, and fill what is empty; the other goes.
    """

    def make() -> Response:
        return _person(merging.merge_people(db, actor, person_id, command.duplicate_id))

    return once(make)


def _person(row: Person, *, status: int = 200, location: str = "") -> Response:
    return answer(
        PersonOut.model_validate(row), status=status, revision=row.revision, location=location
    )

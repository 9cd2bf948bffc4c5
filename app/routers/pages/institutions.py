"""Organizers' pages: the directory of institutions and of initiatives, with search and merging.

The two are alike but for their fields, so one set of handlers serves both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.domain.errors import N_, DomainError
from app.schemas.directory import (
    InitiativeChange,
    InitiativeIn,
    InstitutionChange,
    InstitutionIn,
)
from app.services import institutions, merging
from app.web.access.pages import MayEditDirectory, MayReadDirectory
from app.web.choices import country_choices
from app.web.dependencies import Db
from app.web.forms import FormData, errors_of
from app.web.problems import status_of, validate
from app.web.templating import current_reader, gettext_for, page, see_other


@dataclass(frozen=True, slots=True)
class Directory:
    """What differs between the two."""

    kind: str
    path: str
    fields: tuple[str, ...]
    schema_in: type[BaseModel]
    schema_change: type[BaseModel]
    search: Callable[..., Any]
    get: Callable[..., Any]
    create: Callable[..., Any]
    change: Callable[..., Any]
    merge: Callable[..., Any]


INSTITUTIONS = Directory(
    "institution",
    "/organize/institutions",
    ("name", "acronym", "country"),
    InstitutionIn,
    InstitutionChange,
    institutions.search_institutions,
    institutions.get_institution,
    institutions.create_institution,
    institutions.change_institution,
    merging.merge_institutions,
)
INITIATIVES = Directory(
    "initiative",
    "/organize/initiatives",
    ("name", "country", "territory", "sector"),
    InitiativeIn,
    InitiativeChange,
    institutions.search_initiatives,
    institutions.get_initiative,
    institutions.create_initiative,
    institutions.change_initiative,
    merging.merge_initiatives,
)

router = APIRouter()


def _form(
    request: Request,
    directory: Directory,
    values: dict[str, Any],
    row: Any = None,
    error: DomainError | None = None,
) -> Response:
    context = {
        "directory": directory,
        "row": row,
        "values": values,
        "errors": errors_of(error, gettext_for(request)),
        "countries": country_choices(current_reader(request).language),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/institution.html", context, status=status)


def _add_routes(directory: Directory) -> None:
    path = directory.path

    @router.get(path)
    def list_rows(
        request: Request, db: Db, actor: MayReadDirectory, q: str = "", after: str | None = None
    ) -> Response:
        """The directory."""
        rows, following = directory.search(db, actor, q, after)
        context = {"directory": directory, "rows": rows, "following": following, "q": q}
        return page(request, "organize/institutions.html", context)

    @router.get(f"{path}/new")
    def new_row(request: Request, actor: MayEditDirectory) -> Response:
        """The form of a new one."""
        return _form(request, directory, dict.fromkeys(directory.fields, ""))

    @router.post(f"{path}/new")
    def create_row(request: Request, db: Db, actor: MayEditDirectory, form: FormData) -> Response:
        """A new one."""
        data = form.pick(*directory.fields)
        try:
            row = directory.create(db, actor, validate(directory.schema_in, data))
        except DomainError as error:
            db.rollback()
            return _form(request, directory, data, None, error)
        said = gettext_for(request)(N_("%(name)s is in the directory.")) % {"name": row.name}
        return see_other(request, path, said)

    @router.get(f"{path}/{{row_id}}")
    def show_row(request: Request, db: Db, actor: MayReadDirectory, row_id: str) -> Response:
        """One, to look at and change."""
        row = directory.get(db, actor, row_id)
        return _form(request, directory, {f: getattr(row, f) for f in directory.fields}, row)

    @router.post(f"{path}/{{row_id}}")
    def change_row(
        request: Request, db: Db, actor: MayEditDirectory, row_id: str, form: FormData
    ) -> Response:
        """Changes it, unless somebody else did in the meantime."""
        data = form.pick(*directory.fields)
        try:
            change = validate(directory.schema_change, data)
            directory.change(db, actor, row_id, change, form.revision())
        except DomainError as error:
            db.rollback()
            return _form(request, directory, data, directory.get(db, actor, row_id), error)
        return see_other(request, f"{path}/{row_id}", gettext_for(request)(N_("Saved.")))

    @router.get(f"{path}/{{row_id}}/merge")
    def merge_form(
        request: Request,
        db: Db,
        actor: MayReadDirectory,
        row_id: str,
        q: str = "",
        duplicate: str = "",
    ) -> Response:
        """Both side by side, before they become one; or a search for the other one."""
        keep = directory.get(db, actor, row_id)
        other = directory.get(db, actor, duplicate) if duplicate else None
        found, _ = directory.search(db, actor, q or keep.name.split()[0], limit=20)
        context = {
            "directory": directory,
            "keep": keep,
            "other": other,
            "q": q,
            "found": [row for row in found if row.id != keep.id],
        }
        return page(request, "organize/institution_merge.html", context)

    @router.post(f"{path}/{{row_id}}/merge")
    def merge_rows(
        request: Request, db: Db, actor: MayEditDirectory, row_id: str, form: FormData
    ) -> Response:
        """Makes the two one."""
        kept = directory.merge(db, actor, row_id, form.text("duplicate"))
        said = gettext_for(request)(N_("They are one now: %(name)s.")) % {"name": kept.name}
        return see_other(request, f"{path}/{row_id}", said)


for _directory in (INSTITUTIONS, INITIATIVES):
    _add_routes(_directory)

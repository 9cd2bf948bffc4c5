"""The public page of what has changed in a cycle since it was published first."""

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.db import DbSession
from app.domain.documents import from_document
from app.routers.pages.public import cycle_and_reader, cycle_subject
from app.services.publishing import ToldRelease
from app.services.releases import newest_told
from app.web import public_view as view
from app.web.kept import KeptPage
from app.web.publish_page import groups
from app.web.representations import Subject
from app.web.sentences import Presenter
from app.web.templating import page


class ChangesPage(KeptPage):
    """``/c/{slug}/changes``: the releases, the newest first, each with what it changed."""

    def subject_of(self, params: dict[str, Any]) -> Subject:
        """The cycle: a release raises its revision."""
        return cycle_subject(params["slug"])

    def page(self, db: DbSession, request: Request) -> tuple[HTMLResponse, float | None]:
        """What everybody may know of them: who published is not in it. Raises NotFound."""
        cycle, reader = cycle_and_reader(db, request, request.path_params["slug"])
        told = newest_told(db, cycle.cycle.id)
        context = {
            **view.cycle_context(cycle, reader.language, reader.zone),
            "releases": [_told(each, Presenter(reader.language, reader.zone)) for each in told],
            "more": told[-1].release.number > 1,
        }
        return page(request, "public/changes.html", context), None


def _told(told: ToldRelease, presenter: Presenter) -> dict[str, Any]:
    release = told.release
    first = release.number == 1
    schedule = from_document(release.document)
    return {
        "number": release.number,
        "published_at": release.published_at,
        "note": release.note,
        # Of the first one everything would be new.
        "groups": [] if first else groups(told.changes, schedule, presenter, every_language=False),
        "first": first,
    }

"""Organizers' pages: what publishing would change, the act, and the releases so far."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.documents import from_document
from app.domain.errors import N_, Clash, DomainError, Stale
from app.languages import translations
from app.models import Cycle, now
from app.services import casting, cycles, publishing
from app.services.actor import Actor
from app.services.schedules import newest_release
from app.web import publish_page
from app.web.dependencies import Db, Organizer
from app.web.forms import FormData
from app.web.organize import cycle_bar
from app.web.problems import status_of
from app.web.sentences import Presenter
from app.web.templating import current_reader, page, see_other

router = APIRouter(prefix="/organize/c/{slug}")


def _preview(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    error: DomainError | None = None,
    *,
    read: bool = False,
) -> Response:
    cycle = cycles.cycle_for_slug(db, actor, slug)
    preview = publishing.preview(db, actor, cycle.id, now())
    language = current_reader(request).language
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, language, publish=len(preview.changes)),
        "error": error,
        "read": read,
        "newest": newest_release(db, cycle.id),
        "participants": sum(casting.participants_by_zone(db, actor, cycle.id).values()),
        **publish_page.context(preview, language, f"/organize/c/{slug}", now()),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/publish.html", context, status=status)


@router.get("/publish")
def preview(request: Request, db: Db, actor: Organizer, slug: str) -> Response:
    """What would change, and what speaks against it."""
    return _preview(request, db, actor, slug)


@router.post("/publish")
def publish(request: Request, db: Db, actor: Organizer, slug: str, form: FormData) -> Response:
    """Publishes what was shown; if it is not the same any more, shows it anew."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    read = form.checked("warnings-read")
    try:
        _still_as_shown(cycle, form.text("revision"))
        release = publishing.publish(db, actor, cycle.id, accept_warnings=read, now=now())
        told = publishing.told_release(db, release)
    except (Clash, Stale) as error:
        db.rollback()
        return _preview(request, db, actor, slug, error, read=read and isinstance(error, Clash))
    speak = translations(current_reader(request).language)
    said = speak.ngettext(
        "%(count)s change is published. Everybody sees it now.",
        "%(count)s changes are published. Everybody sees them now.",
        len(told.changes),
    )
    if release.number == 1:
        said = speak.gettext("The cycle is published. Everybody sees it now.")
    said = said % {"count": len(told.changes)}
    return see_other(request, f"/organize/c/{slug}/publish", said)


def _still_as_shown(cycle: Cycle, revision: str) -> None:
    """Whoever publishes has read what is published. Raises Stale."""
    if revision and revision != str(cycle.revision):
        raise Stale(
            N_("Somebody changed the schedule while you were reading. Look at it once more.")
        )


@router.get("/releases")
def releases(request: Request, db: Db, actor: Organizer, slug: str) -> Response:
    """The releases, the newest first, each with its changes in words."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    language = current_reader(request).language
    presenter = Presenter(language)
    told = [
        (
            one.release,
            len(one.changes),
            publish_page.groups(one.changes, from_document(one.release.document), presenter),
        )
        for one in publishing.told_releases(db, actor, cycle.id)
    ]
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, language),
        "releases": told,
    }
    return page(request, "organize/releases.html", context)

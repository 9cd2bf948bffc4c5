"""Organizers' pages: the reminders of a cycle, what goes out next, what has gone out."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.errors import N_, DomainError
from app.models import Cycle, now
from app.services import cycles
from app.services import reminder_rules as rules
from app.services.actor import Actor
from app.web import reminder_words as words
from app.web.access.pages import MayEditMail
from app.web.dependencies import Db
from app.web.forms import FormData, errors_of
from app.web.organize import cycle_bar
from app.web.problems import status_of
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/reminders")


def _list(
    request: Request,
    db: DbSession,
    actor: Actor,
    cycle: Cycle,
    values: dict[str, str] | None = None,
    error: DomainError | None = None,
) -> Response:
    seen = rules.overview(db, actor, cycle, now())
    return _page(request, cycle, values or words.blank(), error, seen=seen)


def _page(
    request: Request,
    cycle: Cycle,
    values: dict[str, str],
    error: DomainError | None,
    **more: object,
) -> Response:
    language = current_reader(request).language
    gettext = gettext_for(request)
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, language),
        "values": values,
        "errors": errors_of(error, gettext),
        "when_words": lambda row: words.when_words(row.anchor, row.minutes, language),
        "audiences": [(key, gettext(said)) for key, said in words.AUDIENCES.items()],
        "units": [(key, gettext(said)) for key, (_, said) in words.UNITS.items()],
        "anchors": [(key, gettext(said)) for key, said in words.ANCHORS.items()],
        "outcomes": words.OUTCOMES,
        "reminder": None,
        **more,
    }
    name = "organize/reminder.html" if context["reminder"] else "organize/reminders.html"
    return page(request, name, context, status=status_of(error) if error else 200)


@router.get("")
def list_reminders(request: Request, db: Db, actor: MayEditMail, slug: str) -> Response:
    """The reminders, what goes out next, what has gone out, and a form for one more."""
    return _list(request, db, actor, cycles.cycle_for_slug(db, actor, slug))


@router.post("")
def add(request: Request, db: Db, actor: MayEditMail, slug: str, form: FormData) -> Response:
    """One more, from now on."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    try:
        rules.add_reminder(db, actor, cycle.id, words.read(form), now())
    except DomainError as error:
        db.rollback()
        return _list(request, db, actor, cycle, words.typed(form), error)
    return _back(request, slug, N_("The reminder is added."))


@router.post("/usual")
def use_usual(request: Request, db: Db, actor: MayEditMail, slug: str) -> Response:
    """The usual ones, to be changed from here on."""
    rules.use_defaults(db, actor, cycles.cycle_for_slug(db, actor, slug).id, now())
    return _back(request, slug, N_("The usual reminders are there."))


@router.get("/{reminder_id}")
def change_form(
    request: Request, db: Db, actor: MayEditMail, slug: str, reminder_id: str
) -> Response:
    """Another time or audience for one."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    row = rules.get_reminder(db, actor, cycle.id, reminder_id)
    values = words.shown(row.anchor, row.minutes, row.audience)
    return _page(request, cycle, values, None, reminder=row)


@router.post("/{reminder_id}")
def change(
    request: Request, db: Db, actor: MayEditMail, slug: str, reminder_id: str, form: FormData
) -> Response:
    """Changes it."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    try:
        rules.change_reminder(db, actor, cycle.id, reminder_id, words.read(form), now())
    except DomainError as error:
        db.rollback()
        row = rules.get_reminder(db, actor, cycle.id, reminder_id)
        return _page(request, cycle, words.typed(form), error, reminder=row)
    return _back(request, slug, N_("The reminder is changed."))


@router.post("/{reminder_id}/on")
def switch_on(
    request: Request, db: Db, actor: MayEditMail, slug: str, reminder_id: str
) -> Response:
    """From now on it goes out."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    rules.switch_reminder(db, actor, cycle.id, reminder_id, now(), on=True)
    return _back(request, slug, N_("The reminder is on."))


@router.post("/{reminder_id}/off")
def switch_off(
    request: Request, db: Db, actor: MayEditMail, slug: str, reminder_id: str
) -> Response:
    """It no longer goes out."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    rules.switch_reminder(db, actor, cycle.id, reminder_id, now(), on=False)
    return _back(request, slug, N_("The reminder is off."))


@router.post("/{reminder_id}/remove")
def remove(request: Request, db: Db, actor: MayEditMail, slug: str, reminder_id: str) -> Response:
    """Takes it away; what it has sent stays listed."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    rules.remove_reminder(db, actor, cycle.id, reminder_id)
    return _back(request, slug, N_("The reminder is removed."))


def _back(request: Request, slug: str, said: str) -> Response:
    return see_other(request, f"/organize/c/{slug}/reminders", gettext_for(request)(said))

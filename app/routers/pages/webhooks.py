"""Organizers' pages: the webhooks of a cycle. What was sent is in `webhook_deliveries`."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.domain.errors import N_, Clash, DomainError
from app.domain.webhooks import EVENT_WORDS
from app.models import Cycle, Webhook, now
from app.services import cycles, webhook_secrets, webhooks
from app.services.links import Links, Purpose
from app.web import webhook_words as words
from app.web.access.pages import MayManageWebhooks
from app.web.dependencies import Db, LinksDep
from app.web.forms import FormData, errors_of
from app.web.organize import cycle_bar
from app.web.problems import status_of, translate
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/webhooks")


def show(request: Request, cycle: Cycle, name: str, status: int = 200, **more: Any) -> Response:
    """One of the pages about a cycle's webhooks."""
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, current_reader(request).language),
        "base": f"/organize/c/{cycle.slug}/webhooks",
        "zone": current_reader(request).zone or cycle.zone,
        "kinds": words.KINDS,
        "reasons": words.REASONS,
        "disabled": words.DISABLED,
        "state_of": words.state_of,
        "now": now(),
        **more,
    }
    return page(request, f"organize/{name}.html", context, status=status)


def _form(
    request: Request,
    cycle: Cycle,
    values: dict[str, Any],
    error: DomainError | None = None,
    webhook: Webhook | None = None,
) -> Response:
    gettext = gettext_for(request)
    more: dict[str, Any] = {
        "webhook": webhook,
        "values": values,
        "errors": errors_of(error, gettext),
        "event_types": [(str(k), gettext(said)) for k, said in EVENT_WORDS.items()],
    }
    return show(request, cycle, "webhook_form", status_of(error) if error else 200, **more)


def _with_secret(
    request: Request, cycle: Cycle, webhook: Webhook, links: Links, *, rotated: bool
) -> Response:
    """The secret is on this page and never again."""
    secret = webhook_secrets.shown(links.key(Purpose.WEBHOOK), webhook)
    return show(request, cycle, "webhook_secret", webhook=webhook, secret=secret, rotated=rotated)


@router.get("")
def list_webhooks(request: Request, db: Db, actor: MayManageWebhooks, slug: str) -> Response:
    """Which there are, and how each stands."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    rows = webhooks.list_webhooks(db, actor, cycle.id)
    return show(request, cycle, "webhooks", rows=rows, most=webhooks.MOST)


@router.get("/new")
def add_form(request: Request, db: Db, actor: MayManageWebhooks, slug: str) -> Response:
    """What it means to add one, and the form."""
    return _form(request, cycles.cycle_for_slug(db, actor, slug), words.blank())


@router.post("/new")
def add(
    request: Request,
    db: Db,
    actor: MayManageWebhooks,
    slug: str,
    form: FormData,
    links: LinksDep,
) -> Response:
    """Adds one and shows its secret."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    try:
        command = words.read(form)
        target = words.look_up(request, db, form.text("address"))
        row = webhooks.add_webhook(db, actor, cycle.id, command, target, now())
    except DomainError as error:
        db.rollback()
        return _form(request, cycle, words.typed(form), error)
    return _with_secret(request, cycle, row, links, rotated=False)


@router.get("/{webhook_id}/edit")
def change_form(
    request: Request, db: Db, actor: MayManageWebhooks, slug: str, webhook_id: str
) -> Response:
    """The form of one."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    row = webhooks.get_webhook(db, actor, cycle.id, webhook_id)
    return _form(request, cycle, words.shown(row), webhook=row)


@router.post("/{webhook_id}/edit")
def change(
    request: Request,
    db: Db,
    actor: MayManageWebhooks,
    slug: str,
    webhook_id: str,
    form: FormData,
) -> Response:
    """Changes it."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    webhooks.get_webhook(db, actor, cycle.id, webhook_id)
    try:
        command = words.read(form)
        target = words.look_up(request, db, form.text("address"))
        webhooks.change_webhook(db, actor, cycle.id, webhook_id, command, target)
    except DomainError as error:
        db.rollback()
        row = webhooks.get_webhook(db, actor, cycle.id, webhook_id)
        return _form(request, cycle, words.typed(form), error, row)
    return back(request, slug, webhook_id, N_("The webhook is changed."))


@router.get("/{webhook_id}/rotate")
def ask_to_rotate(
    request: Request, db: Db, actor: MayManageWebhooks, slug: str, webhook_id: str
) -> Response:
    """What will happen, and one button."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    row = webhooks.get_webhook(db, actor, cycle.id, webhook_id)
    return show(request, cycle, "webhook_rotate", webhook=row)


@router.post("/{webhook_id}/rotate")
def rotate(
    request: Request,
    db: Db,
    actor: MayManageWebhooks,
    slug: str,
    webhook_id: str,
    links: LinksDep,
) -> Response:
    """Another secret, which is shown."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    row = webhooks.rotate_secret(db, actor, cycle.id, webhook_id, now())
    return _with_secret(request, cycle, row, links, rotated=True)


@router.post("/{webhook_id}/end-old-secret")
def end_old_secret(
    request: Request, db: Db, actor: MayManageWebhooks, slug: str, webhook_id: str
) -> Response:
    """The one before no longer signs."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    webhooks.end_old_secret(db, actor, cycle.id, webhook_id)
    return back(request, slug, webhook_id, N_("Only the present secret signs from now on."))


@router.post("/{webhook_id}/test")
def send_test(
    request: Request, db: Db, actor: MayManageWebhooks, slug: str, webhook_id: str
) -> Response:
    """An event that says nothing."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    try:
        webhooks.send_test(db, actor, cycle.id, webhook_id, now())
    except Clash as error:
        db.rollback()
        return back(request, slug, webhook_id, translate(error, gettext_for(request)), "error")
    return back(request, slug, webhook_id, N_("A test is on its way. Reload to see if it arrives."))


@router.post("/{webhook_id}/disable")
def disable(
    request: Request, db: Db, actor: MayManageWebhooks, slug: str, webhook_id: str
) -> Response:
    """Nothing is sent there any more."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    webhooks.disable_webhook(db, actor, cycle.id, webhook_id, now())
    return back(request, slug, webhook_id, N_("The webhook is disabled."))


@router.post("/{webhook_id}/enable")
def enable(
    request: Request, db: Db, actor: MayManageWebhooks, slug: str, webhook_id: str
) -> Response:
    """It is told again."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    webhooks.enable_webhook(db, actor, cycle.id, webhook_id, now())
    return back(request, slug, webhook_id, N_("The webhook is told what happens from now on."))


@router.get("/{webhook_id}/remove")
def ask_to_remove(
    request: Request, db: Db, actor: MayManageWebhooks, slug: str, webhook_id: str
) -> Response:
    """What will happen, and one button."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    row = webhooks.get_webhook(db, actor, cycle.id, webhook_id)
    return show(request, cycle, "webhook_remove", webhook=row)


@router.post("/{webhook_id}/remove")
def remove(
    request: Request, db: Db, actor: MayManageWebhooks, slug: str, webhook_id: str
) -> Response:
    """Takes it away."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    webhooks.remove_webhook(db, actor, cycle.id, webhook_id)
    said = gettext_for(request)(N_("The webhook is removed."))
    return see_other(request, f"/organize/c/{slug}/webhooks", said)


def back(
    request: Request, slug: str, webhook_id: str, said: str, kind: str = "success"
) -> Response:
    """To the page of a webhook, with a sentence."""
    path = f"/organize/c/{slug}/webhooks/{webhook_id}"
    return see_other(request, path, gettext_for(request)(said), kind=kind)

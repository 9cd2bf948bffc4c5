"""Organizers' pages: what was sent to a webhook, and sending it again."""

import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.domain.errors import N_, Clash
from app.models import now
from app.routers.pages.webhooks import back, show
from app.services import cycles, webhook_deliveries, webhooks
from app.web import webhook_words as words
from app.web.access.pages import MayManageWebhooks
from app.web.dependencies import Db
from app.web.organize import address
from app.web.problems import translate
from app.web.templating import gettext_for, see_other

router = APIRouter(prefix="/organize/c/{slug}/webhooks/{webhook_id}")


@router.get("")
def show_webhook(
    request: Request,
    db: Db,
    actor: MayManageWebhooks,
    slug: str,
    webhook_id: str,
    status: str = "",
    event: str = "",
    after: str = "",
    before: str = "",
) -> Response:
    """How it stands, and what was sent there, the newest first."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    row = webhooks.get_webhook(db, actor, cycle.id, webhook_id)
    chosen = status if status in webhook_deliveries.STATUSES else ""
    kind = event if event in words.KINDS else ""
    seen = webhook_deliveries.list_deliveries(
        db, actor, row, status=chosen, kind=kind, after=after, before=before
    )
    moment = now()
    return show(
        request,
        cycle,
        "webhook",
        webhook=row,
        seen=seen,
        rows=[(d, e, words.state_of_delivery(d, moment)) for d, e in seen.rows],
        chosen=chosen,
        event=kind,
        at=address(f"/organize/c/{slug}/webhooks/{row.id}", status=chosen, event=kind),
    )


@router.get("/deliveries/{delivery_id}")
def show_delivery(
    request: Request,
    db: Db,
    actor: MayManageWebhooks,
    slug: str,
    webhook_id: str,
    delivery_id: str,
) -> Response:
    """What was sent, and what became of each attempt."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    row = webhooks.get_webhook(db, actor, cycle.id, webhook_id)
    delivery, event = webhook_deliveries.get_delivery(db, actor, row, delivery_id)
    said = json.loads(webhook_deliveries.body_of(event))
    return show(
        request,
        cycle,
        "webhook_delivery",
        webhook=row,
        delivery=delivery,
        event=event,
        state=words.state_of_delivery(delivery, now()),
        message_id=webhook_deliveries.message_id(event),
        body=json.dumps(said, indent=2, ensure_ascii=False),
        tries=webhook_deliveries.tries_of(delivery),
    )


@router.post("/deliveries/{delivery_id}/again")
def send_again(
    request: Request,
    db: Db,
    actor: MayManageWebhooks,
    slug: str,
    webhook_id: str,
    delivery_id: str,
) -> Response:
    """Sends it again, with the id that it had."""
    cycle = cycles.cycle_for_slug(db, actor, slug)
    row = webhooks.get_webhook(db, actor, cycle.id, webhook_id)
    gettext = gettext_for(request)
    try:
        webhook_deliveries.send_again(db, actor, cycle.id, row, delivery_id, now())
    except Clash as error:
        db.rollback()
        return back(request, slug, webhook_id, translate(error, gettext), "error")
    said = gettext(N_("It is on its way again, with the id that it had."))
    return see_other(
        request, f"/organize/c/{slug}/webhooks/{webhook_id}/deliveries/{delivery_id}", said
    )

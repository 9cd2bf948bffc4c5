"""Webhooks in words, and the form of one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import Request

from app.db import DbSession
from app.domain.errors import N_, Invalid
from app.domain.webhooks import EVENT_WORDS, TEST, EventType
from app.models import Webhook, WebhookDelivery
from app.outgoing.failures import PostError, Reason
from app.outgoing.guard import Guard
from app.outgoing.targets import Target, not_public, read_target
from app.schemas.webhook import WebhookIn
from app.services import webhooks
from app.web.forms import Form
from app.web.problems import validate

LOOK_UP = 5.0
"""Seconds that a name may take to be looked up while somebody waits for the page."""

KINDS: Mapping[str, str] = {**{str(k): said for k, said in EVENT_WORDS.items()}, TEST: N_("A test")}

REASONS: Mapping[str, str] = {
    Reason.NAME: N_("Nobody knows this host. Check how it is spelt."),
    Reason.NOT_PUBLIC: N_("Its name leads to an address that is not on the public internet."),
    Reason.UNREACHABLE: N_("The host does not answer at this port."),
    Reason.TLS: N_("Its certificate is not right for this name, or has expired."),
    Reason.TIMEOUT: N_("It did not answer within 10 seconds."),
    Reason.DROPPED: N_("The connection ended before it answered."),
    Reason.NO_HTTP: N_("What it sent is no answer that we can read."),
    Reason.ADDRESS: N_("This address can no longer be used. Change it."),
    Reason.REDIRECT: N_("It sent us to another address, and we do not follow. Enter that one."),
    Reason.REFUSED: N_("It refused what we sent."),
    Reason.FAILED: N_("It had an error of its own."),
    Reason.GONE: N_("It wants nothing more."),
    Reason.DISABLED: N_("The webhook was disabled."),
    Reason.OURS: N_("Something went wrong on our side."),
}

DISABLED: Mapping[str, str] = {
    webhooks.BY_HAND: N_("Somebody of the team disabled it."),
    webhooks.GONE: N_("It answered that it wants nothing more (410)."),
    webhooks.FAILING: N_("Nothing has arrived there for three days, however often we tried."),
}


def state_of(webhook: Webhook) -> str:
    """Where a webhook stands, in the words of components/status.html."""
    if webhook.disabled_at is not None:
        return "disabled"
    return "failing" if webhook.failures else "enabled"


def state_of_delivery(row: WebhookDelivery, now: datetime) -> str:
    """Where a delivery stands, in the same."""
    if row.status == "waiting" and row.leased_until is not None and row.leased_until > now:
        return "sending"
    if row.status == "waiting" and row.attempts:
        return "again"
    return row.status


def _box(kind: str) -> str:
    return f"event-{kind}"


def blank() -> dict[str, Any]:
    """The form of one that is not there yet: told of everything."""
    return {"address": "", "description": "", "events": [str(each) for each in EventType]}


def shown(webhook: Webhook) -> dict[str, Any]:
    """The form of one that is."""
    return {
        "address": webhook.address,
        "description": webhook.description,
        "events": webhook.events,
    }


def typed(form: Form) -> dict[str, Any]:
    """What was typed, to be shown again."""
    chosen = [str(each) for each in EventType if form.checked(_box(each))]
    return {**form.pick("address", "description"), "events": chosen}


def read(form: Form) -> WebhookIn:
    """What was typed, without the address, as a command. Raises Invalid."""
    values = typed(form)
    del values["address"]
    if not values["events"]:
        raise Invalid.one("events", N_("Choose at least one kind of event."), code="none")
    return validate(WebhookIn, values)


def look_up(request: Request, db: DbSession, text: str) -> Target:
    """The address that was typed, if its host is one of the public internet at this moment; it is
    looked at once more with each connection. Ends the transaction, as on SQLite nobody else could
    write while a name is looked up.

    Raises Invalid, at ``address``.
    """
    target = read_target(text, plain=request.app.state.development)
    db.rollback()
    guard: Guard = request.app.state.guard
    try:
        guard.addresses(target.host, target.port, LOOK_UP)
    except PostError as error:
        if error.reason is Reason.NOT_PUBLIC:
            raise not_public() from None
        sentence = N_("We cannot find this host. Check how it is spelt, or try again later.")
        raise Invalid.one("address", sentence, code="unknown_host") from None
    return target

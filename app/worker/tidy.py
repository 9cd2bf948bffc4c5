"""Throws away what has ended and is of no use to anybody, and mixes what is to lead to nobody."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.report_states import ReportStatus
from app.models import (
    AddressChange,
    DataLink,
    InboundMail,
    KeptAnswer,
    Message,
    OutsideSignIn,
    ReportImport,
    SignIn,
    SignInLink,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)
from app.services import feedback_mixing
from app.services.limits import tidy_limits

KEEP_LINKS = timedelta(days=1)
"""For so long a link that has expired still says that it has, rather than nothing."""

KEEP_CHANGES = timedelta(days=1)
"""For so long after its end the link of a change of address says that it has ended. The addresses
go with it."""

KEEP_ANSWERS = timedelta(days=7)
"""For so long the answer to a POST with an Idempotency-Key is repeated."""

KEEP_MAILS = timedelta(days=30)
"""For so long a mail that came in is kept once it has found its place, or was a machine's. What
waits for a person waits for a year."""

KEEP_RAW = timedelta(days=90)
"""For so long the text of a mail is kept that a person has dealt with; that it came stays."""

KEEP_OPEN = timedelta(days=365)
"""For so long a mail waits for a person."""

KEEP_SENT = timedelta(days=365)
"""For so long it is kept to whom a mail went."""

KEEP_PREVIEWS = timedelta(days=90)
"""For so long a report that was read waits to be applied."""

KEEP_EVENTS = timedelta(days=30)
"""For so long what webhooks were told is listed; what waits longer, having been sent again, waits.
"""


def tidy(db: DbSession, now: datetime) -> None:
    """Ended sign-ins, sign-in links that expired long ago, answers kept for repeats, mails that
    came in or went out long ago, reports that nobody applied, what webhooks were told long ago,
    seeds of secrets that ended and counts whose window is over go; anonymous feedback is mixed
    (`services.feedback_mixing`)."""
    connection = db.connection()
    connection.execute(delete(SignIn).where(col(SignIn.expires_at) <= now))
    connection.execute(delete(SignInLink).where(col(SignInLink.expires_at) <= now - KEEP_LINKS))
    old = col(InboundMail.received_at) <= now - KEEP_MAILS
    done = col(InboundMail.status).in_(("placed", "ignored"))
    connection.execute(delete(InboundMail).where(old, done))
    waiting = col(InboundMail.status) == "open", col(InboundMail.received_at) <= now - KEEP_OPEN
    connection.execute(delete(InboundMail).where(*waiting))
    settled = (
        col(InboundMail.status) == "settled",
        col(InboundMail.received_at) <= now - KEEP_RAW,
        col(InboundMail.raw) != b"",
    )
    nothing: dict[str, Any] = {"raw": b"", "shown": {}, "details": {}, "sender": "", "subject": ""}
    connection.execute(update(InboundMail).where(*settled).values(nothing))
    ended = col(Message.status) != "queued", col(Message.created_at) <= now - KEEP_SENT
    connection.execute(delete(Message).where(*ended))
    connection.execute(delete(DataLink).where(col(DataLink.expires_at) <= now - KEEP_LINKS))
    connection.execute(delete(KeptAnswer).where(col(KeptAnswer.created_at) <= now - KEEP_ANSWERS))
    stale = col(ReportImport.created_at) <= now - KEEP_PREVIEWS
    waits = col(ReportImport.status) == ReportStatus.PREVIEW
    connection.execute(delete(ReportImport).where(stale, waits))
    undelivered = (
        select(WebhookDelivery.id)
        .where(
            col(WebhookDelivery.event_id) == col(WebhookEvent.id),
            col(WebhookDelivery.status) == "waiting",
        )
        .exists()
    )
    told = col(WebhookEvent.created_at) <= now - KEEP_EVENTS
    connection.execute(delete(WebhookEvent).where(told, ~undelivered))
    over = col(Webhook.before_until) <= now
    connection.execute(update(Webhook).where(over).values(seed_before="", before_until=None))
    connection.execute(delete(OutsideSignIn).where(col(OutsideSignIn.expires_at) <= now))
    stale_change = col(AddressChange.expires_at) <= now - KEEP_CHANGES
    connection.execute(delete(AddressChange).where(stale_change))
    tidy_limits(db, now)
    feedback_mixing.mix(db)

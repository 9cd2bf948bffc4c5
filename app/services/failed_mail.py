"""Mails that were given up, all at once: how many for which reason, and sending them again."""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.errors import NotFound
from app.domain.permissions import Permission
from app.mail.failures import Reason
from app.models import Cycle, Message
from app.services.access import in_reach, refuse_elsewhere
from app.services.actor import Actor
from app.services.outbox import SIGN_IN
from app.services.rows import hold

_HOPELESS = (Reason.GONE, Reason.MOOT, Reason.EXPIRED, Reason.OVER)
REASONS = tuple(reason for reason in Reason if reason not in _HOPELESS)
"""Why a mail may have been given up that could go another time."""


def failed_by_reason(
    db: DbSession, actor: Actor, now: datetime, cycle_id: str | None = None
) -> Counter[tuple[str, str]]:
    """How many mails were given up that could be sent again, by the cycle's id and the reason. Of
    one cycle, or of all. One query."""
    why = case(
        *((col(Message.last_error).startswith(f"{reason}:"), reason.value) for reason in REASONS)
    )
    query: Any = (
        select(Message.cycle_id, why, func.count())
        .where(
            *_can_go_again(now),
            col(Message.cycle_id).is_not(None),
            in_reach(actor, Permission.MAIL_READ, Message.cycle_id),
        )
        .group_by(col(Message.cycle_id), why)
    )
    if cycle_id is not None:
        query = query.where(Message.cycle_id == cycle_id)
    return Counter({(cycle, reason): count for cycle, reason, count in db.exec(query)})


def send_failed_again(
    db: DbSession, actor: Actor, cycle_id: str, now: datetime, reason: str = ""
) -> tuple[Cycle, int]:
    """Sends all mails of a cycle again that were given up, or those for one reason; the cycle, and
    how many. What a newer mail has replaced, and what is over, stays as it is. Raises NotFound.
    """
    if reason and reason not in set(REASONS):
        raise NotFound
    refuse_elsewhere(actor, Permission.MAIL_EDIT, cycle_id)
    cycle = hold(db, Cycle, cycle_id)
    statement = (
        update(Message)
        .where(col(Message.cycle_id) == cycle_id, *_can_go_again(now, reason))
        .values(status="queued", attempts=0, last_error="", due_at=now)
        .returning(col(Message.id))
    )
    again = db.connection().execute(statement).scalars().all()
    return cycle, len(again)


def _can_go_again(now: datetime, reason: str = "") -> list[Any]:
    newer = aliased(Message)
    replaced = (
        select(newer.id)
        .where(
            col(newer.lane) == col(Message.lane),
            or_(
                col(newer.rank) > col(Message.rank),
                and_(col(newer.rank) == col(Message.rank), col(newer.id) > col(Message.id)),
            ),
        )
        .exists()
    )
    why = [col(Message.last_error).startswith(f"{each}:") for each in REASONS]
    return [
        col(Message.status) == "failed",
        col(Message.kind) != SIGN_IN,
        or_(col(Message.expires_at).is_(None), col(Message.expires_at) > now),
        or_(col(Message.lane) == "", ~replaced),
        col(Message.last_error).startswith(f"{reason}:") if reason else or_(*why),
    ]

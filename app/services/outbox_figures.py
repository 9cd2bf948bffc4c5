"""How the outbox stands, in figures, for those who watch over an installation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, update
from sqlmodel import col, func, select

from app.db import DbSession, insert_unless_there
from app.mail.failures import Reason
from app.models import Message, WorkerTurn
from app.services import sending

_ONE = "worker"


@dataclass(frozen=True, slots=True)
class Figures:
    """`due`: of those that wait, the ones whose time has come, the first of them since
    `oldest_due`. `failed`: how many were given up, by reason. `sent` and `failures` (tries) are of
    all workers since the beginning; `last_turn`: when one of them looked last."""

    waiting: int
    due: int
    oldest_due: datetime | None
    failed: Mapping[str, int]
    held: bool
    sent: int
    failures: int
    last_turn: datetime | None


def outbox_figures(db: DbSession, now: datetime) -> Figures:
    """As they are at the aware instant `now`. Four queries, each over an index."""
    queued = col(Message.status) == "queued"
    is_due = col(Message.due_at) <= now
    waiting, due, oldest = db.exec(
        select(
            func.count(),
            func.count(case((is_due, 1))),
            func.min(case((is_due, col(Message.due_at)))),
        ).where(queued)
    ).one()
    why: Any = case(
        *((col(Message.last_error).startswith(f"{reason}:"), reason.value) for reason in Reason),
        else_="other",
    )
    by_reason: Any = select(why, func.count()).where(Message.status == "failed").group_by(why)
    turn = db.exec(select(WorkerTurn).where(WorkerTurn.id == _ONE)).one_or_none()
    return Figures(
        waiting=waiting,
        due=due,
        oldest_due=oldest,
        failed=dict(db.exec(by_reason).all()),
        held=sending.is_held(db),
        sent=turn.sent if turn else 0,
        failures=turn.failures if turn else 0,
        last_turn=turn.turned_at if turn else None,
    )


def note_turn(db: DbSession, *, sent: int, failures: int, now: datetime) -> None:
    """A worker has looked into the outbox, and since the last time it said so it has sent so many
    mails and failed so many times."""
    values = {"id": _ONE, "created_at": now, "turned_at": now, "sent": 0, "failures": 0}
    db.connection().execute(insert_unless_there(db, WorkerTurn, ["id"]), values)
    more = {
        "turned_at": now,
        "sent": col(WorkerTurn.sent) + sent,
        "failures": col(WorkerTurn.failures) + failures,
    }
    db.connection().execute(update(WorkerTurn).where(col(WorkerTurn.id) == _ONE).values(**more))

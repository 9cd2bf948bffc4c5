"""Sending again, all at once, what was given up."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from app.db import DbSession
from app.domain.errors import NotFound
from app.mail.failures import Reason
from app.models import Message
from app.services import outbox
from app.services.actor import SYSTEM
from app.services.failed_mail import REASONS, failed_by_reason, send_failed_again
from tests.factories import NOW, Make

LATER = NOW + timedelta(days=1)


def _failed(
    db: DbSession,
    cycle_id: str | None,
    name: str,
    error: str,
    status: str = "failed",
    **values: Any,
) -> None:
    message = outbox.enqueue(
        db,
        **{
            "kind": "invitation",
            "intent": name,
            "to_name": "Ana",
            "to_address": "ana@example.org",
            "language": "es",
            "context": {},
            "cycle_id": cycle_id,
            "now": NOW,
            **values,
        },
    )
    message.status, message.attempts, message.last_error = status, 9, error
    message.message_id = f"<{name}@example.org>"
    db.flush()


@pytest.fixture
def cycles(db: DbSession, make: Make) -> list[str]:
    """Two cycles with mails that were given up, and with some that cannot go again."""
    first, second = make.cycle().id, make.cycle().id
    _failed(db, first, "1", "held: 550 5.4.5 quota")
    _failed(db, first, "2", "held: 550 5.4.5 quota")
    _failed(db, first, "3", "refused: 550 5.1.1 refused: nobody")
    _failed(db, second, "4", "unreachable: ")
    _failed(db, first, "over", "held: 550", expires_at=LATER)
    _failed(db, first, "replaced", "held: 550", lane="x")
    _failed(db, first, "newest", "held: 550", lane="x", rank=1)
    _failed(db, first, "gone", "gone: ")
    _failed(db, first, "signing in", "held: 550", kind="sign-in")
    _failed(db, first, "sent", "", status="sent")
    _failed(db, first, "waiting", "held: 550", status="queued")
    _failed(db, None, "of no cycle", "held: 550")
    return [first, second]


def _again(db: DbSession) -> list[str]:
    again = select(Message).where(Message.status == "queued", Message.attempts == 0)
    return sorted(m.intent for m in db.exec(again.execution_options(populate_existing=True)))


def test_how_many_for_which_reason(db: DbSession, cycles: list[str]) -> None:
    first, second = cycles
    mine = Counter({(first, "held"): 3, (first, "refused"): 1})
    assert failed_by_reason(db, SYSTEM, LATER, first) == mine
    assert failed_by_reason(db, SYSTEM, LATER) == mine + Counter({(second, "unreachable"): 1})


def test_all_of_a_cycle(db: DbSession, cycles: list[str]) -> None:
    cycle, count = send_failed_again(db, SYSTEM, cycles[0], LATER)
    assert (cycle.id, count) == (cycles[0], 4)
    assert _again(db) == ["1", "2", "3", "newest"]
    message = db.exec(select(Message).where(Message.intent == "1")).one()
    assert (message.status, message.attempts, message.last_error, message.due_at) == (
        "queued",
        0,
        "",
        LATER,
    )
    assert message.message_id == "<1@example.org>"  # it is the same mail
    assert send_failed_again(db, SYSTEM, cycles[0], LATER)[1] == 0


def test_those_for_one_reason(db: DbSession, cycles: list[str]) -> None:
    assert send_failed_again(db, SYSTEM, cycles[0], LATER, "refused")[1] == 1
    assert _again(db) == ["3"]


@pytest.mark.parametrize("reason", ["gone", "nonsense", "%"])
def test_there_is_no_such_reason(db: DbSession, cycles: list[str], reason: str) -> None:
    with pytest.raises(NotFound):
        send_failed_again(db, SYSTEM, cycles[0], LATER, reason)


def test_there_is_no_such_cycle(db: DbSession) -> None:
    with pytest.raises(NotFound):
        send_failed_again(db, SYSTEM, "nothing", LATER)


def test_what_will_fail_again_is_no_reason() -> None:
    assert set(Reason) - set(REASONS) == {Reason.GONE, Reason.MOOT, Reason.EXPIRED, Reason.OVER}

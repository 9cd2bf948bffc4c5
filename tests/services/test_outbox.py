"""The outbox."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import Clash, Invalid, NotFound
from app.models import Cycle, Message
from app.services import outbox
from app.services.actor import SYSTEM
from tests.factories import NOW, Make


def _enqueue(db: DbSession, intent: str, **values: Any) -> Message:
    return outbox.enqueue(
        db,
        **{
            "kind": "enrolment-link",
            "intent": intent,
            "to_name": "Ana",
            "to_address": "ana@example.org",
            "language": "es",
            "context": {"enrolment_id": "x"},
            "now": NOW,
            **values,
        },
    )


def test_a_mail_is_queued_as_it_was_asked_for(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    message = _enqueue(db, "a", cycle_id=cycle.id)
    db.expire_all()
    assert db.exec(select(Message)).one() is message
    written = message.model_dump(exclude={"id", "message_id"})
    assert written == {
        "created_at": NOW,
        "intent": "a",
        "kind": "enrolment-link",
        "cycle_id": cycle.id,
        "to_name": "Ana",
        "to_address": "ana@example.org",
        "language": "es",
        "context": {"enrolment_id": "x"},
        "status": "queued",
        "attempts": 0,
        "due_at": NOW,
        "leased_until": None,
        "leased_by": "",
        "last_error": "",
        "sent_at": None,
    }


def test_a_cycle_that_is_not_flushed_yet(db: DbSession) -> None:
    cycle = Cycle(slug="new", title={"en": "x"}, language="en", zone="America/Lima")
    db.add(cycle)
    assert _enqueue(db, "a", cycle_id=cycle.id).cycle_id == cycle.id


def test_the_same_intent_is_one_mail(db: DbSession) -> None:
    first = _enqueue(db, "a")
    again = _enqueue(db, "a", to_address="other@example.org", now=NOW + timedelta(days=1))
    assert again is first
    assert first.to_address == "ana@example.org"
    assert _enqueue(db, "b") is not first
    assert len(db.exec(select(Message)).all()) == 2


def test_an_unknown_kind_is_a_mistake(db: DbSession) -> None:
    with pytest.raises(ValueError, match="newsletter"):
        _enqueue(db, "a", kind="newsletter")


def test_two_at_once_with_one_intent(real_database: Database) -> None:
    """Nobody gets an error, both get the one row, and what else they wrote is kept."""
    start = threading.Barrier(4)
    found: list[str] = []

    def work(n: int) -> None:
        start.wait()
        with real_database.begin(writes=True) as db:
            found.append(_enqueue(db, "the same").id)
            _enqueue(db, f"my own {n}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found))) == (4, 1)
    with real_database.begin(writes=False) as db:
        assert len(db.exec(select(Message)).all()) == 5


def test_lists(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    ids = [
        _enqueue(
            db, f"{n}", now=NOW + timedelta(minutes=n), cycle_id=cycle.id if n % 2 else None
        ).id
        for n in range(5)
    ]
    first, following = outbox.list_messages(db, SYSTEM, limit=3)
    rest, end = outbox.list_messages(db, SYSTEM, after=following, limit=3)
    assert [m.id for m in first + rest] == ids[::-1]
    assert end is None
    mine, _ = outbox.list_messages(db, SYSTEM, cycle_id=cycle.id)
    assert [m.id for m in mine] == [ids[3], ids[1]]
    mine[0].status = "failed"
    failed, _ = outbox.list_messages(db, SYSTEM, cycle_id=cycle.id, status="failed")
    assert [m.id for m in failed] == [ids[3]]
    with pytest.raises(Invalid):
        outbox.list_messages(db, SYSTEM, after="nonsense")


def test_again_after_a_failure(db: DbSession) -> None:
    message = _enqueue(db, "a")
    message.status, message.attempts, message.last_error = "failed", 9, "refused: 550"
    message.message_id = "<a@example.org>"
    later = NOW + timedelta(days=1)
    assert outbox.retry(db, SYSTEM, message.id, later) is message
    assert (message.status, message.attempts, message.last_error, message.due_at) == (
        "queued",
        0,
        "",
        later,
    )
    assert message.message_id == "<a@example.org>"


def test_again_while_it_waits(db: DbSession) -> None:
    message = _enqueue(db, "a", now=NOW + timedelta(hours=4))
    message.attempts = 7
    outbox.retry(db, SYSTEM, message.id, NOW)
    assert (message.status, message.attempts, message.due_at) == ("queued", 7, NOW)


def test_again_after_it_was_sent(db: DbSession) -> None:
    message = _enqueue(db, "a")
    message.status = "sent"
    again = outbox.retry(db, SYSTEM, message.id, NOW)
    assert again.id != message.id
    assert again.message_id != message.message_id
    assert (message.status, again.status) == ("sent", "queued")
    assert again.context == message.context


def test_a_sign_in_link_is_not_sent_again(db: DbSession) -> None:
    message = _enqueue(db, "a", kind="sign-in")
    with pytest.raises(Clash) as caught:
        outbox.retry(db, SYSTEM, message.id, NOW)
    assert caught.value.code == "used_once"


@pytest.mark.parametrize("message_id", ["", "x", "a\0b", "x" * 10_000])
def test_unknown_mails(db: DbSession, message_id: str) -> None:
    with pytest.raises(NotFound):
        outbox.retry(db, SYSTEM, message_id, NOW)
    with pytest.raises(NotFound):
        outbox.get_message(db, SYSTEM, message_id)

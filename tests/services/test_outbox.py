"""The outbox."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import Clash, Invalid, NotFound
from app.models import Cycle, Message
from app.services import outbox
from app.services.actor import SYSTEM
from app.services.mail_list import list_messages
from app.services.mail_progress import Progress, progress
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
        "guest_id": None,
        "session_id": None,
        "release_number": 0,
        "lane": "",
        "rank": 0,
        "expires_at": None,
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


def _prepared(intent: str, **values: Any) -> dict[str, Any]:
    return outbox.prepare(
        **{
            "kind": "invitation",
            "intent": intent,
            "to_name": "Ana",
            "to_address": "ana@example.org",
            "language": "es",
            "context": {},
            "now": NOW,
            **values,
        }
    )


def test_many_at_once(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = make.session(cycle)
    first = _enqueue(db, "2")
    rows = [
        _prepared(
            f"{n % 2_500}",
            cycle_id=cycle.id,
            session_id=session.id,
            release_number=3,
            lane=f"lane {n}",
            expires_at=session.ends_at,
            due_at=NOW + timedelta(hours=1),
        )
        for n in range(2_600)
    ]
    assert outbox.enqueue_many(db, rows) == 2_499
    assert outbox.enqueue_many(db, [_prepared(row["intent"]) for row in rows]) == 0
    assert outbox.enqueue_many(db, []) == 0
    found = {m.intent: m for m in db.exec(select(Message))}
    assert len(found) == 2_500
    assert found["2"].id == first.id
    assert {i: m.id for i, m in found.items() if i != "2"} == {
        row["intent"]: row["id"] for row in rows[:2_500] if row["intent"] != "2"
    }
    message = found["7"]
    assert (message.lane, message.release_number, message.session_id, message.expires_at) == (
        "lane 7",
        3,
        session.id,
        session.ends_at,
    )
    assert (message.status, message.attempts, message.created_at, message.due_at) == (
        "queued",
        0,
        NOW,
        NOW + timedelta(hours=1),
    )


def test_two_who_queue_the_same_many_do_not_block_each_other(real_database: Database) -> None:
    """In opposite orders they would wait for each other, and PostgreSQL would end one of them."""
    start = threading.Barrier(2)
    added: list[int] = []

    def work(step: int) -> None:
        rows = [_prepared(f"{n:05}") for n in range(2_000)][::step]
        start.wait()
        with real_database.begin(writes=True) as db:
            added.append(outbox.enqueue_many(db, rows))

    threads = [threading.Thread(target=work, args=(step,)) for step in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [0, 2_000]


def test_a_mail_that_was_replaced_or_is_over_is_not_sent_again(db: DbSession) -> None:
    old = _enqueue(db, "a", lane="x")
    new = _enqueue(db, "b", lane="x", expires_at=NOW + timedelta(hours=1))
    for status in ("superseded", "sent", "failed", "queued"):
        old.status = status
        with pytest.raises(Clash) as caught:
            outbox.retry(db, SYSTEM, old.id, NOW)
        assert caught.value.code == "replaced"
    new.status = "failed"
    assert outbox.retry(db, SYSTEM, new.id, NOW).status == "queued"
    new.status = "expired"
    with pytest.raises(Clash) as caught:
        outbox.retry(db, SYSTEM, new.id, NOW + timedelta(hours=1))
    assert caught.value.code == "over"
    new.status = "bounced"
    again = outbox.retry(db, SYSTEM, new.id, NOW)
    assert (again.id != new.id, again.lane, again.expires_at) == (True, "x", new.expires_at)


def test_what_is_newer_in_a_lane_is_told_by_rank_first(db: DbSession) -> None:
    new = _enqueue(db, "b", lane="x", rank=2)
    old = _enqueue(db, "a", lane="x", rank=1)  # by a machine whose clock is ahead
    assert old.id > new.id
    old.status = new.status = "failed"
    with pytest.raises(Clash):
        outbox.retry(db, SYSTEM, old.id, NOW)
    assert outbox.retry(db, SYSTEM, new.id, NOW).status == "queued"
    new.status = "sent"
    assert outbox.retry(db, SYSTEM, new.id, NOW).rank == 2


def test_progress(
    db: DbSession, make: Make, count_queries: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    cycle, other = make.cycle(), make.cycle()
    assert progress(db, cycle.id, 1, NOW) == Progress(0, 0, 0, 0, 0, 0.0, None)
    rows = [_prepared(f"{n}", cycle_id=cycle.id, release_number=1) for n in range(30)]
    rows += [_prepared(f"b{n}", cycle_id=cycle.id, release_number=2) for n in range(3)]
    rows += [_prepared(f"c{n}", cycle_id=other.id, release_number=1) for n in range(3)]
    outbox.enqueue_many(db, rows)
    waiting = progress(db, cycle.id, 1, NOW)
    assert waiting == Progress(30, 0, 30, 0, 0, 0.0, None)
    found = {m.intent: m for m in db.exec(select(Message))}
    for n in range(10):
        found[f"{n}"].status = "sent"
        found[f"{n}"].sent_at = NOW + timedelta(seconds=6 * n)
    for n, status in enumerate(("failed", "failed", "bounced", "expired", "superseded"), 10):
        found[f"{n}"].status = status
    found["14"].sent_at = NOW - timedelta(hours=1)
    db.flush()
    with count_queries() as queries:
        after = progress(db, cycle.id, 1, NOW + timedelta(minutes=1))
    assert len(queries) == 2
    assert after == Progress(
        total=29,
        sent=10,
        waiting=15,
        failed=3,
        expired=1,
        per_minute=10.0,
        ends_at=NOW + timedelta(minutes=2, seconds=30),
    )
    everything = progress(db, cycle.id, None, NOW + timedelta(minutes=1))
    assert (everything.total, everything.waiting) == (32, 18)
    # Nothing has moved for a while: nobody can say when.
    still = progress(db, cycle.id, 1, NOW + timedelta(minutes=10))
    assert (still.sent, still.per_minute, still.ends_at) == (10, 0.0, None)
    for message in found.values():
        message.status = "sent"
    done = progress(db, cycle.id, 1, NOW + timedelta(minutes=1))
    assert (done.waiting, done.ends_at) == (0, None)


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
    first = list_messages(db, SYSTEM, limit=3)
    assert first.older is not None
    rest = list_messages(db, SYSTEM, after=first.older, limit=3)
    assert [m.id for m in first.rows + rest.rows] == ids[::-1]
    assert (first.newer, rest.older) == (None, None)
    mine = list_messages(db, SYSTEM, cycle_id=cycle.id).rows
    assert [m.id for m in mine] == [ids[3], ids[1]]
    mine[0].status = "failed"
    failed = list_messages(db, SYSTEM, cycle_id=cycle.id, status="failed").rows
    assert [m.id for m in failed] == [ids[3]]
    for way in ("after", "before"):
        with pytest.raises(Invalid):
            list_messages(db, SYSTEM, **{way: "nonsense"})  # type: ignore[arg-type]


def test_back_and_forth(db: DbSession) -> None:
    ids = [_enqueue(db, f"{n:02}", now=NOW + timedelta(minutes=n)).id for n in range(7)][::-1]
    first = list_messages(db, SYSTEM, limit=3)
    second = list_messages(db, SYSTEM, limit=3, after=first.older or "")
    third = list_messages(db, SYSTEM, limit=3, after=second.older or "")
    assert [[m.id for m in each.rows] for each in (first, second, third)] == [
        ids[:3],
        ids[3:6],
        ids[6:],
    ]
    assert list_messages(db, SYSTEM, limit=3, before=third.newer or "") == second
    assert list_messages(db, SYSTEM, limit=3, before=second.newer or "") == first
    # One more has come: the beginning is shown whole.
    newest = _enqueue(db, "new", now=NOW + timedelta(hours=1)).id
    again = list_messages(db, SYSTEM, limit=3, before=second.newer or "")
    assert [m.id for m in again.rows] == [ids[0], ids[1], ids[2]]
    assert again.newer is not None
    start = list_messages(db, SYSTEM, limit=3, before=again.newer)
    assert [m.id for m in start.rows] == [newest, *ids[:2]]


def test_a_search_by_address_or_name(db: DbSession) -> None:
    for name, address in [("Ana", "ana_1@example.org"), ("Bea", "anax1@example.org")]:
        _enqueue(db, address, to_name=name, to_address=address)

    def found(words: str) -> list[str]:
        return sorted(m.to_name for m in list_messages(db, SYSTEM, search=words).rows)

    assert found(" ANA_1@ ") == ["Ana"]
    assert found("bea") == ["Bea"]
    assert found("example.org") == ["Ana", "Bea"]
    assert (found("%"), found("nobody\0")) == ([], [])


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
    # The attempt that follows is not one more, however often somebody asks for it.
    assert (message.status, message.attempts, message.due_at) == ("queued", 6, NOW)
    outbox.retry(db, SYSTEM, message.id, NOW + timedelta(seconds=1))
    assert message.attempts == 6


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

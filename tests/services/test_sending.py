"""Nothing is sent after a restore, until somebody says so; what a person leaves out stays."""

from datetime import timedelta

import pytest

from app.db import Database, DbSession
from app.domain.errors import Clash, NotFound
from app.domain.permissions import AccountStanding
from app.models import Cycle, Message, SendingHold
from app.services import outbox, sending
from app.services.actor import Actor
from app.services.failed_mail import failed_by_reason
from app.services.glance import glance
from app.services.links import Links
from app.worker import claims
from app.worker.loop import Worker
from tests.factories import NOW, Make
from tests.worker.test_worker import LATER, SENDER, Fake, queue, rows

OLGA = Actor(id="o", name="Olga", standing=AccountStanding.ADMINISTRATOR)
RESTORED = NOW + timedelta(minutes=2)


def held(db: DbSession) -> SendingHold:
    row = SendingHold(
        created_at=RESTORED, backup_at=NOW - timedelta(hours=1), repeats_until=RESTORED
    )
    db.add(row)
    db.flush()
    return row


def write(db: DbSession, kind: str, intent: str, cycle: Cycle | None, minutes: int) -> Message:
    return outbox.enqueue(
        db, kind=kind, intent=intent, to_name="Ana", to_address="ana@example.org", language="es",
        context={}, cycle_id=cycle.id if cycle else None, now=NOW + timedelta(minutes=minutes),
    )  # fmt: skip


def test_no_worker_takes_anything(database: Database, links: Links) -> None:
    queue(database, 3)
    with database.begin(writes=True) as db:
        held(db)
    transport = Fake()
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == 0
    assert (transport.sent, {m.status for m in rows(database)}) == ([], {"queued"})
    with database.begin(writes=True) as db:
        assert sending.resume(db, OLGA, LATER) == 3
    assert worker.run_once(LATER) == 3


def test_the_claim_itself_asks(database: Database) -> None:
    """Whatever was looked at before: it may have been another moment."""
    queue(database, 1)
    with database.begin(writes=True) as db:
        held(db)
        assert claims.something_is_due(db, LATER)
        assert claims.claim(db, "w", "example.org", LATER, 20) == claims.Claim([])
    with database.begin(writes=True) as db:
        sending.resume(db, OLGA, LATER)
        assert len(claims.claim(db, "w", "example.org", LATER, 20).messages) == 1


def test_what_waits_is_told_apart(db: DbSession, make: Make) -> None:
    one, two = make.cycle(), make.cycle()
    write(db, "sign-in", "a", None, 1)
    for number in range(3):
        write(db, "enrolment-link", f"b{number}", one, 1)
    write(db, "enrolment-link", "c", one, 3)
    write(db, "certificate", "d", two, 0)
    gone = write(db, "certificate", "e", two, 0)
    gone.status = "sent"
    held(db)
    found = sending.waiting(db, OLGA)
    assert [(w.cycle_id, w.kind, w.repeats, w.count) for w in found] == [
        (one.id, "enrolment-link", True, 3),
        (None, "sign-in", True, 1),
        (two.id, "certificate", True, 1),
        (one.id, "enrolment-link", False, 1),
    ]
    assert found[2].oldest == NOW


def test_leaving_out(db: DbSession, make: Make) -> None:
    cycle, other = make.cycle(), make.cycle()
    old = write(db, "enrolment-link", "a", cycle, 1)
    new = write(db, "enrolment-link", "b", cycle, 3)
    elsewhere = write(db, "enrolment-link", "c", other, 1)
    signing_in = write(db, "sign-in", "d", None, 1)
    certificate = write(db, "certificate", "e", cycle, 1)
    held(db)
    kind = {"kind": "enrolment-link", "repeats": True}
    assert sending.drop(db, OLGA, cycle_id=cycle.id, **kind) == 1  # type: ignore[arg-type]
    assert sending.drop(db, OLGA, cycle_id=cycle.id, **kind) == 0  # type: ignore[arg-type]

    def left_out() -> list[str]:
        db.expire_all()
        every = (old, new, elsewhere, signing_in, certificate)
        return [m.intent for m in every if (m.status, m.last_error) == ("failed", "left-out: ")]

    assert left_out() == ["a"]
    sending.drop(db, OLGA, cycle_id=None, kind="sign-in", repeats=True)
    assert left_out() == ["a", "d"]
    sending.drop_one(db, OLGA, new.id)
    assert left_out() == ["a", "b", "d"]
    with pytest.raises(Clash, match="does not wait any more"):
        sending.drop_one(db, OLGA, new.id)
    assert sending.drop_all_that_repeats(db, OLGA) == 2
    assert left_out() == ["a", "b", "c", "d", "e"]
    assert sending.resume(db, OLGA, LATER) == 0
    # It nags nobody, and can go another time.
    assert glance(db, OLGA, cycle.id, LATER).failed_mails == 0
    assert failed_by_reason(db, OLGA, LATER)[cycle.id, "left-out"] == 3
    assert outbox.retry(db, OLGA, old.id, LATER).status == "queued"


def test_when_nothing_is_held(db: DbSession, make: Make) -> None:
    message = write(db, "sign-in", "a", None, 1)
    assert (sending.is_held(db), sending.current(db)) == (False, None)
    for act in (
        lambda: sending.waiting(db, OLGA),
        lambda: sending.drop_one(db, OLGA, message.id),
        lambda: sending.drop_all_that_repeats(db, OLGA),
        lambda: sending.resume(db, OLGA, LATER),
    ):
        with pytest.raises(Clash, match="Nothing is held back"):
            act()
    assert message.status == "queued"
    held(db)
    with pytest.raises(NotFound):
        sending.drop(db, OLGA, cycle_id="none", kind="x", repeats=True)


def test_two_restores_end_together_with_the_name_of_who_said_so(db: DbSession) -> None:
    first, second = held(db), held(db)
    second.created_at += timedelta(days=1)
    db.flush()
    assert sending.current(db) == second
    sending.resume(db, OLGA, LATER)
    db.expire_all()
    assert [(h.ended_at, h.ended_by) for h in (first, second)] == [(LATER, "Olga")] * 2
    assert not sending.is_held(db)

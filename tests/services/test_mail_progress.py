"""When mails will have gone, by what holds them up."""

from datetime import timedelta

from sqlmodel import select

from app.db import DbSession
from app.models import MailPace, Message
from app.services import outbox
from app.services.mail_limits import Limits, minute_of
from app.services.mail_progress import Pause, progress
from tests.factories import NOW, Make

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def _queued(db: DbSession, cycle_id: str, count: int) -> list[Message]:
    rows = [
        outbox.prepare(
            kind="invitation",
            intent=f"{cycle_id} {n}",
            to_name="Ana",
            to_address="ana@example.org",
            language="es",
            context={},
            cycle_id=cycle_id,
            now=NOW,
        )
        for n in range(count)
    ]
    outbox.enqueue_many(db, rows)
    mine = select(Message).where(Message.cycle_id == cycle_id).order_by(Message.intent)
    return list(db.exec(mine))


def _sent(messages: list[Message]) -> None:
    for message in messages:
        message.status, message.sent_at = "sent", NOW


def test_what_an_hour_takes_counts(db: DbSession, make: Make) -> None:
    """A hundred went in a minute; then the hour's hundred is full."""
    cycle, other = make.cycle().id, make.cycle().id
    limits = Limits("x:25", None, 100)
    _sent(_queued(db, cycle, 400)[:95])
    db.add(MailPace(server="x:25", recent={f"{minute_of(NOW)}": 95}))
    db.flush()
    now = NOW + MINUTE
    assert progress(db, cycle, None, now).ends_at == now + timedelta(minutes=305 / 95)
    found = progress(db, cycle, None, now, limits)
    again = HOUR + MINUTE + timedelta(seconds=1) + NOW.replace(second=0, microsecond=0)
    assert found.ends_at == again + 3 * HOUR  # 305 by 95
    assert found.pause is None
    # What waits for another cycle goes over the same server.
    _queued(db, other, 95)
    assert progress(db, cycle, None, now, limits).ends_at == again + 4 * HOUR


def test_what_a_second_takes_counts(db: DbSession, make: Make) -> None:
    cycle = make.cycle().id
    _queued(db, cycle, 120)
    found = progress(db, cycle, None, NOW, Limits("x:25", 2))
    assert (found.per_minute, found.ends_at) == (0.0, NOW + MINUTE)


def test_so_does_when_it_is_tried_again(db: DbSession, make: Make) -> None:
    cycle = make.cycle().id
    messages = _queued(db, cycle, 20)
    _sent(messages[:10])
    messages[19].due_at = NOW + 4 * HOUR
    db.flush()
    assert progress(db, cycle, None, NOW + MINUTE).ends_at == NOW + 4 * HOUR


def test_nothing_moves_and_nobody_says_why(db: DbSession, make: Make) -> None:
    cycle = make.cycle().id
    _queued(db, cycle, 5)
    limits = Limits("x:25")
    assert progress(db, cycle, None, NOW + MINUTE, limits).pause is None
    found = progress(db, cycle, None, NOW + 6 * MINUTE, limits)
    assert (found.pause, found.ends_at) == (Pause("", since=NOW), None)

"""A server that refuses everybody: nothing is given up for it; who cannot be reached still is."""

from datetime import timedelta

import pytest
from sqlmodel import select

from app.db import Database
from app.mail.failures import Reason, SendError
from app.models import Message
from app.services.links import Links
from app.worker.backoff import delay
from app.worker.loop import Worker
from app.worker.refusals import Refusals
from tests.worker.test_worker import LATER, SENDER, Fake, queue, rows

QUOTA = SendError(Reason.REFUSED, "550 5.4.5 Daily quota exceeded", final=True, general=True)
NOBODY = SendError(Reason.REFUSED, "550 5.1.1 no such user", final=True)


def _all(count: int, error: SendError) -> dict[str, Exception]:
    return {f"p{n}@example.org": error for n in range(count)}


def test_a_quota_gives_up_nobody(database: Database, links: Links) -> None:
    queue(database, 30)
    failures = _all(30, QUOTA)
    for n in range(5):
        del failures[f"p{n}@example.org"]
    transport = Fake(failures)
    worker = Worker(database, links, transport, SENDER)
    assert worker.run_once(LATER) == 8  # five go, three show what is the matter
    held = ("queued", 1, "held: 550 5.4.5 Daily quota exceeded", "")
    found = [(m.status, m.attempts, m.last_error, m.leased_by) for m in rows(database)]
    assert found == [*[("sent", 1, "", "")] * 5, *[held] * 3, *[("queued", 0, "", "")] * 22]
    assert all(m.due_at > LATER for m in rows(database)[5:8])
    # From now on one mail is enough to see that it is still so.
    assert worker.run_once(LATER + timedelta(seconds=5)) == 1
    assert rows(database)[8].last_error == held[2]
    transport.failures.clear()
    assert worker.run_once(LATER + timedelta(hours=1)) == 25
    assert {m.status for m in rows(database)} == {"sent"}


def test_it_is_given_up_when_it_has_lasted_for_too_long(database: Database, links: Links) -> None:
    queue(database, 3)
    attempts = next(n for n in range(1, 99) if delay(n) is None)
    with database.begin(writes=True) as db:
        for message in db.exec(select(Message)):
            message.attempts = attempts
    Worker(database, links, Fake(_all(3, QUOTA)), SENDER).run_once(LATER)
    assert [m.status for m in rows(database)] == ["failed"] * 3


def test_who_cannot_be_reached_is_given_up(database: Database, links: Links) -> None:
    queue(database, 6)
    worker = Worker(database, links, Fake(_all(5, NOBODY)), SENDER)
    assert worker.run_once(LATER) == 6
    assert [m.status for m in rows(database)] == ["failed"] * 5 + ["sent"]


@pytest.mark.parametrize("reason", [Reason.SENDER, Reason.LOGIN])
def test_settings_that_are_wrong_cost_three_mails_an_attempt(
    database: Database, links: Links, reason: Reason
) -> None:
    queue(database, 10)
    worker = Worker(database, links, Fake(_all(10, SendError(reason, "530"))), SENDER)
    assert worker.run_once(LATER) == 3
    assert [(m.status, m.attempts) for m in rows(database)] == [
        *[("queued", 1)] * 3,
        *[("queued", 0)] * 7,
    ]


def _noted(*tried: tuple[str, str, SendError | None]) -> list[list[str]]:
    refusals, found = Refusals(), list[list[str]]()
    for message_id, recipient, error in tried:
        if error is None:
            refusals.clear()
        else:
            found.append(refusals.note(message_id, recipient, error))
    return found


def test_in_a_row() -> None:
    other = SendError(Reason.REFUSED, "554 5.7.1 spam", final=True, general=True)
    later = SendError(Reason.DELAYED, "451 4.7.1 greylisted")
    # All mails of each recipient, who may have many.
    assert _noted(
        ("1", "a@x", QUOTA), ("2", "a@x", QUOTA), ("3", "b@x", QUOTA), ("4", "c@x", QUOTA)
    ) == [[], [], [], ["1", "2", "3", "4"]]
    assert _noted(*[(f"{n}", "a@x", QUOTA) for n in range(9)]) == [[]] * 9
    assert _noted(
        ("1", "a@x", QUOTA), ("2", "b@x", QUOTA), ("3", "c@x", None), ("4", "d@x", QUOTA)
    ) == [[], [], []]
    assert _noted(
        ("1", "a@x", QUOTA), ("2", "b@x", QUOTA), ("3", "c@x", other), ("4", "d@x", QUOTA)
    ) == [[], [], [], []]
    assert _noted(*[(f"{n}", f"{n}@x", later) for n in range(9)]) == [[]] * 9
    # Of one who cannot be reached in between nothing is learnt.
    assert _noted(
        ("1", "a@x", QUOTA), ("2", "b@x", QUOTA), ("3", "c@x", NOBODY), ("4", "d@x", QUOTA)
    ) == [[], [], [], ["1", "2", "4"]]

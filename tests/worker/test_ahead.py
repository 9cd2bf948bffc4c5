"""What a batch reads ahead for all its mails, and how it notes what became of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from app.db import Database
from app.models import Cycle, Guest, Message, Person
from app.services import outbox
from app.services.links import Links
from app.worker import claims
from app.worker.composer import Composer
from app.worker.loop import Worker
from tests.factories import NOW, Make
from tests.worker.test_compose_invitation import guest, release
from tests.worker.test_compose_invitation import queue as queue_invitation
from tests.worker.test_worker import LATER, SENDER, Fake, queue, rows

CountQueries = Callable[[], AbstractContextManager[list[str]]]


def _participant(make: Make, cycle: Cycle) -> Person:
    person = make.person()
    make.enrolment(cycle, person)
    return person


@pytest.fixture
def messages(database: Database) -> list[Message]:
    """Invitations of five people in two languages."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        session = make.session(cycle)
        release(db, cycle)
        return [
            queue_invitation(
                db,
                cycle,
                guest(db, cycle, _participant(make, cycle)),
                session,
                language=("es", "en")[n % 2],
            )
            for n in range(5)
        ]


def test_readers_are_read_at_once(
    database: Database, links: Links, messages: list[Message], count_queries: CountQueries
) -> None:
    composer = Composer(database, links, SENDER)
    singly = [composer.compose(m, LATER) for m in messages]
    with count_queries() as queries:
        composer.read_ahead(messages)
        together = [composer.compose(m, LATER) for m in messages]
    assert together == singly
    assert len(queries) == 2  # one for each language
    composer.close()
    with count_queries() as queries:
        composer.compose(messages[0], LATER)
    assert len(queries) == 1
    composer.close()


def test_what_was_read_ahead_does_not_outlive_the_batch(
    database: Database, links: Links, messages: list[Message]
) -> None:
    composer = Composer(database, links, SENDER)
    composer.read_ahead(messages)
    before = composer.compose(messages[0], LATER)
    composer.close()
    with database.begin(writes=True) as db:
        row = db.exec(select(Guest).where(Guest.id == messages[0].guest_id)).one()
        person = db.get_one(Person, row.person_id)
        row.reply_code = "anothercode"
        person.zone = "America/Lima"
    after = composer.compose(messages[0], LATER)
    composer.close()
    assert b"+anothercode@" in after.raw
    assert b"+anothercode@" not in before.raw


def test_a_database_that_fails_while_reading_ahead_loses_nothing(
    database: Database, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(database, 3)

    def away(*_: object) -> None:
        raise RuntimeError

    worker = Worker(database, links, Fake(), SENDER)
    with monkeypatch.context() as broken:
        broken.setattr(Composer, "read_ahead", away)
        with pytest.raises(RuntimeError):
            worker.run_once(LATER)
    assert {(m.status, m.leased_by, m.attempts) for m in rows(database)} == {("queued", "", 0)}
    assert worker.run_once(LATER) == 3


def test_a_note_that_cannot_be_written_is_an_error_of_the_database(
    real_database: Database,
) -> None:
    [message_id] = queue(real_database, 1)
    wrong = update(Message).where(col(Message.id) == message_id).values(kind=None)
    with real_database.jotting() as jot, pytest.raises(SQLAlchemyError):
        jot(wrong, {})
    with real_database.jotting() as jot:
        claims.record_sent(jot, message_id, LATER)
        claims.record_sent(jot, message_id, LATER + timedelta(seconds=1))
    [message] = rows(real_database)
    assert (message.kind, message.status, message.attempts, message.sent_at) == (
        outbox.ENROLMENT_KINDS[0],
        "sent",
        2,
        LATER + timedelta(seconds=1),
    )
    assert message.created_at == NOW

"""What is sent to somebody at the moment at which their data goes."""

from collections.abc import Callable

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.models import Enrolment, Message, Person
from app.services import enrolments, erasure, outbox
from app.services.actor import SYSTEM
from app.services.own_links import ask_for_link
from tests.factories import NOW, Make
from tests.services.at_once import in_the_midst

MAIL = "ana@example.org"


class Enrolled:
    """Ana, in one cycle."""

    def __init__(self, db: DbSession) -> None:
        make = Make(db)
        cycle, person = make.cycle(slug="here", status="published"), make.person(email=MAIL)
        self.person_id, self.enrolment_id = person.id, make.enrolment(cycle, person).id

    def erase(self, db: DbSession) -> str:
        erasure.erase_own(db, self.person_id, None, NOW)
        return "erased"

    def ask(self, db: DbSession) -> str:
        ask_for_link(db, "here", MAIL, NOW)
        return "done"

    def send(self, db: DbSession) -> str:
        enrolments.send_link(db, SYSTEM, self.enrolment_id, NOW)
        return "done"

    def replace(self, db: DbSession) -> str:
        generation = db.get_one(Enrolment, self.enrolment_id).link_generation
        enrolments.replace_links(db, SYSTEM, self.enrolment_id, generation, NOW)
        return "done"


@pytest.fixture
def ana(real_database: Database) -> Enrolled:
    with real_database.begin(writes=True) as db:
        return Enrolled(db)


@pytest.mark.parametrize("way", ["ask", "send", "replace"])
@pytest.mark.parametrize("first", ["erasing", "sending"])
def test_no_link_is_sent_to_who_is_being_erased(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, ana: Enrolled, way: str, first: str
) -> None:
    send: Callable[[DbSession], str] = getattr(ana, way)
    if first == "erasing":
        in_the_midst(real_database, monkeypatch, (erasure, "_take_out_of_words"), ana.erase, send)
    else:
        in_the_midst(real_database, monkeypatch, (outbox, "enqueue"), send, ana.erase)
    with real_database.begin(writes=False) as db:
        assert db.exec(select(Message.to_address)).all() == []
        assert db.exec(select(Person.email)).all() == [None]

"""What the mail with a certificate says, and when it is not sent after all."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from sqlmodel import select

from app.db import DbSession
from app.domain.certificates import shown_code
from app.mail.failures import Reason, SendError
from app.mail.values import Sender
from app.models import MailText, Message
from app.schemas.certificate import RevokeIn
from app.services import certificate_life as life
from app.services.links import Links
from app.worker.compose import compose
from tests.services.attendance_world import OVER
from tests.services.certificate_world import OLGA, Certified

SENDER = Sender("convoca@example.org", "Convoca")


@pytest.fixture
def world(db: DbSession) -> Certified:
    world = Certified(db)
    world.ana.language = "en"
    return world


def read(world: Certified, links: Links) -> tuple[str, str, str]:
    raw = compose(world.db, links, SENDER, message(world), OVER).raw
    mail = message_from_bytes(raw, EmailMessage, policy=default)
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return str(mail["Subject"]), plain.get_content(), html.get_content()


def message(world: Certified) -> Message:
    row = world.db.exec(select(Message).where(Message.kind == "certificate")).one()
    row.message_id = f"<{row.id}@example.org>"
    return row


def test_the_link_the_address_and_the_code(world: Certified, links: Links) -> None:
    code = world.issue(world.ana).code
    subject, text, html = read(world, links)
    assert subject == "Your certificate: Cycle 1"
    page = links.my(world.ana.id, 1)
    for said in (page, f"http://testserver/verify/{code}"):
        assert (text.count(said), said in html) == (1, True)
    assert f"Code: {shown_code(code)}" in text
    assert str(world.ana.person.email) not in text


def test_own_words(world: Certified, links: Links) -> None:
    world.issue(world.ana)
    words: dict[str, Any] = {"subject": "Bravo {name}", "text": "For {cycle}."}
    world.db.add(MailText(cycle_id=world.cycle.id, kind="certificate", language="en", **words))
    world.db.flush()
    subject, text, _ = read(world, links)
    assert subject == "Bravo Ana"
    assert ("For Cycle 1." in text, "Congratulations" in text) == (True, False)


def test_not_once_it_was_revoked(world: Certified, links: Links) -> None:
    row = world.issue(world.ana)
    life.revoke(world.db, OLGA, row.code, RevokeIn(reason="Wrong."), OVER)
    with pytest.raises(SendError) as refused:
        compose(world.db, links, SENDER, message(world), OVER)
    assert (refused.value.reason, refused.value.final) == (Reason.MOOT, True)

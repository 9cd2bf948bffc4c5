"""What a message of the outbox says once it is written."""

from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from app.db import DbSession
from app.mail.values import Sender
from app.models import Message
from app.services.links import Links
from app.worker.compose import compose
from tests.factories import NOW

SENDER = Sender("convoca@example.org", "Convoca")


def written(
    db: DbSession, links: Links, message: Message, now: datetime = NOW
) -> tuple[EmailMessage, str, str]:
    """The mail, its plain text and its HTML."""
    raw = compose(db, links, SENDER, message, now).raw
    mail = message_from_bytes(raw, EmailMessage, policy=default)
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return mail, plain.get_content().replace("\r\n", "\n"), html.get_content()

"""Telling the owner of an account what has changed in how one gets into it, so that a thief is
found out. The mail goes with the change, in its transaction, to the address that is kept, and has
no link that opens anything."""

from datetime import datetime

from app.db import DbSession
from app.domain.account_changes import AccountChange
from app.domain.ids import new_id
from app.domain.text import LANGUAGES
from app.models import User
from app.services import outbox
from app.services.links import Links

HOME = "/organize/account"


def tell(db: DbSession, user: User, change: AccountChange, now: datetime, where: str = "") -> None:
    """Queues the notice of a change that was made at `now` (aware UTC); `where`: at which provider,
    or for which program."""
    outbox.enqueue(
        db,
        kind=outbox.ACCOUNT_CHANGED,
        intent=f"{outbox.ACCOUNT_CHANGED}:{new_id()}",
        to_name=user.name,
        to_address=user.email,
        language=user.language or LANGUAGES[0],
        context={"change": change.value, "at": now.isoformat(), "where": where},
        now=now,
    )


def account_link(links: Links) -> str:
    """Where the mail leads: to the account, for whoever is signed in."""
    return links.url(HOME)

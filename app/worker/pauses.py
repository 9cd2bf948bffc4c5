"""Why no mail goes for now: noted where pages can read it, and ended by the first one that goes."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, or_, select

from app.db import DbSession
from app.mail.failures import Reason
from app.models import MailPace, Message
from app.services.mail_progress import HOUR as HOUR
from app.worker.pace import row_of

_SAME = timedelta(minutes=10)  # a pause that begins within that after another goes on with it
_OF_THE_WAY = (Reason.UNREACHABLE, Reason.NO_TLS, Reason.LOGIN, Reason.FILE)


def note(
    db: DbSession, server: str, pause: str, detail: str, now: datetime, until: datetime
) -> None:
    """From the aware instant `now` on nothing goes over this server; it is tried again at `until`.
    `pause`: a reason (`mail.failures`), or HOUR."""
    row = row_of(db, server)
    goes_on = row.pause == pause and row.until is not None
    if goes_on and row.until is not None and row.until <= now - _SAME:
        # No mail has gone since, or that would have ended it: is one still waiting for that?
        waits = select(Message.id).where(
            Message.status == "queued",
            col(Message.created_at) < row.until,
            col(Message.last_error).startswith(f"{pause}:"),
        )
        goes_on = db.exec(waits.limit(1)).first() is not None
    if not goes_on or row.since is None:
        row.since = now
    row.pause, row.detail, row.until = pause, detail[:500], until
    db.add(row)


def noted(db: DbSession, server: str) -> bool:
    """Whether it is said that nothing goes."""
    found = select(MailPace.id).where(MailPace.server == server, MailPace.pause != "")
    return db.exec(found).first() is not None


def end(db: DbSession, server: str, now: datetime) -> None:
    """A mail has gone: what could not go, as there was no way there, is due at once."""
    row = row_of(db, server)
    if row.pause and row.pause != HOUR:
        waited = or_(*(col(Message.last_error).startswith(f"{why}:") for why in _OF_THE_WAY))
        late = update(Message).where(
            col(Message.status) == "queued", col(Message.due_at) > now, waited
        )
        db.connection().execute(late.values(due_at=now))
    row.pause, row.detail, row.since, row.until = "", "", None, None
    db.add(row)

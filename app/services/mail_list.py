"""The mails as organizers look through them: the newest first, back and forth."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel import col, func, or_, select

from app.db import DbSession
from app.domain.permissions import Permission
from app.domain.text import localized
from app.models import Cycle, Message
from app.services.access import in_reach
from app.services.actor import Actor
from app.services.paging import cursor_of, paginate

_ORDER = [Message.created_at, Message.id]
LONGEST_SEARCH = 100


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some mails, the newest first. `newer`, `older`: cursors to what comes before and after them;
    None: nothing does."""

    rows: list[Message]
    newer: str | None
    older: str | None


def list_messages(
    db: DbSession,
    actor: Actor,
    *,
    cycle_id: str = "",
    status: str = "",
    search: str = "",
    after: str = "",
    before: str = "",
    limit: int = 50,
) -> Stretch:
    """Mails, those that are older than the cursor `after`, or newer than `before`. `search`: a part
    of the address or the name.

    Raises Invalid: a cursor is not one of ours.
    """
    statement = select(Message).where(in_reach(actor, Permission.MAIL_READ, Message.cycle_id))
    if cycle_id:
        statement = statement.where(Message.cycle_id == cycle_id)
    if status:
        statement = statement.where(Message.status == status)
    if status not in ("", "queued"):
        statement = statement.where(text("message.status <> 'queued'"))  # for ix_message_ended
    if wanted := search.strip()[:LONGEST_SEARCH].lower().replace("\0", ""):
        columns = (func.lower(Message.to_address), func.lower(Message.to_name))
        statement = statement.where(
            or_(*(column.contains(wanted, autoescape=True) for column in columns))
        )
    if before:
        rows, more = paginate(db, statement, _ORDER, before, limit)
        if more is not None and rows:
            rows.reverse()
            return Stretch(rows, cursor_of(rows[0], _ORDER), cursor_of(rows[-1], _ORDER))
        # The beginning is shown as a whole.
        after = ""
    rows, older = paginate(db, statement, _ORDER, after, limit, descending=True)
    return Stretch(rows, cursor_of(rows[0], _ORDER) if after and rows else None, older)


def cycles_of_mail(db: DbSession, actor: Actor) -> dict[str, str]:
    """The titles of all cycles whose mail the actor may read, by id, each in its cycle's language,
    the newest first."""
    mine = in_reach(actor, Permission.MAIL_READ, Cycle.id)
    cycles = db.exec(
        select(Cycle).where(mine).order_by(col(Cycle.created_at).desc(), col(Cycle.id))
    )
    return {c.id: localized(c.title, c.language, c.language) for c in cycles}

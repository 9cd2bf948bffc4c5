"""Addresses that mail came back from: marked, and cleared by any sign that they work."""

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession
from app.models import Guest, Invitation, Person

# By statements of their own: nothing that others see or edit of a person has changed, so no
# revision of theirs, or of the sessions that they speak in, goes up.
_CLEAR = {"bounced_at": None, "bounce": ""}


def heard_from(db: DbSession, person_id: Any, at: datetime) -> None:
    """Somebody has done something that only who gets our mails can do, at an aware instant: a mark
    of before goes. `person_id`: theirs, or a query for it."""
    marked = (col(Person.id) == person_id, col(Person.bounced_at) <= at)
    db.connection().execute(update(Person).where(*marked).values(_CLEAR))


def heard_from_guest(db: DbSession, invitation_id: str, at: datetime) -> None:
    """The same for whoever has an invitation."""
    query = (
        select(Guest.person_id)
        .join(Invitation, col(Invitation.guest_id) == col(Guest.id))
        .where(Invitation.id == invitation_id)
    )
    heard_from(db, query.scalar_subquery(), at)


def try_again(db: DbSession, person_id: str) -> bool:
    """An organizer wants mails to go to somebody's address again; whether it was marked."""
    marked = (col(Person.id) == person_id, col(Person.bounced_at).is_not(None))
    done = db.connection().execute(update(Person).where(*marked).values(_CLEAR))
    return done.rowcount > 0

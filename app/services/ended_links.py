"""Ending all links of somebody in a cycle, when their calendar has come into the wrong hands."""

from datetime import datetime
from typing import TypeVar

from sqlmodel import select

from app.db import DbSession
from app.models import Enrolment, Guest
from app.services.actor import SYSTEM
from app.services.enrolments import replace_links
from app.services.guests import end_links_of, link_replaced

OwnerT = TypeVar("OwnerT", Enrolment, Guest)


def end_personal_links(db: DbSession, by: Enrolment | Guest, now: datetime) -> bool:
    """Ends the addresses of somebody's calendar and their personal links, as a participant and as
    somebody with parts: whoever has the calendar has read the links in it, and would find its new
    address behind them. A participant is mailed the new link; whether that was done. No page may
    show it: who asks may be who has the old one.

    Raises Gone: the link to `by`, by which it is asked, has ended at this moment.
    """
    used = by.link_generation
    enrolment = _held(db, Enrolment, by)
    guest = _held(db, Guest, by)
    if by.link_generation != used:
        raise link_replaced(db, by.cycle_id, of_participant=isinstance(by, Enrolment))
    sent = None
    if enrolment is not None:
        sent = replace_links(db, SYSTEM, enrolment.id, enrolment.link_generation, now)
    if guest is not None:
        end_links_of(db, guest)
    return sent is not None


def _held(db: DbSession, model: type[OwnerT], by: Enrolment | Guest) -> OwnerT | None:
    """Who they are in the cycle, as it is now: `by` is read anew too."""
    query = select(model).where(model.cycle_id == by.cycle_id, model.person_id == by.person_id)
    held = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return db.exec(held).one_or_none()

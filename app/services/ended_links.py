"""Ending all links of somebody in a cycle, when their calendar has come into the wrong hands."""

from datetime import datetime
from typing import TypeVar

from sqlmodel import select

from app.db import DbSession
from app.domain.errors import NotFound, Stale
from app.models import Enrolment, Guest
from app.services.actor import SYSTEM
from app.services.enrolments import replace_links
from app.services.guests import end_links_of, link_replaced

LinkedT = TypeVar("LinkedT", Enrolment, Guest)


def end_personal_links(db: DbSession, whose: Enrolment | Guest, now: datetime) -> bool:
    """Ends the addresses of somebody's calendar and their personal links, as a participant and as
    somebody with parts: whoever has the calendar has read the links in it, and would find its new
    address behind them. A participant is mailed the new link; whether that was done. No page may
    show it: who asks may be who has the old one.

    Raises:
        Gone: the link to `whose`, by which it is asked, has ended at this moment.
        NotFound, Stale: at this moment they were merged with somebody else.
    """
    used, person_id = whose.link_generation, whose.person_id
    enrolment, guest = _held(db, Enrolment, whose), _held(db, Guest, whose)
    if whose not in (enrolment, guest):
        raise NotFound
    if whose.person_id != person_id:
        raise Stale
    if whose.link_generation != used:
        raise link_replaced(db, whose.cycle_id, of_participant=whose is enrolment)
    sent = None
    if enrolment is not None:
        sent = replace_links(db, SYSTEM, enrolment.id, enrolment.link_generation, now)
    if guest is not None:
        end_links_of(db, guest)
    return sent is not None


def _held(db: DbSession, model: type[LinkedT], whose: Enrolment | Guest) -> LinkedT | None:
    """What they are in the cycle, read anew; `whose` itself by its id, since it may just become
    somebody else's, and would not be found by the person of before."""
    query = select(model).where(model.cycle_id == whose.cycle_id)
    if isinstance(whose, model):
        query = query.where(model.id == whose.id)
    else:
        query = query.where(model.person_id == whose.person_id)
    held = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return db.exec(held).one_or_none()

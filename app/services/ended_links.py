"""Ending all links of somebody in a cycle, when their calendar has come into the wrong hands."""

from datetime import datetime

from sqlmodel import select

from app.db import DbSession
from app.models import Enrolment, Guest
from app.services.actor import SYSTEM
from app.services.enrolments import replace_links
from app.services.guests import end_links_of


def end_personal_links(db: DbSession, cycle_id: str, person_id: str, now: datetime) -> bool:
    """Ends the addresses of somebody's calendar and their personal links, as a participant and as
    somebody with parts: whoever has the calendar has read the links in it, and would find its new
    address behind them. A participant is mailed the new link; whether that was done. No page may
    show it: who asks may be who has the old one.
    """
    query = select(Enrolment.id, Enrolment.link_generation).where(
        Enrolment.cycle_id == cycle_id, Enrolment.person_id == person_id
    )
    found = db.exec(query).one_or_none()
    sent = replace_links(db, SYSTEM, *found, now) if found else None
    held = select(Guest).where(Guest.cycle_id == cycle_id, Guest.person_id == person_id)
    guest = db.exec(held.with_for_update(key_share=True)).one_or_none()
    if guest is not None:
        end_links_of(db, guest)
    return sent is not None

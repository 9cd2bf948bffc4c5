"""Sending somebody their personal link again, to the address that is kept and to no other."""

from datetime import datetime
from secrets import token_hex

from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.errors import NotFound
from app.domain.schedule import CycleStatus
from app.models import Cycle, Enrolment, Person
from app.services import enrolments, outbox
from app.services.places import loads
from app.services.rows import may_be_id


def ask_for_link(db: DbSession, slug: str, email: str, now: datetime) -> None:
    """Mails the personal link to whoever takes part in a cycle with this address, at most every ten
    minutes. Says nothing either way, and writes as much where there is nobody, so that the time
    tells nothing either.

    Raises:
        NotFound: no such cycle, or it was not published.
    """
    query = select(Cycle.id).where(col(Cycle.slug) == slug, Cycle.status != CycleStatus.DRAFT)
    cycle_id = db.exec(query).one_or_none() if may_be_id(slug) else None
    if cycle_id is None:
        raise NotFound
    key = address_key(email)
    theirs = (
        select(Enrolment)
        .join(Person, col(Person.id) == col(Enrolment.person_id))
        .where(Enrolment.cycle_id == cycle_id, Person.email_key == key)
        .options(*loads())
    )
    found = db.exec(theirs).one_or_none() if key.isprintable() else None
    if found is not None and enrolments.send_own_link(db, found, now) is not None:
        return
    decoy = outbox.enqueue(
        db,
        kind="enrolment-link",
        intent=f"enrolment-link:{token_hex(13)}",
        to_name="",
        to_address="nobody@localhost",
        language="en",
        context={"enrolment_id": token_hex(13)},
        cycle_id=cycle_id,
        now=now,
    )
    db.delete(decoy)
    db.flush()

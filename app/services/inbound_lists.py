"""Mail that came in and waits for a person: looking at it, saying whose it is, putting it away."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy.orm import contains_eager, defer
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import N_, Clash, NotFound
from app.domain.text import Localized, localized
from app.mail.inbound import Incoming, read
from app.models import Cycle, Guest, InboundMail, Invitation, Person, Session
from app.services.actor import Actor
from app.services.guests import keep, with_person
from app.services.inbound import answer_for, remember_sender
from app.services.inbound_outcomes import TEMPORARY
from app.services.paging import paginate
from app.services.rows import find, found_by

STATUSES = ("open", "placed", "ignored", "settled")
_MOST_FOUND = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody whose answer a mail may be, with what is held as theirs."""

    guest_id: str
    name: str
    address: str
    answer: str


@dataclass(frozen=True, slots=True)
class About:
    """What mails are about, for people: names of guests and titles of cycles, by id, and the
    sessions that they answer, by UID."""

    names: dict[str, str]
    titles: dict[str, str]
    sessions: dict[str, tuple[int, Localized]]


def list_inbound(
    db: DbSession,
    actor: Actor,
    status: str | None = "open",
    cycle_id: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[InboundMail], str | None]:
    """Mails that came in, the newest first, without their bytes, and the cursor of the next
    stretch. What only says that a mail is late is not listed."""
    statement = (
        select(InboundMail)
        .where(InboundMail.reason != TEMPORARY)
        .options(defer(cast(Any, InboundMail.raw), raiseload=True))
    )
    if status is not None:
        statement = statement.where(InboundMail.status == status)
    if cycle_id is not None:
        statement = statement.where(InboundMail.cycle_id == cycle_id)
    order = [InboundMail.received_at, InboundMail.id]
    return paginate(db, statement, order, after, limit, descending=True)


def get_inbound(db: DbSession, actor: Actor, mail_id: str) -> InboundMail:
    """One mail. Raises NotFound."""
    return find(db, InboundMail, mail_id)


def about(db: DbSession, mails: Sequence[InboundMail]) -> About:
    """Three queries at most, however many mails."""
    guests = {mail.guest_id for mail in mails if mail.guest_id}
    cycles = {mail.cycle_id for mail in mails if mail.cycle_id}
    uids = {answer["uid"] for mail in mails for answer in mail.details.get("answers", ())}
    people = (
        select(Guest.id, Person.name)
        .join(Person, col(Person.id) == col(Guest.person_id))
        .where(col(Guest.id).in_(guests))
    )
    sessions = select(Session.uid, Session.number, Session.title)
    found = db.exec(select(Cycle).where(col(Cycle.id).in_(cycles))) if cycles else ()
    return About(
        dict(db.exec(people).all()) if guests else {},
        {c.id: localized(c.title, c.language, c.language) for c in found},
        {row[0]: (row[1], row[2]) for row in db.exec(sessions.where(col(Session.uid).in_(uids)))}
        if uids
        else {},
    )


def candidates(db: DbSession, actor: Actor, mail: InboundMail, query: str = "") -> list[Candidate]:
    """Who was invited to what a mail answers, by name, at most 20; none where it answers nothing
    that is known."""
    uids = {answer["uid"] for answer in mail.details.get("answers", ())}
    if mail.kind != "reply" or mail.cycle_id is None or not uids:
        return []
    statement = (
        select(Invitation)
        .join(Guest, col(Guest.id) == col(Invitation.guest_id))
        .join(Person, col(Person.id) == col(Guest.person_id))
        .where(
            Guest.cycle_id == mail.cycle_id,
            col(Invitation.uid).in_(uids),
            *found_by(query, Person.search_key),
        )
        .options(
            contains_eager(cast(Any, Invitation.guest)).contains_eager(cast(Any, Guest.person))
        )
        .order_by(col(Person.search_key), col(Guest.id))
        .limit(_MOST_FOUND)
    )
    return list(_once_each(db.exec(statement).all()))


def _once_each(invitations: Iterable[Invitation]) -> Iterable[Candidate]:
    found: dict[str, Candidate] = {}
    for each in invitations:
        person = each.guest.person
        found.setdefault(
            each.guest_id, Candidate(each.guest_id, person.name, each.address, each.answer)
        )
    return found.values()


def place(
    db: DbSession, actor: Actor, mail_id: str, guest_id: str, now: datetime
) -> tuple[InboundMail, str]:
    """Takes a mail's answers as this guest's, as of when it came in; the mail and their name.

    Raises:
        NotFound: there is no such mail, or no such guest in its cycle.
        Clash: somebody has dealt with it, or it holds no answer to an invitation of theirs.
    """
    guest = find(db, Guest, guest_id, *with_person())
    if not keep(db, guest.id):
        raise NotFound
    mail = _held(db, mail_id)
    if guest.cycle_id != mail.cycle_id:
        raise NotFound
    content: Incoming = read(mail.raw)
    outcome = answer_for(db, content, guest, mail.received_at, by_hand=True)
    became = {answer["became"] for answer in outcome.details["answers"]}
    if not became & {"taken", "older", "proposes"}:
        raise Clash(
            N_("There is no answer in this mail to an invitation of %(name)s."),
            code="no_answer",
            name=guest.person.name,
        )
    mail.status, mail.guest_id, mail.settled_by = "placed", guest.id, actor.name
    mail.details = outcome.details
    remember_sender(db, guest, mail.sender)
    db.add(mail)
    db.flush()
    return mail, guest.person.name


def settle(db: DbSession, actor: Actor, mail_id: str) -> InboundMail:
    """Says that there is nothing to do about it. Raises NotFound; Clash if somebody has dealt with
    it."""
    mail = _held(db, mail_id)
    mail.status, mail.settled_by = "settled", actor.name
    db.add(mail)
    db.flush()
    return mail


def _held(db: DbSession, mail_id: str) -> InboundMail:
    mail = find(db, InboundMail, mail_id)
    db.refresh(mail, with_for_update=True)
    if mail.status != "open":
        raise Clash(N_("Somebody has dealt with this mail already."), code="settled")
    return mail

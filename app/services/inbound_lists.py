"""Mail that came in and waits for a person: looking at it, saying whose it is, putting it away."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import func
from sqlalchemy.orm import defer
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.answers import Answer
from app.domain.errors import N_, Clash, NotFound
from app.domain.permissions import Permission
from app.domain.text import Localized, localized
from app.mail.inbound import Incoming, read
from app.models import Cycle, Guest, InboundMail, Invitation, Person, Session
from app.services.access import in_reach, refuse_elsewhere
from app.services.actor import Actor
from app.services.guests import keep, with_person
from app.services.inbound import answer_for, remember_sender
from app.services.inbound_outcomes import TEMPORARY
from app.services.invitations import set_answer
from app.services.paging import paginate
from app.services.rows import find, found_by

STATUSES = ("open", "placed", "ignored", "settled")
_MOST_FOUND = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody whose answer a mail may be."""

    guest_id: str
    person_id: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Held:
    """What is held as somebody's answer to a session, and what a mail says. Words of
    domain.answers; empty where there is none."""

    session_id: str
    number: int
    title: Localized
    held: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What mails are about, for people: guests (the person's id and name) and cycles by id, and the
    sessions that they answer, by UID."""

    people: dict[str, tuple[str, str]]
    titles: dict[str, str]
    cycles: dict[str, Cycle]
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
        .where(
            InboundMail.reason != TEMPORARY,
            in_reach(actor, Permission.MAIL_READ, InboundMail.cycle_id),
        )
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
    mail = find(db, InboundMail, mail_id)
    refuse_elsewhere(actor, Permission.MAIL_READ, mail.cycle_id)
    return mail


def about(db: DbSession, mails: Sequence[InboundMail]) -> About:
    """Three queries at most, however many mails."""
    guests = {mail.guest_id for mail in mails if mail.guest_id}
    cycles = {mail.cycle_id for mail in mails if mail.cycle_id}
    uids = {answer["uid"] for mail in mails for answer in mail.details.get("answers", ())}
    people = (
        select(Guest.id, Person.id, Person.name)
        .join(Person, col(Person.id) == col(Guest.person_id))
        .where(col(Guest.id).in_(guests))
    )
    sessions = select(Session.uid, Session.number, Session.title)
    found = db.exec(select(Cycle).where(col(Cycle.id).in_(cycles))).all() if cycles else ()
    return About(
        {row[0]: (row[1], row[2]) for row in db.exec(people)} if guests else {},
        {c.id: localized(c.title, c.language, c.language) for c in found},
        {c.id: c for c in found},
        {row[0]: (row[1], row[2]) for row in db.exec(sessions.where(col(Session.uid).in_(uids)))}
        if uids
        else {},
    )


def waiting(db: DbSession, actor: Actor) -> int:
    """How many mails wait for a person, of whatever cycle of theirs (or none, for those who may do
    everything)."""
    mine = in_reach(actor, Permission.MAIL_READ, InboundMail.cycle_id)
    query = select(func.count()).select_from(InboundMail).where(InboundMail.status == "open", mine)
    return db.exec(query).one()


def likely(db: DbSession, actor: Actor, mail: InboundMail) -> Candidate | None:
    """Whose a mail most likely is: the guest whose own address it came to, or to whom the sender's
    address belongs, or whom it names as the attendee."""
    if mail.guest_id:
        return _candidate(db, Guest.id == mail.guest_id)
    attendees = [answer["attendee"] for answer in mail.details.get("answers", ())]
    for key in map(address_key, (mail.sender, *attendees)):
        if key and (found := _candidate(db, Person.email_key == key, *_of_cycle(mail))):
            return found
    return None


def candidates(db: DbSession, actor: Actor, mail: InboundMail, query: str) -> list[Candidate]:
    """Those whom a search finds, at most 20: of a mail's cycle, or of every one where that is not
    known. None without a search."""
    if not query.strip():
        return []
    statement = (
        _guests()
        .where(*found_by(query, Person.search_key), *_of_cycle(mail))
        .order_by(col(Person.search_key), col(Guest.id))
        .limit(_MOST_FOUND)
    )
    return [Candidate(*row) for row in db.exec(statement)]


def candidate(db: DbSession, actor: Actor, mail: InboundMail, guest_id: str) -> Candidate:
    """This guest. Raises NotFound, also where they are of another cycle than the mail."""
    found = _candidate(db, Guest.id == find(db, Guest, guest_id).id, *_of_cycle(mail))
    if found is None:
        raise NotFound
    return found


def _guests() -> Any:
    return select(Guest.id, Person.id, Person.name, Person.email).join(
        Person, col(Person.id) == col(Guest.person_id)
    )


def _of_cycle(mail: InboundMail) -> list[Any]:
    return [Guest.cycle_id == mail.cycle_id] if mail.cycle_id else []


def _candidate(db: DbSession, *where: Any) -> Candidate | None:
    row = db.exec(_guests().where(*where).order_by(col(Guest.id).desc()).limit(1)).first()
    return Candidate(row[0], row[1], row[2], row[3] or "") if row else None


def held_answers(db: DbSession, actor: Actor, mail: InboundMail, guest_id: str) -> list[Held]:
    """What is held as this guest's answers, by the session's number, and what the mail says; of an
    answer only the sessions that it answers."""
    said = {a["uid"]: a["partstat"].lower() for a in reversed(mail.details.get("answers", ()))}
    query = (
        select(Session, Invitation)
        .join(Invitation, col(Invitation.session_id) == col(Session.id))
        .where(Invitation.guest_id == guest_id)
        .order_by(col(Session.number))
    )
    return [
        Held(session.id, session.number, session.title, row.answer, said.get(row.uid, ""))
        for session, row in db.exec(query)
        if row.uid in said or mail.kind != "reply"
    ]


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
    mail = _held(db, actor, mail_id)
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


def note(
    db: DbSession,
    actor: Actor,
    mail_id: str,
    guest_id: str,
    session_id: str,
    answer: Answer,
    now: datetime,
) -> str:
    """An organizer writes down what a letter answers, which is dealt with then; the guest's name.

    Raises:
        NotFound: there is no such mail, guest or invitation.
        Clash: somebody has dealt with it.
    """
    mail = _held(db, actor, mail_id)
    guest = find(db, Guest, guest_id, *with_person())
    refuse_elsewhere(actor, Permission.PEOPLE_EDIT, guest.cycle_id)
    set_answer(db, actor, guest.cycle_id, guest.person_id, session_id, answer, now)
    mail.status, mail.settled_by = "settled", actor.name
    mail.guest_id, mail.cycle_id = guest.id, guest.cycle_id
    db.add(mail)
    db.flush()
    return guest.person.name


def settle_many(db: DbSession, actor: Actor, mail_ids: Collection[str]) -> int:
    """Says of several that there is nothing to do about them; how many were still waiting."""
    query = (
        select(InboundMail)
        .where(
            col(InboundMail.id).in_(mail_ids),
            InboundMail.status == "open",
            in_reach(actor, Permission.MAIL_EDIT, InboundMail.cycle_id),
        )
        .order_by(col(InboundMail.id))
        .options(defer(cast(Any, InboundMail.raw), raiseload=True))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    mails = db.exec(query).all()
    for mail in mails:
        mail.status, mail.settled_by = "settled", actor.name
    db.flush()
    return len(mails)


def settle(db: DbSession, actor: Actor, mail_id: str) -> InboundMail:
    """Says that there is nothing to do about it. Raises NotFound; Clash if somebody has dealt with
    it."""
    mail = _held(db, actor, mail_id)
    mail.status, mail.settled_by = "settled", actor.name
    db.add(mail)
    db.flush()
    return mail


def _held(db: DbSession, actor: Actor, mail_id: str) -> InboundMail:
    mail = find(db, InboundMail, mail_id)
    refuse_elsewhere(actor, Permission.MAIL_EDIT, mail.cycle_id)
    db.refresh(mail, with_for_update=True)
    if mail.status != "open":
        raise Clash(N_("Somebody has dealt with this mail already."), code="settled")
    return mail

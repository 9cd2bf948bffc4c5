"""Erasing what is held about somebody, in one cycle or everywhere, in one transaction.

Nothing says afterwards who it was: not who erased, nor what they were called. What counts stays as
numbers, under a person without name or address (`erasure_subject.Subject`). No mail is sent: the
address is gone; the page says before what stays in their own calendar. What lies on the disk is
taken away after the commit (`erasure_disk`), since a file that is gone cannot be brought back by a
rollback; until then `Erasure.files` names it, so that a process that is killed leaves nothing.
"""

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, cast, func, or_, true
from sqlmodel import SQLModel, col, select

from app.db import DbSession
from app.domain.erased import Scope, names_any, without
from app.domain.errors import N_, Clash, Invalid, NotFound
from app.models import Cycle, Enrolment, Erasure, FeedbackForm, MailPace, Person, Session
from app.schemas.privacy import EraseIn
from app.services.actor import SYSTEM, Actor
from app.services.erasure_subject import Subject, subject_of
from app.services.personal_places import IN_WORDS_TOO, PLACES, Whose
from app.services.rows import find


def erase_own(
    db: DbSession,
    person_id: str,
    cycle_id: str | None,
    now: datetime,
    *,
    keep_certificates: bool = False,
) -> Erasure:
    """Somebody erases what is held about them, in one cycle or, None, everywhere.

    Raises NotFound where there is nothing of theirs any more.
    """
    scope = Scope.EVERYWHERE if cycle_id is None else Scope.CYCLE
    return _erase(db, SYSTEM, person_id, cycle_id, scope, "", now, keep_certificates)


def erase_enrolled(
    db: DbSession, actor: Actor, enrolment_id: str, command: EraseIn, now: datetime
) -> Erasure:
    """An organizer erases what the enrolment's cycle holds about its participant, who asked for it.

    Raises:
        NotFound: there is no such enrolment.
        Clash: ``erased``: it was done already.
        Invalid: at ``reason``: it names them.
    """
    enrolment = find(db, Enrolment, enrolment_id)
    person = find(db, Person, enrolment.person_id)
    if person.erased_at is not None:
        raise Clash(N_("What was held here has been erased already."), code="erased")
    return _by_organizer(db, actor, person, enrolment.cycle_id, Scope.CYCLE, command, now)


def erase_person(
    db: DbSession, actor: Actor, person_id: str, command: EraseIn, now: datetime
) -> Erasure:
    """An organizer erases what is held about somebody everywhere, as they asked.

    Raises:
        NotFound: there is no such person.
        Invalid: at ``reason``: it names them.
    """
    person = find(db, Person, person_id)
    if person.erased_at is not None:
        raise NotFound
    return _by_organizer(db, actor, person, None, Scope.EVERYWHERE, command, now)


def erase_in_time(db: DbSession, person_id: str, cycle_id: str, now: datetime) -> Erasure:
    """The time is over for which a cycle's details are kept. Writes no row of its own: `retention`
    writes one for all."""
    who = subject_of(db, person_id, cycle_id, Scope.RETENTION, now)
    return Erasure(
        cycle_id=cycle_id,
        scope=Scope.RETENTION,
        counts=_carry_out(db, who),
        files=sorted(who.files),
    )


def _by_organizer(
    db: DbSession,
    actor: Actor,
    person: Person,
    cycle_id: str | None,
    scope: Scope,
    command: EraseIn,
    now: datetime,
) -> Erasure:
    names = db.exec(select(Enrolment.name).where(Enrolment.person_id == person.id)).all()
    if names_any(command.reason, [person.email or "", person.name, *names]):
        raise Invalid.one(
            "reason",
            N_("Say why without the name and the address: the reason stays."),
            code="names_somebody",
        )
    keep = command.keep_certificates
    # Everywhere is an administrator's: whoever owns a cycle can enrol any address in it.
    trusted = scope is Scope.EVERYWHERE
    return _erase(db, actor, person.id, cycle_id, scope, command.reason, now, keep, trusted)


def _erase(
    db: DbSession,
    actor: Actor,
    person_id: str,
    cycle_id: str | None,
    scope: Scope,
    reason: str,
    now: datetime,
    keep_certificates: bool,
    by_administrator: bool = False,
) -> Erasure:
    who = subject_of(
        db,
        person_id,
        cycle_id,
        scope,
        now,
        keep_certificates=keep_certificates,
        by_administrator=by_administrator,
    )
    if who.person.erased_at is not None:
        raise NotFound
    counts = _carry_out(db, who)
    row = Erasure(
        cycle_id=cycle_id,
        scope=scope,
        recorded_by=actor.name if actor is not SYSTEM else "",
        reason=reason,
        counts=counts,
        files=sorted(who.files),
        created_at=now,
    )
    db.add(row)
    db.flush()
    return row


def _carry_out(db: DbSession, who: Subject) -> dict[str, int]:
    counts: dict[str, int] = {}
    for place in PLACES:
        if place.erase is not None and (count := place.erase(db, who)):
            counts[place.table] = count
    if who.whole and not who.by_time:
        counts |= _take_out_of_words(db, who.addresses, who.near)
        if who.near is not None:
            for table, count in _take_out_of_words(db, who.proven, None).items():
                counts[table] = counts.get(table, 0) + count
    db.flush()
    db.expire_all()
    return counts


def _take_out_of_words(
    db: DbSession, addresses: Iterable[str], cycles: Collection[str] | None
) -> dict[str, int]:
    """Takes addresses out of what organizers have written in these cycles, or wherever they stand
    (None)."""
    wanted = sorted(addresses)
    if not wanted:
        return {}
    models = {each.class_.__tablename__: each.class_ for each in SQLModel._sa_registry.mappers}
    counts: dict[str, int] = {}
    places = [(each.table, each.columns) for each in PLACES if each.whose is Whose.WORDS]
    for table, names in (*places, *IN_WORDS_TOO):
        model: Any = models[table]
        if (here := _in_cycles(model, cycles)) is None:
            continue
        columns = [getattr(model, name) for name in names]
        stands = [
            func.lower(cast(column, String)).like(_about(each), escape="\\")
            for column in columns
            for each in wanted
        ]
        for row in db.exec(select(model).where(here, or_(*stands)).order_by(model.id)).all():
            for name in names:
                before = getattr(row, name)
                after = without(before, wanted)
                if after != before:
                    setattr(row, name, after)
            counts[table] = counts.get(table, 0) + 1
    db.flush()
    return counts


def _in_cycles(model: Any, cycles: Collection[str] | None) -> ColumnElement[bool] | None:
    """A condition: the row is of one of these cycles. None where none of the table's is."""
    if cycles is None or model is MailPace:  # what a mail server said is no team's
        return true()
    columns = model.__table__.columns
    if model is Cycle:
        return col(Cycle.id).in_(cycles)
    if "cycle_id" in columns:
        return col(model.cycle_id).in_(cycles)
    sessions = select(Session.id).where(col(Session.cycle_id).in_(cycles))
    if "session_id" in columns:
        return col(model.session_id).in_(sessions)
    if "form_id" in columns:
        forms = select(FeedbackForm.id).where(col(FeedbackForm.session_id).in_(sessions))
        return col(model.form_id).in_(forms)
    return None


def _about(address: str) -> str:
    """A pattern of SQL for whatever may have an address in it, in small letters: letters that JSON
    escapes, and that SQLite leaves as they are where others make them small, are any. What is found
    is looked at closely."""
    escaped = re.sub(r"[\\%_]", r"\\\g<0>", address.lower())
    return f"%{re.sub('[^ -~]+', '%', escaped)}%"

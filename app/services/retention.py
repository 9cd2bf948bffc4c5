"""How long details of a cycle's participants are kept, and erasing them when that time is over.

It is done piece by piece, each in a transaction of its own, and what is left to do is seen from the
rows: a worker that is killed leaves whole pieces, and whoever goes on begins with the next. People
with parts stay on the programme and in the directory; what they told the organizers goes too.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import col, or_, select

from app.db import DbSession
from app.domain.erased import Scope
from app.domain.errors import N_, Clash
from app.domain.ids import new_code
from app.domain.report_states import ReportStatus
from app.domain.retention import POSTPONED, SEEN_BEFORE, due_at, months_after
from app.domain.schedule import Schedule, SessionStatus
from app.models import (
    Cycle,
    Enrolment,
    Erasure,
    Guest,
    InboundMail,
    Invitation,
    Message,
    Part,
    Person,
    ReportImport,
    ReportRow,
    Session,
)
from app.schemas.privacy import RetentionIn
from app.services import audit
from app.services.actor import Actor
from app.services.erasers_of_mail import delete_messages, empty_row
from app.services.erasure import erase_in_time
from app.services.notices import renew
from app.services.rows import hold
from app.services.schedules import released_schedule

PIECE = 25
"""People whose details are erased in one transaction."""

_ROWS = 500  # mails, or rows of reports


def end_of(schedule: Schedule | None) -> datetime | None:
    """When the last session that takes place is over, by what was published; aware UTC. None: there
    is none."""
    sessions = schedule.sessions if schedule else ()
    ends = [each.ends for each in sessions if each.status is SessionStatus.SCHEDULED]
    return max(ends, default=None)


def due_of(cycle: Cycle, schedule: Schedule | None) -> datetime | None:
    """When a cycle's details are erased; None: not by itself, or it was done."""
    due = due_at(end_of(schedule), cycle.retention_months, cycle.retention_until, cycle.zone)
    if due is not None and cycle.details_erased_at is not None and cycle.details_erased_at >= due:
        return None
    return due


def set_retention(
    db: DbSession, actor: Actor, cycle_id: str, command: RetentionIn, now: datetime
) -> Cycle:
    """For how long details are kept from now on. Nothing is erased sooner than in two weeks, so
    that it is seen coming. Where the notice is the house's, which says how long, it becomes another
    version.

    Raises NotFound.
    """
    cycle = hold(db, Cycle, cycle_id)
    if cycle.retention_months == command.months:
        return cycle
    cycle.retention_months, cycle.retention_until = command.months, None
    _not_at_once(db, cycle, now)
    db.flush()
    if not any(cycle.privacy_notice.values()):
        renew(db, actor, cycle, now)
    return cycle


def _not_at_once(db: DbSession, cycle: Cycle, now: datetime) -> None:
    due = due_of(cycle, released_schedule(db, cycle.id))
    if due is not None and due < now + SEEN_BEFORE:
        cycle.retention_until = now + SEEN_BEFORE


def postpone(db: DbSession, actor: Actor, cycle_id: str, now: datetime) -> Cycle:
    """Puts the day off by three months, from the day that it would be or from today.

    Raises:
        NotFound. Clash: ``nothing_to_postpone``: no day is set, or it was done.
    """
    cycle = hold(db, Cycle, cycle_id)
    due = due_of(cycle, released_schedule(db, cycle.id))
    if due is None:
        raise Clash(N_("There is no day to put off."), code="nothing_to_postpone")
    cycle.retention_until = months_after(max(due, now), POSTPONED, cycle.zone)
    db.flush()
    return cycle


def due_now(db: DbSession, now: datetime) -> str | None:
    """The id of a cycle whose time is over. A query, and two for each that has a limit."""
    limited = select(Cycle).where(col(Cycle.retention_months).is_not(None))
    for cycle in db.exec(limited.order_by(col(Cycle.id))).all():
        if _is_due(db, cycle, now):
            return cycle.id
    return None


def _is_due(db: DbSession, cycle: Cycle, now: datetime) -> bool:
    """Whether details are to be erased now. Where that was done already, and the cycle was left
    open, whoever enrolled since has two weeks; then it is done again."""
    end = end_of(released_schedule(db, cycle.id))
    due = due_at(end, cycle.retention_months, cycle.retention_until, cycle.zone)
    if due is None or due > now:
        return False
    if cycle.details_erased_at is None or cycle.details_erased_at < due:
        return True
    late = _with_details(cycle.id).where(col(Enrolment.created_at) <= now - SEEN_BEFORE)
    return db.exec(late.limit(1)).first() is not None


def _with_details(cycle_id: str) -> Any:
    return (
        select(Enrolment.person_id)
        .join(Person, col(Person.id) == col(Enrolment.person_id))
        .where(Enrolment.cycle_id == cycle_id, col(Person.erased_at).is_(None))
        .order_by(col(Enrolment.id))
    )


def erase_piece(db: DbSession, cycle_id: str, now: datetime) -> bool:
    """Does a piece of what is due in a cycle; whether there is more. False, too, where it has been
    put off meanwhile. Raises NotFound."""
    cycle = hold(db, Cycle, cycle_id)
    if not _is_due(db, cycle, now):
        return False
    cycle.details_erased_at = None  # what is left is begun, also if it was done before
    people = db.exec(_with_details(cycle_id).limit(PIECE)).all()
    if people:
        pieces = [erase_in_time(db, person_id, cycle_id, now) for person_id in people]
        files = sorted({name for each in pieces for name in each.files})
        _note(db, cycle_id, {"enrolment": len(people)}, files, now)
        return True
    files_of_mails: set[str] = set()
    mails = select(Message.id).where(Message.cycle_id == cycle_id).order_by(col(Message.id))
    if found := db.exec(mails.limit(_ROWS).with_for_update()).all():
        count = delete_messages(db, files_of_mails, found)
        _note(db, cycle_id, {"message": count}, sorted(files_of_mails), now)
        return True
    if count := _report_rows(db, cycle_id):
        _note(db, cycle_id, {"report_row": count}, [], now)
        return True
    _rest(db, cycle_id, now)
    db.expire_all()
    hold(db, Cycle, cycle_id).details_erased_at = now
    db.flush()
    return False


def _note(
    db: DbSession, cycle_id: str, counts: dict[str, int], files: list[str], now: datetime
) -> None:
    """One row for a piece: it names the files that are to be taken away."""
    db.add(
        Erasure(
            cycle_id=cycle_id, scope=Scope.RETENTION, counts=counts, files=files, created_at=now
        )
    )
    db.flush()


def _report_rows(db: DbSession, cycle_id: str) -> int:
    """Empties rows of reports, some at a time."""
    reports = select(ReportImport.id).where(
        col(ReportImport.session_id).in_(select(Session.id).where(Session.cycle_id == cycle_id))
    )
    query = (
        select(ReportRow)
        .where(
            col(ReportRow.import_id).in_(reports),
            or_(ReportRow.name != "", ReportRow.email != "", ReportRow.note != ""),
        )
        .order_by(col(ReportRow.id))
        .limit(_ROWS)
        .with_for_update()
    )
    rows, names = db.exec(query).all(), dict[tuple[str, str], str]()
    for row in rows:
        empty_row(row, names)
    db.flush()
    return len(rows)


def _rest(db: DbSession, cycle_id: str, now: datetime) -> None:
    """What is a statement each: mails that came in, reports that wait, what people with parts told
    the organizers, where their invitations went, and what the trail says of all that."""
    connection = db.connection()
    guests = select(Guest).where(Guest.cycle_id == cycle_id).order_by(col(Guest.id))
    photos = set()
    for guest in db.exec(guests.with_for_update()).all():
        if guest.photo:
            photos.add(f"file:{guest.photo}")
        guest.biography, guest.photo, guest.aliases, guest.unavailable = "", "", [], []
        guest.reply_code = new_code(16)
    ids = select(Guest.id).where(Guest.cycle_id == cycle_id)
    connection.execute(
        update(Invitation)
        .where(col(Invitation.guest_id).in_(ids))
        .values(address="", comment="", digest="", method="", message_id=None)
    )
    connection.execute(delete(InboundMail).where(col(InboundMail.cycle_id) == cycle_id))
    sessions = select(Session.id).where(Session.cycle_id == cycle_id)
    connection.execute(update(Part).where(col(Part.session_id).in_(sessions)).values(comment=""))
    waiting = select(ReportImport.id, ReportImport.digest).where(
        col(ReportImport.session_id).in_(sessions), ReportImport.status == ReportStatus.PREVIEW
    )
    previews = db.exec(waiting).all()
    gone = [row_id for row_id, _ in previews]
    connection.execute(delete(ReportImport).where(col(ReportImport.id).in_(gone)))
    audit.erase_cycle(db, cycle_id)
    files = sorted(photos | {f"file:{digest}" for _, digest in previews})
    _note(db, cycle_id, {"cycle": 1}, files, now)

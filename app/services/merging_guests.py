"""Two guests of a cycle who are one person: their calendars, their answers, what they gave.

Entries that were sent by two organizers' addresses cannot be made one by mail. The kept guest's
stay; the other's are taken back where they are, by the address that sent them.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import String, cast, update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.answers import holds
from app.domain.documents import from_document
from app.domain.invitations import Entry, Method, taken_back
from app.models import (
    Cycle,
    Guest,
    InboundMail,
    Invitation,
    Material,
    Message,
    PartArrival,
    Person,
    Release,
)
from app.services.issuing import blank_row, issue
from app.services.ledger import Plan, plan
from app.services.outbox import INVITATION_KINDS
from app.services.rows import find
from app.services.schedules import newest_release


def move_guests(db: DbSession, keep: Person, duplicate: Person, at: datetime) -> list[str]:
    """Makes the duplicate's guests the kept person's, before anything else of theirs is moved. The
    cycles must be held. Gives the ids of those in which something was taken back, so that what the
    kept guest lacks there has to be sent."""
    query = (
        select(Guest)
        .where(col(Guest.person_id).in_((keep.id, duplicate.id)))
        .order_by(col(Guest.cycle_id), col(Guest.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    guests = db.exec(query).all()
    kept = {guest.cycle_id: guest for guest in guests if guest.person_id == keep.id}
    address = address_key(keep.email or duplicate.email or "")
    told = []
    for guest in guests:
        stays = kept.get(guest.cycle_id)
        if stays is None:
            guest.person = keep
        elif stays is not guest and _join(db, stays, guest, address, at):
            told.append(guest.cycle_id)
    for message in _reminders(db, duplicate):
        message.context = {**message.context, "person_id": keep.id}
    db.flush()
    return told


def _reminders(db: DbSession, duplicate: Person) -> Collection[Message]:
    return db.exec(
        select(Message).where(
            Message.status == "queued",
            col(Message.kind).in_(("reminder", "follow-up")),
            col(Message.context)["person_id"].as_string() == duplicate.id,
        )
    ).all()


def _join(db: DbSession, stays: Guest, goes: Guest, address: str, at: datetime) -> bool:
    """Gives one guest what the other one has, which then goes; whether entries were taken back.
    `address` is the kept person's from now on, as it is compared."""
    query = (
        select(Invitation)
        .where(col(Invitation.guest_id).in_((stays.id, goes.id)))
        .order_by(col(Invitation.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = db.exec(query).all()
    mine = {row.session_id: row for row in rows if row.guest_id == stays.id}
    theirs = [row for row in rows if row.guest_id == goes.id]
    reply_code, told = stays.reply_code, False
    if any(row.method for row in mine.values()):
        told = _take_back(db, stays, goes, mine, theirs, address, at)
    else:
        # Nobody has ever seen the kept guest's address for replies: the other's goes on.
        reply_code = goes.reply_code
        _take_over(db, stays, mine, theirs)
    for name in ("biography", "photo", "unavailable"):
        setattr(stays, name, getattr(stays, name) or getattr(goes, name))
    stays.aliases = list(dict.fromkeys([*stays.aliases, *goes.aliases]))
    _move_what_refers(db, stays, goes)
    _move_arrivals(db, stays, goes)
    db.delete(goes)
    db.flush()  # before its address for replies moves: two rows must not have it at any time
    stays.reply_code = reply_code
    db.flush()
    return told


def _take_over(
    db: DbSession, stays: Guest, mine: Mapping[str, Invitation], theirs: Collection[Invitation]
) -> None:
    """The ledger of the other one is that of the kept guest, who was never sent anything."""
    for row in theirs:
        blank = mine.get(row.session_id)
        if blank is not None:
            if blank.answer:
                _carry_answer(blank, row)
            db.delete(blank)
    db.flush()
    for row in theirs:
        row.guest_id = stays.id
    db.flush()


def _take_back(
    db: DbSession,
    stays: Guest,
    goes: Guest,
    mine: Mapping[str, Invitation],
    theirs: Collection[Invitation],
    address: str,
    at: datetime,
) -> bool:
    """Cancels what the other guest was told of what is to come, and keeps what it answered."""
    cycle, release = find(db, Cycle, goes.cycle_id), newest_release(db, goes.cycle_id)
    schedule = from_document(release.document) if release else None
    sessions = {s.id: s for s in schedule.sessions} if schedule else {}
    due = [
        taken_back(_entry(row), sessions[row.session_id], at)
        for row in theirs
        if row.method == Method.REQUEST and row.ends_at > at and row.session_id in sessions
    ]
    if due and release and schedule:
        reader = plan(db, cycle, schedule, at, only=[goes.person_id]).readers[goes.id]
        issue(db, cycle, release.number, Plan(tuple(due), {goes.id: reader}), at)
        db.flush()
    cancelled = {each.entry.session_id: each.entry for each in due}
    for row in theirs:
        entry = cancelled.get(row.session_id)
        held = mine.get(row.session_id)
        here = address_key(row.address) == address
        if held is not None:
            if entry is not None and here:
                _overtake(held, entry, address)
            if row.answer and not held.answer:
                _carry_answer(row, held)
            db.delete(row)
        elif entry is not None and here:
            row.method, row.sequence, row.stamp = entry.method, entry.sequence, entry.stamp
            row.guest_id, row.digest = stays.id, ""
        elif entry is not None or (row.method == Method.CANCEL and row.ends_at > at):
            session = sessions.get(row.session_id)
            if session is not None and row.answer:
                blank = blank_row(stays.id, session)
                _carry_answer(row, blank)
                db.add(blank)
            db.delete(row)
        else:
            row.guest_id = stays.id
    db.flush()
    return bool(due)


def _entry(row: Invitation) -> Entry:
    return Entry(
        guest_id=row.guest_id,
        session_id=row.session_id,
        method=Method(row.method),
        sequence=row.sequence,
        stamp=row.stamp,
        digest=row.digest,
        address=row.address,
        starts=row.starts_at,
        ends=row.ends_at,
        time_sequence=row.time_sequence,
        language=row.language,
    )


def _overtake(held: Invitation, entry: Entry, address: str) -> None:
    """What is sent next has to count for more than the cancellation in the same mailbox."""
    if address_key(held.address) == address and held.method:
        held.method, held.digest = Method.CANCEL, ""
    held.sequence = max(held.sequence, entry.sequence)
    held.stamp = max(held.stamp, entry.stamp)


def _carry_answer(of: Invitation, to: Invitation) -> None:
    """An answer counts its SEQUENCE as its guest's ledger does. What matters of it: whether it was
    to the time that the other row says, too."""
    same_time = (of.starts_at, of.ends_at) == (to.starts_at, to.ends_at)
    good = same_time and holds(of.answer_sequence, of.time_sequence)
    sequence = to.time_sequence if good else to.time_sequence - 1
    if sequence < 0:
        return
    to.answer, to.answer_source, to.answered_at = of.answer, of.answer_source, of.answered_at
    to.answer_sequence, to.comment, to.answer_sent_at = sequence, of.comment, of.answer_sent_at


def _move_what_refers(db: DbSession, stays: Guest, goes: Guest) -> None:
    for message in db.exec(select(Message).where(Message.guest_id == goes.id)).all():
        context = dict(message.context)
        if context.get("guest_id") == goes.id:
            context["guest_id"] = stays.id
        if message.kind in INVITATION_KINDS:
            context.setdefault("reply_code", goes.reply_code)
        message.guest_id, message.context = stays.id, context
    for material in db.exec(select(Material).where(Material.given_by == goes.id)).all():
        material.given_by = stays.id
    # By a statement of its own: each of them holds a whole mail.
    mails = update(InboundMail).where(col(InboundMail.guest_id) == goes.id)
    db.connection().execute(mails.values(guest_id=stays.id))
    db.flush()


def _move_arrivals(db: DbSession, stays: Guest, goes: Guest) -> None:
    """When they first went to each session, by whichever page."""
    query = select(PartArrival).where(col(PartArrival.guest_id).in_((stays.id, goes.id)))
    rows = db.exec(query).all()
    mine = {row.session_id: row for row in rows if row.guest_id == stays.id}
    for row in rows:
        if row.guest_id != goes.id:
            continue
        kept = mine.get(row.session_id)
        if kept is None:
            db.add(PartArrival(guest_id=stays.id, session_id=row.session_id, at=row.at))
        else:
            kept.at = min(kept.at, row.at)
        db.delete(row)
    db.flush()


def cycles_that_name(db: DbSession, person_id: str) -> list[str]:
    """The ids of the cycles in whose releases somebody has a part, by now or once."""
    return list(db.exec(select(Release.cycle_id).where(names_person(person_id)).distinct()))


def names_person(person_id: str) -> Any:
    """The condition that a release names somebody, by id."""
    return cast(col(Release.document), String).contains(person_id, autoescape=True)


def rename_in_releases(
    db: DbSession, keep_id: str, duplicate_id: str, parts: Mapping[str, str]
) -> None:
    """Says in what was published who somebody is by now: whom a session concerns is found out by
    that id. Names and all else that is shown stay. `parts`: ids of parts that became others."""
    query = (
        select(Release)
        .where(names_person(duplicate_id))
        .order_by(col(Release.id))
        .with_for_update()
    )
    for release in db.exec(query.execution_options(populate_existing=True)).all():
        sessions = [
            {
                **session,
                "segments": [
                    _renamed(segment, keep_id, duplicate_id, parts)
                    for segment in session["segments"]
                ],
            }
            for session in release.document["sessions"]
        ]
        release.document = {**release.document, "sessions": sessions}
    db.flush()


def _renamed(
    segment: Mapping[str, Any], keep_id: str, duplicate_id: str, ids: Mapping[str, str]
) -> dict[str, Any]:
    held = {part["role"] for part in segment["parts"] if part["person_id"] == keep_id}
    parts = []
    for part in segment["parts"]:
        if part["person_id"] != duplicate_id:
            parts.append(part)
        elif part["role"] not in held:
            parts.append({**part, "id": ids.get(part["id"], part["id"]), "person_id": keep_id})
    return {**segment, "parts": parts}

"""Two entries of the directory that are one: whatever referred to the duplicate refers to the one
that is kept, whose empty fields are filled; then the duplicate goes."""

from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy import update
from sqlalchemy.orm import aliased, selectinload
from sqlmodel import col, select

from app.db import DbSession
from app.domain.enrolment import TAKES_A_PLACE, EnrolmentStatus
from app.domain.errors import N_, Invalid, NotFound
from app.domain.schedule import PartStatus
from app.models import (
    Consent,
    Cycle,
    CycleInstitution,
    Enrolment,
    Evidence,
    Initiative,
    Institution,
    Message,
    Part,
    Person,
    ReportAlias,
    now,
)
from app.services import audit, merging_feedback, merging_guests, merging_reports, places
from app.services.access import refuse_unless_only_ours, refuse_unless_used_by_us
from app.services.actor import Actor
from app.services.certificate_life import keep_one
from app.services.invitations import bring_up_to_date
from app.services.issuing import settle_everywhere
from app.services.rows import (
    find,
    hold,
    hold_enrolments,
    initiative_key,
    institution_key,
    may_be_id,
    person_key,
    renew_enrolment_keys,
)
from app.services.schedules import cycles_of_institutions, hold_cycles

EntryT = TypeVar("EntryT", Person, Institution, Initiative)

_FROM_STRONG_TO_WEAK = (
    EnrolmentStatus.CONFIRMED,
    EnrolmentStatus.PENDING,
    EnrolmentStatus.WAITLISTED,
    EnrolmentStatus.WITHDRAWN,
)


_PARTS_FROM_STRONG_TO_WEAK = (
    PartStatus.CONFIRMED,
    PartStatus.INVITED,
    PartStatus.PLANNED,
    PartStatus.DECLINED,
)


def merge_people(
    db: DbSession, actor: Actor, keep_id: str, duplicate_id: str, *, at: datetime | None = None
) -> Person:
    """Makes two people one; the institution of the one that is kept is loaded.

    Two different addresses: the kept one's stays and of the duplicate's only the trail knows, so
    whoever offers the merge shows both. Position and institution are filled only where the two
    do not contradict each other: a position of one at the institution of the other is nobody's.

    Calendars follow: what the duplicate was told goes on under the kept one, at whose address it is
    told; where both were told, the duplicate's entries are cancelled at its address. Answers go
    with it, where the kept one gave none.

    Both have the same part in a segment: it becomes one, declined only if both were. Both are
    enrolled in a cycle: the older enrolment stays with its links and with the stronger of the two
    states, and gets the evidence, the feedback, the certificates (of two live ones its own stays
    live), the queued mails and what it lacks from the other one, whose links end. A place that
    becomes free goes to the first on the waitlist, as of `at` (now, unless given).

    Raises:
        NotFound: there is nobody to keep.
        Invalid: at ``duplicate_id``: it is the same person, or there is no such person.
    """
    at = at or now()
    refuse_unless_only_ours(db, actor, [keep_id])
    try:
        refuse_unless_only_ours(db, actor, [duplicate_id])
    except NotFound:
        raise _unknown() from None
    _hold_people(db, keep_id, duplicate_id)
    keep, duplicate = _pair(
        db, Person, keep_id, duplicate_id, selectinload(cast(Any, Person.institution))
    )
    # Once more for whatever they came into before they were held; from here on nothing is added.
    _hold_people(db, keep_id, duplicate_id)
    refuse_unless_only_ours(db, actor, [keep_id, duplicate_id])
    _hold_enrolments_of(db, keep_id, duplicate_id)
    taken_back = merging_guests.move_guests(db, keep, duplicate, at)
    parts = _move_parts(db, keep, duplicate)
    merging_guests.rename_in_releases(db, keep.id, duplicate.id, parts)
    _move_enrolments(db, actor, keep, duplicate, at)
    merging_reports.rename_people(db, keep.id, duplicate.id)
    _move_aliases(db, keep, duplicate)
    audit.move(db, duplicate.id, keep.id)
    db.flush()
    db.delete(duplicate)
    db.flush()  # before its address moves: two rows must not have it at any time
    if not keep.email:
        keep.email, keep.email_key = duplicate.email, duplicate.email_key
        keep.bounced_at, keep.bounce = duplicate.bounced_at, duplicate.bounce
    if _agree(keep.position, duplicate.position) and _agree(
        keep.institution_id, duplicate.institution_id
    ):
        keep.position = keep.position or duplicate.position
        keep.institution = keep.institution or duplicate.institution
    _fill(keep, duplicate, "country", "zone", "language")
    keep.search_key = person_key(keep)
    db.flush()
    renew_enrolment_keys(db, col(Enrolment.person_id) == keep.id)
    db.flush()
    for cycle_id in taken_back:  # whoever is told here that it is off is told there that it is on
        bring_up_to_date(db, actor, cycle_id, at, people=[keep.id])
    settle_everywhere(db, keep.id, at)
    return keep


def merge_institutions(db: DbSession, actor: Actor, keep_id: str, duplicate_id: str) -> Institution:
    """Makes two institutions one, for the people who work there and the cycles that they carry.

    Both in the same role in a cycle: the kept one's place in the order stays. The names of
    institutions in agendas are as of the day of the session and are not changed.

    Raises:
        NotFound: there is no institution to keep.
        Invalid: at ``duplicate_id``: it is the same, or there is no such institution.
    """
    refuse_unless_used_by_us(db, actor, Institution, keep_id, duplicate_id)
    _hold_staff(db, keep_id, duplicate_id)
    keep, duplicate = _pair(db, Institution, keep_id, duplicate_id)
    for person in db.exec(select(Person).where(Person.institution_id == duplicate.id)):
        person.institution = keep
    query = select(CycleInstitution).where(
        col(CycleInstitution.institution_id).in_((keep.id, duplicate.id))
    )
    rows = db.exec(query.order_by(col(CycleInstitution.id))).all()
    held = {(row.cycle_id, row.role) for row in rows if row.institution_id == keep.id}
    for row in rows:
        if row.institution_id == keep.id:
            continue
        if (row.cycle_id, row.role) in held:
            db.delete(row)
        else:
            row.institution = keep
    _fill(keep, duplicate, "acronym", "country")
    keep.search_key = institution_key(keep)
    db.flush()
    db.delete(duplicate)
    db.flush()
    return keep


def merge_initiatives(db: DbSession, actor: Actor, keep_id: str, duplicate_id: str) -> Initiative:
    """Makes two initiatives one, for the participants who stand for them.

    Raises:
        NotFound: there is no initiative to keep.
        Invalid: at ``duplicate_id``: it is the same, or there is no such initiative.
    """
    refuse_unless_used_by_us(db, actor, Initiative, keep_id, duplicate_id)
    hold_enrolments(db, keep_id, duplicate_id)
    keep, duplicate = _pair(db, Initiative, keep_id, duplicate_id)
    for enrolment in db.exec(select(Enrolment).where(Enrolment.initiative_id == duplicate.id)):
        enrolment.initiative = keep
    _fill(keep, duplicate, "country", "territory", "sector")
    keep.search_key = initiative_key(keep)
    db.flush()
    renew_enrolment_keys(db, col(Enrolment.initiative_id) == keep.id)
    db.delete(duplicate)
    db.flush()
    return keep


def _hold_people(db: DbSession, keep_id: str, duplicate_id: str) -> None:
    named = merging_guests.cycles_that_name(db, duplicate_id)
    hold_cycles(db, (keep_id, duplicate_id), named)


def _hold_enrolments_of(db: DbSession, *people: str) -> None:
    """Holds what they are enrolled as, so that nothing comes to refer to it any more, before their
    guests are held: as everybody else does who comes to both."""
    query = select(Enrolment.id).where(col(Enrolment.person_id).in_(people))
    db.exec(query.order_by(col(Enrolment.id)).with_for_update()).all()


def _hold_staff(db: DbSession, keep_id: str, duplicate_id: str) -> None:
    """Holds who works at the duplicate, and before them what shows them or the two."""
    of_duplicate = [duplicate_id] if may_be_id(duplicate_id) else []
    staff = select(Person.id).where(col(Person.institution_id).in_(of_duplicate))
    hold_cycles(db, db.exec(staff).all(), cycles_of_institutions(db, (keep_id, duplicate_id)))
    db.exec(staff.order_by(col(Person.id)).with_for_update(key_share=True)).all()


def _pair(
    db: DbSession, model: type[EntryT], keep_id: str, duplicate_id: str, *options: Any
) -> tuple[EntryT, EntryT]:
    """Both rows, held in the order of their ids, so that two who merge the same pair the other
    way round do not wait for each other."""
    if keep_id == duplicate_id:
        raise Invalid.one(
            "duplicate_id", N_("Choose another one: this is the one you keep."), code="same"
        )
    rows: dict[str, EntryT] = {}
    for row_id in sorted((keep_id, duplicate_id)):
        try:
            rows[row_id] = hold(db, model, row_id, *options, for_deletion=True)
        except NotFound:
            if row_id == keep_id:
                raise
    if duplicate_id not in rows:
        raise _unknown()
    return rows[keep_id], rows[duplicate_id]


def _unknown() -> Invalid:
    return Invalid.one(
        "duplicate_id",
        N_("This one is not in the directory any more. It may have been merged already."),
        code="unknown",
    )


def _agree(one: str | None, other: str | None) -> bool:
    return one == other or not one or not other


def _fill(keep: object, duplicate: object, *names: str) -> None:
    for name in names:
        if not getattr(keep, name):
            setattr(keep, name, getattr(duplicate, name))


def _move_parts(db: DbSession, keep: Person, duplicate: Person) -> dict[str, str]:
    """The ids of parts that were had twice, with the ids of those that they became."""
    query = select(Part).where(col(Part.person_id).in_((keep.id, duplicate.id)))
    parts = db.exec(query.order_by(col(Part.id))).all()
    held = {(part.segment_id, part.role): part for part in parts if part.person_id == keep.id}
    became = {}
    for part in parts:
        if part.person_id == keep.id:
            continue
        same = held.get((part.segment_id, part.role))
        if same is None:
            part.person = keep
        else:
            _fill(same, part, "position", "institution")
            strength = _PARTS_FROM_STRONG_TO_WEAK.index
            if strength(PartStatus(part.status)) < strength(PartStatus(same.status)):
                for name in ("status", "asked_at", "answered_at", "answered_start", "comment"):
                    setattr(same, name, getattr(part, name))
            became[part.id] = same.id
            db.delete(part)
    db.flush()
    return became


def _move_aliases(db: DbSession, keep: Person, duplicate: Person) -> None:
    """What the two are called in reports: what both are called in a cycle stays once."""
    of_keep = aliased(ReportAlias)
    same = (
        col(of_keep.person_id) == keep.id,
        col(of_keep.key) == ReportAlias.key,
        col(of_keep.cycle_id) == ReportAlias.cycle_id,
    )
    both = select(of_keep.id).where(*same).correlate(ReportAlias).exists()
    moving = col(ReportAlias.person_id) == duplicate.id, ~both
    db.connection().execute(update(ReportAlias).where(*moving).values(person_id=keep.id))


def _move_enrolments(
    db: DbSession, actor: Actor, keep: Person, duplicate: Person, at: datetime
) -> None:
    query = select(Enrolment).where(col(Enrolment.person_id).in_((keep.id, duplicate.id)))
    rows = db.exec(query.order_by(col(Enrolment.created_at), col(Enrolment.id))).all()
    older: dict[str, Enrolment] = {}
    freed: list[str] = []
    for row in rows:
        first = older.setdefault(row.cycle_id, row)
        if first is row:
            continue
        if {first.status, row.status} <= TAKES_A_PLACE:
            freed.append(row.cycle_id)
        _join(db, actor, first, row, at)
    for enrolment in older.values():
        enrolment.person = keep
    db.flush()
    for cycle_id in sorted(freed):
        places.promote_waitlist(db, find(db, Cycle, cycle_id), at)


def _join(db: DbSession, actor: Actor, stays: Enrolment, goes: Enrolment, at: datetime) -> None:
    """Gives one enrolment what the other one has, which then goes."""
    merging_feedback.move_feedback(db, stays, goes)
    strength = _FROM_STRONG_TO_WEAK.index
    if strength(EnrolmentStatus(goes.status)) < strength(EnrolmentStatus(stays.status)):
        stays.status, stays.status_at = goes.status, goes.status_at
    if stays.consent_at is None:
        stays.consent_at, stays.consent_version = goes.consent_at, goes.consent_version
        stays.consent_language = goes.consent_language
    _fill(stays, goes, "country", "institution", "initiative_id", "gender")
    for fact in db.exec(select(Evidence).where(Evidence.enrolment_id == goes.id)):
        fact.enrolment_id = stays.id
    for consent in db.exec(select(Consent).where(Consent.enrolment_id == goes.id)):
        consent.enrolment_id = stays.id
    merging_reports.move_rows(db, stays, goes)
    keep_one(db, actor, stays.id, goes.id, at)
    queued = select(Message).where(
        Message.cycle_id == goes.cycle_id,
        Message.status == "queued",
        col(Message.context)["enrolment_id"].as_string() == goes.id,
    )
    for message in db.exec(queued):
        message.context = {**message.context, "enrolment_id": stays.id}
    db.flush()  # the database takes the evidence along with an enrolment that is deleted
    db.delete(goes)
    db.flush()  # before the other one gets its person: one enrolment a person and cycle

"""What is known of one participant at one session, and the organizer's word on it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, select

from app.db import DbSession
from app.domain import attendance as domain
from app.domain.attendance import Kind, Record, Status
from app.domain.attendance_dates import of_another_date
from app.domain.errors import N_, Clash, Invalid, NotFound
from app.domain.ids import new_id
from app.models import Enrolment, Evidence, Session
from app.schemas.enrolment import MarkIn, RetractIn
from app.services import evidence as stored
from app.services.actor import Actor
from app.services.check_in import window_of
from app.services.evidence import add_once
from app.services.measures import Measure, measure_of
from app.services.places import loads
from app.services.rows import find
from app.services.told import Told, refuse_what_takes_no_place


@dataclass(frozen=True, slots=True)
class AttendanceRow:
    """One enrolment (with person and initiative) and what the evidence about it amounts to."""

    enrolment: Enrolment
    record: Record


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of one enrolment at one session, the latest evidence first."""

    session: Session
    enrolment: Enrolment
    measure: Measure
    record: Record
    evidence: list[domain.Evidence]
    retracted: frozenset[str]
    of_another_date: frozenset[str]  # that the session was moved from; it does not count either
    pieces: list[tuple[datetime, datetime]]  # of time that count, by reports
    mark: domain.Evidence | None  # the organizer's mark that counts


def case(db: DbSession, actor: Actor, session_id: str, enrolment_id: str) -> Case:
    """One enrolment at one session with its evidence, for the page where it is marked.

    Raises:
        NotFound: no such session, or no such enrolment in its cycle.
    """
    session = find(db, Session, session_id)
    enrolment = find(db, Enrolment, enrolment_id, *loads())
    if enrolment.cycle_id != session.cycle_id:
        raise NotFound
    evidence = stored.of_session(db, session.id, [enrolment.id]).get(enrolment.id, [])
    counts = {each.id for each in domain.standing(evidence)}
    measure = measure_of(db, session)
    record = measure.record(evidence)
    return Case(
        session=session,
        enrolment=enrolment,
        measure=measure,
        record=record,
        evidence=evidence[::-1],
        retracted=frozenset(each.id for each in evidence if each.id not in counts),
        of_another_date=frozenset(
            each.id for each in evidence if of_another_date(each, measure.since)
        ),
        pieces=domain.pieces(evidence, measure.time),
        mark=_mark_that_counts(record, evidence),
    )


def mark(
    db: DbSession, actor: Actor, session_id: str, command: MarkIn, now: datetime
) -> AttendanceRow:
    """An organizer's word on somebody's attendance, with the reason; it counts before all else.
    The same word again while it counts adds nothing. Somebody can be excused beforehand; nobody
    was there before check-in opens, and nobody is absent before the session starts.

    Raises:
        NotFound: no such session.
        Clash: ``session_not_published``; ``session_cancelled``; ``session_not_begun`` (parameter
            ``opens``, an aware UTC instant; of absence ``starts`` instead).
        Invalid: at ``enrolment_id``, if it is not in the session's cycle; at ``status``, for
            "unknown": that is what taking a mark back says.
    """
    if command.status is Status.UNKNOWN:
        raise Invalid.one(
            "status",
            N_("Say what it was. To leave it open, take the mark back."),
            code="unknown_is_no_mark",
        )
    session, enrolment, evidence = _held(db, session_id, command.enrolment_id)
    measure = measure_of(db, session)
    refuse_what_takes_no_place(measure.told)
    if command.status in domain.ATTENDED and now < marked_from(measure.told):
        raise Clash(
            N_(
                "Check-in of this session is not open yet, so nobody has been there. "
                "Until then somebody can be excused."
            ),
            code="session_not_begun",
            opens=marked_from(measure.told),
        )
    if command.status is Status.ABSENT and now < measure.time.starts:
        raise Clash(
            N_(
                "This session has not begun, so nobody is absent. "
                "Until then somebody can be excused."
            ),
            code="session_not_begun",
            starts=measure.time.starts,
        )
    counts = _mark_that_counts(measure.record(evidence), evidence)
    if counts is None or (counts.status, counts.reason) != (command.status, command.reason):
        row_id = new_id()
        add_once(
            db,
            Evidence(
                id=row_id,
                enrolment_id=enrolment.id,
                session_id=session.id,
                kind=Kind.MARK,
                at=_after(evidence, now),
                source=_source(actor),
                recorded_by=actor.name,
                status=command.status,
                reason=command.reason,
                key=f"mark:{row_id}",
            ),
        )
    return _row(db, session, enrolment)


def marked_from(session: Told) -> datetime:
    """From when somebody can be marked as having been there: check-in is open, or it has begun."""
    return min(window_of(session)[0], session.starts)


def retract(
    db: DbSession, actor: Actor, session_id: str, command: RetractIn, now: datetime
) -> AttendanceRow:
    """Takes back a piece of evidence, with the reason; without one named, the organizer's mark that
    counts. What was observed besides (or marked before) counts again. A retraction can be taken
    back itself.

    Raises:
        NotFound: no such session.
        Invalid: at ``enrolment_id``, if it is not in the session's cycle; at ``evidence_id``, if it
            is not of this enrolment at this session.
        Clash: ``nothing_to_retract``: there is no mark, or that piece does not count any more.
    """
    session, enrolment, evidence = _held(db, session_id, command.enrolment_id)
    if command.evidence_id is None:
        counts = _mark_that_counts(measure_of(db, session).record(evidence), evidence)
        if counts is None:
            raise Clash(N_("There is no mark to take back."), code="nothing_to_retract")
    else:
        counts = _piece(evidence, command.evidence_id)
    before = sum(each.retracts == counts.id for each in evidence)
    add_once(
        db,
        Evidence(
            enrolment_id=enrolment.id,
            session_id=session.id,
            kind=Kind.RETRACTION,
            at=_after(evidence, now),
            source=_source(actor),
            recorded_by=actor.name,
            reason=command.reason,
            retracts_id=counts.id,
            key=stored.retraction_key(counts.id, before),
        ),
    )
    return _row(db, session, enrolment)


def _piece(evidence: list[domain.Evidence], evidence_id: str) -> domain.Evidence:
    if all(each.id != evidence_id for each in evidence):
        raise Invalid.one(
            "evidence_id",
            N_("This is not known of this participant at this session."),
            code="unknown_evidence",
        )
    for each in domain.standing(evidence):
        if each.id == evidence_id:
            return each
    raise Clash(N_("This does not count any more."), code="nothing_to_retract")


def _held(
    db: DbSession, session_id: str, enrolment_id: str
) -> tuple[Session, Enrolment, list[domain.Evidence]]:
    """Session, enrolment and evidence, with the enrolment held: two marks come one after the
    other, and each sees the one before."""
    session = find(db, Session, session_id)
    query = (
        select(Enrolment)
        .where(
            col(Enrolment.id) == enrolment_id.replace("\0", ""),
            col(Enrolment.cycle_id) == session.cycle_id,
        )
        .options(*loads())
        .with_for_update(of=Enrolment, key_share=True)
        .execution_options(populate_existing=True)
    )
    enrolment = db.exec(query).one_or_none()
    if enrolment is None:
        raise Invalid.one(
            "enrolment_id",
            N_("This participant is not in the session's cycle."),
            code="unknown_enrolment",
        )
    evidence = stored.of_session(db, session.id, [enrolment.id]).get(enrolment.id, [])
    return session, enrolment, evidence


def _row(db: DbSession, session: Session, enrolment: Enrolment) -> AttendanceRow:
    evidence = stored.of_session(db, session.id, [enrolment.id]).get(enrolment.id, [])
    return AttendanceRow(enrolment, measure_of(db, session).record(evidence))


def _mark_that_counts(record: Record, evidence: list[domain.Evidence]) -> domain.Evidence | None:
    if record.basis is not domain.Basis.MARK:
        return None
    return next(each for each in evidence if each.id == record.evidence_id)


def _after(evidence: list[domain.Evidence], now: datetime) -> datetime:
    """Now, but after every word that was said before: a clock that was set back, or that stood
    still, must not make the newest mark lose."""
    said = [e.at for e in evidence if e.kind in (Kind.MARK, Kind.RETRACTION)]
    return max([now, *(at + timedelta(microseconds=1) for at in said)])


def _source(actor: Actor) -> str:
    return "api" if actor.token_id else "organizer"

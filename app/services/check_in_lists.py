"""Check-ins as other programs see and bring them: by the session's and the enrolment's id."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import aliased
from sqlmodel import and_, col, select

from app.db import DbSession
from app.domain.attendance import Kind
from app.domain.errors import N_, Clash, Invalid, NotFound
from app.domain.retractions import retracted
from app.domain.schedule import SessionStatus
from app.models import Enrolment, Evidence, Session
from app.services.actor import Actor
from app.services.check_in import check_in_to, dated_since
from app.services.paging import paginate
from app.services.rows import find
from app.services.told import told_of


@dataclass(frozen=True, slots=True)
class CheckInRow:
    """A check-in. `already`: it had been done before. `at`: an aware UTC instant. `retracted`: it
    does not count any more. `of_another_date`: it was for one that the session was moved from."""

    enrolment: Enrolment
    session_id: str
    at: datetime
    source: str
    already: bool = False
    retracted: bool = False
    of_another_date: bool = False


def record_check_in(
    db: DbSession, actor: Actor, session_id: str, enrolment_id: str, now: datetime
) -> CheckInRow:
    """Another program saw somebody check in. The rules are those of `check_in.check_in`; twice is
    once, and the first one's time and source stand.

    Raises:
        NotFound: no such session, or it is a draft.
        Invalid: at ``enrolment_id``, if it is not in the session's cycle.
        Clash: as for `check_in.check_in`.
    """
    session = find(db, Session, session_id)
    told = told_of(db, session)
    if told.status == SessionStatus.DRAFT:
        raise NotFound
    query = select(Enrolment).where(
        col(Enrolment.id) == enrolment_id.replace("\0", ""),
        col(Enrolment.cycle_id) == session.cycle_id,
    )
    enrolment = db.exec(query).one_or_none()
    if enrolment is None:
        raise Invalid.one(
            "enrolment_id",
            N_("This participant is not in the session's cycle."),
            code="unknown_enrolment",
        )
    try:
        done = check_in_to(db, enrolment, told, now, "api")
    except Clash as error:
        if error.code != "check_in_taken_back":
            raise
        # The sentence for who checks in themselves would tell a program of its own check-in.
        sentence = N_("The organizers took back the check-in of this participant.")
        raise Clash(sentence, code=error.code, **error.params) from None
    source = _sources(db, session.id, [enrolment.id])[enrolment.id] if done.already else "api"
    return CheckInRow(enrolment, session.id, done.at, source, done.already)


def list_check_ins(
    db: DbSession, actor: Actor, session_id: str, after: str | None = None, limit: int = 50
) -> tuple[list[CheckInRow], str | None]:
    """The check-ins of a session in the order in which they came, also those that were taken back,
    and the cursor after them. Four queries.

    Raises:
        NotFound: no such session. Invalid: at ``after``.
    """
    since = dated_since(told_of(db, find(db, Session, session_id)))
    statement = select(Evidence).where(
        col(Evidence.session_id) == session_id, col(Evidence.kind) == Kind.CHECK_IN
    )
    rows, cursor = paginate(db, statement, [Evidence.at, Evidence.id], after, limit)
    ids = [row.enrolment_id for row in rows]
    enrolments, gone = _whose(db, session_id, ids)
    return [
        CheckInRow(
            enrolments[row.enrolment_id],
            session_id,
            row.at,
            row.source,
            retracted=row.id in gone,
            of_another_date=row.at < since,
        )
        for row in rows
    ], cursor


def _whose(
    db: DbSession, session_id: str, enrolment_ids: list[str]
) -> tuple[dict[str, Enrolment], set[str]]:
    """Enrolments by id, and what does not count any more of theirs. One query."""
    taken_back = aliased(Evidence)
    query = (
        select(Enrolment, taken_back.at, taken_back.id, taken_back.retracts_id)
        .join(
            taken_back,
            and_(
                col(taken_back.enrolment_id) == col(Enrolment.id),
                col(taken_back.session_id) == session_id,
                col(taken_back.kind) == Kind.RETRACTION,
            ),
            isouter=True,
        )
        .where(col(Enrolment.id).in_(enrolment_ids))
    )
    enrolments: dict[str, Enrolment] = {}
    retractions = []
    for enrolment, at, own, target in db.exec(query):
        enrolments[enrolment.id] = enrolment
        if target is not None:
            retractions.append((at, own, target))
    return enrolments, retracted(retractions)


def _sources(db: DbSession, session_id: str, enrolment_ids: list[str]) -> dict[str, str]:
    """Where they checked in; of several dates the last."""
    query = select(Evidence.enrolment_id, Evidence.source).where(
        col(Evidence.session_id) == session_id,
        col(Evidence.enrolment_id).in_(enrolment_ids),
        col(Evidence.kind) == Kind.CHECK_IN,
    )
    query = query.order_by(col(Evidence.at))
    return {row[0]: row[1] for row in db.exec(query)}

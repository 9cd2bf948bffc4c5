"""Whom rows of reports refer to, held before any of the rows is written.

Whoever makes two people one holds them, then what they are enrolled as, and gives the rows their
other name after that. So here they come in the same order.
"""

from collections.abc import Collection, Iterable

from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import Busy
from app.models import Enrolment, Person, ReportImport, ReportRow, Session
from app.services.rows import may_be_id


def hold_matched(
    db: DbSession, matched: Iterable[str | None], beside: Iterable[str | None] = ()
) -> None:
    """Holds those whom rows that were read are matched to, and others `beside`. One query at most.

    Raises Busy where one of the first is not there any more: the file is to be read again.
    """
    needed = {*matched} - {None}
    asked = needed | ({*beside} - {None})
    if asked and not needed <= _hold(db, Enrolment, asked):
        raise Busy


def hold_people(
    db: DbSession, report: ReportImport, chosen: Collection[str], rows: Collection[str]
) -> dict[str, str]:
    """The persons of the enrolments `chosen` that are in the cycle of the report's session; they
    are held, then these, and those to whom the names of the `rows` (by id) were matched so far.

    Four queries, as a rule.
    """
    ids = [each for each in chosen if may_be_id(each)]
    query = select(Enrolment.id, Enrolment.person_id).where(
        col(Enrolment.id).in_(ids),
        col(Enrolment.cycle_id).in_(
            select(Session.cycle_id).where(Session.id == report.session_id)
        ),
    )
    mine = col(ReportRow.import_id) == report.id
    names = select(ReportRow.who).where(mine, col(ReportRow.id).in_(rows))
    so_far = select(ReportRow.enrolment_id).where(
        mine, col(ReportRow.who).in_(names), col(ReportRow.enrolment_id).is_not(None)
    )
    # An enrolment may become another person's until it is held.
    while True:
        persons = {each[1] for each in db.exec(query)}
        _hold(db, Person, persons)
        _hold(db, Enrolment, {*ids, *db.exec(so_far.distinct())})
        found = {each[0]: each[1] for each in db.exec(query)}
        if persons >= {*found.values()}:
            return found


def _hold(
    db: DbSession, model: type[Person] | type[Enrolment], ids: Iterable[str | None]
) -> set[str]:
    """Those that are there. As much as referring to them does: they stay, and may change."""
    query = select(model.id).where(col(model.id).in_(ids)).order_by(col(model.id))
    return set(db.exec(query.with_for_update(read=True, key_share=True)).all())

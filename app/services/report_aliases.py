"""What people are called in reports, as organizers confirm it."""

from collections.abc import Iterable, Mapping

from sqlalchemy import delete
from sqlmodel import col, select

from app.db import DbSession, insert_unless_there
from app.domain.matching import Match, alias_keys, name_key
from app.models import Enrolment, ReportAlias, ReportRow
from app.schemas.report import DecisionIn
from app.services.access import kin_of
from app.services.actor import Actor

# Names of things, by which the next one to have such a thing would be taken for this one.
_THINGS = frozenset(
    (
        *("android", "galaxy", "huawei", "ipad", "iphone", "lenovo", "motorola", "moto", "redmi"),
        *("samsung", "xiaomi", "desktop", "laptop", "macbook", "notebook", "phone", "tablet"),
        *("guest", "invitado", "convidado", "user", "usuario", "meeting", "sala", "zoom"),
    )
)


def remember(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    decided: Iterable[tuple[ReportRow, DecisionIn]],
    people: Mapping[str, str],
) -> None:
    """Remembers names (or better addresses) for the cycle, and forgets that they were somebody
    else's there and in the cycles of the same owners, as far as `report_candidates` looks. `people`
    are the persons of the enrolments that were chosen. Before the rows are read anew: it looks at
    whose they were."""
    aliases = []
    kin = kin_of(db, cycle_id, mutual=True)
    for row, decision in decided:
        keys = _worth_remembering(row)
        by_hand = row.matched_by in (Match.ALIAS, Match.HAND)
        if keys and by_hand and row.enrolment_id != decision.enrolment_id:
            wrong = select(Enrolment.person_id).where(Enrolment.id == row.enrolment_id)
            theirs = col(ReportAlias.key).in_(keys), col(ReportAlias.person_id).in_(wrong)
            here = col(ReportAlias.cycle_id).in_(kin)
            db.connection().execute(delete(ReportAlias).where(*theirs, here))
        person_id = people.get(decision.enrolment_id or "")
        if person_id is not None and decision.remember:
            aliases += [
                ReportAlias(
                    cycle_id=cycle_id, person_id=person_id, key=key, recorded_by=actor.name
                ).model_dump()
                for key in keys
            ]
    if aliases:
        statement = insert_unless_there(db, ReportAlias, ["key", "person_id", "cycle_id"])
        db.connection().execute(statement, aliases)


def _worth_remembering(row: ReportRow) -> tuple[str, ...]:
    """The address, if there is one; else the name, if nobody else goes by it: half a name, or that
    of a telephone, is anybody's."""
    keys = alias_keys(row.name, row.email)
    if row.email:
        return keys[:1]
    words = name_key(row.name).split()
    return keys if len(words) > 1 and _THINGS.isdisjoint(words) else ()

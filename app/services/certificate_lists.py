"""Lists of certificates, each with how it stands today."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.certificates import Change, State, state
from app.domain.completion import Held
from app.models import Certificate, Cycle, Enrolment
from app.services.actor import Actor
from app.services.certificate_drafts import changes_since, drafting
from app.services.certificate_life import certificate_of_code
from app.services.completion import Far, against, far_of
from app.services.enrolment_lists import named
from app.services.paging import Numbers, numbered, paginate
from app.services.rows import find, found_by

MANY = 2_000


@dataclass(frozen=True, slots=True)
class Standing:
    """A certificate, and what it would say otherwise if it were issued today."""

    row: Certificate
    changed: tuple[Change, ...] = ()

    @property
    def state(self) -> State:
        """How it stands today."""
        return state(
            revoked=self.row.status == State.REVOKED,
            superseded=self.row.status == State.SUPERSEDED,
            changed=self.changed,
        )


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """A numbered page of a cycle's certificates. `counts` is of the whole cycle, `numbers` of what
    search and filter leave."""

    rows: list[Standing]
    counts: Mapping[State, int]
    numbers: Numbers
    whole: bool  # all were looked through for changes, not only those of the page


@dataclass(frozen=True, slots=True)
class Whole:
    """A certificate with all behind it: the records of today of the sessions that count, and the
    certificates of the same enrolment, the first first."""

    standing: Standing
    cycle: Cycle
    enrolment: Enrolment
    held: Sequence[Held]
    far: Far | None
    history: list[Certificate]


def standings(
    db: DbSession, cycle_id: str, rows: Sequence[Certificate], now: datetime
) -> list[Standing]:
    """How these certificates of one cycle stand. Nine queries, and more for more versions of the
    rule and for every thousand."""
    if not rows:
        return []
    plan = drafting(db, against(db, cycle_id, now))
    changed = changes_since(db, plan, rows, now)
    return [Standing(row, changed.get(row.id, ())) for row in rows]


def all_of_cycle(
    db: DbSession, actor: Actor, cycle_id: str, now: datetime, query: str = "", of: str = ""
) -> list[Standing]:
    """The certificates of a cycle by name, searched, and filtered by a `State`. Raises NotFound."""
    find(db, Cycle, cycle_id)
    statement = select(Certificate).where(
        Certificate.cycle_id == cycle_id, *found_by(query, Certificate.search_key)
    )
    by_name = col(Certificate.search_key), col(Certificate.id)
    found = standings(db, cycle_id, db.exec(statement.order_by(*by_name)).all(), now)
    return [each for each in found if not of or each.state == of]


def certificate_page(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    now: datetime,
    query: str = "",
    of: str = "",
    number: int = 1,
    limit: int = 100,
) -> CertificatePage:
    """A page of them. What has changed is found out for all, since it is what to look at first; of
    more than `MANY`, where that takes seconds, only where the changed ones are asked for.

    Raises NotFound.
    """
    find(db, Cycle, cycle_id)
    mine = col(Certificate.cycle_id) == cycle_id
    by_status = select(Certificate.status, func.count()).where(mine)
    found = dict(db.exec(by_status.group_by(Certificate.status)).all())
    whole = sum(found.values()) <= MANY or of == State.FLAGGED
    words = found_by(query, Certificate.search_key)
    statement = select(Certificate).where(mine)
    statement = statement.order_by(col(Certificate.search_key), col(Certificate.id))
    if whole:
        everything = standings(db, cycle_id, db.exec(statement).all(), now)
        counts = Counter(each.state for each in everything)
        among = set(db.exec(select(Certificate.id).where(mine, *words)).all()) if words else None
        left = [
            each
            for each in everything
            if (among is None or each.row.id in among) and (not of or each.state == of)
        ]
        total = len(left)
    else:
        counts = Counter({State(status): count for status, count in found.items()})
        chosen = [*words, *([col(Certificate.status) == of] if of else [])]
        statement = statement.where(*chosen)
        asked = select(func.count()).select_from(Certificate).where(mine, *chosen)
        total = db.exec(asked).one()
    numbers = numbered(total, number, limit)
    if whole:
        here = list(numbers.of(left))
    else:
        listed = db.exec(statement.offset(numbers.begin).limit(limit)).all()
        here = standings(db, cycle_id, listed, now)
    return CertificatePage(
        rows=here,
        counts={each: counts[each] for each in State},
        numbers=numbers,
        whole=whole,
    )


def certificates_after(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    now: datetime,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Standing], str | None]:
    """A stretch of a cycle's certificates in the order of their issue, and the cursor after it.

    Raises:
        NotFound: no such cycle. Invalid: at ``after``.
    """
    find(db, Cycle, cycle_id)
    statement = select(Certificate).where(Certificate.cycle_id == cycle_id)
    order = [col(Certificate.issued_at), col(Certificate.id)]
    rows, cursor = paginate(db, statement, order, after, limit)
    return standings(db, cycle_id, rows, now), cursor


def standing_of(db: DbSession, actor: Actor, code: str, now: datetime) -> Standing:
    """One certificate. Raises NotFound."""
    row = certificate_of_code(db, code)
    return standings(db, row.cycle_id, [row], now)[0]


def whole(db: DbSession, actor: Actor, code: str, now: datetime) -> Whole:
    """One certificate with all behind it. Raises NotFound."""
    standing = standing_of(db, actor, code, now)
    row = standing.row
    known = against(db, row.cycle_id, now)
    history = select(Certificate).where(Certificate.enrolment_id == row.enrolment_id)
    return Whole(
        standing=standing,
        cycle=known.cycle,
        enrolment=named(db, [row.enrolment_id])[0],
        held=known.held,
        far=next(iter(far_of(db, known, [row.enrolment_id])), None),
        history=list(db.exec(history.order_by(col(Certificate.id))).all()),
    )


def codes_of(db: DbSession, rows: Sequence[Certificate]) -> dict[str, str]:
    """The codes of those that these were superseded by, by id. One query."""
    ids = [row.superseded_by_id for row in rows if row.superseded_by_id]
    if not ids:
        return {}
    query = select(Certificate.id, Certificate.code).where(col(Certificate.id).in_(ids))
    return dict(db.exec(query).all())

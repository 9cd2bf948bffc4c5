"""Issuing certificates to all who have completed a cycle, piece by piece, by the worker.

A run goes through the enrolments that have a place, by their ids, some at a time. A piece and how
far the run has got are one transaction, so a worker that is killed leaves whole pieces, and the
next one goes on behind them when the lease has run out: nobody is left out and nobody gets two.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, func, or_, select

from app.db import DbSession
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_, Clash
from app.models import Cycle, Enrolment, IssueRun
from app.services.actor import AccountStanding, Actor
from app.services.certificate_drafts import NotEligible, drafting
from app.services.certificate_issuing import standing, write
from app.services.certificate_texts import cannot_bear, unset
from app.services.completion import against, far_of
from app.services.places import loads
from app.services.rows import find, hold

PIECE = 100
"""Enrolments that are looked at in one transaction: on SQLite nobody else writes meanwhile."""

LEASE = timedelta(minutes=1)
_FAR = LEASE + timedelta(minutes=1)
_MOST_FAILURES = 5
_AGAIN = timedelta(seconds=30)

NO_RULE = "no_rule"
UNPRINTABLE = "unprintable"
"""Why a run stopped half-way though nothing failed: in `IssueRun.last_error`."""


def begin(db: DbSession, actor: Actor, cycle_id: str, now: datetime) -> IssueRun:
    """Begins to issue certificates to all who have completed a cycle. While one run is under way
    there is no other: then that one is given back.

    Raises:
        NotFound: no such cycle.
        NotEligible: the cycle has no completion rule, or is not published.
        Clash: ``nobody``: nobody has a place.
    """
    cycle = hold(db, Cycle, cycle_id)
    running = under_way(db, cycle.id)
    if running is not None:
        return running
    if drafting(db, against(db, cycle.id, now)) is None:
        raise NotEligible(None)
    total = db.exec(
        select(func.count()).select_from(Enrolment).where(*_who(cycle.id, after=""))
    ).one()
    if not total:
        raise Clash(N_("Nobody has a place in this cycle."), code="nobody")
    run = IssueRun(cycle_id=cycle.id, created_at=now, recorded_by=actor.name, total=total)
    db.add(run)
    db.flush()
    return run


def under_way(db: DbSession, cycle_id: str) -> IssueRun | None:
    """The run of a cycle that is not finished. One query."""
    query = select(IssueRun).where(
        IssueRun.cycle_id == cycle_id, col(IssueRun.finished_at).is_(None)
    )
    return db.exec(query).one_or_none()


def last_run(db: DbSession, cycle_id: str) -> IssueRun | None:
    """The run of a cycle that was begun last. One query."""
    query = select(IssueRun).where(IssueRun.cycle_id == cycle_id)
    return db.exec(query.order_by(col(IssueRun.id).desc()).limit(1)).first()


def get_run(db: DbSession, actor: Actor, run_id: str) -> IssueRun:
    """A run. Raises NotFound."""
    return find(db, IssueRun, run_id)


def waiting(db: DbSession, now: datetime) -> bool:
    """Whether a run waits to be gone on with. One query."""
    return db.exec(_free(now).limit(1)).first() is not None


def take(db: DbSession, worker: str, now: datetime) -> str | None:
    """Takes the run that has waited longest, for as long as `LEASE`; its id."""
    query = _free(now).order_by(col(IssueRun.id)).limit(1)
    run_id = db.exec(query.with_for_update(skip_locked=True)).first()
    if run_id is None:
        return None
    run = find(db, IssueRun, run_id)
    run.leased_by, run.leased_until = worker, now + LEASE
    db.flush()
    return run.id


def go_on(db: DbSession, worker: str, run_id: str, now: datetime) -> bool:
    """Does a piece of a run that this worker has taken; whether there is more. Not, too, where it
    is another worker's by now. Where nobody can complete the cycle any more it ends, and says so
    (`NO_RULE`); so it does before the first certificate with a text, other than a name, that no
    typeface has (`UNPRINTABLE`)."""
    cycle = hold(db, Cycle, find(db, IssueRun, run_id).cycle_id)
    run = _mine(db, worker, run_id)
    if run is None:
        return False
    query = select(Enrolment).where(*_who(cycle.id, run.after)).options(*loads())
    people = db.exec(query.order_by(col(Enrolment.id)).limit(PIECE)).all()
    plan = drafting(db, against(db, cycle.id, now)) if people else None
    if plan is None:
        return _ended(db, run, NO_RULE if people else "", now)
    ids = [each.id for each in people]
    live, revoked = standing(db, cycle.id, ids)
    rest = {row.id: row for row in people if row.id not in live and row.id not in revoked}
    ready = [
        (rest[far.enrolment_id], far)
        for far in far_of(db, plan.known, list(rest))
        if far.outcome.completed and not cannot_bear(rest[far.enrolment_id].name)
    ]
    if unset(db, plan, {row.language for row, _ in ready}):
        return _ended(db, run, UNPRINTABLE, now)
    actor = Actor(id="", name=run.recorded_by, standing=AccountStanding.ADMINISTRATOR)
    if ready:
        write(db, actor, plan, ready, now)
    run.after = ids[-1]
    run.looked_at += len(ids)
    run.already += len(live)
    run.issued += len(ready)
    run.left_out += len(ids) - len(live) - len(ready)
    run.failures, run.last_error = 0, ""
    run.leased_until = now + LEASE
    db.flush()
    return True


def _ended(db: DbSession, run: IssueRun, why: str, now: datetime) -> bool:
    run.finished_at, run.leased_by, run.leased_until = now, "", None
    if why:
        run.last_error = why
    db.flush()
    return False


def release(db: DbSession, worker: str, run_id: str) -> None:
    """Lets go of a run, for whoever has time; of another worker's nothing changes."""
    run = _mine(db, worker, run_id)
    if run is not None:
        run.leased_by, run.leased_until = "", None
        db.flush()


def failed(db: DbSession, worker: str, run_id: str, why: str, now: datetime) -> None:
    """Notes that a piece could not be done. It is tried again in half a minute, some times. Of
    another worker's run nothing changes."""
    run = _mine(db, worker, run_id)
    if run is None:
        return
    run.failures += 1
    run.last_error = why[:200]
    run.leased_by, run.leased_until = "", now + _AGAIN
    if run.failures >= _MOST_FAILURES:
        run.finished_at, run.leased_until = now, None
    db.flush()


def _mine(db: DbSession, worker: str, run_id: str) -> IssueRun | None:
    """The run, read anew and held, if this worker has it and it is not finished. While it is held
    nobody takes it, even if the lease runs out meanwhile."""
    query = (
        select(IssueRun)
        .where(
            IssueRun.id == run_id,
            IssueRun.leased_by == worker,
            col(IssueRun.finished_at).is_(None),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return db.exec(query).one_or_none()


def _who(cycle_id: str, after: str) -> tuple[Any, ...]:
    return (
        col(Enrolment.cycle_id) == cycle_id,
        col(Enrolment.status) == EnrolmentStatus.CONFIRMED,
        col(Enrolment.id) > after,
    )


def _free(now: datetime) -> Any:
    """Runs that are nobody's: a lease that ends too far away was written by a wrong clock."""
    until = col(IssueRun.leased_until)
    return select(IssueRun.id).where(
        col(IssueRun.finished_at).is_(None),
        or_(until.is_(None), until <= now, until > now + _FAR),
    )

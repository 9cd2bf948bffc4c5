"""The versions of a cycle's completion rule: what was asked for, since when, and by whom.

A certificate names the version that it was given under, so none ever changes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.completion import Rule, from_document, to_document
from app.domain.errors import N_, FieldError, Invalid, Stale
from app.models import Cycle, CycleRule, Session
from app.schemas.completion import CompletionRule
from app.services.actor import Actor
from app.services.rows import find, hold


def check_rule(
    db: DbSession,
    cycle_id: str,
    rule: Mapping[str, Any] | None,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Raises Invalid where a rule cannot be met in the cycle: at ``completion_rule.min_sessions``,
    code ``rule_impossible``, more sessions are asked for than are counted; at
    ``completion_rule.mandatory.N``, code ``unknown_session``. One query where sessions are named
    and it is not the rule that the cycle had `before`: what was right once keeps nobody from
    changing anything else.
    """
    if not rule:
        return
    if rule["min_sessions"] > rule["of"]:
        raise Invalid.one(
            "completion_rule.min_sessions",
            N_("At most %(of)s sessions can be asked for: no more are counted."),
            code="rule_impossible",
            of=rule["of"],
        )
    mandatory = rule.get("mandatory") or []
    if not mandatory or same_rule(before, rule):
        return
    with db.no_autoflush:
        known = set(db.exec(select(Session.id).where(col(Session.cycle_id) == cycle_id)).all())
    wrong = [
        FieldError(
            f"completion_rule.mandatory.{place}",
            N_("This session is not in the cycle."),
            code="unknown_session",
        )
        for place, each in enumerate(mandatory)
        if each not in known
    ]
    if wrong:
        raise Invalid(*wrong)


def named_by_rule(cycle: Cycle, session_id: str) -> bool:
    """Whether the rule that a cycle has now says that this session must not be missed."""
    return session_id in _whole(cycle.completion_rule).get("mandatory", ())


def same_rule(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two documents say the same, however much of it they spell out."""
    return _whole(one) == _whole(other)


def keep_version(db: DbSession, actor: Actor, cycle: Cycle, now: datetime) -> CycleRule:
    """Keeps the rule that a cycle has now as its next version; the cycle is held, or new."""
    last = select(func.max(CycleRule.version)).where(CycleRule.cycle_id == cycle.id)
    row = CycleRule(
        cycle_id=cycle.id,
        version=(db.exec(last).one() or 0) + 1,
        document=_whole(cycle.completion_rule),
        at=now,
        recorded_by=actor.name,
    )
    db.add(row)
    db.flush()
    return row


def versions(db: DbSession, actor: Actor, cycle_id: str) -> list[CycleRule]:
    """A cycle's rules, the one that holds first; an empty document: there was none. Two queries.

    Raises NotFound.
    """
    find(db, Cycle, cycle_id)
    query = select(CycleRule).where(CycleRule.cycle_id == cycle_id)
    return list(db.exec(query.order_by(col(CycleRule.version).desc())).all())


def rule_to_try(db: DbSession, cycle: Cycle, command: CompletionRule) -> Rule:
    """A rule that nobody has saved. Raises Invalid as `check_rule` does."""
    document = command.model_dump()
    check_rule(db, cycle.id, document)
    return from_document(document)


def set_rule(
    db: DbSession,
    actor: Actor,
    cycle_id: str,
    command: CompletionRule | None,
    now: datetime,
    version: int | None = None,
) -> Cycle:
    """Asks for something else, or, with None, for nothing any more. The same rule again is no new
    version.

    Raises:
        NotFound: there is no such cycle.
        Stale: `version` is given and is not the newest: somebody else has changed the rule.
        Invalid: as `check_rule`.
    """
    cycle = hold(db, Cycle, cycle_id)
    newest = db.exec(select(func.max(CycleRule.version)).where(CycleRule.cycle_id == cycle.id))
    if version is not None and version != (newest.one() or 0):
        raise Stale
    rule = command.model_dump(exclude_unset=True) if command else None
    check_rule(db, cycle.id, rule, cycle.completion_rule)
    if same_rule(cycle.completion_rule, rule):
        return cycle
    cycle.completion_rule = rule
    db.flush()
    keep_version(db, actor, cycle, now)
    return cycle


def _whole(document: Mapping[str, Any] | None) -> dict[str, Any]:
    return to_document(from_document(document)) if document else {}

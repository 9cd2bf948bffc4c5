"""JSON: who has completed a cycle, and by which rule."""

from fastapi import APIRouter
from starlette.responses import Response

from app.models import CycleRule, Enrolment, now
from app.routers.api.present import page_of
from app.schemas.completion import CompletionOut, CompletionRule, MissingOut, RuleOut, StandingOut
from app.schemas.page import Page
from app.services import completion, completion_rules
from app.web.access.programs import MayReadReport
from app.web.api import After, JsonRoute, Limit, answer
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute, tags=["attendance"])


@router.get("/cycles/{cycle_id}/completion", response_model=Page[CompletionOut])
def list_completion(
    db: Db, actor: MayReadReport, cycle_id: str, limit: Limit = 50, after: After = None
) -> Response:
    """List how far everybody who has a place is, by name.

    Without a rule the list is empty.
    """
    known, rows, cursor = completion.completion_after(db, actor, cycle_id, now(), after, limit)
    return answer(page_of([_out(known, enrolment, far) for enrolment, far in rows], cursor))


@router.get("/cycles/{cycle_id}/completion/rules", response_model=Page[RuleOut])
def list_completion_rules(db: Db, actor: MayReadReport, cycle_id: str) -> Response:
    """List the versions of a cycle's completion rule, the one that holds first."""
    rows = completion_rules.versions(db, actor, cycle_id)
    return answer(page_of([_rule(row) for row in rows]))


def _rule(row: CycleRule) -> RuleOut:
    rule = CompletionRule.model_validate(row.document) if row.document else None
    return RuleOut(version=row.version, at=row.at, recorded_by=row.recorded_by, rule=rule)


def _out(known: completion.Against, enrolment: Enrolment, far: completion.Far) -> CompletionOut:
    outcome = far.outcome
    return CompletionOut(
        enrolment_id=enrolment.id,
        name=enrolment.name,
        rule_version=known.version,
        state=completion.state_of(far),
        sessions_counted=outcome.counted,
        percent=outcome.percent,
        sessions=[
            StandingOut(
                session_id=held.id,
                number=held.number,
                standing=standing,
                status=far.records[held.id].status,
                minutes=far.records[held.id].minutes,
            )
            for held, standing in zip(known.held, outcome.standings, strict=True)
        ],
        missing=[
            MissingOut(what=each.what, amount=each.amount, session_id=each.session_id or None)
            for each in outcome.missing
        ],
    )

"""JSON: a cycle in numbers."""

from fastapi import APIRouter
from starlette.responses import Response

from app.domain.report import Dimension, Group, Tally
from app.models import now
from app.schemas.cycle_report import (
    CycleReportOut,
    GroupOut,
    ReportFeedbackOut,
    SessionReportOut,
    TallyOut,
)
from app.services import report
from app.services.report import Report, SessionReport
from app.web.access.programs import MayReadReport
from app.web.api import JsonRoute, answer
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute, tags=["attendance"])


@router.get("/cycles/{cycle_id}/report", response_model=CycleReportOut)
def get_cycle_report(db: Db, actor: MayReadReport, cycle_id: str) -> Response:
    """Read a cycle in numbers: by session, country, institution, initiative, and gender if asked.

    Worked out from the evidence at that moment. The groups of each kind add up to the whole.
    """
    return answer(_out(report.report(db, actor, cycle_id, now())))


def _out(found: Report) -> CycleReportOut:
    by_rule = found.against.rule is not None

    def groups(dimension: Dimension) -> list[GroupOut]:
        return [_group(each, by_rule) for each in found.groups[dimension]]

    return CycleReportOut(
        cycle_id=found.cycle.id,
        at=found.at,
        rule_version=found.against.version,
        state="provisional" if found.provisional else "final",
        whole=_tally(found.whole, by_rule),
        sessions=[_session(each, by_rule) for each in found.sessions],
        countries=groups(Dimension.COUNTRY),
        institutions=groups(Dimension.INSTITUTION),
        initiatives=groups(Dimension.INITIATIVE),
        genders=groups(Dimension.GENDER) if Dimension.GENDER in found.groups else None,
    )


def _group(each: Group, by_rule: bool) -> GroupOut:
    return GroupOut(name=each.name, tally=_tally(each.tally, by_rule))


def _session(each: SessionReport, by_rule: bool) -> SessionReportOut:
    return SessionReportOut(
        session_id=each.held.id,
        number=each.held.number,
        title=dict(each.told.title),
        starts_at=each.told.starts,
        ends_at=each.told.ends,
        over=each.held.over,
        closed=each.held.closed,
        settled=each.settled,
        reports_waiting=each.reports,
        rows_unmatched=each.rows,
        tally=_tally(each.tally, by_rule),
        feedback=ReportFeedbackOut.model_validate(each.opinion) if each.opinion else None,
    )


def _tally(each: Tally, by_rule: bool) -> TallyOut:
    return TallyOut(
        enrolled=each.enrolled,
        gone=each.gone,
        attended_once=each.attended_once,
        attended=each.attended,
        statuses={status.value: n for status, n in each.statuses.items()},
        bases={basis.value: n for basis, n in each.bases.items()},
        answers=dict(each.answers),
        minutes=each.minutes,
        measured=each.measured,
        unverified=each.unverified,
        mean_minutes=each.mean,
        completed=each.completed if by_rule else None,
        counted=each.counted if by_rule else None,
    )

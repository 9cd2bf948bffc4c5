"""Organizers' pages: who has completed the cycle, and the rule, tried before it is saved."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.completion import Rule, from_document
from app.domain.errors import N_, DomainError, Stale
from app.domain.schedule import SessionStatus
from app.models import Cycle, now
from app.schemas.completion import CompletionRule
from app.services import completion, completion_rules
from app.services.actor import Actor
from app.services.cycles import cycle_for_slug
from app.services.sessions import list_sessions
from app.web import completion_form
from app.web.access.pages import MayEditCompletion, MayReadReport
from app.web.dependencies import Db
from app.web.forms import FormData, errors_of, revision_of
from app.web.organize import PageNumber, address, cycle_bar, page_number
from app.web.problems import status_of, validate
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}/completion")


@router.get("")
def overview(
    request: Request,
    db: Db,
    actor: MayReadReport,
    slug: str,
    state: str = "",
    number: PageNumber = "1",
) -> Response:
    """The rule, and how far everybody is."""
    cycle = cycle_for_slug(db, actor, slug)
    run = completion.dry_run(db, actor, cycle.id, now())
    chosen = state if state in completion.STATES else ""
    context = {
        **_about(request, cycle),
        "run": run,
        "numbers": {s.id: s.number for s in (*run.against.held, *run.against.planned)},
        "unclosed": [e for e in run.against.held if e.over and not e.closed],
        "drafted": {told.row.id: told.row.number for told in run.against.told()},
        "counts": run.counts(),
        "everybody": len(run.far),
        "state": chosen,
        "state_of": completion.state_of,
        "found": completion.far_page(db, run, chosen, page_number(number)),
        "at": address(f"/organize/c/{slug}/completion", state=chosen),
    }
    return page(request, "organize/completion.html", context)


@router.get("/rule")
def rule_form(request: Request, db: Db, actor: MayEditCompletion, slug: str) -> Response:
    """The rule that holds, to be changed."""
    cycle = cycle_for_slug(db, actor, slug)
    return _form(request, db, actor, cycle)


@router.post("/rule")
def change_rule(
    request: Request, db: Db, actor: MayEditCompletion, slug: str, form: FormData
) -> Response:
    """Tries the rule, or saves it."""
    cycle = cycle_for_slug(db, actor, slug)
    typed = completion_form.read(form)
    version = revision_of(form.text("version"))
    try:
        command = validate(CompletionRule, typed)
        if form.text("act") == "try":
            tried = completion_rules.rule_to_try(db, cycle, command)
            return _form(request, db, actor, cycle, typed, tried=tried, version=version)
        completion_rules.set_rule(db, actor, cycle.id, command, now(), version)
    except DomainError as error:
        db.rollback()
        cycle = cycle_for_slug(db, actor, slug)
        return _form(request, db, actor, cycle, typed, error=error)
    said = gettext_for(request)(N_("The rule is saved."))
    return see_other(request, f"/organize/c/{slug}/completion", said)


def _form(
    request: Request,
    db: DbSession,
    actor: Actor,
    cycle: Cycle,
    values: dict[str, Any] | None = None,
    error: DomainError | None = None,
    tried: Rule | None = None,
    version: int | None = None,
) -> Response:
    moment = now()
    wrong = None if isinstance(error, Stale) else error
    versions = completion_rules.versions(db, actor, cycle.id)
    newest = versions[0].version if versions else 0
    stored = from_document(cycle.completion_rule) if cycle.completion_rule else None
    named = stored.mandatory if stored else ()
    everything = list_sessions(db, actor, cycle.id)
    meant = [s for s in everything if s.status == SessionStatus.SCHEDULED]
    sessions = [s for s in everything if s in meant or s.id in named]
    context: dict[str, Any] = {
        **_about(request, cycle),
        "values": completion_form.shown(cycle, len(meant)) if values is None else values,
        "sessions": sessions,
        "numbers": {s.id: s.number for s in sessions},
        "version": newest if version is None else version,
        "versions": [(v, from_document(v.document) if v.document else None) for v in versions],
        "stored": stored,
        "dead": len(set(named) - {s.id for s in everything}),
        "stale": isinstance(error, Stale),
        "tried": None,
        "errors": errors_of(wrong, gettext_for(request), _in_form),
    }
    if tried is not None:
        run = completion.dry_run(db, actor, cycle.id, moment, tried)
        before = completion.dry_run(db, actor, cycle.id, moment)
        context |= completion_form.compared(before, run)
    status = status_of(error) if error else 200
    return page(request, "organize/completion_rule.html", context, status=status)


def _in_form(name: str) -> str:
    return name.removeprefix("completion_rule-")


def _about(request: Request, cycle: Cycle) -> dict[str, Any]:
    return {"cycle": cycle, "cycle_bar": cycle_bar(cycle, current_reader(request).language)}

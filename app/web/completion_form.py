"""The form of a completion rule, and what trying one shows."""

from typing import Any

from app.domain.completion import Rule, from_document, to_document
from app.models import Cycle
from app.services.completion import DryRun
from app.web.forms import Form

_NUMBERS = (
    "min_sessions",
    "of",
    "min_percent_of_each",
    "min_percent_of_whole",
    "partial_below",
)
_BOXES = ("excused_counts", "unverified_counts", "warn")
_MANDATORY = "mandatory-"


def read(form: Form) -> dict[str, Any]:
    """What was typed, for CompletionRule."""
    named = sorted(name for name in form.values if name.startswith(_MANDATORY))
    return {
        **form.pick(*_NUMBERS),
        "late_after": form.or_none("late_after"),
        **{name: form.checked(name) for name in _BOXES},
        "mandatory": [name.removeprefix(_MANDATORY) for name in named],
    }


def shown(cycle: Cycle, sessions: int) -> dict[str, Any]:
    """A cycle's rule as `read` would give it back; of one without, a usual rule to begin with:
    three quarters of its so many sessions, three quarters of each."""
    if cycle.completion_rule:
        rule = from_document(cycle.completion_rule)
    else:
        of = max(1, sessions)
        rule = Rule(min_sessions=-(-of * 3 // 4), of=of, min_percent_of_each=75)
    found = to_document(rule)
    return {**found, "late_after": "" if rule.late_after is None else rule.late_after}


def compared(before: DryRun, tried: DryRun) -> dict[str, Any]:
    """What another rule would change: counts with both, who would gain and who would lose."""
    had = {each.enrolment_id for each in before.having("completed")}
    would = {each.enrolment_id for each in tried.having("completed")}
    return {
        "tried": tried,
        "before": before.counts(),
        "gained": len(would - had),
        "lost": len(had - would),
    }

"""Whether a preview of a report still holds: it says what was known when the file was read.

Between looking at a preview and applying it somebody enrols who has the same name, or the session
is published at another time. What nobody decided by hand is matched anew, therefore, before
anything is credited.
"""

import hashlib
from collections.abc import Iterable

from sqlalchemy import select as columns
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import N_, Clash
from app.domain.matching import Directory, Match, Named, Outcome, match
from app.domain.report_states import RowState
from app.models import ReportImport, ReportRow
from app.services.report_candidates import Suggestions, candidates
from app.services.report_reading import moved
from app.services.told import Told

OUTDATED = "report_outdated"
_SENTENCES = {
    (True, True): N_(
        "Since this was read, people enrolled (%(count)s) and the session was moved. "
        "Look at it again, then apply."
    ),
    (True, False): N_(
        "Since this was read, people enrolled (%(count)s), and rows are matched otherwise now. "
        "Look at it again, then apply."
    ),
    (False, True): N_("Since this was read, the session was moved. Look at it again, then apply."),
    (False, False): N_(
        "Since this was read, what is known of people has changed, and rows are matched otherwise "
        "now. Look at it again, then apply."
    ),
}
_CHANGED = N_(
    "Since you looked, what this report says of people has changed. Look at it again, then apply."
)
_LONGEST_NAME, _LONGEST_ADDRESS = 200, 254
"""Characters; of what is as long only the beginning may be kept, which nobody is matched by."""


def outdated(
    db: DbSession, report: ReportImport, told: Told, seen: str | None = None
) -> Clash | None:
    """What to say of a preview that would credit somebody else, or leave somebody out, by what is
    known by now, or whose session was moved; or that is not the one any more that was looked at,
    whose `mark_of` was `seen`. None of one that holds. Seven queries at most.

    `told` is of its session, which must be held. Whoever enrols from here on has enrolled after it
    was applied.
    """
    among = candidates(db, told.row.cycle_id)
    elsewhen = moved(report.reading, told.starts, told.ends)
    if not elsewhen and _same(db, report, among):
        held = seen is None or seen == mark_of(db, report)
        return None if held else Clash(_CHANGED, code=OUTDATED)
    before = report.reading.get("basis", {}).get("enrolled")
    count = max(0, among.enrolled - before) if before is not None else 0
    params = {"count": count} if count else {}
    return Clash(_SENTENCES[bool(count), elsewhen], code=OUTDATED, **params)


def mark_of(db: DbSession, report: ReportImport) -> str:
    """What would be credited by a preview as it is now, as a mark to know it again by. One query.

    Whoever applies says by it what they have looked at: between that and the click another one may
    have said whose a row is, or may have been told that it was outdated and is made anew."""
    table = ReportRow.__table__.c  # type: ignore[attr-defined]
    rows = columns(
        table.number, table.enrolment_id, table.joined_at, table.left_at, table.seconds
    ).where(table.import_id == report.id, table.enrolment_id.is_not(None))
    said = sorted(repr(tuple(row)) for row in db.connection().execute(rows))
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]


def still_suggested(db: DbSession, cycle_id: str, rows: Iterable[ReportRow]) -> set[str]:
    """The ids of those suggested rows of which the best suggestion would be the same, and alone,
    by what is known by now. Five queries."""
    among = candidates(db, cycle_id)
    suggestions = Suggestions(among)
    held = set()
    for each in rows:
        named = Named(each.name, each.email, each.details.get("other_name", ""))
        best = each.details["candidates"][0]
        found = match(named, among)
        if found.outcome is Outcome.MATCHED:
            same = found.ids == (best,)
        elif found.outcome is Outcome.AMBIGUOUS:
            same = False
        else:
            like = suggestions.of(named)
            alone = len(like) == 1 or (bool(like) and like[0].score > like[1].score)
            same = alone and like[0].enrolment_id == best
        if same:
            held.add(each.id)
    return held


def _same(db: DbSession, report: ReportImport, among: Directory) -> bool:
    """Whether each row that would be credited, and was not decided by hand, is still the same
    person's."""
    rows = select(ReportRow.name, ReportRow.email, ReportRow.details, ReportRow.enrolment_id).where(
        ReportRow.import_id == report.id,
        col(ReportRow.left_at).is_not(None) | col(ReportRow.seconds).is_not(None),
        col(ReportRow.state).not_in((RowState.NOBODY, RowState.SET_ASIDE, RowState.UNREADABLE)),
        ReportRow.matched_by != Match.HAND,
    )
    for name, email, details, whose in db.exec(rows):
        if len(name) < _LONGEST_NAME and len(email) < _LONGEST_ADDRESS:
            found = match(Named(name, email, details.get("other_name", "")), among)
            if whose != (found.ids[0] if found.outcome is Outcome.MATCHED else None):
                return False
    return True

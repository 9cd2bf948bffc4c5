"""Looking at providers' reports: those of a session, one with its rows by what is known of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.attendance import Kind
from app.domain.errors import NotFound
from app.domain.report_states import WAITING, ReportStatus, RowState
from app.models import Enrolment, Evidence, Person, ReportImport, ReportRow, Session, User
from app.services.actor import Actor
from app.services.paging import Numbers, numbered, paginate
from app.services.places import loads
from app.services.reports import get_report
from app.services.rows import find, found_by

PAGE = 50
"""So many names of one state stand on a page."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A report in the list, with how many of its rows are in which state."""

    row: ReportImport
    counts: Mapping[str, int]

    @property
    def waiting(self) -> int:
        """How many rows somebody has to look at."""
        return waiting(self.counts)


@dataclass(frozen=True, slots=True)
class Group:
    """All rows of a report that show the same name and address, by number. `candidates`: who may be
    meant, the likeliest first; those who are not participants by name only."""

    rows: list[ReportRow]
    enrolment: Enrolment | None = None
    candidates: tuple[Enrolment, ...] = ()
    others: tuple[str, ...] = ()
    known: str = ""

    @property
    def first(self) -> ReportRow:
        """The first of them."""
        return self.rows[0]


@dataclass(frozen=True, slots=True)
class Section:
    """Names of one state, a page of them."""

    state: str
    groups: list[Group]
    numbers: Numbers  # of names
    rows: int


@dataclass(frozen=True, slots=True)
class Looked:
    """A report as it is looked at. `marked`: the rows that were asked for by number. `adds_to`: how
    many participants have minutes without times from an earlier report, to which this one's would
    be added. `credited`: how many participants its matched rows are of."""

    row: ReportImport
    counts: Mapping[str, int]
    sections: list[Section]
    marked: Group | None
    adds_to: int
    credited: int
    waiting: int = field(default=0)


def list_reports(db: DbSession, actor: Actor, session_id: str) -> list[Listed]:
    """The reports of a session, the last first. Three queries. Raises NotFound."""
    find(db, Session, session_id)
    query = select(ReportImport).where(ReportImport.session_id == session_id)
    rows = db.exec(query.order_by(col(ReportImport.id).desc())).all()
    counts = counts_of(db, session_id)
    return [Listed(row, counts.get(row.id, {})) for row in rows]


def waiting(counts: Mapping[str, int]) -> int:
    """How many rows somebody has to look at, of those in each state."""
    return sum(counts.get(state, 0) for state in WAITING)


def counts_of(db: DbSession, session_id: str) -> dict[str, dict[str, int]]:
    """How many rows of each report of a session are in which state. One query."""
    query = (
        select(ReportRow.import_id, ReportRow.state, func.count())
        .join(ReportImport, col(ReportImport.id) == col(ReportRow.import_id))
        .where(ReportImport.session_id == session_id)
        .group_by(ReportRow.import_id, ReportRow.state)
    )
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for import_id, state, count in db.exec(query):
        found[import_id][state] = count
    return dict(found)


def look(
    db: DbSession,
    actor: Actor,
    session_id: str,
    import_id: str,
    state: str = "",
    number: int = 1,
    marked: int | None = None,
) -> Looked:
    """A report with a page of its rows, by state; of one state only if it is named. Nine queries
    at most, however many rows it has. Raises NotFound."""
    row = get_report(db, actor, session_id, import_id)
    grouped = db.exec(
        select(ReportRow.state, ReportRow.who, func.min(ReportRow.number), func.count())
        .where(ReportRow.import_id == row.id)
        .group_by(ReportRow.state, ReportRow.who)
    ).all()
    places: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for each, who, first, count in grouped:
        places[each].append((first, who))
        counts[each] += count
    shown = [each for each in RowState if places[each] and state in ("", each)]
    pages: dict[str, tuple[Numbers, list[str]]] = {}
    for each in shown:
        numbers = numbered(len(places[each]), number if state else 1, PAGE)
        pages[each] = (numbers, [who for _, who in numbers.of(sorted(places[each]))])
    wanted = {who for _, whos in pages.values() for who in whos}
    asked = _who_of(db, row.id, marked)
    groups = _groups(db, row, {*wanted, *asked})
    sections = [
        Section(
            each,
            [groups[each, who] for who in whos if (each, who) in groups],
            numbers,
            counts[each],
        )
        for each, (numbers, whos) in pages.items()
    ]
    found = (group for (_, who), group in groups.items() if who in asked)
    return Looked(
        row,
        counts,
        sections,
        next((g for g in found if any(_has(one, marked) for one in g.rows)), None),
        _adds_to(db, row),
        _credited(db, row.id),
        waiting(counts),
    )


def group_of(
    db: DbSession, actor: Actor, session_id: str, import_id: str, row_id: str
) -> tuple[ReportImport, Group]:
    """The rows that go together with one of a report. Raises NotFound."""
    report = get_report(db, actor, session_id, import_id)
    row = find(db, ReportRow, row_id)
    if row.import_id != report.id:
        raise NotFound
    return report, _groups(db, report, {row.who})[row.state, row.who]


def search(db: DbSession, actor: Actor, session_id: str, query: str) -> list[Enrolment]:
    """Participants of the session's cycle, whatever became of their enrolment, by what was typed;
    twenty at most. Nobody where nothing was typed. Four queries."""
    conditions = found_by(query, Enrolment.search_key)
    if not conditions:
        return []
    session = find(db, Session, session_id)
    rows = (
        select(Enrolment)
        .where(Enrolment.cycle_id == session.cycle_id, *conditions)
        .options(*loads())
        .order_by(col(Enrolment.search_key), col(Enrolment.id))
        .limit(20)
    )
    return list(db.exec(rows).all())


def rows_after(
    db: DbSession,
    actor: Actor,
    session_id: str,
    import_id: str,
    state: str = "",
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[ReportRow], str | None]:
    """A stretch of a report's rows by number, of one state or all, and the cursor after it.

    Raises NotFound, Invalid at ``after``.
    """
    report = get_report(db, actor, session_id, import_id)
    query = select(ReportRow).where(ReportRow.import_id == report.id)
    if state:
        query = query.where(ReportRow.state == state)
    return paginate(db, query, [ReportRow.number, ReportRow.id], after, limit)


def _has(row: ReportRow, number: int | None) -> bool:
    return number == row.number or number in row.details.get("numbers", ())


def _who_of(db: DbSession, import_id: str, number: int | None) -> set[str]:
    if number is None:
        return set()
    query = select(ReportRow.who).where(
        ReportRow.import_id == import_id, ReportRow.number == number
    )
    return set(db.exec(query).all())


def _groups(
    db: DbSession, report: ReportImport, whos: Iterable[str]
) -> dict[tuple[str, str], Group]:
    """Rows by state and name, with those who may be meant. Five queries."""
    query = (
        select(ReportRow)
        .where(ReportRow.import_id == report.id, col(ReportRow.who).in_(list(whos)))
        .order_by(col(ReportRow.number), col(ReportRow.id))
    )
    rows: defaultdict[tuple[str, str], list[ReportRow]] = defaultdict(list)
    for row in db.exec(query):
        rows[row.state, row.who].append(row)
    enrolments, names = _people(db, [row for group in rows.values() for row in group])
    return {place: _group(group, enrolments, names) for place, group in rows.items()}


def _group(
    rows: list[ReportRow], enrolments: Mapping[str, Enrolment], names: Mapping[str, str]
) -> Group:
    named = dict.fromkeys(each for row in rows for each in row.details.get("candidates", ()))
    return Group(
        rows,
        enrolments.get(rows[0].enrolment_id or ""),
        tuple(enrolments[each] for each in named if each in enrolments),
        tuple(names[each] for each in named if each in names),
        names.get(rows[0].details.get("known", ""), ""),
    )


def _people(
    db: DbSession, rows: Iterable[ReportRow]
) -> tuple[dict[str, Enrolment], dict[str, str]]:
    ids = {each for row in rows for each in _ids(row.enrolment_id, row.details)}
    enrolments = db.exec(
        select(Enrolment)
        .where(col(Enrolment.id).in_([each for each in ids if ":" not in each]))
        .options(*loads())
    ).all()
    names: dict[str, str] = {}
    models: tuple[tuple[str, Any], ...] = (("person:", Person), ("account:", User))
    for kind, model in models:
        of_kind = [each.removeprefix(kind) for each in ids if each.startswith(kind)]
        if of_kind:
            found = db.exec(select(model.id, model.name).where(col(model.id).in_(of_kind)))
            names |= {f"{kind}{row_id}": name for row_id, name in found}
    return {each.id: each for each in enrolments}, names


def _ids(enrolment_id: str | None, details: Mapping[str, Any]) -> set[str]:
    return {enrolment_id or "", details.get("known", ""), *details.get("candidates", ())} - {""}


def _credited(db: DbSession, import_id: str) -> int:
    query = select(func.count(func.distinct(col(ReportRow.enrolment_id)))).where(
        ReportRow.import_id == import_id, ReportRow.state == RowState.MATCHED
    )
    return db.exec(query).one()


def _adds_to(db: DbSession, report: ReportImport) -> int:
    """Of how many participants of a report that has minutes only an earlier one has them too. One
    query."""
    if report.status == ReportStatus.APPLIED:
        return 0
    here = select(ReportRow.enrolment_id).where(
        ReportRow.import_id == report.id,
        ReportRow.state == RowState.MATCHED,
        col(ReportRow.seconds).is_not(None),
    )
    query = (
        select(func.count(func.distinct(col(Evidence.enrolment_id))))
        .join(ReportImport, col(ReportImport.id) == col(Evidence.import_id))
        .where(
            Evidence.session_id == report.session_id,
            Evidence.kind == Kind.TOTAL,
            ReportImport.status == ReportStatus.APPLIED,
            ReportImport.id != report.id,
            col(Evidence.enrolment_id).in_(here),
        )
    )
    return db.exec(query).one()

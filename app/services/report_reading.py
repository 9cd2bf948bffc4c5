"""Reading a provider's report for a session: the file's values, and whose each row is.

Nothing in here holds a transaction while it reads: a workbook takes a third of a second, and
suggestions for thousands of names take seconds, in which nobody could check in.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.errors import N_, Invalid
from app.domain.matching import Directory, Match, Named, Outcome, match, who_key
from app.domain.report_states import RowState
from app.domain.zones import wall_time
from app.meetings.reading import read_report
from app.meetings.values import (
    AskColumns,
    AskDateOrder,
    AskOpenUntil,
    AskZone,
    Column,
    ColumnMap,
    DateOrder,
    Hints,
    Marker,
    Presence,
    Question,
    Remark,
    Report,
    Role,
    Row,
    Table,
)
from app.models import Enrolment, Session
from app.schemas.report import AnswersIn
from app.services.actor import Actor
from app.services.measures import measure_of
from app.services.report_candidates import Suggestions, candidates
from app.services.rows import find

_BESIDE = frozenset({Role.HOST, Role.ORGANIZER, Role.PANELIST})
"""Who need not be enrolled, as the file itself says. (In Teams most are presenters.)"""
_MOST_ZONES = 30


@dataclass(frozen=True, slots=True)
class Ground:
    """What has to be known of a session before a report of it is read."""

    session_id: str
    hints: Hints
    among: Directory


@dataclass(frozen=True, slots=True)
class Reading:
    """A report as it is kept: `document` is `ReportImport.reading`, `rows` are the values of
    `ReportRow`. `answers` are those that it was read with."""

    provider: str
    layout: str
    document: dict[str, Any]
    rows: list[dict[str, Any]]

    @property
    def answers(self) -> dict[str, Any]:
        """What was answered."""
        found: dict[str, Any] = self.document["answers"]
        return found


def ground(db: DbSession, actor: Actor, session_id: str) -> Ground:
    """What to read a session's reports with. Eight queries.

    Raises NotFound.
    """
    session = find(db, Session, session_id)
    told = measure_of(db, session).told
    by_number = func.count().desc()
    zones = db.exec(
        select(Enrolment.zone)
        .where(Enrolment.cycle_id == session.cycle_id)
        .group_by(Enrolment.zone)
        .order_by(by_number, col(Enrolment.zone))
        .limit(_MOST_ZONES)
    ).all()
    hints = Hints(told.starts, told.ends, told.zone, tuple(each for each in zones if each))
    return Ground(session.id, hints, candidates(db, session.cycle_id))


def answered(before: Mapping[str, Any], more: AnswersIn) -> dict[str, Any]:
    """Answers with those that were given now, as they are kept."""
    given = more.model_dump(mode="json", include=more.model_fields_set)
    if given.get("open_until"):
        given["leave_open_out"] = False
    return {**before, **given}


def moved(reading: Mapping[str, Any], starts: datetime, ends: datetime) -> bool:
    """Whether the session was at another time when this was read; `starts` and `ends` are what was
    published of it by now, aware instants."""
    times = reading.get("basis", {}).get("times")
    return times is not None and times != [starts.isoformat(), ends.isoformat()]


def answers_again(reading: Mapping[str, Any], ground: Ground) -> dict[str, Any]:
    """What a report is to be read again with: what was answered, less the instant at which open
    stays end, where the session was moved away from it."""
    answers = dict(reading.get("answers", {}))
    if moved(reading, ground.hints.starts, ground.hints.ends):
        answers.pop("open_until", None)
    return answers


def read(
    ground: Ground, data: bytes, filename: str, answers: Mapping[str, Any] | None = None
) -> Reading:
    """What a report says, and whose its rows are.

    Raises:
        Refused: it is not read; the sentence says why. Busy: try again.
        Invalid: at ``open_until``, which is not after each stay's beginning.
    """
    answers = dict(answers or {})
    hints = _hints(ground.hints, answers)
    report = read_report(data, filename, hints)
    _refuse_too_early(report, hints)
    rows = list(_rows(report, ground.among))
    return Reading(
        provider=report.provider.value,
        layout=report.layout.value,
        document={**_document(report, answers), "basis": _basis(ground, rows)},
        rows=rows,
    )


def _hints(known: Hints, answers: Mapping[str, Any]) -> Hints:
    order, until = answers.get("date_order"), answers.get("open_until")
    columns = answers.get("columns")
    mapping = None
    if columns:
        named = {
            place: Column(name) for place, name in enumerate(columns["columns"]) if name is not None
        }
        mapping = ColumnMap(columns["header"], named, columns["sheet"])
    return replace(
        known,
        date_order=DateOrder(order) if order else None,
        times_zone=answers.get("zone") or "",
        open_until=datetime.fromisoformat(until) if until else None,
        mapping=mapping,
    )


def _basis(ground: Ground, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What is to be known later of what was known now. `content` is the same for two files that say
    the same in other bytes, as in another encoding."""
    said = sorted(f"{each['name']}\0{each['email']}\0{each['seconds']}" for each in rows)
    return {
        "content": hashlib.sha256("\0".join(said).encode()).hexdigest()[:32],
        "times": [ground.hints.starts.isoformat(), ground.hints.ends.isoformat()],
        "enrolled": ground.among.enrolled,
    }


def _refuse_too_early(report: Report, hints: Hints) -> None:
    """An end before a stay has begun is to be answered anew; it would make one of no length."""
    until = hints.open_until
    begun = [
        row.joined
        for row in report.rows
        if row.presence is Presence.OPEN and row.joined and row.joined.tzinfo
    ]
    if until is None or not begun or max(begun) < until:
        return
    at = wall_time(max(begun), hints.zone)
    raise Invalid.one(
        "open_until",
        N_(
            "Somebody whose stay has no end joined on %(date)s at %(time)s only. "
            "Choose a later time, or leave these stays out."
        ),
        code="before_joining",
        date=at.date(),
        time=f"{at:%H:%M}",
    )


def _document(report: Report, answers: Mapping[str, Any]) -> dict[str, Any]:
    left_out = bool(answers.get("leave_open_out"))
    return {
        "answers": dict(answers),
        "language": report.language,
        "encoding": report.encoding,
        "delimiter": report.delimiter,
        "date_order": report.date_order.value if report.date_order else "",
        "settled": report.settled.value,
        "zone": report.zone,
        "zone_known": report.zone_known.value,
        "title": report.title,
        "tables": [_table(each) for each in report.tables],
        "questions": [
            _question(each)
            for each in report.questions
            if not (left_out and isinstance(each, AskOpenUntil))
        ],
        "remarks": [_remark(each) for each in report.remarks],
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "sheet": table.sheet,
        "header": table.header,
        "rows": table.rows,
        "names": table.names,
        "used": table.used,
        "why": _remark(table.why) if table.why else None,
        "not_kept": list(table.not_kept),
    }


def _question(question: Question) -> dict[str, Any]:
    match question:
        case AskDateOrder(example, day_first, month_first):
            return {
                "kind": "date_order",
                "example": example,
                "day_first": day_first.isoformat() if day_first else None,
                "month_first": month_first.isoformat() if month_first else None,
            }
        case AskZone(fits, written):
            named = [{"zone": f.zone, "rows": f.rows, "total": f.total} for f in fits]
            return {"kind": "zone", "fits": named, "written": written}
        case AskOpenUntil(stays, last):
            return {"kind": "open_until", "stays": stays, "last": last.isoformat()}
        case AskColumns(sheet, header, headers):
            return {
                "kind": "columns",
                "sheet": sheet,
                "header": header,
                "headers": list(headers),
            }


def _remark(remark: Remark) -> dict[str, Any]:
    params = {k: v.isoformat() if isinstance(v, date) else v for k, v in remark.params.items()}
    return {"sentence": remark.sentence, "params": params}


def _rows(report: Report, among: Directory) -> Iterator[dict[str, Any]]:
    suggestions = Suggestions(among)
    for row in report.rows:
        yield _row(row, among, suggestions)
    for aside in report.set_aside:
        yield {
            **_blank(aside.number, aside.name),
            "state": RowState.SET_ASIDE,
            "left_out": True,
            "details": {"table": aside.table, "why": aside.why.value},
        }
    for each in report.unreadable:
        yield {
            **_blank(each.number, each.name, f"{each.table}:{each.number}"),
            "state": RowState.UNREADABLE,
            "left_out": True,
            "details": {
                "table": each.table,
                "remarks": [_remark(each.reason)],
                "unreadable": True,  # also once somebody has said that it is nobody's
            },
        }


def _blank(number: int, name: str, unlike: str = "", email: str = "") -> dict[str, Any]:
    """A row's values. PostgreSQL takes no NUL in text, and no half of a pair of surrogates."""
    name, email = (_text(each) for each in (name, email))
    who = "\0".join((*who_key(name, email), unlike))
    return {
        "number": number,
        "name": name[:200],
        "email": email[:254],
        "who": hashlib.sha256(who.encode()).hexdigest()[:32],
        "joined_at": None,
        "left_at": None,
        "seconds": None,
        "note": "",
        "enrolment_id": None,
        "matched_by": "",
        "left_out": False,
        "state": RowState.UNMATCHED,
        "details": {},
        "credits": 0,
    }


def _text(text: str) -> str:
    return text.replace("\0", "").encode(errors="ignore").decode(errors="ignore")


def _row(row: Row, among: Directory, suggestions: Suggestions) -> dict[str, Any]:
    # Without a name and an address in common, two who hide behind neither are not one.
    values = _blank(row.numbers[0], row.name, email=row.email)
    aware = row.joined is not None and row.joined.tzinfo is not None
    settled = row.presence is not Presence.UNSETTLED
    if aware and settled:
        values |= {"joined_at": row.joined, "left_at": row.left}
    if row.presence is Presence.TOTAL:
        values["seconds"] = row.seconds
    values["details"] = {
        "table": row.table,
        **({"numbers": list(row.numbers)} if len(row.numbers) > 1 else {}),
        **({"open": True} if row.presence is Presence.OPEN else {}),
        **({"other_name": row.other_name} if row.other_name else {}),
        **({"role": row.role.value} if row.role else {}),
        **({"markers": sorted(row.markers)} if row.markers else {}),
        **({"remarks": [_remark(each) for each in row.remarks]} if row.remarks else {}),
    }
    _whose(row, values, among, suggestions)
    return values


def _whose(row: Row, values: dict[str, Any], among: Directory, suggestions: Suggestions) -> None:
    named = Named(row.name, row.email, row.other_name)
    found = match(named, among)
    details = values["details"]
    if found.outcome is Outcome.MATCHED:
        values |= {"state": RowState.MATCHED, "enrolment_id": found.ids[0], "matched_by": found.by}
    elif found.outcome is Outcome.AMBIGUOUS:
        values["state"] = RowState.AMBIGUOUS
        details["candidates"] = list(found.ids)
    elif found.outcome is Outcome.NOT_ENROLLED and not (
        # Called so in another cycle: here it may be somebody else.
        found.by is Match.ALIAS
        and not among.candidates[found.ids[0]].beside
        and suggestions.of(named)
    ):
        values |= {"state": RowState.NOT_ENROLLED, "left_out": True}
        details["known"] = found.ids[0]
    elif Marker.MACHINE in row.markers:
        values |= {"state": RowState.NOT_ENROLLED, "left_out": True}
        details["why"] = "machine"
    elif like := suggestions.of(named):
        values["state"] = RowState.SUGGESTED
        details["candidates"] = [each.enrolment_id for each in like]
        details["scores"] = [each.score for each in like]
    elif row.role in _BESIDE:
        values |= {"state": RowState.NOT_ENROLLED, "left_out": True}

"""Organizers' pages: who attended, and marking it by hand."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db import DbSession
from app.domain.attendance import Status
from app.domain.belated import placed_afterwards
from app.domain.errors import N_, Clash, DomainError, NotFound
from app.domain.text import localized
from app.models import Cycle, Session, now
from app.schemas.enrolment import MarkIn, RetractIn
from app.services import attendance, exports
from app.services.actor import Actor
from app.services.cycles import cycle_for_slug
from app.services.marks import AttendanceRow, Case, marked_from
from app.services.measures import takes_place
from app.services.sessions import session_by_number
from app.services.told import Told, told_of
from app.web.access.pages import MayEditAttendance, MayExportPeople, MayReadAttendance
from app.web.dependencies import Db
from app.web.downloads import download
from app.web.forms import FormData, errors_of
from app.web.organize import PageNumber, address, cycle_bar, page_number, short_date
from app.web.problems import status_of, translate, validate
from app.web.templating import current_reader, gettext_for, page, see_other

router = APIRouter(prefix="/organize/c/{slug}")

MARKS = (Status.PRESENT, Status.LATE, Status.PARTIAL, Status.EXCUSED, Status.ABSENT)


@router.get("/attendance")
def overview(
    request: Request,
    db: Db,
    actor: MayReadAttendance,
    slug: str,
    q: str = "",
    number: PageNumber = "1",
) -> Response:
    """Participants against sessions, with totals."""
    cycle = cycle_for_slug(db, actor, slug)
    found = attendance.overview(db, actor, cycle.id, q, page_number(number))
    context = {
        **about(request, cycle),
        "found": found,
        "q": q,
        "at": address(f"/organize/c/{slug}/attendance", q=q),
        "now": now(),
    }
    return page(request, "organize/attendance.html", context)


@router.get("/sessions/{number}/attendance")
def of_session(
    request: Request,
    db: Db,
    actor: MayReadAttendance,
    slug: str,
    number: int,
    q: str = "",
    status: str = "",
    page_no: PageNumber = "1",
) -> Response:
    """A page of the session's attendance, searched and filtered."""
    cycle, session = open_session(db, actor, slug, number)
    chosen = next((s for s in Status if s == status), None)
    told = told_of(db, session)
    found = attendance.attendance_page(db, actor, session.id, q, chosen, page_number(page_no))
    kept = {"q": q, "status": chosen.value if chosen else ""}
    context = {
        **about(request, cycle, session),
        "told": told,
        "over": now() >= told.ends,
        "takes_place": takes_place(told),
        "afterwards": lambda row: _afterwards(row, told),
        "found": found,
        "statuses": [s for s in Status if found.counts.get(s)],
        **kept,
        "at": address(path_of(slug, number), **kept),
    }
    return page(request, "organize/attendance_session.html", context)


@router.get("/sessions/{number}/attendance.csv")
def session_csv(
    request: Request, db: Db, actor: MayExportPeople, slug: str, number: int
) -> Response:
    """The session's attendance as CSV."""
    _, session = open_session(db, actor, slug, number)
    rows = attendance.attendance(db, actor, session.id)
    data = exports.attendance_csv(rows, gettext_for(request), session.zone)
    return download(data, exports.CSV_TYPE, f"{slug}-session-{number}-attendance.csv")


@router.get("/sessions/{number}/attendance.xlsx")
def session_xlsx(
    request: Request, db: Db, actor: MayExportPeople, slug: str, number: int
) -> Response:
    """The session's attendance as XLSX."""
    _, session = open_session(db, actor, slug, number)
    rows = attendance.attendance(db, actor, session.id)
    data = exports.attendance_xlsx(rows, gettext_for(request), session.zone)
    return download(data, exports.XLSX_TYPE, f"{slug}-session-{number}-attendance.xlsx")


@router.get("/sessions/{number}/attendance/{enrolment_id}")
def one(
    request: Request, db: Db, actor: MayReadAttendance, slug: str, number: int, enrolment_id: str
) -> Response:
    """All that is known of one participant at the session, and the form to mark it."""
    return _one(request, db, actor, slug, number, enrolment_id, {"status": "", "reason": ""})


@router.post("/sessions/{number}/attendance/{enrolment_id}")
def mark(
    request: Request,
    db: Db,
    actor: MayEditAttendance,
    slug: str,
    number: int,
    enrolment_id: str,
    form: FormData,
) -> Response:
    """Marks it, or takes the mark back, with a reason."""
    _, session = open_session(db, actor, slug, number)
    back = form.text("act") == "retract"
    data = {"enrolment_id": enrolment_id, **form.pick("status", "reason")}
    if back:
        data = {"enrolment_id": enrolment_id, "reason": form.text("retract_reason")}
    try:
        if back:
            row = attendance.retract(db, actor, session.id, validate(RetractIn, data), now())
        else:
            row = attendance.mark(db, actor, session.id, validate(MarkIn, data), now())
    except DomainError as error:
        db.rollback()
        values = form.pick("status", "reason", "retract_reason")
        return _one(request, db, actor, slug, number, enrolment_id, values, error, back)
    gettext = gettext_for(request)
    said = (
        gettext("The mark of %(name)s is taken back.") if back else gettext("%(name)s is marked.")
    )
    return see_other(request, path_of(slug, number), said % {"name": row.enrolment.name})


@router.get("/sessions/{number}/attendance/{enrolment_id}/take-back/{evidence_id}")
def ask_to_take_back(
    request: Request,
    db: Db,
    actor: MayEditAttendance,
    slug: str,
    number: int,
    enrolment_id: str,
    evidence_id: str,
) -> Response:
    """Which piece of evidence, and the form for the reason."""
    return _take_back(request, db, actor, slug, number, enrolment_id, evidence_id, "")


@router.post("/sessions/{number}/attendance/{enrolment_id}/take-back/{evidence_id}")
def take_back(
    request: Request,
    db: Db,
    actor: MayEditAttendance,
    slug: str,
    number: int,
    enrolment_id: str,
    evidence_id: str,
    form: FormData,
) -> Response:
    """Takes a piece of evidence back, with the reason."""
    _, session = open_session(db, actor, slug, number)
    own = f"{path_of(slug, number)}/{enrolment_id}"
    reason = form.text("reason")
    data = {"enrolment_id": enrolment_id, "evidence_id": evidence_id, "reason": reason}
    try:
        attendance.retract(db, actor, session.id, validate(RetractIn, data), now())
    except Clash as error:
        db.rollback()
        return see_other(request, own, translate(error, gettext_for(request)), kind="warning")
    except DomainError as error:
        db.rollback()
        return _take_back(
            request, db, actor, slug, number, enrolment_id, evidence_id, reason, error
        )
    said = gettext_for(request)(N_("Taken back. It stays in view and does not count any more."))
    return see_other(request, own, said)


def _take_back(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    number: int,
    enrolment_id: str,
    evidence_id: str,
    reason: str,
    error: DomainError | None = None,
) -> Response:
    cycle, session = open_session(db, actor, slug, number)
    known = attendance.case(db, actor, session.id, enrolment_id)
    piece = next((each for each in known.evidence if each.id == evidence_id), None)
    if piece is None:
        raise NotFound
    context = {
        **about(request, cycle, session),
        "known": known,
        "piece": piece,
        "values": {"reason": reason},
        "errors": errors_of(error, gettext_for(request)),
    }
    status = status_of(error) if error else 200
    return page(request, "organize/attendance_take_back.html", context, status=status)


def _one(
    request: Request,
    db: DbSession,
    actor: Actor,
    slug: str,
    number: int,
    enrolment_id: str,
    values: dict[str, Any],
    error: DomainError | None = None,
    back: bool = False,
) -> Response:
    cycle, session = open_session(db, actor, slug, number)
    known = attendance.case(db, actor, session.id, enrolment_id)
    begun = now() >= marked_from(known.measure.told)
    # There are two forms on the page, each with a reason.
    named = {"reason": "retract_reason"} if back else {}
    errors = errors_of(error, gettext_for(request), lambda name: named.get(name, name))
    context = {
        **about(request, cycle, session),
        "known": known,
        "values": {"retract_reason": "", **values},
        "errors": errors,
        "focus": next(iter(errors), ""),
        "marks": [each for each in MARKS if begun or each not in attendance.ATTENDED],
        "takes_place": takes_place(known.measure.told),
        "begun": begun,
        "afterwards": _afterwards(known, known.measure.told),
        "by_id": {each.id: each for each in known.evidence},
    }
    status = status_of(error) if error else 200
    return page(request, "organize/attendance_one.html", context, status=status)


def _afterwards(known: AttendanceRow | Case, told: Told) -> bool:
    row = known.enrolment
    return placed_afterwards(known.record, row.status, row.status_at, told.ends)


def open_session(db: DbSession, actor: Actor, slug: str, number: int) -> tuple[Cycle, Session]:
    """The cycle and the session that an address names. Raises NotFound."""
    cycle = cycle_for_slug(db, actor, slug)
    return cycle, session_by_number(db, actor, cycle.id, number)


def path_of(slug: str, number: int) -> str:
    """Where a session's attendance stands."""
    return f"/organize/c/{slug}/sessions/{number}/attendance"


def about(request: Request, cycle: Cycle, session: Session | None = None) -> dict[str, Any]:
    """What every page of attendance shows of its cycle, and of its session."""
    language = current_reader(request).language
    about: dict[str, Any] = {"cycle": cycle, "cycle_bar": cycle_bar(cycle, language)}
    if session is not None:
        about |= {
            "session": session,
            "title": localized(session.title, language, cycle.language),
            "path": path_of(cycle.slug, session.number),
            "zone": current_reader(request).zone or session.zone,
            "short": short_date(request, session.zone),
        }
    return about

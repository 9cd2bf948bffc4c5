"""Reports of the first session of `Attended` (09:00 to 11:00 in Bogotá on 1 December 2026)."""

import hashlib
from datetime import timedelta
from typing import Any

from sqlmodel import select

from app.db import DbSession
from app.models import ReportImport, ReportRow, Session
from app.schemas.report import AnswersIn, DecisionIn
from app.services import report_decisions, report_reading, reports
from app.services.actor import AccountStanding, Actor
from tests.services.attendance_world import OVER

OLGA = Actor(id="olga", name="Olga Organizer", standing=AccountStanding.ADMINISTRATOR)
HEADER = "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes)\n"
TOTALS = "Name (Original Name),User Email,Total Duration (Minutes)\n"
BOGOTA = {"zone": "America/Bogota"}


def row(name: str, email: str = "", begin: str = "09:00", end: str = "11:00") -> str:
    """A line of a Zoom meeting's report, by the clock of Bogotá."""
    return f"{name},{email},2026-12-01 {begin}:00,2026-12-01 {end}:00,1\n"


def zoom(*rows: str) -> bytes:
    """A file of such lines."""
    return (HEADER + "".join(rows)).encode()


def totals(*people: tuple[str, str, int]) -> bytes:
    """Names, addresses and minutes: a list without times."""
    return (TOTALS + "".join(f"{n},{e},{m}\n" for n, e, m in people)).encode()


def add(
    db: DbSession,
    session: Session,
    data: bytes,
    filename: str = "report.csv",
    answers: dict[str, Any] | None = None,
) -> ReportImport:
    """A file as a preview, with its zone answered."""
    ground = report_reading.ground(db, OLGA, session.id)
    given = report_reading.answered({}, AnswersIn(**(BOGOTA if answers is None else answers)))
    reading = report_reading.read(ground, data, filename, given)
    digest = hashlib.sha256(data).hexdigest()
    return reports.add_report(db, OLGA, session.id, digest, filename, reading).row


def applied(db: DbSession, session: Session, data: bytes, **more: Any) -> ReportImport:
    """A file that is applied at once."""
    report = add(db, session, data, **more)
    return reports.apply_report(db, OLGA, session.id, report.id, OVER + timedelta(minutes=1))


def states(db: DbSession, report: ReportImport) -> dict[int, str]:
    """What is known of each row, by its number."""
    query = select(ReportRow.number, ReportRow.state).where(ReportRow.import_id == report.id)
    return dict(sorted((each[0], each[1]) for each in db.exec(query)))


def row_at(db: DbSession, report: ReportImport, number: int) -> ReportRow:
    """The row of this number."""
    query = select(ReportRow).where(ReportRow.import_id == report.id, ReportRow.number == number)
    return db.exec(query).one()


def decide(
    db: DbSession, report: ReportImport, number: int, whose: str | None, remember: bool = True
) -> None:
    """Says whose a row is."""
    decision = DecisionIn(
        row_id=row_at(db, report, number).id, enrolment_id=whose, remember=remember
    )
    report_decisions.decide(db, OLGA, report.session_id, report.id, [decision], OVER)

"""A published cycle of four sessions of two hours, each with a break of 15 minutes, and people."""

from datetime import datetime, timedelta
from typing import Any, TypeVar

from app.db import DbSession
from app.domain.attendance import Kind, Status
from app.domain.ids import new_id
from app.models import Cycle, Enrolment, Evidence, ReportImport, ReportRow, Session
from app.models.base import Row
from app.services.actor import SYSTEM
from app.services.publishing import publish
from tests.factories import NOW, Make

RowT = TypeVar("RowT", bound=Row)
WEEK = timedelta(days=7)
OVER = datetime.fromisoformat("2026-12-22T18:00:00+00:00")
"""After the fourth session."""
RULE = {"min_sessions": 3, "of": 4, "min_percent_of_each": 70}


class Attended:
    """`sessions` by number from 0, and ways to have been there."""

    def __init__(
        self, db: DbSession, rule: dict[str, Any] | None = None, sessions: int = 4
    ) -> None:
        self.db, self.make = db, Make(db)
        self.cycle: Cycle = self.make.cycle(
            slug=f"cycle-{new_id()}", completion_rule=RULE if rule is None else rule or None
        )
        self.sessions: list[Session] = []
        for number in range(1, sessions + 1):
            session = self.make.session(self.cycle, number, minutes=120)
            self.make.segment(session, 0, minutes=60)
            self.make.segment(session, 1, kind="break", minutes=15)
            self.make.segment(session, 2, minutes=45)
            self.sessions.append(session)
        publish(db, SYSTEM, self.cycle.id, accept_warnings=True, now=NOW)

    def participant(self, name: str, **values: Any) -> Enrolment:
        person = self.make.person(name=name, email=f"{new_id()}@example.org")
        return self.make.enrolment(self.cycle, person, **values)

    def report(self, number: int, status: str = "applied", **values: Any) -> ReportImport:
        row = ReportImport(
            session_id=self.sessions[number - 1].id,
            filename="report.csv",
            digest=new_id(),
            provider="zoom",
            status=status,
            **values,
        )
        return self._add(row)

    def row(self, report: ReportImport, number: int = 2, **values: Any) -> ReportRow:
        return self._add(ReportRow(import_id=report.id, number=number, name="Somebody", **values))

    def there(
        self, who: Enrolment, number: int, begin: float = 0, end: float = 120, **values: Any
    ) -> Evidence:
        """From one minute to another, by a report."""
        start = self.sessions[number - 1].starts_at
        return self.seen(
            who,
            number,
            Kind.INTERVAL,
            joined_at=start + timedelta(minutes=begin),
            left_at=start + timedelta(minutes=end),
            **{"source": "zoom", **values},
        )

    def checked_in(self, who: Enrolment, number: int, minute: float = 0) -> Evidence:
        return self.seen(who, number, Kind.CHECK_IN, minute, source="room")

    def marked(self, who: Enrolment, number: int, status: Status) -> Evidence:
        return self.seen(
            who, number, Kind.MARK, 200, source="organizer", recorded_by="Olga", status=status
        )

    def seen(
        self, who: Enrolment, number: int, kind: Kind, minute: float = 0, **values: Any
    ) -> Evidence:
        session = self.sessions[number - 1]
        at = session.starts_at + timedelta(minutes=minute)
        row_id = new_id()
        return self._add(
            Evidence(
                id=row_id,
                enrolment_id=who.id,
                session_id=session.id,
                kind=kind,
                at=at,
                key=row_id,
                **values,
            )
        )

    def _add(self, row: RowT) -> RowT:
        self.db.add(row)
        self.db.flush()
        return row

"""The demonstration's reports are read without a question but that of the zone."""

from pathlib import Path

from sqlmodel import select

from app.db import DbSession
from app.meetings.reading import read_report
from app.meetings.values import Hints, Layout, Presence
from app.models import Session
from app.services import demo
from app.services.demo_reports import write_reports
from tests.factories import NOW


def test_they_are_read_as_the_sessions_they_are_of(db: DbSession, tmp_path: Path) -> None:
    demo.load(db, NOW, organizer_email="organizer@example.org")
    written = write_reports(db, tmp_path / "reports", NOW)
    assert [path.name for path in written] == ["session-1-teams.csv", "session-2-zoom-webinar.csv"]
    layouts = []
    for number, path in enumerate(written, 1):
        session = db.exec(select(Session).where(Session.number == number)).one()
        hints = Hints(session.starts_at, session.ends_at, session.zone, times_zone=session.zone)
        report = read_report(path.read_bytes(), path.name, hints)
        layouts.append(report.layout)
        assert (report.questions, report.unreadable, report.set_aside) == ((), (), ())
        assert {row.presence for row in report.rows} == {Presence.INTERVAL}
        assert len({row.name for row in report.rows}) > 40
        assert all(
            row.joined < session.ends_at and row.left > session.starts_at
            for row in report.rows
            if row.joined and row.left
        )
    assert layouts == [Layout.SECTIONS, Layout.WEBINAR]


def test_nothing_without_a_cycle(db: DbSession, tmp_path: Path) -> None:
    assert write_reports(db, tmp_path, NOW) == []

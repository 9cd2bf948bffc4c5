"""A report's file is kept for as long as a question may be answered; and real ones are read."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from app.db import DbSession
from app.models import ReportImport, ReportRow
from app.schemas.report import AnswersIn
from app.services import attendance, report_reading, reports
from app.services.files import FileStore, files_in_use
from app.worker.tidy import KEEP_PREVIEWS, tidy
from tests.meetings.reports import SAMPLES, needs_samples
from tests.services.attendance_world import OVER, Attended
from tests.services.reports_world import OLGA, add, row, zoom


def test_a_file_is_needed_until_the_report_is_applied(db: DbSession, tmp_path: Path) -> None:
    world, data = Attended(db), zoom(row("Ana"))
    store = FileStore(tmp_path)
    name = store.keep(data)
    assert name == hashlib.sha256(data).hexdigest()
    assert store.path(name).read_bytes() == data
    report = add(db, world.sessions[0], data)
    assert files_in_use(db) == {name}
    later = datetime.fromtimestamp(store.path(name).stat().st_mtime, UTC) + timedelta(days=2)
    assert store.remove_unused(files_in_use(db), later) == 0
    reports.apply_report(db, OLGA, report.session_id, report.id, OVER)
    db.flush()
    assert store.remove_unused(files_in_use(db), later) == 1


def test_a_preview_that_nobody_applies_is_thrown_away(db: DbSession) -> None:
    world = Attended(db)
    waiting = add(db, world.sessions[0], zoom(row("Ana")))
    done = add(db, world.sessions[0], zoom(row("Eva")))
    reports.apply_report(db, OLGA, done.session_id, done.id, OVER)
    db.flush()
    tidy(db, waiting.created_at + KEEP_PREVIEWS - timedelta(seconds=1))
    assert len(db.exec(select(ReportImport.id)).all()) == 2
    tidy(db, max(waiting.created_at, done.created_at) + KEEP_PREVIEWS)
    assert db.exec(select(ReportImport.id)).all() == [done.id]
    assert db.exec(select(ReportRow.name)).all() == ["Eva"]


@needs_samples
@pytest.mark.parametrize(
    "path", sorted(p.relative_to(SAMPLES).as_posix() for p in SAMPLES.glob("*/*.csv"))
)
def test_a_real_report_gives_nobody_more_than_the_session(db: DbSession, path: str) -> None:
    """Whoever is in it is enrolled; the session lasts as long as the report goes on."""
    world = Attended(db, sessions=1)
    session, data = world.sessions[0], (SAMPLES / path).read_bytes()
    ground = report_reading.ground(db, OLGA, session.id)
    given: dict[str, object] = {}
    for _ in range(3):
        answers = report_reading.answered({}, AnswersIn(**given))
        reading = report_reading.read(ground, data, path, answers)
        for question in reading.document["questions"]:
            match question["kind"]:
                case "zone":
                    given["zone"] = question["fits"][0]["zone"]
                case "date_order":
                    given["date_order"] = "day_first"
                case "open_until":
                    given["leave_open_out"] = True
    names = {each["name"] for each in reading.rows if each["state"] != "unreadable"}
    for name in sorted(filter(None, names)):
        world.participant(name)
    ground = report_reading.ground(db, OLGA, session.id)
    for digest in ("a" * 64, "b" * 64):
        reading = report_reading.read(ground, data, path, answers)
        report = reports.add_report(db, OLGA, session.id, digest, path, reading).row
        reports.apply_report(db, OLGA, session.id, report.id, OVER)
    found = attendance.attendance(db, OLGA, session.id)
    assert len(found) == len(set(filter(None, names)))
    whole = 105  # minutes, less the break
    assert all((each.record.minutes or 0) <= whole for each in found)
    by_state = {each["state"] for each in reading.rows}
    assert "matched" in by_state

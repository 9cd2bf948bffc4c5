"""Joining the meeting."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import Clash, NotFound
from app.models import Evidence
from app.services.actor import SYSTEM
from app.services.attendance import attendance
from app.services.check_in import join
from tests.factories import Make

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")
END = START + timedelta(minutes=90)
LINK = "https://meet.example.org/abc?pwd=1"


def test_gives_the_link_and_keeps_the_click(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session, enrolment = make.session(cycle, meeting_url=LINK), make.enrolment(cycle)
    second = timedelta(seconds=1)
    for at in (START, START + second, START + 61 * second):
        assert join(db, enrolment, 1, at) == LINK
    rows = db.exec(select(Evidence).order_by(col(Evidence.at))).all()
    assert [(e.kind, e.at) for e in rows] == [
        ("join_click", START),
        ("join_click", START + 61 * second),
    ]
    (row,) = attendance(db, SYSTEM, session.id)
    assert (row.record.status, row.record.clicked) == ("unknown", START)


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (START - timedelta(minutes=15, microseconds=1), "not_open_yet"),
        (START - timedelta(minutes=15), None),
        (END - timedelta(microseconds=1), None),
        (END, "session_over"),
    ],
)
def test_from_a_quarter_before_until_the_end(
    db: DbSession, make: Make, at: datetime, code: str | None
) -> None:
    cycle = make.cycle()
    make.session(cycle, meeting_url=LINK)
    enrolment = make.enrolment(cycle)
    if code is None:
        assert join(db, enrolment, 1, at) == LINK
        return
    with pytest.raises(Clash) as error:
        join(db, enrolment, 1, at)
    assert error.value.code == code
    assert error.value.params == {"opens": START - timedelta(minutes=15), "closes": END}
    assert db.exec(select(Evidence)).all() == []


@pytest.mark.parametrize(
    ("session", "enrolment", "code"),
    [
        ({"meeting_url": ""}, {}, "no_meeting_link"),
        ({"status": "cancelled"}, {}, "session_cancelled"),
        ({}, {"status": "pending"}, "enrolment_pending"),
        ({}, {"status": "waitlisted"}, "enrolment_waitlisted"),
        ({}, {"status": "withdrawn"}, "enrolment_withdrawn"),
    ],
)
def test_refuses(
    db: DbSession, make: Make, session: dict[str, Any], enrolment: dict[str, Any], code: str
) -> None:
    cycle = make.cycle()
    make.session(cycle, **{"meeting_url": LINK, **session})
    with pytest.raises(Clash) as error:
        join(db, make.enrolment(cycle, **enrolment), 1, START)
    assert error.value.code == code


def test_no_such_session(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    make.session(cycle, 2, status="draft", meeting_url=LINK)
    enrolment = make.enrolment(cycle)
    for number in (1, 2):
        with pytest.raises(NotFound):
            join(db, enrolment, number, START)

"""Asking people to confirm their parts, and reminding them: one mail each, never twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.errors import NotFound
from app.domain.parts import Standing
from app.domain.schedule import PartStatus
from app.models import Cycle, Message, Part, Person, Session
from app.schemas.directory import PersonChange
from app.schemas.part import PartAnswerIn, PartStatusIn
from app.services import parts, people
from app.services.actor import SYSTEM
from app.services.guests import guest_of
from app.services.part_requests import Asked, ask, remind, remind_parts
from app.services.rows import find
from tests.factories import NOW, Make

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def cycle_with(make: Make, number: int = 2) -> tuple[Cycle, list[Part]]:
    """So many people, each with a part in each of two segments."""
    cycle = make.cycle()
    session = make.session(cycle)
    segments = [make.segment(session, n) for n in range(2)]
    people = [make.person() for _ in range(number)]
    return cycle, [make.part(segment, person) for segment in segments for person in people]


def mails(db: DbSession) -> list[tuple[str, str]]:
    rows = db.exec(select(Message).order_by(col(Message.created_at), col(Message.to_address)))
    return [(row.kind, row.to_address) for row in rows]


def test_one_mail_to_each_about_all_their_parts(db: DbSession, make: Make) -> None:
    cycle, rows = cycle_with(make)
    nobody = make.person(email=None)
    make.part(make.segment(make.session(cycle, 2)), nobody)
    asked = ask(db, SYSTEM, cycle.id, NOW)
    people = {row.person_id for row in rows}
    assert (set(asked.people), asked.without_address) == (people, (nobody.id,))
    assert mails(db) == [("part-request", f"person{n}@example.org") for n in (2, 3)]
    placed = parts.placed_parts(db, cycle.id)
    assert [p.standing for p in placed] == [Standing.INVITED] * 4 + [Standing.PLANNED]
    assert [p.part.asked_at for p in placed] == [NOW] * 4 + [None]
    guest = guest_of(db, cycle.id, asked.people[0])
    first = db.exec(select(Message).where(Message.guest_id == guest.id)).one()
    assert (first.context, first.cycle_id) == ({"guest_id": guest.id}, cycle.id)
    assert (first.language, first.expires_at) == ("es", START + timedelta(minutes=60))


def test_whoever_was_asked_or_has_answered_is_not_asked(db: DbSession, make: Make) -> None:
    cycle, rows = cycle_with(make)
    guest = guest_of(db, cycle.id, rows[0].person_id)
    for row in rows:
        if row.person_id == guest.person_id:
            parts.answer(db, guest, row.id, PartAnswerIn(confirm=True), NOW)
    other = next(row.person_id for row in rows if row.person_id != guest.person_id)
    assert ask(db, SYSTEM, cycle.id, NOW) == Asked((other,), ())
    assert ask(db, SYSTEM, cycle.id, NOW + DAY) == Asked((), ())
    assert len(mails(db)) == 1


def test_nobody_is_reminded_where_mail_comes_back_from(db: DbSession, make: Make) -> None:
    cycle, rows = cycle_with(make)
    ask(db, SYSTEM, cycle.id, NOW)
    gone, other = sorted({row.person_id for row in rows})
    person = db.get_one(Person, gone)
    person.bounced_at = NOW
    db.flush()
    assert remind(db, SYSTEM, cycle.id, NOW + DAY) == Asked((other,), (gone,))
    assert remind_parts(db, START - DAY) == 1
    change = PersonChange.model_validate({"email": "new@example.org"})
    people.change_person(db, SYSTEM, gone, change, now=START - DAY)
    assert remind(db, SYSTEM, cycle.id, START - DAY + HOUR) == Asked((gone,), ())


def test_a_part_that_moved_is_asked_about_again(db: DbSession, make: Make) -> None:
    cycle, rows = cycle_with(make, 1)
    guest = guest_of(db, cycle.id, rows[0].person_id)
    for row in rows:
        parts.answer(db, guest, row.id, PartAnswerIn(confirm=True), NOW)
    session = find(db, Session, rows[0].session_id)
    session.wall_start += timedelta(hours=2)
    session.starts_at += timedelta(hours=2)
    session.ends_at += timedelta(hours=2)
    db.flush()
    assert ask(db, SYSTEM, cycle.id, NOW) == Asked((guest.person_id,), ())
    assert {p.standing for p in parts.placed_parts(db, cycle.id)} == {Standing.INVITED}


def test_only_those_who_are_named(db: DbSession, make: Make) -> None:
    cycle, rows = cycle_with(make, 3)
    chosen = rows[1].person_id
    assert ask(db, SYSTEM, cycle.id, NOW, only=[chosen]) == Asked((chosen,), ())
    asked = {p.part.person_id for p in parts.placed_parts(db, cycle.id) if p.part.asked_at}
    assert (asked, len(mails(db))) == ({chosen}, 1)


def test_past_and_cancelled_sessions_are_left_alone(db: DbSession, make: Make) -> None:
    cycle, _ = cycle_with(make, 1)
    make.part(make.segment(make.session(cycle, 2, status="cancelled")), make.person())
    assert ask(db, SYSTEM, cycle.id, START + timedelta(minutes=60)) == Asked((), ())
    assert mails(db) == []


def test_reminders_go_to_those_who_have_not_answered_once_a_day(db: DbSession, make: Make) -> None:
    cycle, rows = cycle_with(make, 2)
    assert remind(db, SYSTEM, cycle.id, NOW) == Asked((), ())
    ask(db, SYSTEM, cycle.id, NOW)
    assert remind(db, SYSTEM, cycle.id, NOW + DAY - timedelta(seconds=1)) == Asked((), ())
    guest = guest_of(db, cycle.id, rows[0].person_id)
    for row in rows:
        if row.person_id == guest.person_id:
            parts.answer(db, guest, row.id, PartAnswerIn(confirm=False), NOW)
    (other,) = {row.person_id for row in rows} - {guest.person_id}
    assert remind(db, SYSTEM, cycle.id, NOW + DAY) == Asked((other,), ())
    assert remind(db, SYSTEM, cycle.id, NOW + DAY) == Asked((), ())
    assert [kind for kind, _ in mails(db)] == ["part-request"] * 2 + ["part-reminder"]


def test_reminders_by_themselves(db: DbSession, make: Make) -> None:
    cycle, rows = cycle_with(make, 1)
    make.part(make.segment(make.session(cycle, 2)), make.person())
    assert remind_parts(db, START - 7 * DAY) == 0
    ask(db, SYSTEM, cycle.id, START - 20 * DAY, only=[rows[0].person_id])
    hour = timedelta(hours=1)
    found = [
        remind_parts(db, START - before)
        for before in (8 * DAY, 7 * DAY, 7 * DAY - hour, 3 * DAY, 2 * DAY, 2 * DAY - hour, -hour)
    ]
    assert found == [0, 1, 0, 0, 1, 0, 0]


def test_who_confirmed_another_time_is_reminded(db: DbSession, make: Make) -> None:
    cycle, rows = cycle_with(make, 2)
    ask(db, SYSTEM, cycle.id, START - 20 * DAY)
    for row, confirm in zip(rows, (True, False, True, False), strict=True):
        guest = guest_of(db, cycle.id, row.person_id)
        parts.answer(db, guest, row.id, PartAnswerIn(confirm=confirm), START - 19 * DAY)
    assert remind_parts(db, START - 7 * DAY) == 0
    session = db.exec(select(Session)).one()
    session.wall_start += timedelta(hours=1)
    session.starts_at += timedelta(hours=1)
    session.ends_at += timedelta(hours=1)
    db.flush()
    start, hour = START + timedelta(hours=1), timedelta(hours=1)
    found = [
        remind_parts(db, start - before)
        for before in (8 * DAY, 7 * DAY, 7 * DAY - hour, 2 * DAY, 2 * DAY - hour, -hour)
    ]
    assert found == [0, 1, 0, 1, 0, 0]
    assert {kind for kind, _ in mails(db)} == {"part-request", "part-reminder"}
    assert {p.standing for p in parts.placed_parts(db, cycle.id)} == {Standing.AGAIN}
    assert db.exec(select(Part.status).distinct().order_by(Part.status)).all() == [
        "confirmed",
        "declined",
    ]


def test_what_was_noted_by_hand_for_another_time_is_reminded_of(db: DbSession, make: Make) -> None:
    cycle, (row, _) = cycle_with(make, 1)
    noted = PartStatusIn(status=PartStatus.CONFIRMED)
    parts.set_status(db, SYSTEM, cycle.id, row.id, noted, START - 19 * DAY)
    session = db.exec(select(Session)).one()
    session.wall_start += timedelta(hours=1)
    session.starts_at += timedelta(hours=1)
    session.ends_at += timedelta(hours=1)
    db.flush()
    assert remind_parts(db, START - 6 * DAY) == 1


def test_nobody_is_reminded_of_what_was_answered_cancelled_or_archived(
    db: DbSession, make: Make
) -> None:
    for n in range(3):
        cycle, rows = cycle_with(make, 1)
        ask(db, SYSTEM, cycle.id, START - 20 * DAY)
        if n == 0:
            guest = guest_of(db, cycle.id, rows[0].person_id)
            for row in rows:
                parts.answer(db, guest, row.id, PartAnswerIn(confirm=False), NOW)
        elif n == 1:
            cycle.status = "archived"
        else:
            (placed, _) = parts.placed_parts(db, cycle.id)
            placed.session.status = "cancelled"
        db.flush()
    assert remind_parts(db, START - DAY) == 0


def test_looking_for_reminders_costs_one_query(
    db: DbSession, make: Make, count_queries: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    cycle_with(make, 3)
    with count_queries() as queries:
        remind_parts(db, START - DAY)
    assert len(queries) == 1


def test_no_such_cycle(db: DbSession) -> None:
    for deed in (ask, remind):
        with pytest.raises(NotFound):
            deed(db, SYSTEM, "nothing", NOW)


@pytest.mark.parametrize("deed", ["ask", "remind_parts"])
def test_two_at_once_send_one_mail(real_database: Database, deed: str) -> None:
    with real_database.begin(writes=True) as db:
        cycle, _ = cycle_with(Make(db), 1)
        cycle_id = cycle.id
        if deed == "remind_parts":
            ask(db, SYSTEM, cycle_id, START - 20 * DAY)
    together = Barrier(2)

    def one(second: int) -> None:
        together.wait()
        with real_database.begin(writes=True) as db:
            if deed == "ask":
                ask(db, SYSTEM, cycle_id, NOW + timedelta(seconds=second))
            else:
                remind_parts(db, START - 2 * DAY + timedelta(seconds=second))

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(one, second) for second in range(2)]:
            job.result()
    with real_database.begin(writes=False) as db:
        kind = "part-request" if deed == "ask" else "part-reminder"
        assert len(db.exec(select(Message).where(Message.kind == kind)).all()) == 1

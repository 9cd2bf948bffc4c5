"""Reminders go out once, in time or saying that they are late, and not about what is over."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.errors import Clash, Invalid, NotFound
from app.domain.reminders import Anchor, Audience
from app.models import Cycle, Guest, Invitation, Message, Reminder, ReminderRun, Segment, Session
from app.schemas.reminder import ReminderIn
from app.services import publishing, reminder_rules, reminders
from app.services.actor import SYSTEM
from app.services.cycles import archive_cycle
from tests.factories import NOW, Make

Count = Callable[[], AbstractContextManager[list[str]]]
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def publish(db: DbSession, cycle: Cycle, now: datetime = NOW) -> None:
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=now)


def rule(db: DbSession, cycle: Cycle, **values: Any) -> Reminder:
    """A day before, to all, for as long as anybody remembers."""
    values.setdefault("anchor", "start")
    values.setdefault("minutes", 24 * 60)
    values.setdefault("audience", "all")
    values.setdefault("since", NOW - timedelta(days=400))
    row = Reminder(cycle_id=cycle.id, **values)
    db.add(row)
    db.flush()
    return row


def invite(
    db: DbSession, cycle: Cycle, session: Session, person_id: str, answer: str, **values: Any
) -> None:
    guest = db.exec(
        select(Guest).where(Guest.cycle_id == cycle.id, Guest.person_id == person_id)
    ).one_or_none() or Guest(cycle_id=cycle.id, person_id=person_id)
    db.add(guest)
    db.flush()
    db.add(
        Invitation(
            guest_id=guest.id, session_id=session.id, uid=session.uid, answer=answer, **values
        )
    )
    db.flush()


@pytest.fixture
def cycle(db: DbSession, make: Make) -> Cycle:
    """Published long ago: a session on 1 December at 14:00 UTC for 90 minutes, two participants,
    a speaker."""
    cycle = make.cycle(language="en")
    session = make.session(cycle, 1)
    make.part(make.segment(session, minutes=90), make.person(name="Sara"), "speaker")
    make.enrolment(cycle, make.person(name="Ana"))
    make.enrolment(cycle, make.person(name="Ben"))
    publish(db, cycle, NOW - timedelta(days=30))
    return cycle


def first(db: DbSession, cycle: Cycle) -> Session:
    return db.exec(select(Session).where(Session.cycle_id == cycle.id)).one()


def names(db: DbSession) -> list[str]:
    kinds = ("reminder", "follow-up")
    return sorted(db.exec(select(Message.to_name).where(col(Message.kind).in_(kinds))))


def runs(db: DbSession) -> list[tuple[str, int]]:
    query = select(ReminderRun.outcome, ReminderRun.count).order_by(col(ReminderRun.ran_at))
    return [(outcome, count) for outcome, count in db.exec(query)]


def test_a_day_before_everybody_is_reminded_once(db: DbSession, cycle: Cycle) -> None:
    row, session = rule(db, cycle), first(db, cycle)
    at = session.starts_at - DAY
    assert reminders.run_due(db, at - timedelta(seconds=1)) == 0
    assert reminders.run_due(db, at) == 3
    assert reminders.run_due(db, at) == 0
    assert reminders.run_due(db, at + HOUR) == 0
    assert names(db) == ["Ana", "Ben", "Sara"]
    message = db.exec(
        select(Message).where(Message.to_name == "Ana", Message.kind == "reminder")
    ).one()
    assert message.guest_id is not None
    assert message.model_dump(
        include={"intent", "kind", "cycle_id", "session_id", "expires_at", "due_at", "lane"}
    ) == {
        "intent": f"reminder:{row.id}:{session.id}:{message.guest_id}",
        "kind": "reminder",
        "cycle_id": cycle.id,
        "session_id": session.id,
        "expires_at": session.ends_at,
        "due_at": at,
        "lane": f"remind:{session.id}:{message.guest_id}:all:start",
    }
    assert runs(db) == [("sent", 3)]


def test_what_goes_out_late_is_written_down_as_late(db: DbSession, cycle: Cycle) -> None:
    rule(db, cycle)
    assert reminders.run_due(db, first(db, cycle).starts_at - 22 * HOUR) == 3
    assert runs(db) == [("late", 3)]


def test_nobody_is_reminded_of_what_is_over(db: DbSession, cycle: Cycle) -> None:
    rule(db, cycle)
    at = first(db, cycle).ends_at
    assert reminders.run_due(db, at) == 0
    assert reminders.anything_due(db, at) is False
    assert names(db) == []
    assert runs(db) == [("missed", 0)]


def test_a_follow_up_comes_after_and_has_a_week(db: DbSession, cycle: Cycle) -> None:
    rule(db, cycle, anchor="end", minutes=30)
    session = first(db, cycle)
    at = session.ends_at + timedelta(minutes=30)
    assert reminders.run_due(db, at - timedelta(seconds=1)) == 0
    assert reminders.run_due(db, at) == 3
    kinds = db.exec(select(Message.kind, Message.expires_at).distinct()).all()
    assert kinds == [("follow-up", at + timedelta(days=7))]


def test_a_follow_up_of_last_week_is_missed(db: DbSession, cycle: Cycle) -> None:
    rule(db, cycle, anchor="end", minutes=0)
    assert reminders.run_due(db, first(db, cycle).ends_at + timedelta(days=7)) == 0
    assert runs(db) == [("missed", 0)]


def test_it_moves_with_the_release_not_with_the_draft(db: DbSession, cycle: Cycle) -> None:
    rule(db, cycle)
    session = first(db, cycle)
    was = session.starts_at - DAY
    session.wall_start += 2 * DAY
    session.starts_at += 2 * DAY
    session.ends_at += 2 * DAY
    db.flush()
    assert reminders.anything_due(db, was) is True  # the draft is nobody's business
    publish(db, cycle)
    assert reminders.run_due(db, was) == 0
    assert reminders.run_due(db, was + 2 * DAY) == 3
    assert runs(db) == [("sent", 3)]


def test_what_was_reminded_of_is_not_again_when_it_moves(db: DbSession, cycle: Cycle) -> None:
    rule(db, cycle)
    session = first(db, cycle)
    assert reminders.run_due(db, session.starts_at - DAY) == 3
    for message in db.exec(select(Message)):
        message.status = "sent"
    session.wall_start += 2 * DAY
    session.starts_at += 2 * DAY
    session.ends_at += 2 * DAY
    publish(db, cycle)
    assert reminders.run_due(db, session.starts_at - DAY) == 0


def test_a_cancelled_session_says_nothing_and_may_come_back(db: DbSession, cycle: Cycle) -> None:
    rule(db, cycle)
    session = first(db, cycle)
    session.status = "cancelled"
    publish(db, cycle)
    assert reminders.run_due(db, session.starts_at - DAY) == 0
    session.status = "scheduled"
    publish(db, cycle)
    assert reminders.run_due(db, session.starts_at - DAY + HOUR) == 3


@pytest.mark.parametrize("values", [{"on": False}, {"removed": True}])
def test_what_is_off_or_gone_is_silent(
    db: DbSession, cycle: Cycle, values: dict[str, bool]
) -> None:
    rule(db, cycle, **values)
    assert reminders.run_due(db, first(db, cycle).starts_at - DAY) == 0


def test_archived_cycles_are_silent(db: DbSession, cycle: Cycle) -> None:
    rule(db, cycle)
    archive_cycle(db, SYSTEM, cycle.id)
    assert reminders.run_due(db, first(db, cycle).starts_at - DAY) == 0


def test_nothing_is_made_up_for_that_was_due_before(db: DbSession, cycle: Cycle) -> None:
    start = first(db, cycle).starts_at
    rule(db, cycle, since=start - 3 * HOUR)
    assert reminders.run_due(db, start - 2 * HOUR) == 0
    assert runs(db) == []


@pytest.mark.parametrize(
    ("audience", "reached"),
    [
        ("all", ["Acc", "None", "Old", "Part", "Tent"]),
        ("unanswered", ["None", "Old"]),
        ("accepted", ["Acc", "Part"]),
        ("speakers", ["Part"]),
    ],
)
def test_audiences(db: DbSession, make: Make, audience: str, reached: list[str]) -> None:
    cycle = make.cycle()
    session = make.session(cycle, 1)
    segment = make.segment(session, minutes=90)
    people = {
        name: make.person(name=name) for name in ("Acc", "Dec", "Tent", "Old", "None", "Gone")
    }
    people["Bounced"] = make.person(name="Bounced", bounced_at=NOW)
    people["Nowhere"] = make.person(name="Nowhere", email=None)
    for name, person in people.items():
        make.enrolment(cycle, person, status="withdrawn" if name == "Gone" else "confirmed")
    for name, answer, since in (
        ("Acc", "accepted", 0),
        ("Dec", "declined", 0),
        ("Tent", "tentative", 0),
        ("Old", "declined", 1),  # the time has changed since
    ):
        invite(db, cycle, session, people[name].id, answer, time_sequence=since)
    make.part(segment, make.person(name="Part"), status="confirmed")
    make.part(segment, make.person(name="No"), status="declined")
    make.part(segment, people["Dec"])  # speaks, but will not come
    publish(db, cycle, NOW - timedelta(days=30))
    rule(db, cycle, audience=audience)
    reminders.run_due(db, session.starts_at - DAY)
    assert names(db) == reached


def test_whoever_is_on_the_published_programme_only_is_reminded_too(
    db: DbSession, make: Make, cycle: Cycle
) -> None:
    """Two were taken off in the draft, of which nobody knows yet; neither has been a guest."""
    segment = db.exec(select(Segment)).one()
    rows = [make.part(segment, make.person(name=name)) for name in ("Uma", "Vera")]
    publish(db, cycle)
    for row in rows:
        db.delete(row)
    db.flush()
    rule(db, cycle)
    assert reminders.run_due(db, first(db, cycle).starts_at - DAY) == 5
    assert names(db) == ["Ana", "Ben", "Sara", "Uma", "Vera"]


def test_the_usual_ones_hold_where_calendars_are_kept(db: DbSession, cycle: Cycle) -> None:
    start, end = (first(db, cycle).starts_at, first(db, cycle).ends_at)
    reminders.run_due(db, start - 2 * DAY)
    assert db.exec(select(Reminder)).all() == []
    cycle.invites = True
    db.flush()
    assert reminders.anything_due(db, start - 2 * DAY) is True
    sent = [
        reminders.run_due(db, at)
        for at in (start - 2 * DAY, start - DAY, start - HOUR, end + timedelta(minutes=30))
    ]
    assert sent == [0, 3, 3, 3]
    reminders.ensure_defaults(db, cycle.id, NOW)
    assert len(db.exec(select(Reminder)).all()) == 3


def test_looking_costs_three_queries(db: DbSession, make: Make, count_queries: Count) -> None:
    counts = []
    known = reminders.Meetings()
    for n in (1, 2, 3):
        cycle = make.cycle()
        row = make.session(cycle, n)
        make.segment(row, minutes=90)
        make.enrolment(cycle)
        publish(db, cycle, NOW - timedelta(days=30))
        rule(db, cycle)
        rule(db, cycle, anchor="end")
        reminders.run_due(db, NOW, known)  # reads the new release
        for at in (NOW, row.ends_at + HOUR):
            reminders.run_due(db, at, known)
            with count_queries() as queries:
                assert reminders.run_due(db, at, known) == 0
                assert reminders.anything_due(db, at, known) is False
            counts.append(len(queries) / 2)
    assert counts == [2, 3] * 3


def test_sending_costs_the_same_for_one_and_for_many(
    db: DbSession, make: Make, count_queries: Count
) -> None:
    counts = []
    for people in (1, 3, 30):
        cycle = make.cycle()
        row = make.session(cycle, 1)
        make.segment(row, minutes=90)
        for _ in range(people):
            make.enrolment(cycle)
        publish(db, cycle, NOW - timedelta(days=30))
        rule(db, cycle)
        reminders.run_due(db, NOW)
        with count_queries() as queries:
            assert reminders.run_due(db, row.starts_at - DAY) == people
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2]


@pytest.mark.parametrize("usual", [False, True])
def test_of_two_workers_at_once_one_sends(real_database: Database, usual: bool) -> None:
    with real_database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        session = make.session(cycle, 1)
        make.segment(session, minutes=90)
        for _ in range(5):
            make.enrolment(cycle)
        publish(db, cycle, NOW - timedelta(days=30))
        cycle.invites = usual
        if not usual:
            rule(db, cycle)
    at = session.starts_at - DAY
    if usual:
        at = session.starts_at - DAY - HOUR  # the usual ones are made now, and nothing is due
    sent: list[int] = []
    barrier = Barrier(2)

    def work() -> None:
        barrier.wait()
        with real_database.begin(writes=True) as db:
            sent.append(reminders.run_due(db, at))

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == ([0, 0] if usual else [0, 5])
    with real_database.begin(writes=False) as db:
        queued = db.exec(select(Message).where(Message.kind == "reminder")).all()
        assert len(queued) == sum(sent)
        assert len(db.exec(select(ReminderRun)).all()) == (0 if usual else 1)
        assert len(db.exec(select(Reminder)).all()) == (3 if usual else 1)


def new(anchor: str = "start", minutes: int = 120, audience: str = "all") -> ReminderIn:
    return ReminderIn(anchor=Anchor(anchor), minutes=minutes, audience=Audience(audience))


def test_adding_the_same_twice_is_refused(db: DbSession, cycle: Cycle) -> None:
    reminder_rules.add_reminder(db, SYSTEM, cycle.id, new(), NOW)
    reminder_rules.add_reminder(db, SYSTEM, cycle.id, new(audience="speakers"), NOW)
    with pytest.raises(Invalid) as raised:
        reminder_rules.add_reminder(db, SYSTEM, cycle.id, new(), NOW)
    assert [(f.field, f.code) for f in raised.value.fields] == [("minutes", "twice")]


def test_so_many_and_no_more(db: DbSession, cycle: Cycle) -> None:
    for minutes in range(reminder_rules.MOST):
        reminder_rules.add_reminder(db, SYSTEM, cycle.id, new(minutes=minutes), NOW)
    with pytest.raises(Clash) as raised:
        reminder_rules.add_reminder(db, SYSTEM, cycle.id, new(minutes=500), NOW)
    assert raised.value.code == "full"


def test_another_time_is_another_reminder(db: DbSession, cycle: Cycle) -> None:
    start = first(db, cycle).starts_at
    row = rule(db, cycle)
    assert reminders.run_due(db, start - DAY) == 3
    reminder_rules.change_reminder(db, SYSTEM, cycle.id, row.id, new(), start - 20 * HOUR)
    with pytest.raises(NotFound):
        reminder_rules.get_reminder(db, SYSTEM, cycle.id, row.id)
    assert reminders.run_due(db, start - 2 * HOUR) == 3


def test_another_audience_is_the_same_reminder(db: DbSession, cycle: Cycle) -> None:
    start = first(db, cycle).starts_at
    row = rule(db, cycle)
    changed = reminder_rules.change_reminder(
        db, SYSTEM, cycle.id, row.id, new(minutes=24 * 60, audience="speakers"), NOW
    )
    assert changed.id == row.id
    assert reminders.run_due(db, start - DAY) == 1


def test_switched_on_again_it_does_not_make_up(db: DbSession, cycle: Cycle) -> None:
    start = first(db, cycle).starts_at
    row = rule(db, cycle)
    reminder_rules.switch_reminder(db, SYSTEM, cycle.id, row.id, NOW, on=False)
    assert reminders.run_due(db, start - DAY) == 0
    reminder_rules.switch_reminder(db, SYSTEM, cycle.id, row.id, start - 5 * HOUR, on=True)
    assert reminders.run_due(db, start - 4 * HOUR) == 0


def test_removed_ones_stay_in_what_was_sent(db: DbSession, cycle: Cycle) -> None:
    start = first(db, cycle).starts_at
    row = rule(db, cycle)
    reminders.run_due(db, start - DAY)
    reminder_rules.remove_reminder(db, SYSTEM, cycle.id, row.id)
    seen = reminder_rules.overview(db, SYSTEM, cycle, start)
    assert (seen.reminders, seen.planned) == ((), ())
    assert [(r.reminder.id, r.session.number, r.run.outcome) for r in seen.ran] == [
        (row.id, 1, "sent")
    ]


def test_a_reminder_of_another_cycle_is_none(db: DbSession, make: Make, cycle: Cycle) -> None:
    row = rule(db, make.cycle())
    with pytest.raises(NotFound):
        reminder_rules.remove_reminder(db, SYSTEM, cycle.id, row.id)


def test_the_overview(db: DbSession, make: Make, cycle: Cycle) -> None:
    start = first(db, cycle).starts_at
    row = rule(db, cycle)
    rule(db, cycle, anchor="end", minutes=30, audience="speakers")
    rule(db, cycle, minutes=60, on=False)
    seen = reminder_rules.overview(db, SYSTEM, cycle, NOW)
    assert [(p.due_at, p.reminder.audience, p.reach, p.late) for p in seen.planned] == [
        (start - DAY, "all", 3, False),
        (start + timedelta(minutes=120), "speakers", 1, False),
    ]
    planned = seen.next_of(row)
    assert planned is not None
    assert planned.session.number == 1
    late = reminder_rules.overview(db, SYSTEM, cycle, start - HOUR)
    assert [p.late for p in late.planned] == [True, False]


def test_the_overview_after_a_move(
    db: DbSession, make: Make, cycle: Cycle, count_queries: Count
) -> None:
    """Two have theirs, a third has not: planned for that one and whoever has come since."""
    row, session = rule(db, cycle), first(db, cycle)
    reminders.run_due(db, session.starts_at - DAY)
    for message in db.exec(select(Message)):
        message.status = "failed" if message.to_name == "Ben" else "sent"
    session.wall_start += 2 * DAY
    session.starts_at += 2 * DAY
    session.ends_at += 2 * DAY
    publish(db, cycle)
    make.enrolment(cycle, make.person(name="Dora"))
    with count_queries() as queries:
        seen = reminder_rules.overview(db, SYSTEM, cycle, NOW)
    assert [(p.reminder.id, p.due_at, p.reach) for p in seen.planned] == [
        (row.id, session.starts_at - DAY, 2)
    ]
    assert [(r.run.outcome, r.run.count) for r in seen.ran] == [("sent", 3)]
    assert len(queries) == 9
    assert reminders.run_due(db, session.starts_at - DAY) == 2
    assert runs(db) == [("sent", 4)]
    assert reminder_rules.overview(db, SYSTEM, cycle, session.starts_at).planned == ()


def test_the_overview_of_a_cycle_that_lives_by_the_usual_ones(db: DbSession, cycle: Cycle) -> None:
    assert reminder_rules.overview(db, SYSTEM, cycle, NOW).reminders == ()
    cycle.invites = True
    seen = reminder_rules.overview(db, SYSTEM, cycle, NOW)
    assert seen.usual is True
    assert [(r.anchor, r.minutes) for r in seen.reminders] == [
        ("start", 1440),
        ("start", 60),
        ("end", 30),
    ]
    assert [p.reach for p in seen.planned] == [3, 3, 3]
    db.flush()
    assert db.exec(select(Reminder)).all() == []


def test_the_overview_costs_the_same_for_one_session_and_three(
    db: DbSession, make: Make, count_queries: Count
) -> None:
    counts = []
    for number in (1, 3):
        cycle = make.cycle()
        for n in range(1, number + 1):
            make.segment(make.session(cycle, n), minutes=90)
            make.enrolment(cycle)
            rule(db, cycle, minutes=n)
        publish(db, cycle)
        with count_queries() as queries:
            reminder_rules.overview(db, SYSTEM, cycle, NOW)
        counts.append(len(queries))
    assert counts == [8, 8]

"""A cycle at a glance."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from app.db import DbSession
from app.domain.attendance import Status
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import NotFound
from app.domain.ids import new_id
from app.domain.sentences import fill
from app.models import Cycle, Enrolment, Evidence, InboundMail, Message, Session
from app.services import evidence as stored
from app.services import publishing
from app.services.actor import SYSTEM
from app.services.glance import Glance, glance
from app.services.guests import guest_of
from app.services.measures import measure_of
from tests.factories import NOW, Make
from tests.plain import plain

SECOND = timedelta(seconds=1)
Count = Callable[[], AbstractContextManager[list[str]]]


def sound(make: Make, cycle: Cycle, number: int = 1, **values: Any) -> Session:
    """A session with nothing to complain of."""
    values.setdefault("meeting_url", f"https://meet.example.org/{number}")
    session = make.session(cycle, number, minutes=30, **values)
    make.part(make.segment(session), make.person(), "host", status="confirmed")
    return session


def publish(db: DbSession, cycle: Cycle) -> None:
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)


def look(db: DbSession, cycle: Cycle, now: datetime = NOW) -> Glance:
    db.flush()
    return glance(db, SYSTEM, cycle.id, now)


def todos(db: DbSession, cycle: Cycle, now: datetime = NOW) -> list[tuple[str, str, str, str]]:
    return [
        (t.severity, t.code, t.where, fill(t.sentence, t.params, plain))
        for t in look(db, cycle, now).todos
    ]


def evidence(
    db: DbSession, enrolment: Enrolment, session: Session, kind: str, **values: Any
) -> Evidence:
    row = Evidence(
        enrolment_id=enrolment.id,
        session_id=session.id,
        kind=kind,
        at=session.starts_at + timedelta(seconds=values.pop("second", 0)),
        source="organizer",
        key=new_id(),
        **values,
    )
    db.add(row)
    db.flush()
    return row


def message(db: DbSession, cycle: Cycle, status: str) -> None:
    key = new_id()
    db.add(
        Message(
            intent=key,
            message_id=key,
            kind="enrolment-confirmed",
            cycle_id=cycle.id,
            to_address="a@example.org",
            language="es",
            status=status,
        )
    )


def test_nothing_to_do(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    sound(make, cycle)
    publish(db, cycle)
    assert todos(db, cycle) == []


def test_a_new_cycle(db: DbSession, make: Make) -> None:
    cycle = make.cycle(privacy_notice={})
    found = look(db, cycle)
    assert (found.sessions, found.enrolments_per_day, found.failed_mails) == ([], [], 0)
    assert found.enrolments == dict.fromkeys(EnrolmentStatus, 0)
    assert todos(db, cycle) == [
        ("soon", "no_sessions", "session", "The cycle has no sessions yet: add the first one."),
        (
            "soon",
            "no_privacy_notice",
            "privacy",
            "The privacy notice is the house's own: look whether it is true of this cycle.",
        ),
    ]
    cycle.enrolment_open = False
    assert [t[1] for t in todos(db, cycle)] == ["no_sessions"]


@pytest.mark.parametrize(("days", "severity"), [(1, "later"), (2, "soon"), (8, "soon")])
def test_not_published(db: DbSession, make: Make, days: int, severity: str) -> None:
    cycle = make.cycle()
    sound(make, cycle)  # 1 December, 14:00 UTC
    assert todos(db, cycle, datetime(2026, 11, 23, 14, tzinfo=UTC) + timedelta(days=days - 1)) == [
        (
            severity,
            "not_published",
            "publish",
            "The cycle is not published yet: only organizers can see it.",
        )
    ]


def test_a_draft_session_is_nothing_to_publish(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    sound(make, cycle, status="draft")
    assert todos(db, cycle) == []


def test_changes_that_nobody_has_seen(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = sound(make, cycle)
    publish(db, cycle)
    session.title = {"en": "New"}
    sentence = "Changes that nobody has been shown yet: 1."
    assert todos(db, cycle) == [("soon", "changes_unpublished", "publish", sentence)]
    tomorrow = session.starts_at - timedelta(hours=48)
    assert todos(db, cycle, tomorrow) == [("now", "changes_unpublished", "publish", sentence)]


def test_a_session_moved_away_from_tomorrow_is_pressing(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = sound(make, cycle)
    publish(db, cycle)
    now = session.starts_at - timedelta(hours=24)
    for name in ("wall_start", "starts_at", "ends_at"):
        setattr(session, name, getattr(session, name) + timedelta(days=30))
    assert [t[:2] for t in todos(db, cycle, now)] == [("now", "changes_unpublished")]


def test_another_colour_can_wait(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    sound(make, cycle)
    publish(db, cycle)
    cycle.accent = "#123456"
    assert [t[:3] for t in todos(db, cycle)] == [("later", "look_unpublished", "publish")]


def test_conflicts_one_line_for_each_session(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    one = sound(make, cycle, 1)
    sound(make, cycle, 2, wall_start=one.wall_start + timedelta(minutes=15))
    empty = make.session(cycle, 3, meeting_url="https://meet.example.org/3")
    sound(make, cycle, 4)
    assert todos(db, cycle) == [
        (
            "soon",
            "schedule_errors",
            "session",
            "Session 1 and session 2 are at the same time, "
            "2026-12-01 09:15–09:30 (America/Bogota).",
        ),
        (
            "later",
            "not_published",
            "publish",
            "The cycle is not published yet: only organizers can see it.",
        ),
        (
            "later",
            "schedule_warnings",
            "session",
            "Session 3 has several things to check: 2.",
        ),
    ]
    assert [t.session_number for t in look(db, cycle).todos] == [1, None, 3]
    over = empty.ends_at
    publish_codes = [t[:2] for t in todos(db, cycle, over)]
    # What is over can neither be prepared nor mended any more.
    assert publish_codes == [("soon", "not_published")]


def test_a_link_is_missing(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = sound(make, cycle, meeting_url="")
    publish(db, cycle)
    assert todos(db, cycle, session.starts_at - timedelta(hours=48, minutes=1)) == []
    expected = [
        (
            "now",
            "link_missing",
            "session",
            "Session 1 begins soon, 2026-12-01 09:00–09:30 (America/Bogota), "
            "and has no meeting link.",
        )
    ]
    assert todos(db, cycle, session.starts_at - timedelta(hours=48)) == expected


def test_enrolments_and_mails(db: DbSession, make: Make) -> None:
    cycle = make.cycle(capacity=3, approval=True)
    sound(make, cycle)
    publish(db, cycle)
    for status in ("pending", "confirmed", "waitlisted", "waitlisted", "withdrawn"):
        make.enrolment(cycle, status=status)
    for status in ("failed", "failed", "queued", "sent"):
        message(db, cycle, status)
    message(db, make.cycle(), "failed")
    assert todos(db, cycle) == [
        ("now", "mails_failed", "mail", "Mails that could not be delivered: 2."),
        (
            "soon",
            "enrolments_pending",
            "participants",
            "Enrolments that wait for your answer: 1.",
        ),
        (
            "soon",
            "waitlist_with_places",
            "participants",
            "There is room for people on the waiting list: 1.",
        ),
    ]
    cycle.capacity = 2
    assert [t[1] for t in todos(db, cycle)] == ["mails_failed", "enrolments_pending"]
    cycle.capacity = None
    assert [t[3] for t in todos(db, cycle)][2] == "There is room for people on the waiting list: 2."


def test_mails_that_came_back_until_the_address_is_another(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    sound(make, cycle)
    publish(db, cycle)
    person = make.person(email="a@example.org")
    for status in ("bounced", "bounced", "failed"):
        message(db, cycle, status)
    message(db, make.cycle(), "bounced")
    assert todos(db, cycle) == [
        ("now", "mails_failed", "mail", "Mails that could not be delivered: 1."),
        ("now", "mails_returned", "returned", "Mails that came back: 2. Check the addresses."),
    ]
    person.email = "b@example.org"
    assert [t[1] for t in todos(db, cycle)] == ["mails_failed"]


def test_a_session_that_is_over(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = sound(make, cycle)
    publish(db, cycle)
    over = session.ends_at
    assert todos(db, cycle, over) == []  # nobody enrolled
    people = [make.enrolment(cycle) for _ in range(4)]
    make.enrolment(cycle, status="pending")
    evidence(db, people[0], session, "check_in")
    evidence(db, people[1], session, "mark", status="excused")
    evidence(db, people[2], session, "join_click")
    pending = (
        "soon",
        "enrolments_pending",
        "participants",
        "Enrolments that wait for your answer: 1.",
    )
    assert todos(db, cycle, over) == [
        pending,
        (
            "later",
            "attendance_open",
            "attendance",
            "Session 1 is over. Participants without attendance: 2.",
        ),
    ]
    assert todos(db, cycle, over - timedelta(seconds=1)) == [pending]
    assert todos(db, cycle, over + timedelta(days=14)) == [pending]


def test_urgency_comes_first(db: DbSession, make: Make) -> None:
    cycle = make.cycle(privacy_notice={}, capacity=9)
    past = sound(make, cycle, 1, wall_start=datetime(2026, 11, 22, 9))
    sound(make, cycle, 2, wall_start=datetime(2026, 11, 24, 9), meeting_url="")
    make.session(cycle, 3)
    publish(db, cycle)
    past.title = {"en": "New"}
    make.enrolment(cycle)
    make.enrolment(cycle, status="waitlisted")
    message(db, cycle, "failed")
    assert [t[:2] for t in todos(db, cycle)] == [
        ("now", "link_missing"),
        ("now", "mails_failed"),
        ("soon", "changes_unpublished"),
        ("soon", "waitlist_with_places"),
        ("soon", "no_privacy_notice"),
        ("later", "attendance_open"),
        ("later", "schedule_warnings"),
    ]


def test_an_archived_cycle_has_nothing_to_do(db: DbSession, make: Make) -> None:
    cycle = make.cycle(status="archived", privacy_notice={})
    assert todos(db, cycle) == []


def test_the_strip(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    day = timedelta(days=1)
    wall = datetime(2026, 11, 23, 9, 45)  # Bogotá; NOW is 10:00 there
    sound(make, cycle, 1, wall_start=wall - day)
    sound(make, cycle, 2, wall_start=wall)
    off = sound(make, cycle, 3, wall_start=wall + 2 * day)
    publish(db, cycle)
    off.status = "cancelled"
    db.flush()
    publish(db, cycle)
    sound(make, cycle, 4, wall_start=wall + 5 * day)
    sound(make, cycle, 5, wall_start=wall + 4 * day)
    sound(make, cycle, 6, wall_start=wall + 3 * day, status="draft")
    make.session(cycle, 7)
    assert [
        (s.number, s.state, s.released, s.errors, s.warnings) for s in look(db, cycle).sessions
    ] == [
        (1, "over", True, 0, 0),
        (2, "live", True, 0, 0),
        (3, "cancelled", True, 0, 0),
        (4, "scheduled", False, 0, 0),
        (5, "next", False, 0, 0),
        (6, "draft", False, 0, 0),
        (7, "scheduled", False, 0, 2),
    ]


def test_attendance_is_what_the_evidence_amounts_to(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    one, two = sound(make, cycle, 1), sound(make, cycle, 2)
    publish(db, cycle)
    people = [make.enrolment(cycle) for _ in range(4)]
    evidence(db, people[0], one, "check_in")
    evidence(db, people[0], one, "check_in", second=1)
    evidence(db, people[1], one, "check_in")
    evidence(db, people[1], one, "mark", status="excused", second=2)
    evidence(db, people[2], one, "mark", status="late")
    wrong = evidence(db, people[3], one, "mark", status="present")
    evidence(db, people[3], one, "retraction", retracts_id=wrong.id, second=3)
    evidence(db, people[3], two, "check_in")
    found = look(db, cycle)
    assert [s.attendance for s in found.sessions] == [
        {Status.PRESENT: 1, Status.EXCUSED: 1, Status.LATE: 1},
        {Status.PRESENT: 1},
    ]
    assert [s.attended for s in found.sessions] == [2, 1]


def test_counting_agrees_with_the_rule(db: DbSession, make: Make) -> None:
    """Every order of up to three observations, against reading all of it."""
    cycle = make.cycle()
    session = sound(make, cycle)
    publish(db, cycle)
    kinds = ("check_in", "join_click", "mark", "retraction")
    for length in (1, 2, 3):
        for order in product(kinds, repeat=length):
            enrolment, last = make.enrolment(cycle), None
            for second, kind in enumerate(order):
                values: dict[str, Any] = {"second": second}
                if kind == "mark":
                    values["status"] = "late" if second % 2 else "excused"
                if kind == "retraction":
                    if last is None:
                        continue
                    values["retracts_id"] = last.id
                last = evidence(db, enrolment, session, kind, **values)
    known = stored.of_sessions(db, [session.id])[session.id]
    measure = measure_of(db, session)
    slow = Counter(measure.record(each).status for each in known.values())
    del slow[Status.UNKNOWN]
    assert sum(slow.values()) > 40
    assert look(db, cycle).attendance == {session.id: slow}


def test_enrolments_by_day_in_the_cycles_zone(db: DbSession, make: Make) -> None:
    cycle = make.cycle(zone="America/Bogota")
    for text, status in (
        ("2026-11-02T04:59", "confirmed"),  # still the first of November
        ("2026-11-02T05:00", "confirmed"),
        ("2026-11-02T23:00", "waitlisted"),
        ("2026-11-02T23:00", "withdrawn"),
    ):
        created = datetime.fromisoformat(text).replace(tzinfo=UTC)
        make.enrolment(cycle, status=status, created_at=created)
    make.enrolment(make.cycle())
    found = look(db, cycle)
    assert found.enrolments_per_day == [(date(2026, 11, 1), 1), (date(2026, 11, 2), 2)]
    assert found.enrolments == {
        EnrolmentStatus.PENDING: 0,
        EnrolmentStatus.CONFIRMED: 2,
        EnrolmentStatus.WAITLISTED: 1,
        EnrolmentStatus.WITHDRAWN: 1,
    }


def test_no_such_cycle(db: DbSession) -> None:
    with pytest.raises(NotFound):
        glance(db, SYSTEM, "nothing", NOW)


def test_mails_that_need_a_person(db: DbSession, make: Make) -> None:
    cycle, other = make.cycle(), make.cycle()
    sound(make, cycle)
    publish(db, cycle)
    for number, (each, status) in enumerate(
        [(cycle, "open"), (cycle, "open"), (cycle, "placed"), (other, "open")]
    ):
        db.add(
            InboundMail(key=f"<{number}>", kind="reply", status=status, cycle_id=each.id, raw=b"")
        )
    assert todos(db, cycle) == [("soon", "replies_open", "replies", "Mails that need a person: 2.")]


def test_people_on_the_programme(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = sound(make, cycle)  # in eight days
    publish(db, cycle)
    segment = make.segment(session, 1, minutes=1, offset=0)
    parts = [make.part(segment, make.person(), status=status) for status in ("planned",) * 2]
    parts += [make.part(segment, make.person(), status=s) for s in ("invited", "declined")]

    def told(now: datetime) -> list[tuple[str, str, str, str]]:
        return [todo for todo in todos(db, cycle, now) if todo[1].startswith("parts_")]

    declined = "Session 1: parts that were declined: 1."
    unconfirmed = "Session 1: parts that are not confirmed: 1."
    unasked = "Session 1: people who were not asked yet: 2."
    assert told(session.starts_at - timedelta(days=15)) == [
        ("soon", "parts_declined", "session", declined)
    ]
    assert told(session.starts_at - timedelta(days=14)) == [
        ("soon", "parts_declined", "session", declined),
        ("later", "parts_unasked", "parts", unasked),
    ]
    assert told(session.starts_at - timedelta(days=7)) == [
        ("now", "parts_declined", "session", declined),
        ("soon", "parts_unconfirmed", "parts", unconfirmed),
        ("later", "parts_unasked", "parts", unasked),
    ]
    assert told(session.starts_at - timedelta(days=2)) == [
        ("now", "parts_declined", "session", declined),
        ("now", "parts_unconfirmed", "parts", unconfirmed),
        ("later", "parts_unasked", "parts", unasked),
    ]
    assert told(session.ends_at) == []


def test_queries_do_not_grow(db: DbSession, make: Make, count_queries: Count) -> None:
    cycle, other = make.cycle(), make.cycle()
    ana = make.person()
    counts = []
    for number in (1, 2, 3):
        for each in (cycle, other):
            session = make.session(each, number, meeting_url="https://meet.example.org/a")
            make.carries(each, make.institution())
            for place in range(number):
                make.part(make.segment(session, place), ana)
            enrolment = make.enrolment(each)
            evidence(db, enrolment, session, "check_in")
            message(db, each, "failed")
        db.flush()
        db.expunge_all()
        with count_queries() as queries:
            found = glance(db, SYSTEM, cycle.id, NOW)
        assert (len(found.sessions), found.failed_mails) == (number, number)
        counts.append(len(queries))
    assert counts == [26, 26, 26]


def test_new_slides_are_told_for_a_week(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = sound(make, cycle)
    person = make.person(name="Ana Ruiz")
    make.part(make.segment(session, 1, minutes=1), person, status="confirmed")
    for _ in range(2):
        row = make.material(session, audience="participants", after_session=True)
        row.given_by, row.created_at = guest_of(db, cycle.id, person.id).id, NOW
    make.material(session).created_at = NOW
    said = ("later", "new_slides", "materials", "New slides from Ana Ruiz for session 1.")
    week = timedelta(days=7)
    found = [todos(db, cycle, at).count(said) for at in (NOW, NOW + week - SECOND, NOW + week)]
    assert found == [1, 1, 0]

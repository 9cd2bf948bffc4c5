"""A cycle in numbers, from the evidence: who counts where, and what is provisional."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from app.db import DbSession
from app.domain.attendance import Basis, Status
from app.domain.errors import NotFound
from app.domain.ids import new_id
from app.domain.report import Dimension
from app.models import (
    FeedbackAnswer,
    FeedbackForm,
    FeedbackQuestion,
    FeedbackReceipt,
    Guest,
    Initiative,
    Invitation,
    Session,
)
from app.services.actor import SYSTEM
from app.services.attendance import attendance_page
from app.services.completion import dry_run
from app.services.report import Opinion, opinions_of, report
from tests.factories import NOW
from tests.services.attendance_world import OVER, Attended

Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def world(db: DbSession) -> Attended:
    return Attended(db)


def asked(world: Attended, session: Session, *, anonymous: bool) -> list[FeedbackQuestion]:
    form = FeedbackForm(session_id=session.id, anonymous=anonymous)
    world.db.add(form)
    world.db.flush()
    found = [
        FeedbackQuestion(form_id=form.id, position=n, kind=kind, text={"en": kind}, retired=n == 2)
        for n, kind in enumerate(("rating", "text", "rating"))
    ]
    world.db.add_all(found)
    world.db.flush()
    return found


def rated(
    world: Attended, questions: list[FeedbackQuestion], *values: str, form_id: str = ""
) -> None:
    for value in values:
        who = world.participant(f"Rater {new_id()}")
        world.db.add(FeedbackReceipt(form_id=form_id or questions[0].form_id, enrolment_id=who.id))
        for question in questions:
            world.db.add(FeedbackAnswer(question_id=question.id, value=value))
    world.db.flush()


def test_the_numbers_of_a_small_cycle(world: Attended) -> None:
    cafe = Initiative(name="Café", search_key="cafe")
    world.db.add(cafe)
    world.db.flush()
    ana = world.participant("Ana", country="CO", institution="Cámara", initiative_id=cafe.id)
    eva = world.participant("Eva", country="CO", institution="camara")
    leo = world.participant("Leo", country="BR", status="withdrawn")
    world.participant("Waits", country="PE", status="waitlisted")
    for number in (1, 2, 3):
        world.there(ana, number)
    world.checked_in(eva, 1)
    world.there(leo, 1, 0, 60)
    for session in world.sessions[:2]:
        session.closed_at = OVER
    found = report(world.db, SYSTEM, world.cycle.id, OVER)
    assert [each.name for each in found.people] == ["Ana", "Eva", "Leo"]
    whole = found.whole
    assert (whole.enrolled, whole.gone, whole.attended_once, whole.attended) == (2, 1, 3, 5)
    assert (whole.minutes, whole.measured, whole.unverified) == (3 * 105 + 60, 4, 1)
    assert whole.bases == {Basis.INTERVALS: 4, Basis.CHECK_IN: 1}
    assert (whole.completed, whole.counted) == (1, 3)
    first, second = found.sessions[0].tally, found.sessions[1].tally
    assert (first.enrolled, first.gone, first.attended) == (2, 1, 3)
    assert (second.enrolled, second.gone) == (2, 0)
    assert second.statuses == {Status.PRESENT: 1, Status.ABSENT: 1}
    named = {d: [(g.name, g.tally.people) for g in found.groups[d]] for d in found.groups}
    assert named == {
        Dimension.COUNTRY: [("CO", 2), ("BR", 1)],
        Dimension.INSTITUTION: [("Cámara", 1 + 1), ("", 1)],
        Dimension.INITIATIVE: [("Café", 1), ("", 2)],
    }


def test_it_says_what_the_other_pages_say(world: Attended) -> None:
    for n, name in enumerate(("Ana", "Eva", "Leo", "Mia")):
        who = world.participant(name, status="withdrawn" if name == "Mia" else "confirmed")
        for number in range(1, 5 - n):
            world.there(who, number, 30 * n)
    world.sessions[0].closed_at = OVER
    found = report(world.db, SYSTEM, world.cycle.id, OVER)
    for each in found.sessions:
        shown = attendance_page(world.db, SYSTEM, each.held.id)
        assert dict(shown.counts) == each.tally.statuses
    run = dry_run(world.db, SYSTEM, world.cycle.id, OVER)
    assert run.counts()["completed"] == found.whole.completed
    assert {p.id: p.row.outcome for p in found.people if p.row.enrolled} == {
        each.enrolment_id: each.outcome for each in run.far.values()
    }


def test_what_is_provisional(world: Attended) -> None:
    ana = world.participant("Ana")
    world.checked_in(ana, 1)
    world.report(2, status="preview")
    world.row(world.report(3))
    world.sessions[2].closed_at = OVER
    found = report(world.db, SYSTEM, world.cycle.id, world.sessions[2].ends_at)

    def numbers(sessions: list[object]) -> list[int]:
        return [each.held.number for each in found.sessions if each in sessions]

    assert numbers([*found.unclosed]) == [1, 2]
    assert numbers([*found.to_come]) == [4]
    assert numbers([*found.unsettled]) == [2, 3]
    assert numbers([*found.unmeasured]) == [1]
    assert [(e.reports, e.rows, e.settled) for e in found.sessions[1:3]] == [
        (1, 0, False),
        (0, 1, False),
    ]


def test_an_answer_to_another_time_is_none(world: Attended) -> None:
    for name, sequence in (("Ana", 3), ("Eva", 2)):
        who = world.participant(name)
        guest = Guest(cycle_id=world.cycle.id, person_id=who.person_id)
        world.db.add(guest)
        world.db.flush()
        world.db.add(
            Invitation(
                guest_id=guest.id,
                session_id=world.sessions[0].id,
                uid=new_id(),
                answer="accepted",
                answered_at=NOW,
                answer_sequence=sequence,
                time_sequence=3,
            )
        )
    world.db.flush()
    found = report(world.db, SYSTEM, world.cycle.id, OVER)
    assert [each.tally.answers for each in found.sessions] == [{"accepted": 1}, {}, {}, {}]
    assert found.whole.answers == {"accepted": 1}


def test_ratings_are_withheld_while_they_would_tell(world: Attended) -> None:
    one, two, three = world.sessions[:3]
    rated(world, asked(world, one, anonymous=True), "5", "4")
    rated(world, asked(world, two, anonymous=True), "5", "4", "1")
    rated(world, asked(world, three, anonymous=False), "5")
    assert opinions_of(world.db, [each.id for each in world.sessions]) == {
        one.id: Opinion(2, anonymous=True, withheld=True),
        two.id: Opinion(3, anonymous=True, ratings=3, mean=10 / 3),
        three.id: Opinion(1, anonymous=False, ratings=1, mean=5.0),
    }


def test_a_question_that_too_few_have_rated_is_left_out_of_the_mean(world: Attended) -> None:
    one, two = world.sessions[:2]
    first, _, _ = asked(world, one, anonymous=True)
    rated(world, [first], "5")
    rated(world, [], "something else", "so do they", form_id=first.form_id)
    again = asked(world, two, anonymous=True)
    again[2].retired = False
    rated(world, [again[0], again[2]], "1")
    rated(world, [again[0]], "3", "4")
    assert opinions_of(world.db, [one.id, two.id]) == {
        one.id: Opinion(3, anonymous=True),
        two.id: Opinion(3, anonymous=True, ratings=3, mean=8 / 3),
    }


def test_gender_is_reported_where_it_is_asked_for(world: Attended) -> None:
    world.participant("Ana", gender="female")
    world.participant("Eva", gender="")
    assert Dimension.GENDER not in report(world.db, SYSTEM, world.cycle.id, OVER).groups
    world.cycle.asks_gender = True
    found = report(world.db, SYSTEM, world.cycle.id, OVER).groups[Dimension.GENDER]
    assert [(g.key, g.tally.enrolled) for g in found] == [("female", 1), ("", 1)]


def test_without_a_rule_nobody_completes(db: DbSession) -> None:
    world = Attended(db, rule={})
    world.there(world.participant("Ana"), 1)
    found = report(db, SYSTEM, world.cycle.id, OVER)
    assert (found.against.rule, found.whole.completed, found.whole.attended) == (None, 0, 1)


def test_queries_do_not_grow(db: DbSession, world: Attended, count_queries: Counting) -> None:
    counted = []
    for n in (1, 3):
        for each in range(n):
            who = world.participant(f"{n} {each}")
            for number in range(1, n + 1):
                world.there(who, number)
            rated(world, asked(world, world.sessions[each + (n == 3)], anonymous=False), "4")
        db.commit()
        db.expunge_all()
        with count_queries() as queries:
            report(db, SYSTEM, world.cycle.id, OVER)
        counted.append(len(queries))
    assert counted == [10, 10]


def test_of_no_cycle(db: DbSession) -> None:
    with pytest.raises(NotFound):
        report(db, SYSTEM, "nothing", OVER)

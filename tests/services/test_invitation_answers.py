"""Answers and releases: which of them still hold, and what an organizer notes."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.db import DbSession
from app.domain.answers import Answer, AnswerSource, Given
from app.domain.errors import NotFound
from app.models import Person
from app.services import answers, my_answers
from app.services.invitations import SessionAnswers, set_answer
from tests.factories import NOW
from tests.services.mailing_world import LATER, OLGA, World, invited_world, planned_world

NONE = dict.fromkeys(Answer, 0)


@pytest.fixture
def world(db: DbSession) -> World:
    return invited_world(db)


def says(
    world: World,
    what: Answer = Answer.ACCEPTED,
    *,
    to: int = 0,
    minutes: int = 0,
    source: AnswerSource = AnswerSource.MAIL,
) -> bool:
    """Ana answers a mail with this SEQUENCE; whether that is what is held now."""
    given = Given(what, NOW + timedelta(minutes=minutes), to, source)
    return answers.give(world.db, world.row(world.ana).id, given) is not None


def notes(world: World, what: Answer, minutes: int, person: Person | None = None) -> None:
    person = person or world.ana
    at = NOW + timedelta(minutes=minutes)
    set_answer(world.db, OLGA, world.cycle.id, person.id, world.session.id, what, at)


def held(world: World) -> tuple[str, str, int]:
    row = world.row(world.ana)
    return row.answer, row.answer_source, row.answer_sequence


def counted(world: World) -> SessionAnswers:
    (found,) = world.overview().sessions
    return found


def partstat(world: World) -> list[str]:
    """What Ana's calendar is told that she has said, in the mails that wait."""
    mails = [m for m in world.mails() if m.to_address == "ana@example.org"]
    return [mail.context["partstat"] for mail in mails]


def back(world: World) -> None:
    """Called off and on again, each of it published."""
    world.session.status = "cancelled"
    world.publish()
    world.mails()
    world.session.status = "scheduled"


@pytest.mark.parametrize(
    ("change", "kept"),
    [(World.retitle, True), (World.move, False), (back, False)],
    ids=["another title", "another time", "off and on again"],
)
def test_an_answer_between_two_releases_holds_while_the_time_does(
    world: World, change: Callable[[World], None], kept: bool
) -> None:
    assert says(world)
    change(world)
    world.publish(LATER + timedelta(hours=1))
    assert partstat(world) == ["ACCEPTED" if kept else "NEEDS-ACTION"]
    found = counted(world)
    by_answer = NONE | {Answer.ACCEPTED: int(kept)}
    assert found == SessionAnswers(found.session, 3, by_answer, again=int(not kept), silent=2)
    assert held(world) == ("accepted", "mail", 0)


def test_an_answer_to_the_time_before_counts_until_there_is_one_to_this(world: World) -> None:
    world.move()
    world.publish()
    world.new()
    assert says(world, Answer.DECLINED, to=0, minutes=9)
    assert held(world) == ("declined", "mail", 0)
    assert counted(world).again == 1
    assert says(world, Answer.ACCEPTED, to=1, minutes=5)
    assert says(world, Answer.DECLINED, to=0, minutes=99) is False
    assert held(world) == ("accepted", "mail", 1)
    found = counted(world)
    assert (found.again, found.by_answer) == (0, NONE | {Answer.ACCEPTED: 1})


def test_an_answer_to_this_time_holds_through_what_leaves_the_time_alone(world: World) -> None:
    world.move()
    world.publish()
    says(world, Answer.TENTATIVE, to=1)
    world.retitle()
    world.publish(LATER + timedelta(hours=1))
    world.retitle("A third")
    world.publish(LATER + timedelta(hours=2))
    assert partstat(world) == ["NEEDS-ACTION", "TENTATIVE", "TENTATIVE"]
    row = world.row(world.ana)
    assert (row.sequence, row.time_sequence, row.answer_sequence) == (3, 1, 1)


def test_an_answer_follows_to_another_address(world: World) -> None:
    says(world)
    world.ana.email = world.ana.email_key = "new@example.org"
    world.db.flush()
    assert world.up_to_date() == 2
    mails = [(m.kind, m.context["partstat"]) for m in world.mails()]
    assert mails == [("invitation", "ACCEPTED"), ("invitation-cancel", "ACCEPTED")]


def test_of_those_who_have_left_no_answer_is_counted(world: World) -> None:
    says(world)
    world.withdraw(world.ana)
    found = counted(world)
    assert found == SessionAnswers(found.session, 2, NONE, again=0, silent=2)


def test_who_answers_before_being_invited_is_invited_with_that_answer(db: DbSession) -> None:
    """On the personal page: it is to what is published at that moment."""
    world = planned_world(db)
    world.publish(NOW, invite=True, leave_out={world.ana.id})
    world.move()
    world.publish(leave_out={world.ana.id})
    world.new()
    my_answers.answer(
        db, world.cycle.id, world.ana.id, 1, Answer.ACCEPTED, "", AnswerSource.PAGE, LATER
    )
    world.up_to_date()
    assert partstat(world) == ["ACCEPTED"]
    assert (held(world), counted(world).again) == (("accepted", "page", 1), 0)


def test_who_answered_another_time_before_being_invited_is_asked(db: DbSession) -> None:
    world = planned_world(db)
    world.publish(NOW)
    my_answers.answer(
        db, world.cycle.id, world.ana.id, 1, Answer.ACCEPTED, "", AnswerSource.PAGE, NOW
    )
    world.move()
    world.publish(invite=True)
    assert partstat(world) == ["NEEDS-ACTION"]
    assert (held(world), counted(world).again) == (("accepted", "page", 0), 1)


# What an organizer notes


def test_what_is_noted_of_who_was_left_out_is_to_what_is_published(db: DbSession) -> None:
    world = planned_world(db)
    world.publish(NOW)
    world.move()
    world.publish(invite=True, leave_out={world.ana.id})
    notes(world, Answer.ACCEPTED, 90)
    world.new()
    world.up_to_date()
    assert partstat(world) == ["ACCEPTED"]
    assert (held(world), counted(world).again) == (("accepted", "organizer", 1), 0)


def test_what_an_organizer_notes_is_to_what_was_sent_last(world: World) -> None:
    world.move()
    world.publish()
    notes(world, Answer.TENTATIVE, 90)
    row = world.row(world.ana)
    assert held(world) == ("tentative", "organizer", 1)
    assert (row.answered_at, row.comment) == (NOW + timedelta(minutes=90), "")
    assert counted(world).by_answer == NONE | {Answer.TENTATIVE: 1}


def test_an_older_answer_does_not_win_over_what_was_noted(world: World) -> None:
    says(world, Answer.ACCEPTED)
    notes(world, Answer.DECLINED, 60)
    assert says(world, Answer.ACCEPTED, minutes=59) is False
    assert held(world) == ("declined", "organizer", 0)


def test_a_newer_answer_wins_over_what_was_noted(world: World) -> None:
    notes(world, Answer.DECLINED, 60)
    assert says(world, Answer.ACCEPTED, minutes=61)
    assert held(world) == ("accepted", "mail", 0)


def test_what_is_noted_does_not_win_over_a_newer_answer(world: World) -> None:
    says(world, Answer.ACCEPTED, minutes=10)
    notes(world, Answer.DECLINED, 9)
    assert held(world) == ("accepted", "mail", 0)


def test_nothing_is_noted_for_whom_nobody_invited(world: World) -> None:
    with pytest.raises(NotFound):
        notes(world, Answer.ACCEPTED, 0, world.make.person())

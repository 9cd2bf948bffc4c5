"""Giving feedback: who may, when, once, and without a trace where no name is kept."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import col, func, select

from app.db import Database, DbSession
from app.domain import feedback as rules
from app.domain.errors import Clash, Invalid, NotFound
from app.domain.feedback import Question
from app.domain.schedule import Session as PublishedSession
from app.models import (
    Cycle,
    Enrolment,
    FeedbackAnswer,
    FeedbackForm,
    FeedbackReceipt,
    Session,
)
from app.schemas.feedback import FeedbackFormIn, OptionIn, QuestionIn
from app.services import feedback, feedback_forms, publishing
from app.services.actor import SYSTEM
from app.services.schedules import released_schedule
from tests.factories import NOW, Make
from tests.services.at_once import Many

ENDS = datetime.fromisoformat("2026-12-01T15:30:00+00:00")
AFTER = ENDS + timedelta(hours=1)
TICK = timedelta(microseconds=1)
OPTIONS = [{"text": {"en": "Talks"}}, {"text": {"en": "Panel"}}, {"text": {"en": "Questions"}}]


def form_in(*, anonymous: bool = True, days: int = 14, **values: Any) -> FeedbackFormIn:
    """A rating that is required, what was most useful (one), what to have more of, a word."""
    questions = [
        {"kind": "rating", "text": {"en": "How was it?"}, "required": True},
        {"kind": "one", "text": {"en": "Best?"}, "options": OPTIONS},
        {"kind": "several", "text": {"en": "More of?"}, "options": OPTIONS},
        {"kind": "text", "text": {"en": "A word?"}},
    ]
    given = {"anonymous": anonymous, "days": days, "questions": questions, **values}
    return FeedbackFormIn.model_validate(given)


class World:
    """A published session with a form and two participants."""

    def __init__(self, db: DbSession, *, anonymous: bool = True) -> None:
        self.db, self.make = db, (make := Make(db))
        self.cycle = make.cycle(slug="world")
        self.session = make.session(self.cycle)
        self.ana, self.beto, self.carla = (make.enrolment(self.cycle) for _ in range(3))
        publishing.publish(db, SYSTEM, self.cycle.id, accept_warnings=True, now=NOW)
        feedback_forms.save_form(db, SYSTEM, self.session.id, form_in(anonymous=anonymous))

    @property
    def form(self) -> feedback_forms.Form:
        found = feedback_forms.get_form(self.db, SYSTEM, self.session.id)
        assert found
        return found

    @property
    def questions(self) -> dict[str, Question]:
        return {question.kind.value: question for question in self.form.questions}

    def chosen(self, rating: str = "4", words: str = "", **places: tuple[int, ...]) -> Any:
        """An answer: the places of the options for `one` and `several`."""
        asked = self.questions
        found = {asked["rating"].id: [rating], asked["text"].id: [words]}
        for kind, chosen in places.items():
            found[asked[kind].id] = [asked[kind].options[place].id for place in chosen]
        return found

    def give(self, who: Enrolment, now: datetime = AFTER, **values: Any) -> feedback.Given:
        return feedback.give(self.db, who, 1, self.chosen(**values), now)

    def ratings(self) -> list[tuple[str, str | None]]:
        query = select(FeedbackAnswer.value, FeedbackAnswer.enrolment_id).where(
            FeedbackAnswer.question_id == self.questions["rating"].id
        )
        return sorted(self.db.exec(query), key=lambda row: row[0])


@pytest.fixture
def world(db: DbSession) -> World:
    return World(db)


@pytest.fixture
def named(db: DbSession) -> World:
    return World(db, anonymous=False)


def test_an_anonymous_answer_is_nobodys_and_yet_known_to_be_given(world: World) -> None:
    assert world.give(world.ana, rating="5", one=(0,), several=(2, 0), words=" Gracias ") == (
        feedback.Given(again=False, anonymous=True)
    )
    answers = world.db.exec(select(FeedbackAnswer)).all()
    assert {a.enrolment_id for a in answers} == {None}
    asked = world.questions
    several = " ".join(asked["several"].options[place].id for place in (0, 2))
    assert sorted(a.value for a in answers) == sorted(
        ["5", asked["one"].options[0].id, several, "Gracias"]
    )
    receipt = world.db.exec(select(FeedbackReceipt)).one()
    assert (receipt.enrolment_id, receipt.at) == (world.ana.id, None)


def test_nothing_that_is_kept_could_join_the_two(world: World) -> None:
    """No time, no shared key, and ids that are not made one after the other."""
    for who in (world.ana, world.beto, world.carla):
        world.give(who, rating=str(1 + (who is world.ana)), words="x")
    columns = {c.name: c for c in FeedbackAnswer.__table__.columns}  # type: ignore[attr-defined]
    assert set(columns) == {"id", "question_id", "enrolment_id", "value"}
    receipt = FeedbackReceipt.__table__.columns  # type: ignore[attr-defined]
    assert {c.name for c in receipt} == {"form_id", "enrolment_id", "at"}
    ids = [feedback_id() for _ in range(200)]
    assert ids != sorted(ids)
    assert len({one[:4] for one in ids}) > 150  # ids that tell the time begin alike
    if world.db.get_bind().dialect.name == "sqlite":
        for table in ("feedback_answer", "feedback_receipt"):
            query = text("SELECT sql FROM sqlite_master WHERE name = :name")
            assert "WITHOUT ROWID" in world.db.connection().scalar(query, {"name": table})
            read = world.db.connection().execute(text(f"SELECT * FROM {table}")).all()
            assert read == sorted(read, key=lambda row: row[:2])


def feedback_id() -> str:
    return FeedbackAnswer(question_id="q", value="x").id


@pytest.mark.parametrize("anonymous", [True, False])
def test_twice_is_once(db: DbSession, anonymous: bool) -> None:
    world = World(db, anonymous=anonymous)
    world.give(world.ana, rating="2")
    again = world.give(world.ana, rating="5")
    assert again == feedback.Given(again=True, anonymous=anonymous)
    # Nobody knows which of the anonymous ones is hers: the first counts. Else the last one does.
    assert world.ratings() == ([("2", None)] if anonymous else [("5", world.ana.id)])
    assert world.form.answered == 1


def test_the_second_click_is_answered_after_the_end_too(world: World) -> None:
    world.give(world.ana)
    late = ENDS + timedelta(days=30)
    assert feedback.give(world.db, world.ana, 1, {}, late).again


def test_what_was_answered_with_a_name_can_be_seen_and_changed(named: World) -> None:
    named.give(named.ana, rating="2", one=(1,), several=(0, 2), words="Hm")
    asked = named.questions
    paper = feedback.paper_of(named.db, named.ana, 1)
    assert paper.asked.given
    assert paper.chosen == {
        asked["rating"].id: ["2"],
        asked["one"].id: [asked["one"].options[1].id],
        asked["several"].id: [asked["several"].options[place].id for place in (0, 2)],
        asked["text"].id: ["Hm"],
    }
    named.give(named.ana, AFTER + TICK, rating="3", words="")
    assert feedback.paper_of(named.db, named.ana, 1).chosen == {asked["rating"].id: ["3"]}
    assert feedback.paper_of(named.db, named.beto, 1).chosen == {}
    assert named.db.exec(select(FeedbackReceipt.at)).one() == AFTER + TICK
    with pytest.raises(Clash, match="closed"):
        named.give(named.ana, ENDS + timedelta(days=14))


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (ENDS - TICK, "feedback_not_open"),
        (ENDS, None),
        (ENDS + timedelta(days=14) - TICK, None),
        (ENDS + timedelta(days=14), "feedback_closed"),
    ],
)
def test_the_window_is_that_of_the_published_end(
    world: World, at: datetime, code: str | None
) -> None:
    world.session.ends_at += timedelta(days=40)  # in the draft only
    world.db.flush()
    if code is None:
        assert not world.give(world.ana, at).again
        return
    with pytest.raises(Clash) as error:
        world.give(world.ana, at)
    assert error.value.code == code
    assert error.value.params == {"opens": ENDS, "closes": ENDS + timedelta(days=14)}
    assert world.form.answered == 0


@pytest.mark.parametrize("status", ["pending", "waitlisted", "withdrawn"])
def test_only_the_confirmed(world: World, status: str) -> None:
    world.ana.status = status
    world.db.flush()
    with pytest.raises(Clash) as error:
        world.give(world.ana)
    assert error.value.code == f"enrolment_{status}"


def test_neither_cancelled_nor_unpublished_nor_without_questions(world: World) -> None:
    db, make = world.db, world.make
    make.session(world.cycle, 2)  # not published, and nothing is asked
    for number in (2, 3, 0, 2**70):
        with pytest.raises(NotFound):
            feedback.give(db, world.ana, number, {}, AFTER)
        with pytest.raises(NotFound):
            feedback.paper_of(db, world.ana, number)
    world.session.status = "cancelled"
    db.flush()
    assert not world.give(world.ana).again  # it was cancelled in the draft only
    publishing.publish(db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    with pytest.raises(Clash, match="cancelled"):
        world.give(world.beto)


def test_what_is_missing_is_said_and_nothing_is_kept(world: World) -> None:
    rating = world.questions["rating"].id
    with pytest.raises(Invalid) as error:
        world.give(world.ana, rating="", words="Gracias")
    assert [(e.field, e.code) for e in error.value.fields] == [(rating, "missing")]
    assert world.db.exec(select(FeedbackAnswer)).all() == []
    assert world.form.answered == 0


def test_what_my_page_knows(world: World, count_queries: Callable[[], Any]) -> None:
    def asked() -> dict[str, feedback.Asked]:
        return feedback.asked_of(world.db, world.ana, published(world))

    before = asked()[world.session.id]
    assert (before.opens, before.closes) == (ENDS, ENDS + timedelta(days=14))
    states = [before.to_do(at) for at in (ENDS - TICK, ENDS, before.closes - TICK, before.closes)]
    assert states == [False, True, True, False]
    world.give(world.ana)
    after = asked()[world.session.id]
    assert (after.given, after.to_do(AFTER), after.can_change(AFTER)) == (True, False, False)
    assert feedback.asked_of(world.db, world.beto, published(world)) == {world.session.id: before}
    make = world.make
    for number in (2, 3):
        other = make.session(world.cycle, number)
        feedback_forms.save_form(world.db, SYSTEM, other.id, form_in())
    publishing.publish(world.db, SYSTEM, world.cycle.id, accept_warnings=True, now=NOW)
    sessions = published(world)
    with count_queries() as queries:
        assert len(feedback.asked_of(world.db, world.ana, sessions)) == 3
    assert len(queries) == 1


def published(world: World) -> tuple[PublishedSession, ...]:
    schedule = released_schedule(world.db, world.cycle.id)
    assert schedule
    return schedule.sessions


def again(who: str, chosen: feedback.Chosen, db: DbSession) -> bool:
    return feedback.give(db, db.get_one(Enrolment, who), 1, chosen, AFTER).again


@pytest.mark.parametrize("anonymous", [True, False])
def test_two_at_once_are_one(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, anonymous: bool
) -> None:
    """Both have looked, and found that nothing was answered, before either writes."""
    with real_database.begin(writes=True) as db:
        world = World(db, anonymous=anonymous)
        chosen = [world.chosen(rating, words=rating) for rating in ("2", "5")]
        who = world.ana.id
    looked = Barrier(2)
    original = rules.check

    def check(*args: Any) -> Any:
        if real_database.engine.dialect.name == "postgresql":  # else the second has not begun
            looked.wait(10)
        return original(*args)

    monkeypatch.setattr(feedback, "check", check)
    many = Many(real_database)
    for each in chosen:
        many.start(partial(again, who, each))
    assert many.wait() == ["False", "True"]
    with real_database.begin(writes=False) as db:
        values = sorted(db.exec(select(FeedbackAnswer.value)))
        assert values in (["2", "2"], ["5", "5"])  # one answer, and whole
        assert db.exec(select(func.count()).select_from(FeedbackReceipt)).one() == 1


@pytest.mark.parametrize("change", ["anonymous", "kind"])
def test_no_answer_slips_in_while_a_form_becomes_another(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The organizer has counted no answers when somebody answers: that answer waits, and is then
    one to the form as it has become."""
    with real_database.begin(writes=True) as db:
        world = World(db, anonymous=False)
        chosen, who, session_id = world.chosen("2", "Hm"), world.ana.id, world.session.id
        asked = [question.model_dump() for question in questions_in(world)]
    if change == "kind":
        asked[3] = {"id": asked[3]["id"], "kind": "rating", "text": {"en": "In a number?"}}
    new = form_in(anonymous=change == "anonymous", questions=asked)
    many = Many(real_database)
    counted = feedback_forms.receipts_of if change == "anonymous" else feedback_forms.values_of

    def count(db: DbSession, form_id: str) -> Any:
        found = counted(db, form_id)
        monkeypatch.undo()
        many.start(
            lambda db: feedback.give(db, db.get_one(Enrolment, who), 1, chosen, AFTER).anonymous
        )
        many._threads[-1].join(0.3)  # without the guard it is through by then
        return found

    monkeypatch.setattr(feedback_forms, counted.__name__, count)
    many.start(lambda db: feedback_forms.save_form(db, SYSTEM, session_id, new).retired)
    many._threads[0].join(30)
    results = many.wait()
    with real_database.begin(writes=False) as db:
        form = db.exec(select(FeedbackForm)).one()
        whose = list(db.exec(select(FeedbackAnswer.enrolment_id)))
    if change == "anonymous":
        assert (results, form.anonymous, whose) == (["0", "True"], True, [None, None])
    else:
        assert (results, whose) == (["0", "invalid"], [])  # "Hm" is no number


def questions_in(world: World) -> list[QuestionIn]:
    """The questions that are asked, as they would be saved again."""
    return [
        QuestionIn(
            id=q.id,
            kind=q.kind,
            text=dict(q.text),
            required=q.required,
            low=dict(q.low) or None,
            high=dict(q.high) or None,
            options=[OptionIn(id=o.id, text=dict(o.text)) for o in q.options],
        )
        for q in world.form.asked
    ]


def test_answers_go_with_their_cycle(world: World) -> None:
    world.give(world.ana, words="x")
    db = world.db
    for row in db.exec(select(Enrolment)):
        db.delete(row)
    db.flush()
    assert db.exec(select(FeedbackReceipt)).all() == []
    assert len(db.exec(select(FeedbackAnswer)).all()) == 2  # nobody's, so they stay
    db.delete(db.get_one(Session, world.session.id))
    db.flush()
    assert db.exec(select(FeedbackAnswer)).all() == []
    assert db.exec(select(col(Cycle.id))).all() == [world.cycle.id]

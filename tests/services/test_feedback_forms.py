"""What is asked after a session: saving it, and what stays once somebody has answered."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from app.db import Database, DbSession
from app.domain import feedback as rules
from app.domain.errors import Clash, Invalid, NotFound, Stale
from app.domain.feedback import QuestionKind
from app.models import (
    Enrolment,
    FeedbackAnswer,
    FeedbackForm,
    FeedbackQuestion,
    FeedbackReceipt,
    Session,
)
from app.schemas.cycle import CloneIn
from app.services import feedback, feedback_forms, feedback_mixing, feedback_results, merging
from app.services.actor import SYSTEM
from app.services.cloning import clone_cycle
from tests.factories import NOW, Make
from tests.services.at_once import Many
from tests.services.test_adding_at_once import at_once
from tests.services.test_feedback import AFTER, World, form_in, questions_in

Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def world(db: DbSession) -> World:
    return World(db)


def save(world: World, revision: int | None = None, **values: Any) -> feedback_forms.Saved:
    if form := feedback_forms.form_of(world.db, world.session.id):
        values = {"anonymous": form.anonymous, **values}
    return feedback_forms.save_form(world.db, SYSTEM, world.session.id, form_in(**values), revision)


def refused(world: World, **values: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as error:
        save(world, **values)
    return [(one.field, one.code) for one in error.value.fields]


def asked(world: World) -> list[dict[str, Any]]:
    """The questions as they would be saved again."""
    return [question.model_dump() for question in questions_in(world)]


def test_a_form_is_kept_as_it_was_given(world: World) -> None:
    form = world.form
    assert (form.row.anonymous, form.row.days, form.answered) == (True, 14, 0)
    assert [q.kind for q in form.asked] == list(QuestionKind)
    assert [o.text["en"] for o in form.asked[1].options] == ["Talks", "Panel", "Questions"]
    ids = [o.id for q in form.asked for o in q.options]
    assert len(set(ids)) == 6
    before = form.asked
    save(world, questions=asked(world))
    assert world.form.asked == before
    reordered = asked(world)[::-1]
    save(world, questions=reordered)
    assert world.form.asked == before[::-1]


def test_what_is_no_form(world: World) -> None:
    one = {"kind": "one", "text": {"en": "?"}, "options": [{"text": {"en": "x"}}]}
    assert refused(world, questions=[]) == [("questions", "missing")]
    assert refused(world, questions=[one, {"kind": "text", "text": {"en": "?"}}]) == [
        ("questions.0.options", "missing")
    ]
    with pytest.raises(NotFound):
        feedback_forms.save_form(world.db, SYSTEM, "none", form_in())


def test_two_who_edit_are_told_of_each_other(world: World) -> None:
    revision = world.form.row.revision
    save(world, revision, days=7)
    with pytest.raises(Stale):
        save(world, revision, days=9)
    after_days = world.form.row.revision
    changed = asked(world)
    changed[3]["text"] = {"en": "Another word?"}
    save(world, after_days, days=7, questions=changed)  # a question alone raises it as well
    assert world.form.row.revision == after_days + 1
    with pytest.raises(Stale):
        save(world, 0)  # who began when there was no form
    feedback_forms.remove_form(world.db, SYSTEM, world.session.id)
    with pytest.raises(Stale):
        save(world, after_days + 1)
    save(world, 0)
    assert world.session.revision == 1  # whoever edits the session is told nothing


ANSWERS: list[dict[str, Any]] = [
    {"rating": "1"},
    {"rating": "4", "one": (1,), "several": (0, 1), "words": "Gracias"},
]


class TestWhileWithheld:
    """What is refused, said and kept is the same whatever the only answer says."""

    def look(self, world: World, said: dict[str, Any], change: Any) -> Any:
        world.give(world.ana, **said)
        changed = change(asked(world))
        try:
            done = save(world, questions=changed)
        except Invalid as error:
            return [(one.field, one.code, one.sentence) for one in error.fields]
        form = feedback_forms.get_form(world.db, SYSTEM, world.session.id)
        assert form
        found = feedback_results.results(world.db, SYSTEM, world.session.id)
        return (
            (done.retired, done.reworded, done.withheld, form.row.revision),
            [(q.kind, q.text, q.retired) for q in form.questions],
            [(form.answers_to(q.id), form.keeps(q.id)) for q in form.questions],
            [(each.reworded_after, each.summary.answered) for each in found.questions],
        )

    @pytest.mark.parametrize(
        "change",
        [
            lambda all_: [{**each, "options": each["options"][:2]} for each in all_],
            lambda all_: [{**each, "options": each["options"][1:]} for each in all_],
            lambda all_: [{**each, "kind": "rating"} for each in all_],
            lambda all_: all_[:1],
            lambda all_: [{**each, "text": {"en": "Another?"}} for each in all_],
            lambda all_: all_,
        ],
        ids=["last-option", "first-option", "kind", "taken-out", "words", "nothing"],
    )
    def test_nothing_tells_of_it(self, database: Database, change: Any) -> None:
        found = []
        for said in ANSWERS:
            with database.begin(writes=True) as db:
                found.append(self.look(World(db), said, change))
                db.rollback()  # both begin from nothing
        assert found[0] == found[1]

    def test_what_was_taken_out_before_three_had_answered_is_told_of_then(
        self, world: World
    ) -> None:
        world.give(world.ana, rating="4", words="Gracias")
        assert save(world, questions=asked(world)[:1]).retired == 3
        assert [world.form.keeps(q.id) for q in world.form.questions] == [True] * 4
        rating = {world.form.asked[0].id: ["5"]}
        for who in (world.beto, world.carla):
            feedback.give(world.db, who, 1, rating, AFTER)
        assert sorted(world.form.answers_to(q.id) for q in world.form.questions) == [0, 0, 1, 3]
        assert save(world, questions=asked(world)).retired == 0  # nobody answered two of them
        assert sorted(world.form.answers_to(q.id) for q in world.form.questions) == [1, 3]


class TestOnceAnswered:
    @pytest.fixture
    def world(self, db: DbSession) -> World:
        return World(db, anonymous=False)

    @pytest.fixture(autouse=True)
    def answered(self, world: World) -> None:
        world.give(world.ana, rating="4", one=(1,), several=(0, 1), words="Gracias")

    def test_names_are_settled(self, world: World) -> None:
        other = not world.form.row.anonymous
        assert refused(world, anonymous=other, questions=asked(world)) == [
            ("anonymous", "answered")
        ]

    def test_kinds_and_chosen_options_stay(self, world: World) -> None:
        questions = asked(world)
        questions[0]["kind"] = "text"
        questions[1]["options"] = [questions[1]["options"][n] for n in (0, 2)]
        questions[2]["options"] = questions[2]["options"][:2]
        assert refused(world, questions=questions) == [
            ("questions.0.kind", "answered"),
            ("questions.1.options", "answered"),
        ]
        assert [q.kind for q in world.form.asked] == list(QuestionKind)

    def test_words_are_corrected_and_that_is_said(self, world: World) -> None:
        questions = asked(world)
        questions[0]["high"] = {"en": "Great"}
        questions[1]["options"][1]["text"] = {"en": "The panel"}
        questions[3]["required"] = True  # not a word
        done = save(world, questions=questions)
        assert (done.retired, done.reworded) == (0, 2)
        rows = feedback_forms.questions_of(world.db, done.form.id)
        assert [row.reworded_after for row in rows] == [1, 1, 0, 0]
        assert world.form.answers_to(rows[1].id) == 1

    def test_of_changed_words_is_kept_how_many_had_answered_the_form(self, world: World) -> None:
        """Not the question: while answers are withheld, that is not known of it."""
        for who in (world.beto, world.carla):
            feedback.give(world.db, who, 1, {world.form.asked[0].id: ["5"]}, AFTER)
        save(world, questions=[{**each, "text": {"en": "Another?"}} for each in asked(world)])
        rows = feedback_forms.questions_of(world.db, world.form.row.id)
        assert [world.form.answers_to(row.id) for row in rows] == [3, 1, 1, 1]
        assert [row.reworded_after for row in rows] == [3] * 4

    def test_what_is_taken_out_stays_with_its_answers_and_can_come_back(self, world: World) -> None:
        before = world.form
        extra = {"kind": "text", "text": {"en": "Not answered"}}
        save(world, questions=[*asked(world), extra])
        done = save(world, questions=asked(world)[:1])
        assert (done.retired, done.reworded) == (3, 0)
        form = world.form
        assert form.asked == before.asked[:1]
        assert {q.id for q in form.questions if q.retired} == {q.id for q in before.asked[1:]}
        assert [form.answers_to(q.id) for q in form.questions] == [1, 1, 1, 1]
        given = world.chosen()
        feedback.give(world.db, world.beto, 1, given, AFTER)
        assert world.form.answers_to(before.asked[3].id) == 1  # it is not asked
        back = [q for q in before.asked if q.kind is QuestionKind.TEXT]
        again = [*asked(world), {"id": back[0].id, "kind": "text", "text": {"en": "A word?"}}]
        assert save(world, questions=again).retired == 0
        assert world.form.asked == (before.asked[0], replace(back[0], retired=False))

    def test_the_form_stays(self, world: World) -> None:
        with pytest.raises(Clash) as error:
            feedback_forms.remove_form(world.db, SYSTEM, world.session.id)
        assert error.value.code == "answered"
        assert world.form.answered == 1


def test_taking_over_and_asking_everywhere(world: World) -> None:
    db, make = world.db, world.make
    others = [make.session(world.cycle, number) for number in (2, 3)]
    elsewhere = make.session(make.cycle())
    world.give(world.ana, words="x")
    copied = feedback_forms.copy_of(db, SYSTEM, world.session.id)
    assert copied == tuple(replace(q, id="") for q in world.form.asked)
    with pytest.raises(NotFound):
        feedback_forms.copy_of(db, SYSTEM, others[0].id)
    assert feedback_forms.spread(db, SYSTEM, world.session.id) == others
    assert feedback_forms.spread(db, SYSTEM, world.session.id) == []
    for other in others:
        form = feedback_forms.get_form(db, SYSTEM, other.id)
        assert form
        assert (form.row.anonymous, form.row.days, form.answered) == (True, 14, 0)
        assert [q.text for q in form.asked] == [q.text for q in world.form.asked]
        assert {q.id for q in form.asked}.isdisjoint(q.id for q in world.form.asked)
    assert feedback_forms.sources(db, SYSTEM, world.session) == others
    assert feedback_forms.get_form(db, SYSTEM, elsewhere.id) is None


def test_one_form_though_two_make_it_at_once(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with real_database.begin(writes=True) as db:
        make = Make(db)
        session_id = make.session(make.cycle()).id

    def act(db: DbSession) -> object:
        return feedback_forms.save_form(db, SYSTEM, session_id, form_in(), 0).retired

    results = at_once(real_database, monkeypatch, feedback_forms, "_check", act)
    assert results == ["0", "stale"]
    with real_database.begin(writes=False) as db:
        assert len(db.exec(select(FeedbackForm)).all()) == 1
        assert len(db.exec(select(FeedbackQuestion)).all()) == 4


def test_a_cloned_cycle_asks_the_same(world: World, count_queries: Counting) -> None:
    world.give(world.ana)
    save(world, questions=asked(world)[1:])  # the rating is retired
    db = world.db
    db.flush()
    with count_queries() as queries:
        clone = clone_cycle(db, SYSTEM, world.cycle.id, CloneIn(slug="clone", title={"en": "C"}))
    assert sum("feedback" in q and q.startswith("SELECT") for q in queries) == 2
    session = db.exec(select(Session).where(Session.cycle_id == clone.id)).one()
    form = feedback_forms.get_form(db, SYSTEM, session.id)
    assert form
    assert [q.text for q in form.questions] == [q.text for q in world.form.asked]
    assert form.answered == 0
    bare = clone_cycle(
        db, SYSTEM, world.cycle.id, CloneIn(slug="bare", title={"en": "C"}, sessions=False)
    )
    assert db.exec(select(Session).where(Session.cycle_id == bare.id)).all() == []


@pytest.mark.parametrize("anonymous", [True, False])
@pytest.mark.parametrize("both", [True, False])
def test_merged_people_keep_what_they_said(db: DbSession, anonymous: bool, both: bool) -> None:
    world = World(db, anonymous=anonymous)
    keep, goes = world.ana, world.beto  # the older enrolment stays
    kept, duplicate = keep.person_id, goes.person_id
    world.give(goes, rating="2", words="Mine")
    if both:
        world.give(keep, rating="5")
    merging.merge_people(db, SYSTEM, kept, duplicate, at=NOW)
    db.expire_all()
    assert db.exec(select(FeedbackReceipt.enrolment_id)).all() == [keep.id]
    found = world.ratings()
    if anonymous:
        assert found == ([("2", None), ("5", None)] if both else [("2", None)])
    else:
        assert found == [("5" if both else "2", keep.id)]
    words = db.exec(select(FeedbackAnswer.value).where(FeedbackAnswer.value == "Mine")).all()
    assert len(words) == (0 if both and not anonymous else 1)


def test_what_is_said_while_people_are_merged_is_not_lost(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who answers has written nothing yet when the merge comes to their enrolment: it waits."""
    with real_database.begin(writes=True) as db:
        world = World(db, anonymous=False)
        chosen, goes = world.chosen("2"), world.beto.id
        kept, duplicate, stays = world.ana.person_id, world.beto.person_id, world.ana.id
    looked, arrived = Event(), Event()
    original, hold = rules.check, merging._hold_enrolments_of

    def check(*args: Any) -> Any:
        looked.set()
        if real_database.engine.dialect.name == "postgresql":  # else the merge has not begun
            assert arrived.wait(10)
            arrived.clear()
            arrived.wait(0.3)  # without the guard the merge has looked and moved nothing by then
        return original(*args)

    def arrive(*args: Any) -> None:
        arrived.set()
        hold(*args)

    monkeypatch.setattr(feedback, "check", check)
    monkeypatch.setattr(merging, "_hold_enrolments_of", arrive)
    many = Many(real_database)
    many.start(lambda db: feedback.give(db, db.get_one(Enrolment, goes), 1, chosen, AFTER).again)
    assert looked.wait(10)
    many.start(lambda db: merging.merge_people(db, SYSTEM, kept, duplicate, at=NOW).id == kept)
    assert many.wait() == ["False", "True"]
    with real_database.begin(writes=False) as db:
        assert set(db.exec(select(FeedbackAnswer.enrolment_id))) == {stays}
        assert db.exec(select(FeedbackReceipt.enrolment_id)).all() == [stays]


def test_mixing_leaves_no_transaction_to_tell(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        world = World(db)
        people = [world.make.enrolment(world.cycle).id for _ in range(12)]
        chosen = [world.chosen(str(1 + n % 5), f"Words {n}") for n in range(12)]
    for who, each in zip(people, chosen, strict=True):
        with real_database.begin(writes=True) as db:
            feedback.give(db, db.get_one(Enrolment, who), 1, each, AFTER)
    postgres = real_database.engine.dialect.name == "postgresql"

    def joined() -> int:
        """How many answers in words can be told whose they are."""
        query = (
            "SELECT count(DISTINCT r.enrolment_id) FROM feedback_answer a "
            "JOIN feedback_receipt r ON a.xmin = r.xmin WHERE a.value LIKE 'Words%'"
        )
        with real_database.begin(writes=False) as db:
            return int(db.connection().scalar(text(query)) or 0)

    def answers() -> list[str]:
        with real_database.begin(writes=False) as db:
            return list(db.exec(select(FeedbackAnswer.value)))

    before = answers()
    if postgres:
        assert joined() == 12
    with real_database.begin(writes=True) as db:
        assert feedback_mixing.mix(db) == (2 if postgres else 0)
    with real_database.begin(writes=True) as db:
        assert feedback_mixing.mix(db) == 0  # nothing has come since
    after = answers()
    assert sorted(after) == sorted(before)
    if postgres:
        assert joined() == 0
        assert [v for v in after if v[0] == "W"] != [v for v in before if v[0] == "W"]


def test_named_answers_are_not_mixed(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        world = World(db, anonymous=False)
        chosen, people = world.chosen("2"), [world.ana.id, world.beto.id]
    for who in people:
        with real_database.begin(writes=True) as db:
            feedback.give(db, db.get_one(Enrolment, who), 1, chosen, AFTER)
    with real_database.begin(writes=True) as db:
        assert feedback_mixing.mix(db) == 0


def test_the_only_answer_in_words_is_parted_from_its_receipt_too(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        world = World(db)
        people = [world.make.enrolment(world.cycle).id for _ in range(3)]
        chosen = [world.chosen("4", "Only I wrote" if n == 1 else "") for n in range(3)]
    for who, each in zip(people, chosen, strict=True):
        with real_database.begin(writes=True) as db:
            feedback.give(db, db.get_one(Enrolment, who), 1, each, AFTER)
    if real_database.engine.dialect.name != "postgresql":
        return  # there is no transaction to tell by
    told = text(
        "SELECT count(*) FROM feedback_answer a JOIN feedback_receipt r ON a.xmin = r.xmin "
        "WHERE a.value = 'Only I wrote'"
    )
    found = []
    for _ in range(2):
        with real_database.begin(writes=True) as db:
            found.append(db.connection().scalar(told))
            feedback_mixing.mix(db)
    assert found == [1, 0]

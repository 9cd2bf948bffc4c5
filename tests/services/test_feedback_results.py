"""What organizers see of the answers, on pages and in files."""

import csv
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from io import BytesIO

import openpyxl
import pytest

from app.db import DbSession
from app.domain.check_in import WindowState
from app.domain.errors import NotFound
from app.services import feedback, feedback_files, feedback_forms, feedback_results
from app.services.actor import SYSTEM
from app.services.feedback_results import Results, Words
from tests.services.test_feedback import AFTER, ENDS, TICK, World, form_in

Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def world(db: DbSession) -> World:
    return World(db)


@pytest.fixture
def named(db: DbSession) -> World:
    return World(db, anonymous=False)


def results(world: World) -> Results:
    return feedback_results.results(world.db, SYSTEM, world.session.id)


def all_answer(world: World) -> None:
    world.give(world.ana, rating="5", one=(0,), several=(0, 1), words="=1+1")
    world.give(world.beto, rating="2", one=(0,), several=(1,))
    world.give(world.carla, rating="4", words="Más\ntiempo")


def test_counts_means_and_words(named: World) -> None:
    all_answer(named)
    found = results(named)
    assert (found.answered, found.could, found.withheld) == (3, 3, False)
    rating, one, several, words = found.questions
    assert [n for _, n in rating.summary.counts] == [0, 1, 0, 1, 1]
    assert rating.summary.mean == pytest.approx(11 / 3)
    assert [n for _, n in one.summary.counts] == [2, 0, 0]
    assert (several.summary.answered, [n for _, n in several.summary.counts]) == (2, [1, 2, 0])
    assert words.summary.answered == 2
    assert words.texts == (
        Words("=1+1", named.ana.name, named.ana.id),
        Words("Más\ntiempo", named.carla.name, named.carla.id),
    )


def test_of_anonymous_answers_nobody_is_told_before_there_are_three(world: World) -> None:
    world.give(world.ana, rating="5", words="One")
    world.give(world.beto, rating="2", words="Two")
    found = results(world)
    assert (found.answered, found.withheld) == (2, True)
    assert [(a.summary.answered, a.texts) for a in found.questions] == [(0, ())] * 4
    assert {n for a in found.questions for _, n in a.summary.counts} == {0}
    world.give(world.carla, rating="4")
    found = results(world)
    assert (found.answered, found.withheld) == (3, False)
    assert [n for _, n in found.questions[0].summary.counts] == [0, 1, 0, 1, 1]
    assert sorted(one.text for one in found.questions[3].texts) == ["One", "Two"]
    assert {(w.name, w.enrolment_id) for w in found.questions[3].texts} == {(None, None)}
    assert feedback_results.sheets(world.db, SYSTEM, found) == []


def test_named_answers_are_shown_from_the_first(named: World) -> None:
    named.give(named.ana, rating="5")
    assert not results(named).withheld
    assert results(named).questions[0].summary.mean == 5


def test_who_could_answer(world: World) -> None:
    world.make.enrolment(world.cycle, status="pending")
    world.make.enrolment(world.make.cycle())
    world.give(world.ana)
    for row in (world.ana, world.beto):
        row.status = "withdrawn"  # one has answered, one has not
    world.db.flush()
    assert (results(world).could, results(world).answered) == (2, 1)


def test_where_nothing_is_asked(world: World) -> None:
    other = world.make.session(world.cycle, 2)
    for session_id in (other.id, "none"):
        with pytest.raises(NotFound):
            feedback_results.results(world.db, SYSTEM, session_id)


def test_when_it_is_open(world: World) -> None:
    found = results(world)
    closes = ENDS + timedelta(days=14)
    assert [found.state(at) for at in (ENDS - TICK, ENDS, closes)] == list(WindowState)


@pytest.mark.parametrize("people", [3, 6])
def test_queries_do_not_grow_with_answers(
    db: DbSession, count_queries: Counting, people: int
) -> None:
    world = World(db, anonymous=False)
    rows = [world.make.enrolment(world.cycle) for _ in range(people)]
    for who in rows:
        world.give(who, words="x", several=(0,))
    db.flush()
    db.expunge_all()
    with count_queries() as queries:
        found = feedback_results.results(db, SYSTEM, world.session.id)
    assert len(queries) == 8
    with count_queries() as queries:
        assert len(feedback_results.sheets(db, SYSTEM, found)) == people
    assert len(queries) == 3  # nobody stands for an initiative


class TestFiles:
    def table(self, world: World) -> list[list[str]]:
        found = results(world)
        sheets = feedback_results.sheets(world.db, SYSTEM, found)
        data = feedback_files.feedback_csv(found, sheets, str, "en", "es")
        return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))

    def test_with_names_a_row_for_each_person(self, named: World) -> None:
        all_answer(named)
        head, *rows = self.table(named)
        assert head == [
            *("Name", "E-mail", "Country", "Institution", "Initiative"),
            "Answered at (America/Bogota)",
            *("How was it?", "Best?", "More of?", "A word?"),
        ]
        assert rows[0] == [
            *(named.ana.name, "person2@example.org", "", "", ""),
            "2026-12-01 11:30:00",
            *("5", "Talks", "Talks; Panel", "'=1+1"),
        ]
        assert [row[6:] for row in rows[1:]] == [
            ["2", "Talks", "Panel", ""],
            ["4", "", "", "Más\ntiempo"],
        ]

    def test_without_names_a_row_for_each_answer(self, world: World) -> None:
        all_answer(world)
        head, *rows = self.table(world)
        assert head == ["Question", "Answer", "How many"]
        ratings = [["How was it?", str(n + 1), times] for n, times in enumerate("01011")]
        assert rows[:5] == ratings
        assert rows[5:11] == [
            *(["Best?", option, n] for option, n in zip(OPTIONS, "200", strict=True)),
            *(["More of?", option, n] for option, n in zip(OPTIONS, "120", strict=True)),
        ]
        assert sorted(rows[11:]) == [["A word?", "'=1+1", "1"], ["A word?", "Más\ntiempo", "1"]]
        text = str(rows)
        assert not any(who.name in text for who in (world.ana, world.beto, world.carla))

    def test_withheld_answers_are_in_no_file(self, world: World) -> None:
        world.give(world.ana, rating="5", words="Secret")
        assert len(self.table(world)) == 1

    def test_a_workbook_runs_nothing(self, named: World) -> None:
        feedback_forms.save_form(
            named.db,
            SYSTEM,
            named.session.id,
            form_in(anonymous=False, questions=[{"kind": "text", "text": {"en": "=cmd|x!A1"}}]),
        )
        question = named.questions["text"].id
        for who in (named.ana, named.beto):
            feedback.give(named.db, who, 1, {question: ["=HYPERLINK(1)"]}, AFTER)
        found = results(named)
        sheets = feedback_results.sheets(named.db, SYSTEM, found)
        data = feedback_files.feedback_xlsx(found, sheets, str, "en", "es")
        sheet = openpyxl.load_workbook(BytesIO(data)).active
        assert sheet
        cells = {(c.value, c.data_type) for row in sheet.iter_rows() for c in row if c.value}
        assert ("=HYPERLINK(1)", "s") in cells
        assert ("=cmd|x!A1", "s") in cells
        assert "f" not in {kind for _, kind in cells}


OPTIONS = ("Talks", "Panel", "Questions")

"""Organizers: choosing what is asked after a session, and seeing what was answered."""

import re

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.feedback import USUAL
from app.models import FeedbackForm, Session
from app.services import feedback, feedback_forms
from app.services.actor import SYSTEM
from tests.pages.reading import Page
from tests.services.test_feedback import AFTER, World

BASE = "/organize/c/world/sessions/1/feedback"
EDITOR = f"{BASE}/questions"


@pytest.fixture
def world(database: Database) -> World:
    """A published session with a form; its clock is that of the tests."""
    with database.begin(writes=True) as db:
        return World(db, anonymous=False)


def fields(client: TestClient, path: str = EDITOR) -> dict[str, str]:
    response = client.get(f"{path}?lang=en")
    assert response.status_code == 200
    return Page(response.text).fields


def press(client: TestClient, typed: dict[str, str], action: str) -> Page:
    """A small button: nothing is saved."""
    response = client.post(f"{EDITOR}?lang=en", data={**typed, "action": action})
    assert response.status_code == 200
    return Page(response.text)


def answer(database: Database, world: World, count: int) -> None:
    with database.begin(writes=True) as db:
        world.db = db
        for who in (world.ana, world.beto, world.carla)[:count]:
            chosen = world.chosen("4", f"Said by {who.name} & co", one=(1,))
            feedback.give(db, who, 1, chosen, AFTER)


def asked(database: Database) -> list[str]:
    with database.begin(writes=False) as db:
        session_id = db.exec(select(Session.id).where(Session.number == 1)).one()
        form = feedback_forms.get_form(db, SYSTEM, session_id)
        return [q.text["en"] for q in form.asked] if form else []


def test_the_usual_questions_are_proposed_and_saved_only_when_one_says_so(
    organizer_client: TestClient, database: Database, world: World
) -> None:
    with database.begin(writes=True) as db:
        feedback_forms.remove_form(db, SYSTEM, world.session.id)
    empty = organizer_client.get(f"{BASE}?lang=en")
    assert "Nothing is asked after this session yet" in empty.text
    typed = fields(organizer_client)
    assert asked(database) == []
    assert (typed["revision"], typed["anonymous"], typed["days"]) == ("0", "yes", "14")
    saved = organizer_client.post(EDITOR, data={**typed, "action": "save"})
    assert (saved.status_code, saved.headers["location"]) == (303, EDITOR)
    assert asked(database) == [text["en"] for _, _, text, _, _ in USUAL]
    with database.begin(writes=False) as db:
        assert db.exec(select(FeedbackForm.anonymous)).one() is True


def test_what_is_saved_unchanged_stays_the_same(
    organizer_client: TestClient, database: Database, world: World
) -> None:
    with database.begin(writes=False) as db:
        world.db = db
        before = world.form
    answer(database, world, 1)
    typed = fields(organizer_client)
    assert organizer_client.post(EDITOR, data=typed).status_code == 303
    with database.begin(writes=False) as db:
        world.db = db
        assert (world.form.asked, world.form.row.days) == (before.asked, 14)
        rows = feedback_forms.questions_of(db, before.row.id)
        assert [row.reworded_after for row in rows] == [0] * 4


def test_small_buttons_change_the_form_and_save_nothing(
    organizer_client: TestClient, database: Database, world: World
) -> None:
    typed = fields(organizer_client)
    page = press(organizer_client, typed, "add-several")
    assert page.fields["question-4-kind"] == "several"
    assert "question-4-option-1-text-en" in page.fields
    page.fields["question-4-option-0-text-pt"] = "Só isto"
    page = press(organizer_client, page.fields, "add-option-4")
    page = press(organizer_client, page.fields, "remove-option-4-1")
    assert page.fields["question-4-option-0-text-pt"] == "Só isto"
    assert "question-4-option-2-text-en" not in page.fields
    page = press(organizer_client, page.fields, "up-4")
    assert page.fields["question-3-option-0-text-pt"] == "Só isto"
    page = press(organizer_client, page.fields, "remove-question-0")
    assert page.fields["question-2-option-0-text-pt"] == "Só isto"
    assert page.fields["question-0-text-en"] == "Best?"
    for nonsense in ("up-99", "remove-option-0-99", "add-nothing", "bring-back-x", "x"):
        assert press(organizer_client, page.fields, nonsense).fields == page.fields
    assert asked(database) == ["How was it?", "Best?", "More of?", "A word?"]


def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(
    organizer_client: TestClient, world: World
) -> None:
    typed = fields(organizer_client)
    typed |= {
        "days": "0",
        "question-0-text-en": "",
        "question-1-option-1-text-en": "",
        "question-2-text-es": "x" * 201,
        "question-3-text-en": "Kept",
    }
    response = organizer_client.post(f"{EDITOR}?lang=en", data=typed)
    assert response.status_code == 422
    page = Page(response.text)
    assert page.fields == typed
    found = re.findall(r'<li><a href="#([^"]+)">', response.text)
    assert sorted(found) == [
        "days",
        "question-0-text-es",  # the cycle's language
        "question-1-option-1-text-es",
        "question-2-text-es",
    ]
    for name in found:
        assert f'id="{name}"' in response.text


def test_what_was_answered_is_not_changed_silently(
    organizer_client: TestClient, database: Database, world: World
) -> None:
    answer(database, world, 2)
    typed = fields(organizer_client)
    shown = organizer_client.get(f"{EDITOR}?lang=en").text
    assert "2 people have answered" in shown
    assert 'type="radio" id="anonymous' not in shown
    switched = organizer_client.post(f"{EDITOR}?lang=en", data={**typed, "anonymous": "yes"})
    assert switched.status_code == 422
    assert "So this form stays as it is" in switched.text
    page = press(organizer_client, typed, "remove-option-1-1")
    refused = organizer_client.post(f"{EDITOR}?lang=en", data=page.fields)
    assert refused.status_code == 422
    assert "“Panel”" in refused.text
    page = press(organizer_client, typed, "remove-question-3")
    assert page.text(".taken-out")[0].startswith("Not asked any more")
    said = organizer_client.post(f"{EDITOR}?lang=en", data=page.fields)
    assert said.status_code == 303
    assert "the answers stay" in organizer_client.get(f"{EDITOR}?lang=en").text
    results = organizer_client.get(f"{BASE}?lang=en").text
    assert "not asked any more" in results
    assert results.count("Said by ") == 2
    with database.begin(writes=False) as db:
        world.db = db
        retired = next(q for q in world.form.questions if q.retired)
    page = press(organizer_client, fields(organizer_client), f"bring-back-{retired.id}")
    page.fields["question-0-text-en"] = "How useful was it?"
    organizer_client.post(f"{EDITOR}?lang=en", data=page.fields)
    assert asked(database) == ["How useful was it?", "Best?", "More of?", "A word?"]
    assert (
        "its words changed after 2 people had answered the form"
        in organizer_client.get(f"{BASE}?lang=en").text
    )


def test_two_who_edit_see_both(
    organizer_client: TestClient, database: Database, world: World
) -> None:
    mine, theirs = fields(organizer_client), fields(organizer_client)
    theirs["question-3-text-en"] = "Theirs"
    assert organizer_client.post(EDITOR, data=theirs).status_code == 303
    mine["question-3-text-en"] = "Mine"
    stale = organizer_client.post(f"{EDITOR}?lang=en", data=mine)
    assert stale.status_code == 412
    page = Page(stale.text)
    assert "Theirs (A few words)" in page.text(".stale")[0]
    assert page.fields["question-3-text-en"] == "Mine"
    assert organizer_client.post(EDITOR, data=page.fields).status_code == 303  # now it is meant
    assert asked(database)[3] == "Mine"


def test_taking_over_and_asking_the_same_everywhere(
    organizer_client: TestClient, database: Database, world: World
) -> None:
    with database.begin(writes=True) as db:
        world.db = world.make.db = db
        world.make.session(world.cycle, 2)
        world.make.session(world.cycle, 3)
    second = "/organize/c/world/sessions/2/feedback/questions"
    typed = {**fields(organizer_client, second), "source": "1", "action": "take-over"}
    page = Page(organizer_client.post(f"{second}?lang=en", data=typed).text)
    assert [page.fields[f"question-{n}-text-en"] for n in range(4)] == [
        "How was it?", "Best?", "More of?", "A word?",
    ]  # fmt: skip
    assert {page.fields[f"question-{n}-id"] for n in range(4)} == {""}
    with database.begin(writes=False) as db:
        assert len(db.exec(select(FeedbackForm)).all()) == 1  # nothing is saved yet
    assert organizer_client.post(second, data=page.fields).status_code == 303
    assert organizer_client.post(f"{BASE}/spread").headers["location"] == EDITOR
    assert "these sessions now: 3." in organizer_client.get(f"{EDITOR}?lang=en").text
    with database.begin(writes=False) as db:
        assert len(db.exec(select(FeedbackForm)).all()) == 3
    typed = {**fields(organizer_client), "source": "9", "action": "take-over"}
    assert organizer_client.post(EDITOR, data=typed).status_code == 404


def test_removing_a_form(organizer_client: TestClient, database: Database, world: World) -> None:
    confirm = Page(organizer_client.get(f"{BASE}/remove").text)
    assert asked(database) != []
    response = organizer_client.post(f"{BASE}/remove", data=confirm.fields)
    assert (response.headers["location"], asked(database)) == (BASE, [])
    assert organizer_client.get(f"{BASE}/remove").status_code == 404


def test_a_form_that_was_answered_is_not_removed(
    organizer_client: TestClient, database: Database, world: World
) -> None:
    confirm = Page(organizer_client.get(f"{BASE}/remove").text)
    answer(database, world, 1)
    assert "What was answered stays" in organizer_client.get(f"{BASE}/remove?lang=en").text
    response = organizer_client.post(f"{BASE}/remove", data=confirm.fields)
    assert response.status_code == 409
    assert len(asked(database)) == 4


def test_results_with_names(organizer_client: TestClient, database: Database, world: World) -> None:
    assert "Nobody has answered yet" in organizer_client.get(f"{BASE}?lang=en").text
    answer(database, world, 2)
    page = Page(organizer_client.get(f"{BASE}?lang=en").text)
    assert page.text(".stat") == ["answered 2 of 3", "How was it? 4.0 of 5"]
    rating = page.text(".plot")[0]
    assert "4 2 · 100 % 2 · 100 %" in rating
    assert world.ana.name in page.text(".feedback-texts")[0]
    assert "Said by" in page.text(".feedback-texts")[0]
    for end, kind in (("csv", "text/csv"), ("xlsx", "application/vnd.openxmlformats")):
        file = organizer_client.get(f"{BASE}.{end}")
        assert file.headers["content-type"].startswith(kind)
        assert f"world-session-1-feedback.{end}" in file.headers["content-disposition"]


def test_results_without_names_wait_for_three(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        world = World(db)
    answer(database, world, 2)
    page = organizer_client.get(f"{BASE}?lang=en").text
    assert "as soon as three people have answered" in page
    assert "Said by" not in page
    assert "Said by" not in organizer_client.get(f"{BASE}.csv").text
    with database.begin(writes=True) as db:
        feedback.give(db, world.carla, 1, {**chosen_of(db, world)}, AFTER)
    page = organizer_client.get(f"{BASE}?lang=en").text
    assert page.count("Said by") == 3
    assert "/participants/" not in Page(page).text(".feedback-texts")[0]
    assert f"/participants/{world.ana.id}" not in page


def test_the_editor_tells_nothing_of_withheld_answers(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        world = World(db)
    answer(database, world, 2)
    shown = organizer_client.get(f"{EDITOR}?lang=en").text
    assert "2 people have answered" in shown
    assert not re.search(r"(One answer|[0-9] answers)", Page(shown).text("main")[0])
    typed = fields(organizer_client)
    for place in range(3):  # “Panel” was chosen, the others were not
        page = press(organizer_client, typed, f"remove-option-1-{place}")
        refused = organizer_client.post(f"{EDITOR}?lang=en", data=page.fields)
        assert refused.status_code == 422
        words = typed[f"question-1-option-{place}-text-en"]
        sentence = "cannot be taken away: until three have answered, nobody is told"
        assert f"“{words}” {sentence}" in Page(refused.text).text(".error-summary")[0]
    for place in (2, 3):  # “More of?” was answered by nobody
        page = press(organizer_client, typed, f"remove-question-{place}")
        out = page.text(".taken-out")
        assert len(out) == 1
        assert out[0].startswith("Not asked any more If these questions have answers")
        assert out[0].endswith(f"{typed[f'question-{place}-text-en']} Ask it again")


def chosen_of(db: object, world: World) -> feedback.Chosen:
    world.db = db  # type: ignore[assignment]
    chosen: feedback.Chosen = world.chosen("4", "Said by the third")
    return chosen


def test_strangers_see_nothing(client: TestClient, world: World) -> None:
    for path in (BASE, f"{BASE}.csv", f"{BASE}.xlsx", EDITOR, f"{BASE}/remove"):
        response = client.get(path)
        assert response.status_code == 303
        assert response.headers["location"].startswith("/organize/sign-in")
    for path in (EDITOR, f"{BASE}/spread", f"{BASE}/remove"):
        assert client.post(path).status_code in (401, 403)

"""A participant's feedback: the button that fits the moment, the form, and what is kept of it."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.feedback import RATINGS, Question, wording
from app.models import Enrolment, FeedbackAnswer, FeedbackReceipt, Person, Session
from app.services import feedback_forms
from app.services.actor import SYSTEM
from app.services.links import Links
from app.web.feedback_form import saved, to_form
from tests.pages.published import Published, make_published
from tests.pages.reading import Page
from tests.pages.test_my import _actions
from tests.services.test_feedback import form_in

DAY = timedelta(days=1)
Clock = Callable[[timedelta], datetime]


@pytest.fixture
def there(database: Database, links: Links) -> Published:
    return make_published(database, links)


@pytest.fixture
def at(database: Database, there: Published, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the clock relative to the first session's end."""
    with database.begin(writes=False) as db:
        ends = db.exec(select(Session.ends_at).where(Session.number == 1)).one()

    def set_clock(offset: timedelta) -> datetime:
        for module in ("my", "my_feedback", "feedback"):
            monkeypatch.setattr(f"app.routers.pages.{module}.now", lambda: ends + offset)
        return ends + offset

    return set_clock


def ask(database: Database, there: Published, *, anonymous: bool = True) -> dict[str, Question]:
    """Asks after the first session; the questions by kind."""
    with database.begin(writes=True) as db:
        new = form_in(anonymous=anonymous)
        feedback_forms.save_form(db, SYSTEM, there.session_ids[0], new)
        form = feedback_forms.get_form(db, SYSTEM, there.session_ids[0])
        assert form
        return {question.kind.value: question for question in form.asked}


def filled(
    asked: dict[str, Question], rating: str = "4", words: str = "Más", *, anonymous: bool = True
) -> dict[str, str]:
    one, several = asked["one"], asked["several"]
    return {
        "wording": wording(anonymous, asked.values()),
        "in-words": asked["text"].id,
        f"q-{asked['rating'].id}": rating,
        f"q-{one.id}": one.options[1].id,
        f"q-{several.id}-{several.options[0].id}": "on",
        f"q-{several.id}-{several.options[2].id}": "on",
        f"q-{asked['text'].id}": words,
    }


def kept(database: Database) -> list[str]:
    with database.begin(writes=False) as db:
        return sorted(db.exec(select(FeedbackAnswer.value)))


def rated(database: Database) -> list[str]:
    return [value for value in kept(database) if value in RATINGS]


def main_part(text: str) -> str:
    return text.split("<main")[1].split("</main")[0]


def test_the_button_comes_with_the_end_and_goes_with_the_answer(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    feedback, calendar = f"{there.my}/sessions/1/feedback", f"{there.my}/calendar"
    check_in = f"{there.my}/sessions/1/check-in"
    at(timedelta(minutes=31))
    assert _actions(client.get(there.my).text) == [calendar]  # nothing is asked
    asked = ask(database, there)
    assert _actions(client.get(there.my).text) == [feedback]
    at(timedelta(minutes=5))
    assert _actions(client.get(there.my).text) == [check_in]  # that cannot wait
    at(4 * DAY)  # the second session is nearer: it is in three days
    page = client.get(f"{there.my}?lang=en").text
    assert _actions(page) == [calendar]
    assert f'<a href="{feedback}">Give feedback</a>' in page  # quietly, in the list
    at(timedelta(hours=1))
    assert client.post(feedback, data=filled(asked)).headers["location"] == there.my
    page = client.get(f"{there.my}?lang=en").text
    assert _actions(page) == [calendar]
    assert "Thank you for your feedback" in page
    assert feedback not in page
    assert "Session 1, without your name" in page
    assert "the feedback that you gave" in client.get(f"{there.my}/withdraw?lang=en").text


def test_joining_comes_first(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    with database.begin(writes=True) as db:
        feedback_forms.save_form(db, SYSTEM, there.session_ids[0], form_in(days=30))
    at(7 * DAY - timedelta(minutes=95))  # five minutes before the second
    assert _actions(client.get(there.my).text) == [f"{there.my}/sessions/2/join"]
    at(7 * DAY + timedelta(minutes=31))  # all are over, and the second asks nothing
    assert _actions(client.get(there.my).text) == [f"{there.my}/sessions/1/feedback"]
    at(31 * DAY)
    assert _actions(client.get(there.my).text) == []


def test_a_get_changes_nothing_and_a_post_keeps_all(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    asked = ask(database, there, anonymous=False)
    at(timedelta(hours=1))
    path = f"{there.my}/sessions/1/feedback"
    got = client.get(path)
    assert (got.status_code, kept(database)) == (200, [])
    assert got.headers["cache-control"] == "private, no-store"
    assert client.post(path, data=filled(asked, anonymous=False)).status_code == 303
    several = asked["several"].options
    assert kept(database) == sorted(
        ["4", asked["one"].options[1].id, f"{several[0].id} {several[2].id}", "Más"]
    )
    fields = Page(client.get(path).text).fields
    assert fields == filled(asked, anonymous=False)  # the form shows what was said
    changed = client.post(path, data={**fields, f"q-{asked['rating'].id}": "1"})
    assert changed.status_code == 303
    assert rated(database) == ["1"]
    with database.begin(writes=False) as db:
        assert len(db.exec(select(FeedbackReceipt)).all()) == 1


def test_the_second_click_is_harmless(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    asked = ask(database, there)
    at(timedelta(hours=1))
    path = f"{there.my}/sessions/1/feedback"
    for rating in ("4", "1"):
        answer = client.post(f"{path}?lang=en", data=filled(asked, rating))
        assert answer.headers["location"] == there.my
    assert rated(database) == ["4"]
    assert "what you said first counts" in client.get(f"{there.my}?lang=en").text
    page = client.get(f"{path}?lang=en").text
    assert "nobody knows which answers are yours" in page
    assert "<form" not in main_part(page)


def test_nothing_is_lost_when_something_is_missing(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    asked = ask(database, there)
    at(timedelta(hours=1))
    typed = filled(asked, rating="", words="<b>Mucho</b>")
    response = client.post(f"{there.my}/sessions/1/feedback?lang=en", data=typed)
    assert (response.status_code, kept(database)) == (422, [])
    page = Page(response.text)
    rating = f"q-{asked['rating'].id}"
    assert page.fields == {name: text for name, text in typed.items() if name != rating}
    assert page.text(".error-summary") == ["One thing needs a change Choose a number from 1 to 5."]
    assert f'href="#{rating}"' in response.text
    assert re.search(rf'id="{rating}-1"[^>]* autofocus', response.text)


def change(database: Database, there: Published, **values: Any) -> None:
    with database.begin(writes=True) as db:
        feedback_forms.save_form(db, SYSTEM, there.session_ids[0], form_in(**values))


def test_an_answer_to_other_questions_is_shown_again_and_not_kept(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    asked = ask(database, there)
    at(timedelta(hours=1))
    path = f"{there.my}/sessions/1/feedback"
    typed = filled(asked, rating="2", words="Two lines\nof <b>mine</b>")
    rating = {"id": asked["rating"].id, "kind": "rating", "text": {"en": "How bad was it?"}}
    change(database, there, questions=[rating])
    response = client.post(f"{path}?lang=en", data=typed)
    assert (response.status_code, kept(database)) == (412, [])
    page = Page(response.text)
    assert "How bad was it?" in response.text
    assert "The questions have changed" in page.text(".notice")[0]
    assert page.text(".feedback-texts") == ["Two lines of <b>mine</b>"]
    assert page.fields[f"q-{asked['rating'].id}"] == "2"
    assert client.post(path, data=page.fields).status_code == 303  # now it is meant
    assert kept(database) == ["2"]


@pytest.mark.parametrize("what", ["removed", "named", "reworded", "unsaid", "days"])
def test_what_counts_as_another_form(
    client: TestClient, database: Database, there: Published, at: Clock, what: str
) -> None:
    asked = ask(database, there)
    at(timedelta(hours=1))
    typed = filled(asked)
    with database.begin(writes=False) as db:
        form = feedback_forms.get_form(db, SYSTEM, there.session_ids[0])
        assert form
        questions = to_form(saved(form)).questions
    if what == "removed":  # and made anew, with the same revision
        with database.begin(writes=True) as db:
            feedback_forms.remove_form(db, SYSTEM, there.session_ids[0])
        ask(database, there)
    elif what == "named":  # whoever thinks that no name is kept is asked again
        change(database, there, anonymous=False, questions=questions)
    elif what == "reworded":
        questions[1].options[0].text["en"] = "Other words"
        change(database, there, questions=questions)
    elif what == "unsaid":
        del typed["wording"]
    else:
        change(database, there, questions=questions, days=20)
    status = client.post(f"{there.my}/sessions/1/feedback", data=typed).status_code
    assert (status, len(kept(database))) == ((303, 4) if what == "days" else (412, 0))


@pytest.mark.parametrize(
    ("offset", "status", "words"),
    [
        (-timedelta(minutes=1), "confirmed", "once the session is over"),
        (15 * DAY, "confirmed", "Feedback is closed"),
        (timedelta(hours=1), "waitlisted", "Only those who have a place"),
        (timedelta(hours=1), "withdrawn", "Only those who have a place"),
    ],
)
def test_why_there_is_no_form(
    client: TestClient,
    database: Database,
    there: Published,
    at: Clock,
    offset: timedelta,
    status: str,
    words: str,
) -> None:
    asked = ask(database, there)
    at(offset)
    with database.begin(writes=True) as db:
        db.get_one(Enrolment, there.enrolment_id).status = status
    path = f"{there.my}/sessions/1/feedback"
    page = client.get(f"{path}?lang=en")
    assert page.status_code == 200
    assert words in page.text
    assert "<form" not in main_part(page.text)
    refused = client.post(path, data=filled(asked))
    assert (refused.status_code, kept(database)) == (409, [])
    assert f"{there.my}/sessions/1/feedback" not in client.get(there.my).text


def test_what_was_typed_while_it_closed_can_be_copied(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    asked = ask(database, there)
    at(15 * DAY)
    typed = filled(asked, words="Two lines\nof <b>mine</b>")
    refused = client.post(f"{there.my}/sessions/1/feedback?lang=en", data=typed)
    page = Page(refused.text)
    assert (refused.status_code, kept(database)) == (409, [])
    assert page.text("#homeless-title") == ["What you wrote"]
    assert page.text(".feedback-texts") == ["Two lines of <b>mine</b>"]
    del typed[f"q-{asked['text'].id}"]
    refused = client.post(f"{there.my}/sessions/1/feedback?lang=en", data=typed)
    assert (refused.status_code, "feedback-texts" in refused.text) == (409, False)


def test_where_nothing_is_asked(client: TestClient, there: Published, at: Clock) -> None:
    at(timedelta(hours=1))
    for path in ("/sessions/1/feedback", "/sessions/9/feedback"):
        assert client.get(there.my + path).status_code == 404
        assert client.post(there.my + path).status_code == 404
    assert client.get("/my/nobody/sessions/1/feedback").status_code == 404


def test_whoever_answers_can_be_reached(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    asked = ask(database, there)
    moment = at(timedelta(hours=1))
    with database.begin(writes=True) as db:
        person = db.get_one(Person, db.get_one(Enrolment, there.enrolment_id).person_id)
        person.bounced_at = moment - DAY
    client.post(f"{there.my}/sessions/1/feedback", data=filled(asked))
    with database.begin(writes=False) as db:
        assert db.exec(select(Person.bounced_at).where(Person.id == person.id)).one() is None


def test_another_site_cannot_answer(
    client: TestClient, database: Database, there: Published, at: Clock
) -> None:
    asked = ask(database, there)
    at(timedelta(hours=1))
    headers = {"sec-fetch-site": "cross-site"}
    path = f"{there.my}/sessions/1/feedback"
    assert client.post(path, data=filled(asked), headers=headers).status_code == 403
    assert kept(database) == []

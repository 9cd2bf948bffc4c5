"""The page of who has completed the cycle, and the rule that is tried before it is saved."""

import re

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.attendance import Status
from app.models import Cycle, CycleRule
from tests.factories import Make
from tests.pages.test_attendance import table
from tests.pages.test_evidence import words
from tests.services.attendance_world import OVER, RULE, Attended

BOTH_OPEN = ("Open", "Open")
LACKS = "3 sessions"
PATH = "/organize/c/leaders/completion"
FORM = {
    "min_sessions": "1",
    "of": "4",
    "min_percent_of_each": "50",
    "min_percent_of_whole": "0",
    "late_after": "",
    "partial_below": "40",
    "excused_counts": "yes",
    "version": "0",
}


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Ana was at three sessions, Eva at one, Leo at none; the first two are closed."""
    monkeypatch.setattr("app.routers.pages.completion.now", lambda: OVER)
    with database.begin(writes=True) as db:
        world = Attended(db)
        world.cycle.slug = "leaders"
        ana, eva, _ = (world.participant(name) for name in ("Ana", "Eva", "Leo"))
        for number in (1, 2, 3):
            world.there(ana, number)
        world.there(eva, 1, 0, 60)
        world.marked(eva, 2, Status.EXCUSED)
        for session in world.sessions[:2]:
            session.closed_at = OVER
        return {str(s.number): s.id for s in world.sessions}


def kept(database: Database) -> tuple[object, list[int]]:
    with database.begin(writes=False) as db:
        rule = db.exec(select(Cycle.completion_rule)).one()
        return rule, sorted(db.exec(select(CycleRule.version)).all())


def test_how_far_everybody_is(organizer_client: TestClient, world: dict[str, str]) -> None:
    html = organizer_client.get(PATH).text
    full = "Counts, 105 min"
    assert table(html) == [
        ["Ana", "Completed", full, full, full, "Open", "3", "75 %", "–"],
        ["Eva", "Out of reach", "Too short, 60 min", "Missed", *BOTH_OPEN, "0", "14 %", LACKS],
        ["Leo", "Out of reach", "Missed", "Missed", *BOTH_OPEN, "0", "0 %", LACKS],
    ]
    said = words(html)
    assert "At least 3 of 4 sessions, and 70 % of each of these" in said
    assert "What is not known there still counts as open: Session 3 , Session 4" in said
    assert "All 3 Completed 1 Out of reach 2" in said


@pytest.mark.parametrize(
    ("state", "names"),
    [("completed", ["Ana"]), ("out_of_reach", ["Eva", "Leo"]), ("x", ["Ana", "Eva", "Leo"])],
)
def test_filters(
    organizer_client: TestClient, world: dict[str, str], state: str, names: list[str]
) -> None:
    found = table(organizer_client.get(f"{PATH}?state={state}&page=9").text)
    assert [row[0] for row in found] == names


def test_trying_a_rule_shows_what_it_would_change_and_saves_nothing(
    organizer_client: TestClient, database: Database, world: dict[str, str]
) -> None:
    answer = organizer_client.post(f"{PATH}/rule", data={**FORM, "act": "try"})
    assert answer.status_code == 200
    said = words(answer.text.split("With this rule, as things stand")[1].split("</form>")[0])
    assert "Completed 2 of 1" in said
    assert "1 more person would complete." in said
    assert re.search(r'name="min_sessions"[^>]*value="1"', answer.text)
    assert kept(database) == (RULE, [])


def test_saving_is_a_version(
    organizer_client: TestClient, database: Database, world: dict[str, str]
) -> None:
    data = {**FORM, f"mandatory-{world['2']}": "yes", "warn": "yes", "act": "save"}
    answer = organizer_client.post(f"{PATH}/rule", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    assert kept(database) == (
        {
            "min_sessions": 1,
            "of": 4,
            "min_percent_of_each": 50,
            "min_percent_of_whole": 0,
            "partial_below": 40,
            "late_after": None,
            "excused_counts": True,
            "unverified_counts": False,
            "warn": True,
            "mandatory": [world["2"]],
        },
        [1],
    )
    html = organizer_client.get(f"{PATH}/rule").text
    assert "Session 2 must not be missed" in words(html)
    assert [row[0] for row in table(html.split('id="versions"')[1])] == ["1"]
    assert re.search(rf'name="mandatory-{world["2"]}"[^>]*checked', html)


def test_a_rule_that_somebody_else_changed_is_not_overwritten(
    organizer_client: TestClient, database: Database, world: dict[str, str]
) -> None:
    assert organizer_client.post(f"{PATH}/rule", data=FORM | {"act": "save"}).status_code == 303
    theirs = kept(database)
    late = FORM | {"act": "save", "partial_below": "39"}
    answer = organizer_client.post(f"{PATH}/rule", data=late)
    assert answer.status_code == 412
    assert "Somebody changed this in the meantime" in answer.text
    assert re.search(r'name="partial_below"[^>]*value="39"', answer.text)
    assert 'name="version" value="1"' in answer.text
    assert kept(database) == theirs


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"min_sessions": "5"}, "min_sessions"),
        ({"min_sessions": ""}, "min_sessions"),
        ({"of": "many"}, "of"),
        ({"min_percent_of_each": "101"}, "min_percent_of_each"),
        ({"late_after": "-1"}, "late_after"),
    ],
)
@pytest.mark.parametrize("act", ["save", "try"])
def test_what_is_wrong_is_said_at_the_field(
    organizer_client: TestClient,
    database: Database,
    world: dict[str, str],
    change: dict[str, str],
    field: str,
    act: str,
) -> None:
    answer = organizer_client.post(f"{PATH}/rule", data=FORM | change | {"act": act})
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert kept(database) == (RULE, [])


def test_a_cycle_without_a_rule_offers_one(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        Attended(db, rule={}).cycle.slug = "leaders"
    assert "Make a rule" in organizer_client.get(PATH).text
    html = organizer_client.get(f"{PATH}/rule").text
    assert re.search(r'name="min_sessions"[^>]*value="3"', html)
    assert re.search(r'name="of"[^>]*value="4"', html)


def test_a_session_that_the_rule_names_is_not_deleted(
    organizer_client: TestClient, database: Database, world: dict[str, str]
) -> None:
    """The page says what to do first, and leads there; a session that is gone all the same is
    said on the rule's page, and left out when it is saved."""
    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle)).one()
        exam = Make(db).session(cycle, 5, status="draft")
        cycle.completion_rule = {**RULE, "mandatory": [exam.id, "gone"]}
        exam_id = exam.id
    assert "Session 5 must not be missed" in organizer_client.get(PATH).text
    answer = organizer_client.post("/organize/c/leaders/sessions/5/delete")
    assert answer.status_code == 409
    assert "Change the rule first, then delete the session." in answer.text
    assert f'href="{PATH}/rule"' in answer.text
    html = organizer_client.get(f"{PATH}/rule").text
    assert "names a session that was deleted since" in html
    boxes = re.findall(r'<input[^>]*name="mandatory-([^"]+)"[^>]*>', html)
    assert boxes == [*(world[str(n)] for n in (1, 2, 3, 4)), exam_id]
    settings = organizer_client.get("/organize/c/leaders/settings")
    assert settings.status_code == 200
    assert organizer_client.post(f"{PATH}/rule", data=FORM | {"act": "save"}).status_code == 303
    assert "deleted since" not in organizer_client.get(f"{PATH}/rule").text
    assert organizer_client.post("/organize/c/leaders/sessions/5/delete").status_code == 303

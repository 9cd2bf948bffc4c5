"""Published is what was shown, once, and afterwards the page says what it has done."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database, DbSession
from app.domain.errors import Stale
from app.models import Cycle, Message, Person, Release, Session, now
from app.services import invitations, publishing
from app.services.schedules import held_cycle
from tests.factories import Make
from tests.pages.reading import Page
from tests.services.mailing_world import OLGA, world_ahead

READ = {"warnings-read": "1"}


@pytest.fixture
def url(database: Database) -> str:
    """Of a cycle whose people were invited and whose session has another title in the draft."""
    with database.begin(writes=True) as db:
        world = world_ahead(db, invited=True)
        world.retitle("Shown")
        return f"/organize/c/{world.cycle.slug}/publish"


def form(client: TestClient, url: str) -> dict[str, str]:
    return Page(client.get(url).text).fields | READ


def retitle(db: DbSession, title: str) -> None:
    db.exec(select(Session)).one().title = {"en": title}
    db.flush()


def titles(database: Database) -> list[str]:
    """The session's, release by release."""
    with database.begin(writes=False) as db:
        found = db.exec(select(Release).order_by("number"))
        return [row.document["sessions"][0]["title"]["en"] for row in found]


def test_what_nobody_has_seen_is_not_published(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        cycle_id = world_ahead(db).cycle.id

    with real_database.begin(writes=False) as reader:
        shown = reader.get_one(Cycle, cycle_id).revision
        with real_database.begin(writes=True) as other:
            retitle(other, "Not shown")
        assert reader.get_one(Cycle, cycle_id).revision == shown
    with real_database.begin(writes=True) as db, pytest.raises(Stale):
        publishing.publish(
            db, OLGA, cycle_id, accept_warnings=True, now=now(), revision=shown, invite=True
        )

    assert titles(real_database) == []


def test_an_edit_that_comes_just_before_is_shown_first(
    organizer_client: TestClient, database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = form(organizer_client, url)

    def held(db: DbSession, cycle_id: str) -> Cycle:
        retitle(db, "Not shown")
        return held_cycle(db, cycle_id)

    monkeypatch.setattr(publishing, "held_cycle", held)

    answer = organizer_client.post(url, data=data)

    assert answer.status_code == 412
    assert Page(answer.text).text(".notice-error") == [
        "Not possible. Somebody changed the schedule while you were reading. Look at it once more."
    ]
    assert len(titles(database)) == 1


def test_a_form_says_what_it_was_made_from(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    data = form(organizer_client, url)
    for revision in ("", "x", "-1"):
        answer = organizer_client.post(url, data=data | {"revision": revision})
        assert answer.status_code == 412
    del data["revision"]
    assert organizer_client.post(url, data=data).status_code == 412
    assert len(titles(database)) == 1


def test_a_second_click_is_as_good_as_the_first(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    data = form(organizer_client, url)
    answers = [organizer_client.post(url, data=data) for _ in range(2)]

    assert [(a.status_code, a.headers["location"]) for a in answers] == [(303, url)] * 2
    assert Page(organizer_client.get(url).text).text(".flashes") == [
        "Done. 1 change is published. Everybody sees it now. 3 mails are on their way. Invitations"
    ]
    assert len(titles(database)) == 2


@pytest.mark.parametrize(
    ("values", "stale", "status"),
    [
        ({}, False, 303),
        ({"published_by": "Somebody Else"}, False, 412),
        ({"published_at": timedelta(minutes=-2)}, False, 303),  # of the revision in the form
        ({"published_at": timedelta(minutes=-2)}, True, 412),
        ({"published_at": timedelta(seconds=-30)}, True, 303),
    ],
)
def test_whose_second_click_it_is(
    organizer_client: TestClient,
    database: Database,
    url: str,
    values: dict[str, Any],
    stale: bool,
    status: int,
) -> None:
    data = form(organizer_client, url)
    organizer_client.post(url, data=data)
    with database.begin(writes=True) as db:
        release = db.exec(select(Release).order_by("number")).all()[-1]
        for name, value in values.items():
            setattr(release, name, now() + value if isinstance(value, timedelta) else value)
    if values:  # that has raised it
        data["revision"] = str(int(data["revision"]) + 1)
    if stale:
        data["revision"] = str(int(data["revision"]) - 1)

    assert organizer_client.post(url, data=data).status_code == status


def test_a_second_click_after_something_new_is_told(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    data = form(organizer_client, url)
    organizer_client.post(url, data=data)
    with database.begin(writes=True) as db:
        retitle(db, "Newer")

    assert organizer_client.post(url, data=data).status_code == 412


def test_what_was_done_is_said_as_it_is(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    data = form(organizer_client, url)
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = db.exec(select(Cycle)).one()
        for name in ("Zoe", "Zac"):
            make.enrolment(cycle, make.person(name=name, email=f"{name}@example.org"))
        left = [db.exec(select(Person.id).where(Person.name == n)).one() for n in ("Zoe", "Zac")]
        beto = db.exec(select(Person.id).where(Person.email == "beto@example.org")).one()

    organizer_client.post(url, data=data | {f"leave-{left[0]}": "1", f"leave-{beto}": "1"})

    answer = organizer_client.get(url)
    assert Page(answer.text).text(".flashes") == [
        "Done. 1 change is published. Everybody sees it now. 3 mails are on their way. "
        "2 people were left out. Invitations"
    ]
    assert Page(answer.text).text(".notice-warning") == [
        "Check this. The calendars of 2 people do not say so. Invitations"
    ]
    assert [t for t in Page(answer.text).text(".notice-success") if "Up to date" in t] == []
    with database.begin(writes=False) as db:
        queued = db.exec(select(Message.to_address).where(Message.status == "queued"))
        assert sorted(queued) == ["Zac@example.org", "ana@example.org", "hugo@example.org"]


def test_after_stopping_nothing_begins_by_itself(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        world = world_ahead(db)
        url = f"/organize/c/{world.cycle.slug}/publish"
    page = Page(organizer_client.get(url).text)
    assert (page.fields["invite"], page.text(".check")[-1]) == (
        "yes",
        "Send 3 calendar invitations by mail, and keep everybody’s calendar right from now on",
    )
    organizer_client.post(url, data=page.fields | READ)
    with database.begin(writes=True) as db:
        for message in db.exec(select(Message)):
            message.status, message.sent_at = "sent", now()
        cycle_id = db.exec(select(Cycle.id)).one()
        invitations.stop_inviting(db, OLGA, cycle_id)
        retitle(db, "Another")

    page = Page(organizer_client.get(url).text)

    assert "invite" not in page.fields
    assert page.text(".check")[-1] == (
        "Send 3 mails, and keep everybody’s calendar right from now on"
    )


def test_an_archived_cycle_sends_nothing(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        world = world_ahead(db)
        world.publish(now())
        world.cycle.status = "archived"
        url = f"/organize/c/{world.cycle.slug}/invitations/send"
    said = ["Check this. This cycle is archived. Bring it back first. Bring it back"]
    assert Page(organizer_client.get(url).text).text(".notice-warning") == said

    answer = organizer_client.post(url, data={"note": ""})

    assert (answer.status_code, Page(answer.text).text(".notice-warning")) == (409, said)
    with database.begin(writes=False) as db:
        assert db.exec(select(Message)).all() == []
        assert db.exec(select(Cycle.invites)).one() is False

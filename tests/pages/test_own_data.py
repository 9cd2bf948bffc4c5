"""What is held about somebody, in the browser: seen, downloaded, erased; and nowhere afterwards."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import DataLink, Enrolment, Erasure, Message, Person, User
from app.schemas.own_data import OwnData
from app.services.data_links import data_address
from app.services.files import FileStore
from app.services.links import Links
from app.services.tokens import create_token
from tests.services.marked_world import ADDRESS, AT, MARK, Marked


@pytest.fixture
def world(database: Database, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Marked:
    made = Marked(database, FileStore(app.state.files._folder), app.state.mail_dir)
    monkeypatch.setattr("app.routers.pages.own_data.now", lambda: AT)
    return made


@pytest.fixture
def mine(world: Marked, links: Links) -> str:
    return links.my(world.enrolment_id, 1).removeprefix(links.base_url)


def test_it_is_shown_and_downloaded(client: TestClient, mine: str) -> None:
    shown = client.get(f"{mine}/data?lang=en")
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "private, no-store"
    for words in ("What is held about you", ADDRESS, "Certificates", "Mails to you"):
        assert words in shown.text
    file = client.get(f"{mine}/data.json")
    assert file.headers["content-disposition"] == 'attachment; filename="my-data-leaders.json"'
    held = OwnData.model_validate_json(file.content)
    assert [each.slug for each in held.cycles] == ["leaders"]
    assert {each.question for each in held.cycles[0].feedback} == {"¿Qué?"}  # as they were asked
    assert not held.everywhere
    assert {each.source for each in held.cycles[0].attendance} == {"zoom"}
    assert set(re.findall(r"from (zoom)", shown.text, re.I)) == {"Zoom"}  # in words, there


@pytest.mark.parametrize("kind", ["my", "part"])
def test_a_link_of_one_cycle_says_nothing_of_another(
    client: TestClient, world: Marked, mine: str, links: Links, kind: str
) -> None:
    path = mine if kind == "my" else links.part(world.guest_id, 1).removeprefix(links.base_url)
    for page in ("data", "data.json", "data/erase"):
        answer = client.get(f"{path}/{page}")
        assert answer.status_code == 200
        assert "other" not in re.findall(r"/c/([a-z-]+)", answer.text)
        assert '"slug": "other"' not in answer.text


def test_erasing_takes_the_word(
    client: TestClient, world: Marked, mine: str, database: Database
) -> None:
    before = client.get(f"{mine}/data/erase?lang=en")
    assert "Type the word erase" in before.text
    wrong = client.post(f"{mine}/data/erase", data={"word": "yes"})
    assert (wrong.status_code, "Type the word as it stands above." in wrong.text) == (422, True)
    done = client.post(f"{mine}/data/erase", data={"word": " Erase "})
    assert (done.status_code, done.headers["location"]) == (303, "/data/erased?lang=en")
    assert client.get("/data/erased").status_code == 200
    for path in (mine, f"{mine}/data", f"{mine}/data.json", f"{mine}/data/erase"):
        gone = client.get(path)
        assert (gone.status_code, MARK in gone.text.lower()) == (410, False)
    with database.begin(writes=False) as db:
        made = db.exec(select(Erasure).where(Erasure.scope == "cycle")).all()
        assert made
        assert all(each.done_at for each in made if not each.files)


def test_everything_goes_by_a_link_that_was_mailed(
    client: TestClient, world: Marked, mine: str, links: Links, database: Database
) -> None:
    asked = [client.post(f"{mine}/data/everywhere") for _ in range(2)]
    assert [a.headers["location"] for a in asked] == [f"{mine}/data"] * 2
    with database.begin(writes=False) as db:
        found = db.exec(select(Message).where(Message.kind == "data-link")).all()
        sent = next(each for each in found if each.created_at == AT)
        assert (len(found), sent.to_address) == (2, ADDRESS)
        assert db.get(DataLink, sent.context["data_link_id"]) is not None
        link = data_address(links, sent.context["data_link_id"], ADDRESS)
    link = link.removeprefix(links.base_url)
    held = OwnData.model_validate_json(client.get(f"{link}.json").content)
    assert (held.everywhere, [each.slug for each in held.cycles]) == (True, ["leaders", "other"])
    assert "In every cycle here." in client.get(f"{link}?lang=en").text
    assert client.post(f"{link}/erase", data={"word": "erase"}).status_code == 303
    assert client.get(link).status_code == 404
    with database.begin(writes=False) as db:
        assert db.get(Person, world.person_id) is None


def _routes(routes: Any) -> Iterator[str]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _routes(inner.routes)
        elif "GET" in (getattr(route, "methods", None) or ()):
            yield route.path


def test_no_page_file_feed_or_answer_has_it_afterwards(
    organizer_client: TestClient,
    world: Marked,
    mine: str,
    links: Links,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each address that answers a GET, with everything that is there filled in; what was kept in
    memory of them before, too."""
    with database.begin(writes=True) as db:
        user = db.exec(select(User)).one()
        from app.services.actor import Actor

        actor = Actor(id=user.id, name=user.name, email=user.email)
        secret = create_token(db, actor, "all", ["read", "write"])[1]
        enrolment = db.get_one(Enrolment, world.enrolment_id)
    values = filled_in(database, links, world, enrolment)
    found = {True: 0, False: 0}
    for after in (False, True):
        if after:
            done = organizer_client.post(
                f"/organize/people/{world.person_id}/erase", data={"reason": "Asked for it"}
            )
            assert done.status_code == 303
        for path in sorted(addresses(organizer_client.app, values)):
            headers = {"authorization": f"Bearer {secret}"} if path.startswith("/api/") else {}
            answer = organizer_client.get(path, headers=headers)
            assert answer.status_code != 500, path
            has = MARK in plain(answer.content)
            found[after] += has
            assert not (after and has), path
    assert found[False] > 40
    assert MARK not in caplog.text.lower()


def plain(content: bytes) -> str:
    """What an answer says, workbooks unpacked."""
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            content = b"\n".join(book.read(name) for name in book.namelist())
    return content.decode("utf-8", "replace").lower()


def filled_in(
    database: Database, links: Links, world: Marked, enrolment: Enrolment
) -> dict[str, list[str]]:
    """What may stand in each place of an address."""
    from app.models import metadata

    ids: dict[str, list[str]] = {}
    with database.begin(writes=False) as db:
        for table in metadata.sorted_tables:
            if "id" in table.columns:
                rows = db.connection().execute(select(table.c.id)).scalars().all()
                ids[table.name] = [str(each) for each in rows][:12]
        certificate = db.exec(world.certificate).one()
    tokens = {
        "my": links.my(enrolment.id, 1),
        "part": links.part(world.guest_id, 1),
        "feed": links.feed(enrolment.id, 1).removesuffix(".ics"),
        "guest_feed": links.guest_feed(world.guest_id, 1).removesuffix(".ics"),
    }
    return {
        "slug": ["leaders", "other"],
        "number": ["1", "2"],
        "version": ["1"],
        "token": [each.rpartition("/")[2] for each in tokens.values()],
        "code": [certificate.code],
        "language": ["en"],
        "status": ["withdrawn"],
        "kind": ["reminder"],
        "act": ["archive"],
        "cycle_id": ids["cycle"],
        "session_id": ids["session"][:2],
        "enrolment_id": [enrolment.id],
        "person_id": [world.person_id, enrolment.person_id],
        "message_id": ids["message"],
        "mail_id": ids["inbound_mail"],
        "reply_id": ids["inbound_mail"],
        "import_id": ids["report_import"],
        "institution_id": ids["institution"],
        "initiative_id": ids["initiative"],
        "material_id": ids["material"],
        "reminder_id": ids["reminder"],
        "part_id": ids["part"],
    }


def addresses(app: Any, values: dict[str, list[str]]) -> Iterator[str]:
    for path in {*_routes(app.routes)}:
        if "/events" in path or path.endswith("/live/stream") or "live" in path:
            continue  # does not end
        found = [path]
        for name in re.findall(r"{(\w+)(?::\w+)?}", path):
            found = [
                re.sub(rf"{{{name}(?::\w+)?}}", quote(value), each)
                for each in found
                for value in values.get(name, ["x"])
            ]
        yield from found

"""Organizers keep the directory: people, institutions, initiatives."""

import re
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Initiative, Institution, Person
from tests.factories import Make


def test_add_and_change_a_person(organizer_client: TestClient, database: Database) -> None:
    typed = {"name": "Ana Ruiz", "email": "ana@example.org", "country": "CL", "zone": ""}
    assert organizer_client.post("/organize/people/new", data=typed).status_code == 303
    with database.begin(writes=False) as db:
        person = db.exec(select(Person)).one()

    typed |= {"position": "Directora", "revision": str(person.revision)}
    answer = organizer_client.post(f"/organize/people/{person.id}", data=typed)

    assert answer.status_code == 303
    with database.begin(writes=False) as db:
        person = db.exec(select(Person)).one()
        assert (person.name, person.email, person.country, person.position) == (
            "Ana Ruiz",
            "ana@example.org",
            "CL",
            "Directora",
        )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "Fill this in."),
        ({"name": "A" * 201}, "This is too long: at most 200 characters."),
        ({"email": "ana"}, "This does not look like an e-mail address"),
        ({"country": "ZZ"}, "Choose a country from the list."),
        ({"zone": "Mars/Olympus"}, "This time zone is not known."),
    ],
)
def test_what_is_wrong_with_a_person_is_said(
    organizer_client: TestClient, change: dict[str, str], sentence: str
) -> None:
    typed = {"name": "Ana Ruiz", "position": "Directora de clústeres"} | change
    answer = organizer_client.post("/organize/people/new", data=typed)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Directora de clústeres" in answer.text


def test_search_sets_accents_aside(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        make.person(name="Xavier Cárdenas")
        make.person(name="Marc Papell")

    answer = organizer_client.get("/organize/people?q=cardenas")

    assert "Xavier Cárdenas" in answer.text
    assert "Marc Papell" not in answer.text


def test_merging_shows_both_before_it_acts(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        keep = make.person(name="Ana Ruiz", email="ana@example.org")
        other = make.person(name="Ruiz, Ana", email="ana.ruiz@example.org")

    address = f"/organize/people/{keep.id}/merge"
    shown = organizer_client.get(f"{address}?duplicate={other.id}")
    assert "The address ana.ruiz@example.org is not kept anywhere." in shown.text
    with database.begin(writes=False) as db:
        assert len(db.exec(select(Person)).all()) == 2

    itself = organizer_client.post(address, data={"duplicate": keep.id})
    assert (itself.status_code, re.findall("<li>(Choose [^<]*)<", itself.text)) == (
        422,
        ["Choose another one: this is the one you keep."],
    )
    assert organizer_client.post(address, data={"duplicate": other.id}).status_code == 303
    with database.begin(writes=False) as db:
        assert [person.id for person in db.exec(select(Person))] == [keep.id]


@pytest.mark.parametrize(
    ("path", "model", "more"),
    [
        ("/organize/institutions", Institution, {"acronym": "CP"}),
        ("/organize/initiatives", Initiative, {"territory": "Guayas", "sector": "Cacao"}),
    ],
)
def test_institutions_and_initiatives(
    organizer_client: TestClient,
    database: Database,
    path: str,
    model: Any,
    more: dict[str, str],
) -> None:
    typed = {"name": "Uno", "country": "CO"} | more
    assert organizer_client.post(f"{path}/new", data=typed).status_code == 303
    assert organizer_client.post(f"{path}/new", data=typed).status_code == 422  # the same again
    assert organizer_client.post(f"{path}/new", data=typed | {"name": "Otro"}).status_code == 303
    with database.begin(writes=False) as db:
        one, two = db.exec(select(model).order_by("created_at")).all()
        assert {name: getattr(one, name) for name in typed} == typed

    assert organizer_client.get(path).status_code == 200
    assert organizer_client.get(f"{path}/{one.id}").status_code == 200
    changed = organizer_client.post(
        f"{path}/{one.id}", data=typed | {"name": "Primero", "revision": "1"}
    )
    assert changed.status_code == 303
    assert organizer_client.get(f"{path}/{one.id}/merge?duplicate={two.id}").status_code == 200
    merged = organizer_client.post(f"{path}/{one.id}/merge", data={"duplicate": two.id})
    assert merged.status_code == 303
    with database.begin(writes=False) as db:
        assert [row.name for row in db.exec(select(model)).all()] == ["Primero"]


def test_what_is_not_there(organizer_client: TestClient) -> None:
    for path in ("people", "institutions", "initiatives"):
        answer = organizer_client.get(f"/organize/{path}/01nothing")
        assert answer.status_code == 404
        assert "There is nothing at this address." in answer.text

"""The enrolment form."""

import re

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, Enrolment, Message
from app.services.links import Links
from tests.pages.published import SLUG, make_published

FORM = {
    "name": "Ana Lucía Restrepo",
    "email": "ana@example.org",
    "country": "CO",
    "institution": "Cámara de Comercio",
    "initiative": "Clúster Textil",
    "language": "es",
    "zone": "America/Bogota",
    "consent": "yes",
}
PATH = f"/c/{SLUG}/enrol"


@pytest.fixture(autouse=True)
def _there(database: Database, links: Links) -> None:
    make_published(database, links)


def _enrolled(database: Database) -> list[tuple[str, ...]]:
    with database.begin(writes=False) as db:
        rows = db.exec(select(Enrolment.name, Enrolment.country, Enrolment.zone)).all()
    return [tuple(row) for row in rows if row[0] == FORM["name"]]


def test_enrolling_leads_to_the_thanks(client: TestClient, database: Database) -> None:
    answer = client.post(PATH, data=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PATH}/thanks")
    assert _enrolled(database) == [("Ana Lucía Restrepo", "CO", "America/Bogota")]
    assert client.get(f"{PATH}/thanks").status_code == 200
    with database.begin(writes=False) as db:
        assert db.exec(select(Message.kind, Message.to_address)).all() == [
            ("enrolment-confirmed", "ana@example.org")
        ]


def test_a_stranger_learns_nothing(client: TestClient, database: Database) -> None:
    """The second time, with the address of somebody enrolled, looks like the first."""

    def seen() -> list[object]:
        posted = client.post(PATH, data=FORM)
        thanks = client.get(posted.headers["location"])
        headers = {k: v for k, v in posted.headers.items() if k not in ("date", "x-request-id")}
        return [posted.status_code, headers, posted.content, thanks.content]

    first = seen()
    assert (seen(), len(_enrolled(database))) == (first, 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 201),
        ("name", "a\x01b"),
        ("name", "Win https://evil.example/now"),
        ("institution", "www.evil.example"),
        ("initiative", "ana@evil.example"),
        ("email", "nobody"),
        ("email", ""),
        ("country", "ZZ"),
        ("institution", "x" * 201),
        ("initiative", "a\x07b"),
        ("language", "xx"),
        ("zone", "Mars/Olympus"),
        ("consent", None),
    ],
)
def test_a_mistake_is_said_at_its_field_and_nothing_is_lost(
    client: TestClient, database: Database, field: str, value: str | None
) -> None:
    data = {k: v for k, v in {**FORM, field: value}.items() if v is not None}
    answer = client.post(PATH, data=data)
    assert answer.status_code == 422
    assert re.findall(r'id="(\w+)-error"', answer.text) == [field]
    focused = re.search(r'<(?:input|select)[^>]*id="(\w+)"[^>]*autofocus', answer.text)
    assert focused is not None
    assert focused[1] == field
    if field != "name":
        assert f'value="{FORM["name"]}"' in answer.text
    assert _enrolled(database) == []


@pytest.mark.parametrize("name", ["", "   ", None])
def test_a_name_that_is_missing_is_asked_for(client: TestClient, name: str | None) -> None:
    data = {k: v for k, v in {**FORM, "name": name}.items() if v is not None}
    said = []
    for language in ("en", "es", "pt"):
        answer = client.post(PATH, data=data, headers={"accept-language": language})
        found = re.search(r'<p[^>]* id="name-error">(.*?)</p>', answer.text, re.S)
        assert found is not None
        said.append(" ".join(re.sub(r"<[^>]+>", " ", found[1]).split()))
    assert said == [
        "Error: Fill this in.",
        "Error: Complete este campo.",
        "Erro: Preencha este campo.",
    ]


def test_a_closed_cycle_says_so(client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        db.exec(select(Cycle)).one().enrolment_open = False
    assert 'name="email"' not in client.get(PATH).text
    assert client.post(PATH, data=FORM).status_code == 409
    assert _enrolled(database) == []


def test_markup_stays_text(client: TestClient) -> None:
    answer = client.post(PATH, data={**FORM, "name": "<b>Ana</b>", "email": "x"})
    assert "<b>Ana</b>" not in answer.text


def test_the_zone_is_guessed_from_the_cookie(client: TestClient) -> None:
    client.cookies.set("zone", "America/Sao_Paulo")
    chosen = re.findall(r'<option value="([^"]*)" selected>', client.get(PATH).text)
    assert chosen == ["es", "America/Sao_Paulo"]


def test_every_other_spelling_of_a_zone_can_be_kept(client: TestClient) -> None:
    client.cookies.set("zone", "America/Argentina/Buenos_Aires")
    chosen = re.findall(r'<option value="([^"]*)" selected>', client.get(PATH).text)
    assert chosen == ["es", "America/Argentina/Buenos_Aires"]


def test_an_unknown_cycle(client: TestClient) -> None:
    assert client.post("/c/nothing/enrol", data=FORM).status_code == 404

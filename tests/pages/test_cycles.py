"""Organizers set up cycles."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, CycleInstitution
from tests.factories import Make

FORM = {
    "title-es": "Líderes de clúster",
    "slug": "lideres",
    "language": "es",
    "zone": "America/Bogota",
    "enrolment_open": "yes",
}


def only_cycle(database: Database) -> Cycle:
    with database.begin(writes=False) as db:
        return db.exec(select(Cycle)).one()


def test_a_new_cycle_is_a_draft(organizer_client: TestClient, database: Database) -> None:
    answer = organizer_client.post("/organize/cycles/new", data=FORM)

    assert (answer.status_code, answer.headers["location"]) == (303, "/organize/c/lideres")
    cycle = only_cycle(database)
    assert (cycle.title, cycle.status, cycle.zone, cycle.enrolment_open, cycle.approval) == (
        {"es": "Líderes de clúster"},
        "draft",
        "America/Bogota",
        True,
        False,
    )


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"slug": ""}, "slug", "Fill this in."),
        ({"slug": "Líderes!"}, "slug", "Use small letters, digits and single hyphens"),
        ({"slug": "a" * 61}, "slug", "This is too long: at most 60 characters."),
        ({"title-es": ""}, "title-es", "Fill this in, in at least one language."),
        ({"title-es": "a\x07b"}, "title-es", "Take out the invisible control characters."),
        ({"zone": "America/Atlantis"}, "zone", "This time zone is not known."),
        ({"language": "tlh"}, "language", "This is too long"),
        ({"capacity": "many"}, "capacity", "Enter a whole number."),
        ({"capacity": "0"}, "capacity", "This must be at least 1."),
        ({"contact_email": "nobody"}, "contact_email", "This does not look like an e-mail address"),
        ({"accent": "blue"}, "accent", "Choose a colour like #0b6e99."),
        ({"completion_rule-min_sessions": "3"}, "completion_rule-of", "Fill this in."),
    ],
)
def test_what_is_wrong_is_said_at_the_field_and_nothing_is_lost(
    organizer_client: TestClient,
    database: Database,
    change: dict[str, str],
    field: str,
    sentence: str,
) -> None:
    typed = FORM | {"description-pt": "Palavras que custaram tempo"} | change
    answer = organizer_client.post("/organize/cycles/new", data=typed)

    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert sentence in answer.text
    assert "Palavras que custaram tempo" in answer.text
    with database.begin(writes=False) as db:
        assert db.exec(select(Cycle)).all() == []


def test_a_taken_short_name_is_said(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres")

    answer = organizer_client.post("/organize/cycles/new", data=FORM)

    assert answer.status_code == 422
    assert 'href="#slug"' in answer.text


def test_settings_that_somebody_else_changed_are_not_overwritten(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        cycle = Make(db).cycle(slug="lideres")
    page = organizer_client.get("/organize/c/lideres/settings")
    seen = page.text.split('name="revision" value="')[1].split('"')[0]
    with database.begin(writes=True) as db:
        other = db.get_one(Cycle, cycle.id)
        other.capacity = 40

    typed = FORM | {"revision": seen, "title-es": "Mi versión"}
    answer = organizer_client.post("/organize/c/lideres/settings", data=typed)

    assert answer.status_code == 412
    assert "Mi versión" in answer.text
    assert only_cycle(database).capacity == 40
    assert only_cycle(database).title == {"en": "Cycle 1", "es": "Ciclo 1"}


@pytest.mark.parametrize("revision", ["", "²", "-1", "9" * 5000])
def test_a_form_that_does_not_say_its_revision_overwrites_nothing(
    organizer_client: TestClient, database: Database, revision: str
) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres")

    typed = FORM | {"revision": revision, "title-es": "Mi versión"}
    answer = organizer_client.post("/organize/c/lideres/settings", data=typed)

    assert answer.status_code == 412
    assert "Mi versión" in answer.text
    assert only_cycle(database).title == {"en": "Cycle 1", "es": "Ciclo 1"}


def test_a_zone_under_another_name_is_among_the_choices(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres", zone="US/Eastern")

    page = organizer_client.get("/organize/c/lideres/settings").text

    assert page.count('<option value="US/Eastern" selected>') == 1


def test_the_address_stays_once_published(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres", release_number=1, status="published")

    page = organizer_client.get("/organize/c/lideres/settings")
    assert 'name="slug"' not in page.text
    answer = organizer_client.post(
        "/organize/c/lideres/settings", data=FORM | {"slug": "otro", "revision": "1"}
    )

    assert answer.status_code == 303
    assert only_cycle(database).slug == "lideres"


def test_institutions_are_saved_in_their_order(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        make.cycle(slug="lideres")
        one, two = make.institution(), make.institution()

    typed = {
        "institution-": one.id, "institution-x": one.id, "institution-²": one.id,
        "institution-0": two.id, "role-0": "host",
        "institution-1": one.id, "role-1": "organizer",
        "institution-2": "", "role-2": "partner",
    }  # fmt: skip
    answer = organizer_client.post("/organize/c/lideres/institutions", data=typed)

    assert answer.status_code == 303
    with database.begin(writes=False) as db:
        rows = db.exec(select(CycleInstitution).order_by("position")).all()
        assert [(row.institution_id, row.role) for row in rows] == [
            (two.id, "host"),
            (one.id, "organizer"),
        ]


def test_an_institution_twice_in_one_role_is_said_at_its_row(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        make.cycle(slug="lideres")
        one = make.institution().id
    typed = {"institution-0": one, "role-0": "host", "institution-1": one, "role-1": "host"}

    answer = organizer_client.post("/organize/c/lideres/institutions", data=typed)

    assert answer.status_code == 422
    [at] = re.findall(r'<li><a href="#([^"]*)">', answer.text)
    assert (at, f'id="{at}"' in answer.text, f'id="{at}-error"' in answer.text) == (
        "role-1",
        True,
        True,
    )


@pytest.mark.parametrize("act", ["archive", "delete"])
def test_asking_changes_nothing(organizer_client: TestClient, database: Database, act: str) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres")

    assert organizer_client.get(f"/organize/c/lideres/{act}").status_code == 200
    assert only_cycle(database).status == "draft"


def test_archive_and_bring_back(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="lideres", status="published", release_number=1)

    organizer_client.post("/organize/c/lideres/archive")
    assert only_cycle(database).status == "archived"
    organizer_client.post("/organize/c/lideres/restore")
    assert only_cycle(database).status == "published"


def test_a_cycle_with_participants_is_not_deleted(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        make.enrolment(make.cycle(slug="lideres"))

    answer = organizer_client.post("/organize/c/lideres/delete")
    assert answer.status_code == 409
    [notice] = re.findall(r'class="(notice [^"]*)".*?<p>(.*?)</p>', answer.text, re.S)
    assert (notice[0], re.sub("<.*?>", "", notice[1])) == (
        "notice notice-error",
        "Not possible. Somebody is enrolled in this cycle, so it stays. You can archive it.",
    )
    assert only_cycle(database).slug == "lideres"


def test_clone(organizer_client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        make.session(make.cycle(slug="lideres"))

    typed = {
        "title-es": "Otra vez", "slug": "otra-vez", "sessions": "yes", "first_date": "2027-03-01",
    }  # fmt: skip
    answer = organizer_client.post("/organize/c/lideres/clone", data=typed)

    assert (answer.status_code, answer.headers["location"]) == (303, "/organize/c/otra-vez")


@pytest.mark.parametrize("path", ["/organize", "/organize/c/{slug}", "/organize/c/{slug}/settings"])
def test_queries_do_not_grow_with_rows(
    organizer_client: TestClient,
    database: Database,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
    path: str,
) -> None:
    counts: dict[int, Any] = {}
    for rows in (1, 3):
        with database.begin(writes=True) as db:
            make = Make(db)
            for each in range(rows):
                cycle = make.cycle(slug=f"c{rows}-{each}")
                make.carries(cycle, make.institution(name=f"I {rows} {each}"))
                for number in range(1, rows + 1):
                    session = make.session(cycle, number)
                    segment = make.segment(session)
                    person = make.person(email=f"p{rows}{each}{number}@example.org")
                    make.part(segment, person)
                    make.enrolment(cycle, person)
        with count_queries() as queries:
            answer = organizer_client.get(path.format(slug=f"c{rows}-0"))
        assert answer.status_code == 200
        counts[rows] = len(queries)
    assert counts[1] == counts[3]


@pytest.mark.parametrize(
    "path",
    ["/organize", "/organize/cycles/new", "/organize/c/x", "/organize/people", "/organize/mail"],
)
def test_a_stranger_is_sent_to_sign_in(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/organize/sign-in?next={path}",
    )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_in_the_cycle_can_be_chosen_however_long_the_directory(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        last = make.institution(name="Zz the last")
        make.carries(make.cycle(slug="lideres"), last)
        for number in range(205):
            make.institution(name=f"A {number:03}")

    page = organizer_client.get("/organize/c/lideres/institutions")

    assert f'<option value="{last.id}" selected>Zz the last</option>' in page.text

"""The directory of initiatives."""

import pytest

from app.db import DbSession
from app.domain.errors import Invalid, NotFound, Stale
from app.schemas.directory import InitiativeChange, InitiativeIn
from app.services import institutions
from app.services.actor import SYSTEM
from tests.factories import Make


def test_an_initiative_is_added(db: DbSession) -> None:
    row = institutions.create_initiative(
        db,
        SYSTEM,
        InitiativeIn(name="Clúster Café", country="co", territory="Huila", sector="Agro"),
    )
    db.expunge_all()
    kept = institutions.get_initiative(db, SYSTEM, row.id)
    assert kept.model_dump(exclude={"id", "created_at"}) == {
        "revision": 1,
        "name": "Clúster Café",
        "country": "CO",
        "territory": "Huila",
        "sector": "Agro",
        "search_key": "cluster cafe huila agro",
    }


def test_one_name_and_country_is_one_initiative(db: DbSession) -> None:
    institutions.create_initiative(db, SYSTEM, InitiativeIn(name="Clúster Café", country="CO"))
    with pytest.raises(Invalid) as error:
        institutions.create_initiative(db, SYSTEM, InitiativeIn(name="Cluster cafe", country="CO"))
    assert [(f.field, f.code) for f in error.value.fields] == [("name", "duplicate")]


def test_what_a_participant_writes_finds_the_one_that_is_known(db: DbSession) -> None:
    known = institutions.create_initiative(
        db, SYSTEM, InitiativeIn(name="Clúster Café", country="CO", territory="Huila")
    )
    found = [
        institutions.find_or_create_initiative(db, name, country)
        for name, country in (
            ("cluster  CAFE", "CO"),
            ("Clúster Café", "PE"),
            ("CLUSTER café", "PE"),
            ("Clúster Café Huila", "CO"),
        )
    ]
    assert [(row.name, row.country) for row in found] == [
        ("Clúster Café", "CO"),
        ("Clúster Café", "PE"),
        ("Clúster Café", "PE"),
        ("Clúster Café Huila", "CO"),
    ]
    assert found[0].id == known.id
    assert found[1].id == found[2].id
    assert len(institutions.search_initiatives(db, SYSTEM)[0]) == 3


def test_of_two_that_are_the_same_the_older_is_found(db: DbSession) -> None:
    one = institutions.find_or_create_initiative(db, "Café", "CO")
    two = institutions.find_or_create_initiative(db, "Café", "PE")
    two.country = "CO"
    db.flush()
    older = min(one, two, key=lambda row: row.id)
    assert institutions.find_or_create_initiative(db, "Café", "CO").id == older.id


def test_a_new_name_is_found_among_the_participants(db: DbSession, make: Make) -> None:
    row = institutions.find_or_create_initiative(db, "Café", "CO")
    ana = make.person(name="Ana", email="ana@example.org")
    enrolment = make.enrolment(make.cycle(), ana, initiative_id=row.id)
    changed = institutions.change_initiative(
        db, SYSTEM, row.id, InitiativeChange(name="Cacao"), revision=1
    )
    assert (changed.name, changed.country, changed.revision) == ("Cacao", "CO", 2)
    assert (enrolment.search_key, enrolment.revision) == ("ana ana@example.org cacao", 2)
    with pytest.raises(Stale):
        institutions.change_initiative(
            db, SYSTEM, row.id, InitiativeChange(name="Maíz"), revision=1
        )


def test_an_unknown_one_is_not_found(db: DbSession) -> None:
    with pytest.raises(NotFound):
        institutions.get_initiative(db, SYSTEM, "none")
    with pytest.raises(NotFound):
        institutions.change_initiative(db, SYSTEM, "none", InitiativeChange(name="x"))


def test_a_search_finds_by_territory_and_sector(db: DbSession) -> None:
    for name, territory, sector in (("Zeta", "Huila", "Agro"), ("Alfa", "Huila", "Metal")):
        institutions.create_initiative(
            db, SYSTEM, InitiativeIn(name=name, territory=territory, sector=sector)
        )

    def found(query: str) -> list[str]:
        return [row.name for row in institutions.search_initiatives(db, SYSTEM, query)[0]]

    assert (found("huila"), found("AGRO huila"), found("metal agro")) == (
        ["Alfa", "Zeta"],
        ["Zeta"],
        [],
    )

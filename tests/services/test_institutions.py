"""The directory of institutions."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from app.db import DbSession
from app.domain.errors import Invalid, NotFound, Stale
from app.schemas.directory import InstitutionChange, InstitutionIn
from app.services import institutions
from app.services.actor import SYSTEM
from tests.factories import Make

Counting = Callable[[], AbstractContextManager[list[str]]]


def add(db: DbSession, name: str, **values: str) -> str:
    return institutions.create_institution(db, SYSTEM, InstitutionIn(name=name, **values)).id


def problems(error: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str, str]]:
    return [(f.field, f.code, f.sentence % f.params) for f in error.value.fields]


def test_an_institution_is_added(db: DbSession) -> None:
    row_id = add(db, "Corporación Andina de Fomento", acronym="CAF", country="ve")
    db.expunge_all()
    kept = institutions.get_institution(db, SYSTEM, row_id)
    assert kept.model_dump(exclude={"id", "created_at"}) == {
        "revision": 1,
        "name": "Corporación Andina de Fomento",
        "acronym": "CAF",
        "country": "VE",
        "search_key": "corporacion andina de fomento caf",
    }


@pytest.mark.parametrize("spelling", ["Ministerio", "MINISTERIO", "  ministério "])
def test_one_name_and_country_is_one_institution(db: DbSession, spelling: str) -> None:
    add(db, "Ministerio", country="CO", acronym="MIN")
    with pytest.raises(Invalid) as error:
        add(db, spelling, country="CO")
    shown = spelling.strip()
    assert problems(error) == [
        ("name", "duplicate", f"{shown} is in the directory already, for the same country.")
    ]


def test_other_names_and_other_countries_are_others(db: DbSession) -> None:
    for name, country in (
        ("Ministerio", "CO"),
        ("Ministerio", "PE"),
        ("Ministerio", ""),
        ("Ministerio de Comercio", "CO"),
        ("Minis", "CO"),
        ("Ministerio_", "CO"),  # the sign stands for any character in SQL's LIKE
    ):
        add(db, name, country=country)
    assert len(institutions.search_institutions(db, SYSTEM)[0]) == 6


def test_a_change_cannot_make_a_duplicate(db: DbSession) -> None:
    add(db, "Ministerio", country="CO")
    other = add(db, "Ministerio", country="PE")
    with pytest.raises(Invalid) as error:
        institutions.change_institution(db, SYSTEM, other, InstitutionChange(country="CO"))
    assert [(f.field, f.code) for f in error.value.fields] == [("name", "duplicate")]


def test_two_that_are_the_same_from_before_can_still_be_changed(db: DbSession, make: Make) -> None:
    make.institution(name="Ministerio")
    twin = make.institution(name="Ministerio")
    changed = institutions.change_institution(
        db, SYSTEM, twin.id, InstitutionChange(name="Ministerio", acronym="MIN")
    )
    assert (changed.acronym, changed.search_key) == ("MIN", "ministerio min")


def test_only_what_is_given_changes(db: DbSession) -> None:
    row_id = add(db, "Ministerio", acronym="MIN", country="CO")
    changed = institutions.change_institution(
        db, SYSTEM, row_id, InstitutionChange(acronym=""), revision=1
    )
    assert (changed.name, changed.acronym, changed.country, changed.revision) == (
        "Ministerio",
        "",
        "CO",
        2,
    )
    with pytest.raises(Stale):
        institutions.change_institution(
            db, SYSTEM, row_id, InstitutionChange(acronym="M"), revision=1
        )


def test_an_unknown_one_is_not_found(db: DbSession) -> None:
    with pytest.raises(NotFound):
        institutions.get_institution(db, SYSTEM, "none")
    with pytest.raises(NotFound):
        institutions.change_institution(db, SYSTEM, "none", InstitutionChange(name="x"))


def test_a_search_finds_by_acronym_and_pages(db: DbSession) -> None:
    for name, acronym in (("Zeta", "CAF"), ("Alfa", "CAF"), ("Beta", "BID")):
        add(db, name, acronym=acronym)
    rows, after = institutions.search_institutions(db, SYSTEM, "caf", limit=1)
    rest, end = institutions.search_institutions(db, SYSTEM, "caf", after=after, limit=1)
    assert ([r.name for r in rows], [r.name for r in rest], end) == (["Alfa"], ["Zeta"], None)


@pytest.mark.parametrize("rows", [1, 3])
def test_queries_do_not_grow_with_rows(
    db: DbSession, make: Make, count_queries: Counting, rows: int
) -> None:
    for _ in range(rows):
        make.institution()
    db.expunge_all()
    with count_queries() as queries:
        institutions.search_institutions(db, SYSTEM, "institution")
    assert len(queries) == 1

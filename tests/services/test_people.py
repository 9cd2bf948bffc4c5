"""The directory of people."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Barrier, Thread

import pytest
from sqlalchemy import insert

from app.db import Database, DbSession
from app.domain.errors import Invalid, NotFound, Stale
from app.models import Person
from app.schemas.directory import PersonChange, PersonIn
from app.services import people
from app.services.actor import SYSTEM
from tests.factories import NOW, Make

Counting = Callable[[], AbstractContextManager[list[str]]]


def problems(error: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str, str]]:
    """Field, code and the sentence that a person reads."""
    return [(f.field, f.code, f.sentence % f.params) for f in error.value.fields]


def names(rows: list[Person]) -> list[str]:
    return [person.name for person in rows]


def test_a_person_is_added_with_what_is_known(db: DbSession, make: Make) -> None:
    ministry = make.institution(name="Ministerio")
    person = people.create_person(
        db,
        SYSTEM,
        PersonIn(
            name="Ana Pérez",
            email="Ana@Example.org",
            country="co",
            zone="America/Bogota",
            language="es",
            position="Directora",
            institution_id=ministry.id,
        ),
    )
    db.expunge_all()
    kept = people.get_person(db, SYSTEM, person.id)
    assert kept.model_dump(exclude={"id", "created_at"}) == {
        "revision": 1,
        "name": "Ana Pérez",
        "email": "Ana@example.org",
        "email_key": "ana@example.org",
        "country": "CO",
        "zone": "America/Bogota",
        "language": "es",
        "position": "Directora",
        "bounced_at": None,
        "erased_at": None,
        "bounce": "",
        "institution_id": ministry.id,
        "search_key": "ana perez ana@example.org directora",
    }
    assert kept.institution is not None
    assert kept.institution.name == "Ministerio"


def test_what_is_not_known_is_empty(db: DbSession) -> None:
    person = people.create_person(db, SYSTEM, PersonIn(name="Ana"))
    assert person.institution is None
    assert (person.email, person.email_key, person.zone, person.language) == (None, None, "", "")


def test_two_people_without_an_address_are_no_duplicates(db: DbSession) -> None:
    people.create_person(db, SYSTEM, PersonIn(name="Ana"))
    people.create_person(db, SYSTEM, PersonIn(name="Bea"))
    assert names(people.search_people(db, SYSTEM)[0]) == ["Ana", "Bea"]


@pytest.mark.parametrize("spelling", ["ana@example.org", "ANA@EXAMPLE.ORG"])
def test_an_address_belongs_to_one_person(db: DbSession, make: Make, spelling: str) -> None:
    make.person(name="Ana Pérez", email="ana@example.org")
    with pytest.raises(Invalid) as error:
        people.create_person(db, SYSTEM, PersonIn(name="Another", email=spelling))
    shown = PersonIn(name="x", email=spelling).email
    assert problems(error) == [
        ("email", "email_taken", f"{shown} belongs to somebody in the directory: Ana Pérez.")
    ]


def test_nobody_can_change_to_the_address_of_another(db: DbSession, make: Make) -> None:
    make.person(name="Ana", email="ana@example.org")
    bea = make.person(name="Bea", email="bea@example.org")
    with pytest.raises(Invalid) as error:
        people.change_person(db, SYSTEM, bea.id, PersonChange(email="ana@example.org"), now=NOW)
    assert problems(error) == [
        ("email", "email_taken", "ana@example.org belongs to somebody in the directory: Ana.")
    ]


def test_ones_own_address_may_be_spelt_anew(db: DbSession, make: Make) -> None:
    ana = make.person(email="ana@example.org")
    changed = people.change_person(
        db, SYSTEM, ana.id, PersonChange(email="Ana@example.org"), now=NOW
    )
    assert (changed.email, changed.email_key) == ("Ana@example.org", "ana@example.org")


def test_an_address_taken_in_the_same_moment_is_refused_too(real_database: Database) -> None:
    outcomes: list[object] = []
    ready = Barrier(2)

    def add(name: str) -> None:
        try:
            ready.wait()
            with real_database.begin(writes=True) as db:
                people.create_person(db, SYSTEM, PersonIn(name=name, email="ana@example.org"))
            outcomes.append("added")
        except Invalid as error:
            outcomes.append([(f.field, f.code) for f in error.fields])

    threads = [Thread(target=add, args=(name,)) for name in ("One", "Two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [[("email", "email_taken")], "added"]


def test_the_database_has_the_last_word_on_an_address(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looked before the other one committed has seen nothing."""
    with real_database.begin(writes=True) as db:
        people.create_person(db, SYSTEM, PersonIn(name="Ana", email="ana@example.org"))
    monkeypatch.setattr(people, "_refuse_taken", lambda *_: None)
    with pytest.raises(Invalid) as error, real_database.begin(writes=True) as db:
        people.create_person(db, SYSTEM, PersonIn(name="Bea", email="ana@example.org"))
    assert problems(error) == [
        ("email", "email_taken", "ana@example.org belongs to somebody else in the directory.")
    ]


@pytest.mark.parametrize("wrong", ["nothing-like-it", "\0", "é"])
def test_the_institution_must_be_in_the_directory(db: DbSession, wrong: str) -> None:
    with pytest.raises(Invalid) as error:
        people.create_person(db, SYSTEM, PersonIn(name="Ana", institution_id=wrong))
    assert problems(error) == [
        (
            "institution_id",
            "unknown_institution",
            "This institution is not in the directory. Add it there first.",
        )
    ]


def test_only_what_is_given_changes(db: DbSession, make: Make) -> None:
    ministry = make.institution()
    ana = make.person(
        name="Ana", email="ana@example.org", position="Directora", institution_id=ministry.id
    )
    changed = people.change_person(
        db, SYSTEM, ana.id, PersonChange(name="Ana Soto"), revision=1, now=NOW
    )
    assert (
        changed.name,
        changed.email,
        changed.position,
        changed.institution,
        changed.revision,
    ) == (
        "Ana Soto",
        "ana@example.org",
        "Directora",
        ministry,
        2,
    )


def test_what_is_given_empty_becomes_empty(db: DbSession, make: Make) -> None:
    ana = make.person(zone="America/Lima", institution_id=make.institution().id)
    changed = people.change_person(
        db, SYSTEM, ana.id, PersonChange(email=None, zone=None, institution_id=None), now=NOW
    )
    assert (changed.email, changed.email_key, changed.zone, changed.institution) == (
        None,
        None,
        "",
        None,
    )


def test_who_works_on_an_old_state_is_told(db: DbSession, make: Make) -> None:
    ana = make.person()
    people.change_person(db, SYSTEM, ana.id, PersonChange(name="New"), revision=1, now=NOW)
    with pytest.raises(Stale):
        people.change_person(db, SYSTEM, ana.id, PersonChange(name="Newer"), revision=1, now=NOW)


@pytest.mark.parametrize("person_id", ["nobody", "", "\0", "é", "x" * 300])
def test_somebody_unknown_is_not_found(db: DbSession, person_id: str) -> None:
    for call in (
        lambda: people.get_person(db, SYSTEM, person_id),
        lambda: people.change_person(db, SYSTEM, person_id, PersonChange(name="x"), now=NOW),
        lambda: people.parts_of(db, SYSTEM, person_id),
    ):
        with pytest.raises(NotFound):
            call()


def test_a_new_address_is_found_among_the_participants(db: DbSession, make: Make) -> None:
    ana = make.person(name="Ana", email="old@example.org")
    enrolment = make.enrolment(make.cycle(), ana)
    people.change_person(db, SYSTEM, ana.id, PersonChange(email="new@example.org"), now=NOW)
    assert (enrolment.search_key, enrolment.revision) == ("ana new@example.org", 2)


def test_a_search_sets_case_accents_and_order_aside(db: DbSession, make: Make) -> None:
    unit = make.institution(name="Corporación Andina", acronym="CAF", search_key="corporacion caf")
    for name, institution in (("Ana Pérez", unit), ("Ána Soto", None), ("Bea Pérez", None)):
        people.create_person(
            db,
            SYSTEM,
            PersonIn(
                name=name,
                email=f"{name[-5:-3].lower()}{name[0].encode().hex()}@example.org",
                institution_id=institution.id if institution else None,
            ),
        )

    def found(query: str) -> list[str]:
        return names(people.search_people(db, SYSTEM, query)[0])

    assert found("") == ["Ana Pérez", "Ána Soto", "Bea Pérez"]
    assert found("PEREZ ana") == ["Ana Pérez"]
    assert found("ana") == ["Ana Pérez", "Ána Soto"]
    assert found("caf perez") == ["Ana Pérez"]
    assert found("ana bea") == []


@pytest.mark.parametrize("query", ["%", "_", "\\", "\0%", "'"])
def test_signs_with_a_meaning_in_sql_are_plain_in_a_search(
    db: DbSession, make: Make, query: str
) -> None:
    make.person(name="Ana")
    assert people.search_people(db, SYSTEM, query)[0] == []


def test_a_long_query_is_cut_and_answered(db: DbSession, make: Make) -> None:
    make.person(name="Ana")
    assert people.search_people(db, SYSTEM, "x" * 100_000)[0] == []
    assert names(people.search_people(db, SYSTEM, "a " * 50_000)[0]) == ["Ana"]


def test_pages_cover_the_list_once(db: DbSession, make: Make) -> None:
    for name in ("Cid", "Ana", "Bea", "Ana", "Dora"):
        make.person(name=name, search_key=name.lower())  # equal keys: the id decides
    seen: list[str] = []
    after = None
    pages = []
    while True:
        rows, after = people.search_people(db, SYSTEM, after=after, limit=2)
        seen += [person.id for person in rows]
        pages.append(names(rows))
        if after is None:
            break
    assert pages == [["Ana", "Ana"], ["Bea", "Cid"], ["Dora"]]
    assert len(set(seen)) == 5


def test_a_list_that_ends_with_the_page_says_so(db: DbSession, make: Make) -> None:
    make.person(name="Ana")
    make.person(name="Bea")
    rows, after = people.search_people(db, SYSTEM, limit=2)
    assert (names(rows), after) == (["Ana", "Bea"], None)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!!",
        "é",
        "W10",  # []
        "WzEsMl0",  # [1,2]
        "WyJhIl0",  # ["a"]
        "WyJhIiwgIlx1MDAwMCJd",  # ["a", "\0"]
        "WyJhIiwgIlx1ZDgwMCJd",  # ["a", half a surrogate pair]
        "e30",  # {}
        "bnVsbA",  # null
        "W" * 9_000,
        "W1tb" * 1_900,  # brackets without end
    ],
)
def test_a_bad_cursor_is_refused(db: DbSession, make: Make, cursor: str) -> None:
    make.person()
    with pytest.raises(Invalid) as error:
        people.search_people(db, SYSTEM, after=cursor)
    assert [(f.field, f.code) for f in error.value.fields] == [("after", "bad_cursor")]


def test_a_name_that_grows_when_folded_still_fits(db: DbSession) -> None:
    """One of these signs folds into eighteen letters, and the index takes only so much."""
    name = "\ufdfa" * 200
    person = people.create_person(db, SYSTEM, PersonIn(name=name, position=name))
    hangul = people.create_person(db, SYSTEM, PersonIn(name="각" * 200, position="뷁" * 200))
    assert (person.name, len(person.search_key)) == (name, 900)
    assert len(hangul.search_key.encode()) == 2_398  # no character is cut in two


def test_parts_come_by_time_from_every_cycle(db: DbSession, make: Make) -> None:
    ana, bea = make.person(), make.person()
    one, two = make.cycle(slug="one"), make.cycle(slug="two", status="archived")
    late, early = make.session(one, 2), make.session(two, 1)
    opening, panel = make.segment(late, 0, title="Opening"), make.segment(late, 1, title="Panel")
    talk = make.segment(early, 0, title="Talk")
    make.part(panel, ana, "moderator")
    make.part(opening, ana, "host")
    make.part(opening, bea, "speaker")
    make.part(talk, ana)
    found = people.parts_of(db, SYSTEM, ana.id)
    assert [(c.slug, s.number, g.title, p.role) for c, s, g, p in found] == [
        ("two", 1, "Talk", "speaker"),
        ("one", 2, "Opening", "host"),
        ("one", 2, "Panel", "moderator"),
    ]
    assert people.parts_of(db, SYSTEM, make.person().id) == []


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (("Ana Pérez", ""), ("ana perez", ""), True),
        (("Pérez, Ana", ""), ("Ana Pérez", ""), True),
        (("Ana Pérez", ""), ("Ana María Pérez Soto", ""), True),
        (("Ana Pérez", "CO"), ("Ana Perez", ""), True),
        (("Ana Pérez", "CO"), ("Ana Perez", "PE"), False),
        (("Ana", ""), ("Ana Pérez", ""), False),
        (("Ana", ""), ("ana", ""), True),
        (("María Pérez", ""), ("Ana María Pérez", ""), False),
        (("Ana Pérez", ""), ("Ana Soto", ""), False),
        (("…", ""), ("!", ""), False),
    ],
)
def test_which_two_look_alike(
    db: DbSession, make: Make, one: tuple[str, str], other: tuple[str, str], alike: bool
) -> None:
    first = make.person(name=one[0], country=one[1])
    second = make.person(name=other[0], country=other[1])
    pair = tuple(sorted((first, second), key=lambda person: person.id))
    assert people.likely_duplicates(db, SYSTEM) == ([pair] if alike else [])


def test_ten_thousand_people_are_compared_in_seconds(
    db: DbSession, count_queries: Counting
) -> None:
    first = ["Ana", "Luis", "Bea", "Juan", "Rosa", "Iván", "Elsa", "Raúl", "Nora", "Hugo"]
    rows = [
        Person(name=f"{first[n % 10]} {n // 10} de la {n % 97}", search_key=f"{n:05}")
        for n in range(10_000)
    ]
    rows.append(Person(name="9 Ana de la 90", search_key="z"))  # n = 90 in another order
    db.connection().execute(insert(Person), [row.model_dump() for row in rows])
    with count_queries() as queries:
        pairs = people.likely_duplicates(db, SYSTEM)
    assert [tuple(sorted(names(list(pair)))) for pair in pairs] == [
        ("9 Ana de la 90", "Ana 9 de la 90")
    ]
    assert len(queries) == 2


def test_what_many_names_have_brings_nobody_together() -> None:
    assert [
        people._buckets(people._words(name))
        for name in ("Ana de la Cruz y Soto", "De la Cruz", "Van Do", "Ana Ana")
    ] == [
        {("ana", "cruz"), ("ana", "soto"), ("cruz", "soto")},
        {("cruz", "de"), ("cruz", "la"), ("de", "la")},
        {("do", "van")},
        {("ana", "ana")},
    ]


def test_of_many_who_share_two_words_each_is_compared_with_few(
    db: DbSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[object] = []
    same = people._same_name

    def noted(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
        compared.append(one)
        return same(one, other)

    monkeypatch.setattr(people, "_same_name", noted)
    rows = [Person(name=f"Juan Pérez {n}", search_key=f"{n:05}") for n in range(300)]
    rows.append(Person(name="0 Pérez Juan", search_key="z"))  # far from its like
    db.connection().execute(insert(Person), [row.model_dump() for row in rows])
    pairs = people.likely_duplicates(db, SYSTEM)
    assert [tuple(sorted(names(list(pair)))) for pair in pairs] == [
        ("0 Pérez Juan", "Juan Pérez 0")
    ]
    # Each with the fifty before it; the last also with the one that shares its rare word.
    assert len(compared) == sum(min(n, 50) for n in range(301)) + 1


@pytest.mark.parametrize("rows", [1, 3])
def test_queries_do_not_grow_with_rows(
    db: DbSession, make: Make, count_queries: Counting, rows: int
) -> None:
    for n in range(rows):
        ana = make.person(institution_id=make.institution().id)
        segment = make.segment(make.session(make.cycle(), 1))
        for role in ("host", "speaker", "moderator")[: n + 1]:
            make.part(segment, ana, role)
    db.expunge_all()
    calls: dict[str, Callable[[], object]] = {
        "search": lambda: people.search_people(db, SYSTEM, "person"),
        "get": lambda: people.get_person(db, SYSTEM, ana.id),
        "parts": lambda: people.parts_of(db, SYSTEM, ana.id),
    }
    counts = {}
    for name, call in calls.items():
        db.expunge_all()
        with count_queries() as queries:
            call()
        counts[name] = len(queries)
    assert counts == {"search": 2, "get": 2, "parts": 2}

"""Organizers edit the run of show of a session, with and without its small buttons."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Institution, Part, Person, Segment, Session
from tests.factories import Make
from tests.pages.reading import Page

CountQueries = Callable[[], AbstractContextManager[list[str]]]
URL = "/organize/c/lideres/sessions/1"


@dataclass
class House:
    """A cycle with one session: an opening by Ana, a presentation by Bruno, who lives in Madrid."""

    session_id: str
    ana: str
    bruno: str
    segments: tuple[str, str]


@pytest.fixture
def house(database: Database) -> House:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="lideres")
        session = make.session(cycle, minutes=60, meeting_url="https://meet.example.org/1")
        ana = make.person(name="Ana Ruiz", zone="America/Bogota", country="")
        bruno = make.person(name="Bruno Sanz", zone="Europe/Madrid", country="")
        opening = make.segment(session, 0, kind="opening", title="Opening", minutes=20)
        talk = make.segment(session, 1, title="Traps", minutes=40)
        make.part(opening, ana, "host")
        make.part(talk, bruno, "speaker")
        return House(session.id, ana.id, bruno.id, (opening.id, talk.id))


def agenda(database: Database, session_id: str) -> list[tuple[str, int, int | None, list[str]]]:
    """The saved agenda: title, minutes, offset, "role name" of each part."""
    with database.begin(writes=False) as db:
        parts: dict[str, list[str]] = {}
        rows = db.exec(
            select(Part.segment_id, Part.role, Person.name)
            .join(Person, col(Person.id) == col(Part.person_id))
            .where(Part.session_id == session_id)
            .order_by(col(Part.order))
        )
        for segment_id, role, name in rows:
            parts.setdefault(segment_id, []).append(f"{role} {name}")
        segments = db.exec(
            select(Segment).where(Segment.session_id == session_id).order_by(col(Segment.position))
        )
        return [(s.title, s.minutes, s.offset, parts.get(s.id, [])) for s in segments]


BEFORE = [("Opening", 20, None, ["host Ana Ruiz"]), ("Traps", 40, None, ["speaker Bruno Sanz"])]


def form(client: TestClient) -> dict[str, str]:
    return Page(client.get(URL).text).fields


def press(client: TestClient, fields: dict[str, str], action: str, status: int = 200) -> Page:
    answer = client.post(URL, data={**fields, "action": action})
    assert answer.status_code == status
    return Page(answer.text)


def titles(page: Page) -> list[str]:
    found = [(n, v) for n, v in page.fields.items() if n.endswith("-title") and "segment" in n]
    return [value for _, value in sorted(found, key=lambda pair: int(pair[0].split("-")[1]))]


def test_saving_what_was_not_touched_changes_nothing(
    organizer_client: TestClient, database: Database, house: House
) -> None:
    answer = organizer_client.post(URL, data=form(organizer_client))

    assert (answer.status_code, answer.headers["location"]) == (303, URL)
    assert agenda(database, house.session_id) == BEFORE
    with database.begin(writes=False) as db:
        kept = db.exec(select(Segment.id).order_by(col(Segment.position))).all()
    assert tuple(kept) == house.segments


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("up-1", ["Traps", "Opening"]),
        ("up-0", ["Opening", "Traps"]),
        ("down-0", ["Traps", "Opening"]),
        ("down-1", ["Opening", "Traps"]),
        ("add-segment", ["Opening", "Traps", ""]),
        ("remove-segment-0", ["Traps"]),
        ("remove-segment-9", ["Opening", "Traps"]),
        ("up-99999999999", ["Opening", "Traps"]),
        ("nonsense", ["Opening", "Traps"]),
    ],
)
def test_a_small_button_keeps_what_was_typed_and_saves_nothing(
    organizer_client: TestClient,
    database: Database,
    house: House,
    action: str,
    expected: list[str],
) -> None:
    typed = form(organizer_client) | {"title-es": "Título nuevo", "segment-1-minutes": "a while"}

    page = press(organizer_client, typed, action)

    assert titles(page) == expected
    assert page.fields["title-es"] == "Título nuevo"
    minutes = {v for n, v in page.fields.items() if n.endswith("-minutes") and "segment" in n}
    assert ("a while" in minutes) is ("Traps" in expected)
    assert agenda(database, house.session_id) == BEFORE


def test_people_come_and_go_in_a_row(organizer_client: TestClient, house: House) -> None:
    page = press(organizer_client, form(organizer_client), "add-part-0")
    assert page.fields["segment-0-part-1-person"] == ""
    page.fields["segment-0-part-1-person"] = house.bruno

    page = press(organizer_client, page.fields, "remove-part-0-0")

    assert (page.fields["segment-0-part-0-person"], "segment-0-part-1-person" in page.fields) == (
        house.bruno,
        False,
    )


def test_two_overlapping_parts_of_one_person_are_told_at_both_rows_and_mended(
    organizer_client: TestClient, database: Database, house: House
) -> None:
    typed = form(organizer_client) | {
        "segment-1-offset": "10",
        "segment-1-part-0-person": house.ana,
    }
    sentence = (
        "Conflict: Ana Ruiz is in “Opening” and “Traps” at the same time, "
        "Tuesday 1 December 2026, 09:10–09:20, Bogotá time. "
        "Move or shorten one of the two, or give one of the parts to somebody else. "
        "Show the other one"
    )

    checked = press(organizer_client, typed, "check")
    assert checked.text(".conflict-error") == [sentence, sentence]
    assert agenda(database, house.session_id) == BEFORE

    saved = organizer_client.post(URL, data=typed)
    assert saved.status_code == 303
    page = Page(organizer_client.get(URL).text)
    assert page.text(".conflict-error") == [sentence, sentence]
    assert page.text(".notice-error") == [
        "To be mended. One conflict keeps the cycle from being published."
    ]

    mended = organizer_client.post(URL, data=page.fields | {"segment-1-offset": ""})
    assert mended.status_code == 303
    page = Page(organizer_client.get(URL).text)
    assert page.text(".conflict-error") == []
    assert agenda(database, house.session_id) == [
        ("Opening", 20, None, ["host Ana Ruiz"]),
        ("Traps", 40, None, ["speaker Ana Ruiz"]),
    ]


def test_each_row_is_the_target_of_links_to_its_segment(
    organizer_client: TestClient, house: House
) -> None:
    typed = form(organizer_client) | {"segment-1-minutes": "41"}
    organizer_client.post(URL, data=typed)

    html = organizer_client.get(URL).text

    rows = re.findall(r'<li class="agenda-row"(?: id="([^"]*)")? data-row>', html)
    assert rows == [*(f"segment-{each}" for each in house.segments), ""]  # the last is for new ones
    assert [html.count(f'id="{row}"') for row in rows[:-1]] == [1, 1]


def test_hours_follow_and_stand_beside_those_of_the_people(
    organizer_client: TestClient, house: House
) -> None:
    page = Page(organizer_client.get(URL).text)
    assert page.text(".agenda-time") == ["09:00–09:20", "09:20–10:00"]
    assert page.text(".agenda-part-note") == [
        "Not asked yet",
        "Not asked yet 15:20–16:00, Madrid time",
    ]

    page = press(organizer_client, page.fields | {"time": "22:00"}, "check")

    assert page.text(".agenda-time") == ["22:00–22:20", "22:20–23:00"]
    assert page.text(".agenda-part-note")[1] == "Not asked yet Wednesday 04:20–05:00, Madrid time"


def test_where_each_part_stands_at_the_hours_that_are_typed(
    organizer_client: TestClient, house: House, database: Database
) -> None:
    with database.begin(writes=True) as db:
        first, second = db.exec(select(Part).order_by(col(Part.segment_id))).all()
        starts = db.exec(select(Session.starts_at)).one()
        first.status, first.answered_start = "confirmed", starts
        second.status = "invited"
    page = Page(organizer_client.get(URL).text)
    waiting = "Waiting for an answer"
    assert page.text(".agenda-part-note") == [
        "Confirmed",
        f"{waiting} 15:20–16:00, Madrid time",
    ]
    page = press(organizer_client, page.fields | {"time": "22:00"}, "check")
    late = f"{waiting} Wednesday 04:20–05:00, Madrid time"
    assert page.text(".agenda-part-note") == ["To be confirmed again", late]
    typed = page.fields | {"segment-0-part-0-role": "moderator"}
    page = press(organizer_client, typed, "check")
    assert page.text(".agenda-part-note") == [late]


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        ({"segment-0-minutes": "0"}, ["This must be at least 1."]),
        ({"segment-0-minutes": ""}, ["Enter a whole number."]),
        ({"segment-0-minutes": "9" * 5000}, ["This number is too large."]),
        ({"segment-1-offset": "-5"}, ["This must be at least 0."]),
        ({"segment-0-title": "a\x07b"}, ["Take out the invisible control characters."]),
        ({"segment-0-part-0-person": ""}, ["Choose who it is, or remove the row."]),
        (
            {"segment-0-part-0-person": "somebody-else"},
            ["Find or add this person below, or remove the row."],
        ),
        (
            {"segment-0-part-0-person": "nobody"},
            ["This person is not in the directory. Add them there first."],
        ),
        ({"segment-1-minutes": "", "time": "25:00"},
         ["Enter the time like 09:00.", "Enter a whole number."]),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_at_its_field(
    organizer_client: TestClient,
    database: Database,
    house: House,
    change: dict[str, str],
    sentences: list[str],
) -> None:
    answer = organizer_client.post(URL, data=form(organizer_client) | change)

    page = Page(answer.text)
    assert answer.status_code == 422
    assert page.text(".error-summary")[0].split(" change ")[-1] == " ".join(sentences)
    at_fields = {text.removeprefix("Error: ") for text in page.text(".field-error")}
    assert at_fields == set(sentences)
    for name, text in change.items():
        if text not in ("nobody", "a\x07b"):
            assert page.fields[name] == text
    assert agenda(database, house.session_id) == BEFORE


def test_one_person_twice_in_one_role_is_said(organizer_client: TestClient, house: House) -> None:
    typed = form(organizer_client) | {
        "segment-0-part-1-person": house.ana,
        "segment-0-part-1-role": "host",
    }

    answer = organizer_client.post(URL, data=typed)

    assert answer.status_code == 422
    assert Page(answer.text).text(".field-error") == [
        "Ana Ruiz is in this segment twice in the same role."
    ]


def test_of_two_who_edit_the_second_sees_both_and_loses_nothing(
    organizer_client: TestClient, database: Database, house: House
) -> None:
    mine = form(organizer_client) | {"title-es": "Lo mío", "segment-1-title": "My traps"}
    theirs = form(organizer_client) | {"title-es": "Lo suyo", "segment-0-title": "Welcome"}
    del theirs["segment-1-id"], theirs["segment-1-title"], theirs["segment-1-minutes"]
    theirs = {n: v for n, v in theirs.items() if not n.startswith("segment-1-")}
    assert organizer_client.post(URL, data=theirs).status_code == 303

    answer = organizer_client.post(URL, data=mine)

    page = Page(answer.text)
    assert answer.status_code == 412
    assert page.text("#stale-title") == ["Somebody else changed this session in the meantime"]
    assert page.text(".table")[0].split("Saved by now ")[1] == "Title (Español) Lo mío Lo suyo"
    assert page.text(".run-title") == ["Welcome"]
    assert (page.fields["title-es"], titles(page)) == ("Lo mío", ["Opening", "My traps"])
    assert agenda(database, house.session_id) == [("Welcome", 20, None, ["host Ana Ruiz"])]

    assert organizer_client.post(URL, data=page.fields).status_code == 303
    assert agenda(database, house.session_id) == [
        ("Opening", 20, None, ["host Ana Ruiz"]),
        ("My traps", 40, None, ["speaker Bruno Sanz"]),
    ]


def test_somebody_from_the_directory_is_found_by_name_and_put_where_a_row_waits(
    organizer_client: TestClient, database: Database, house: House
) -> None:
    with database.begin(writes=True) as db:
        carla = Make(db).person(name="Carla Ibáñez", email="carla@example.org").id
    typed = form(organizer_client) | {
        "segment-0-part-0-person": "somebody-else",
        "find": "carla ibanez",
    }

    page = press(organizer_client, typed, "find")

    assert page.text(".notice-info") == [
        "Note. Carla Ibáñez is in the run of show. Nothing is saved yet."
    ]
    assert page.fields["segment-0-part-0-person"] == carla
    assert page.fields["find"] == ""
    assert organizer_client.post(URL, data=page.fields).status_code == 303
    assert agenda(database, house.session_id)[0][3] == ["host Carla Ibáñez"]


def test_enter_in_the_search_searches(organizer_client: TestClient, house: House) -> None:
    answer = organizer_client.post(URL, data=form(organizer_client) | {"find": "Bruno"})

    assert answer.status_code == 200
    assert Page(answer.text).text(".notice-info") == [
        "Note. Bruno Sanz can be chosen in every row now. Nothing is saved yet."
    ]


@pytest.mark.parametrize("typed", ["juan700@example.org", "J <JUAN700@example.org>"])
def test_an_address_decides_among_a_thousand(
    organizer_client: TestClient, database: Database, house: House, typed: str
) -> None:
    with database.begin(writes=True) as db:
        crowd = [
            Person(
                name="Juan Pérez",
                email=f"juan{n}@example.org",
                email_key=f"juan{n}@example.org",
                search_key=f"juan perez juan{n}@example.org",
            )
            for n in range(1000)
        ]
        db.add_all(crowd)
        wanted = crowd[700].id

    page = press(organizer_client, form(organizer_client) | {"find": typed}, "find")

    # Those of the cycle, the one found, and the two words above and below them: not a thousand.
    values = [value for value, _ in page.options["segment-0-part-0-person"]]
    assert values == ["", house.ana, house.bruno, wanted, "somebody-else"]


def test_several_who_may_be_meant_are_offered(
    organizer_client: TestClient, database: Database, house: House
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        one = make.person(name="Juan Pérez", email="one@example.org", position="Director").id
        two = make.person(name="Juan Perez", email="two@example.org").id
    typed = form(organizer_client) | {
        "segment-1-part-0-person": "somebody-else",
        "segment-1-title": "Kept",
        "find": "juan perez",
    }

    page = press(organizer_client, typed, "find", 422)

    assert page.text("#find-error") == ["Several people may be meant. Choose one of them."]
    assert page.text(".candidates") == [
        "Juan Pérez Director one@example.org Choose Juan Perez two@example.org Choose"
    ]
    assert [b for b in page.buttons if "pick" in b] == [f"action=pick-{one}", f"action=pick-{two}"]
    page = press(organizer_client, page.fields, f"pick-{two}")
    assert (page.fields["segment-1-part-0-person"], page.fields["segment-1-title"]) == (two, "Kept")


def test_somebody_new_is_added_without_losing_the_form(
    organizer_client: TestClient, database: Database, house: House
) -> None:
    typed = form(organizer_client) | {
        "segment-1-part-0-person": "somebody-else",
        "segment-1-title": "Kept",
        "find": "Dora Nueva",
    }
    page = press(organizer_client, typed, "find", 422)
    assert page.fields["new-name"] == "Dora Nueva"

    wrong = page.fields | {"new-email": "dora", "new-institution": "Clúster del Café"}
    page = press(organizer_client, wrong, "add-new", 422)
    assert page.text("#new-email-error") == [
        "Error: This does not look like an e-mail address, such as ana@example.org."
    ]

    page = press(organizer_client, page.fields | {"new-email": "dora@example.org"}, "add-new")
    with database.begin(writes=False) as db:
        dora = db.exec(select(Person).where(Person.name == "Dora Nueva")).one()
        house_of = db.exec(select(Institution.name)).one()
    assert (dora.email, house_of) == ("dora@example.org", "Clúster del Café")
    assert page.fields["segment-1-part-0-person"] == dora.id
    assert page.fields["segment-1-title"] == "Kept"
    assert agenda(database, house.session_id) == BEFORE


@pytest.mark.parametrize(
    ("institution", "sentence"),
    [
        ("x" * 201, "This is too long: at most 200 characters."),
        ("Min\x01isterio", "Take out the invisible control characters."),
        ("\u200b", "Fill this in."),
    ],
)
def test_the_institution_of_somebody_new_is_looked_at_too(
    organizer_client: TestClient,
    database: Database,
    house: House,
    institution: str,
    sentence: str,
) -> None:
    new = {"new-name": "Dora Nueva", "new-institution": institution, "segment-1-title": "Kept"}
    page = press(organizer_client, form(organizer_client) | new, "add-new", 422)

    assert page.text("#new-institution-error") == [f"Error: {sentence}"]
    assert (page.fields["new-name"], page.fields["segment-1-title"]) == ("Dora Nueva", "Kept")
    with database.begin(writes=False) as db:
        assert db.exec(select(Person).where(Person.name == "Dora Nueva")).all() == []
        assert db.exec(select(Institution)).all() == []


def test_a_namesake_is_asked_about_before_one_is_added(
    organizer_client: TestClient, database: Database, house: House
) -> None:
    typed = form(organizer_client) | {"new-name": "bruno sanz"}

    page = press(organizer_client, typed, "add-new", 422)
    assert page.text("#new-name-error") == [
        "Error: There is a bruno sanz in the directory already. Is it the same person?"
    ]
    press(organizer_client, page.fields | {"new-anyway": "yes"}, "add-new")

    with database.begin(writes=False) as db:
        names = db.exec(select(Person.name).order_by(col(Person.name))).all()
    assert sorted(names) == ["Ana Ruiz", "Bruno Sanz", "bruno sanz"]


def test_queries_do_not_grow_with_rows(
    organizer_client: TestClient, database: Database, house: House, count_queries: CountQueries
) -> None:
    with count_queries() as few:
        organizer_client.get(URL)
    with database.begin(writes=True) as db:
        make = Make(db)
        session = db.get_one(Session, house.session_id)
        for n in range(2, 5):
            segment = make.segment(session, n)
            for _ in range(3):
                make.part(segment, make.person(email=""))
    with count_queries() as many:
        organizer_client.get(URL)

    assert len(few) == len(many)
    assert len(many) <= 18


def test_an_organizer_only(client: TestClient, house: House) -> None:
    answer = client.get(URL)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/organize/sign-in?next={URL}",
    )
    assert client.post(URL, data={}).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"segment-0-kind": "nonsense"},
        {"segment-0-part-0-role": "king"},
        {"segment-0-part-0-person": "\0"},
        {"segment-0-id": "\0"},
        {"segment-0-offset": "10080", "segment-0-minutes": "1440"},
        {"segment-9999-title": "far away", "segment-12345-title": "beyond"},
        {"date": "9999-12-31"},
        {"date": "0001-01-01"},
        {"zone": "Nowhere/Land"},
        {"minutes": "9" * 5000},
        {"number": "0x10"},
        {"fold": "7"},
        {"revision": "9" * 5000},
        {"brought": "\0 nobody ñandú"},
        {"find": "\0@\0", "new-name": "\0", "new-email": "<", "new-zone": "?"},
        {"title-es": "", "title-en": "\0"},
    ],
)
def test_nothing_that_can_be_sent_breaks_the_page(
    organizer_client: TestClient, house: House, change: dict[str, str]
) -> None:
    typed = form(organizer_client) | change

    for action in ("check", "find", "add-new", "pick-\0", "pick-nobody", ""):
        answer = organizer_client.post(URL, data=typed | {"action": action})
        assert answer.status_code in (200, 303, 412, 422), action


def test_a_form_that_is_not_whole_is_not_taken(
    organizer_client: TestClient, database: Database, house: House
) -> None:
    assert organizer_client.post(URL, data={"title-es": "Half"}).status_code == 412
    assert agenda(database, house.session_id) == BEFORE

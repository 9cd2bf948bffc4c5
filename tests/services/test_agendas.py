"""The agenda as one document."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlmodel import select

from app.db import DbSession
from app.domain.errors import Invalid, NotFound, Stale
from app.models import Part, Segment, Session
from app.schemas.session import AgendaIn
from app.services import agendas, sessions
from app.services.actor import SYSTEM
from tests.factories import Make

Count = Callable[[], AbstractContextManager[list[str]]]


def agenda(*segments: dict[str, Any]) -> AgendaIn:
    return AgendaIn.model_validate({"segments": segments})


def item(title: str, minutes: int = 10, *parts: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {
        "kind": "presentation",
        "title": title,
        "minutes": minutes,
        "parts": list(parts),
        **values,
    }


def part(person_id: str, role: str = "speaker", **values: Any) -> dict[str, Any]:
    return {"person_id": person_id, "role": role, **values}


def shown(session: Session) -> list[tuple[str, int, list[tuple[str, str]]]]:
    return [
        (s.title, s.position, [(p.person.name, p.role) for p in s.parts]) for s in session.segments
    ]


def stored(db: DbSession, session: Session) -> Session:
    db.flush()
    db.expunge_all()
    return sessions.get_session(db, SYSTEM, session.id)


def errors(raised: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(e.field, e.code) for e in raised.value.fields]


def test_segments_and_parts_are_stored_in_their_order(db: DbSession, make: Make) -> None:
    session = make.session(make.cycle())
    ana, luz = make.person(name="Ana"), make.person(name="Luz")
    put = agendas.put_agenda(
        db,
        SYSTEM,
        session.id,
        agenda(
            item("Opening", 10, part(luz.id, "host"), kind="opening"),
            item("Panel", 40, part(luz.id, "moderator"), part(ana.id, "panelist"), kind="panel"),
            item("Late", 5, offset=60),
        ),
        1,
    )
    expected = [
        ("Opening", 0, [("Luz", "host")]),
        ("Panel", 1, [("Luz", "moderator"), ("Ana", "panelist")]),
        ("Late", 2, []),
    ]
    assert shown(put) == expected
    assert put.revision == 2
    again = stored(db, session)
    assert shown(again) == expected
    assert [(s.kind, s.minutes, s.offset) for s in again.segments] == [
        ("opening", 10, None),
        ("panel", 40, None),
        ("presentation", 5, 60),
    ]


def test_a_new_part_takes_position_and_institution_of_today(db: DbSession, make: Make) -> None:
    session = make.session(make.cycle())
    where = make.institution(name="Colombia Productiva")
    ana = make.person(position="Director", institution_id=where.id)
    nobody = make.person()
    agendas.put_agenda(
        db,
        SYSTEM,
        session.id,
        agenda(
            item("A", 10, part(ana.id), part(nobody.id)),
            item("B", 10, part(ana.id, position="Adviser", institution="")),
        ),
    )
    parts = [p for s in stored(db, session).segments for p in s.parts]
    assert [(p.position, p.institution) for p in parts] == [
        ("Director", "Colombia Productiva"),
        ("", ""),
        ("Adviser", ""),
    ]


def test_what_is_kept_keeps_its_ids_and_what_was_true_that_day(db: DbSession, make: Make) -> None:
    session = make.session(make.cycle())
    ana, luz = make.person(name="Ana", position="Director"), make.person(name="Luz")
    put = agendas.put_agenda(
        db,
        SYSTEM,
        session.id,
        agenda(item("A", 10, part(ana.id), part(luz.id)), item("B", 10, part(luz.id))),
    )
    first, second = put.segments
    of_ana = first.parts[0].id
    ana.position = "Minister"
    put = agendas.put_agenda(
        db,
        SYSTEM,
        session.id,
        agenda(
            item("B", 15, part(luz.id, "host"), id=second.id),
            item("New", 5),
            item("A!", 10, part(luz.id), part(ana.id), id=first.id),
        ),
    )
    again = stored(db, session)
    assert [s.id for s in again.segments] == [second.id, put.segments[1].id, first.id]
    assert shown(again) == [
        ("B", 0, [("Luz", "host")]),
        ("New", 1, []),
        ("A!", 2, [("Luz", "speaker"), ("Ana", "speaker")]),
    ]
    kept = again.segments[2].parts[1]
    assert (kept.id, kept.position) == (of_ana, "Director")


def test_what_is_left_out_is_gone(db: DbSession, make: Make) -> None:
    session = make.session(make.cycle())
    ana = make.person()
    put = agendas.put_agenda(
        db, SYSTEM, session.id, agenda(item("A", 10, part(ana.id)), item("B", 10, part(ana.id)))
    )
    agendas.put_agenda(db, SYSTEM, session.id, agenda(item("A", 10, id=put.segments[0].id)))
    assert shown(stored(db, session)) == [("A", 0, [])]
    agendas.put_agenda(db, SYSTEM, session.id, agenda())
    assert (db.exec(select(Segment)).all(), db.exec(select(Part)).all()) == ([], [])


def test_the_same_agenda_again_changes_nothing(db: DbSession, make: Make) -> None:
    session = make.session(make.cycle())
    ana = make.person()
    put = agendas.put_agenda(db, SYSTEM, session.id, agenda(item("A", 10, part(ana.id))))
    same = agenda(item("A", 10, part(ana.id), id=put.segments[0].id))
    assert agendas.put_agenda(db, SYSTEM, session.id, same).revision == put.revision == 2


def test_one_person_in_two_roles_and_twice_in_one(db: DbSession, make: Make) -> None:
    session = make.session(make.cycle())
    ana = make.person(name="Ana 100 %")
    agendas.put_agenda(
        db, SYSTEM, session.id, agenda(item("A", 10, part(ana.id), part(ana.id, "moderator")))
    )
    with pytest.raises(Invalid) as raised:
        agendas.put_agenda(
            db, SYSTEM, session.id, agenda(item("A"), item("B", 10, part(ana.id), part(ana.id)))
        )
    assert errors(raised) == [("segments.1.parts.1.person_id", "duplicate_part")]
    (error,) = raised.value.fields
    assert error.sentence % error.params == "Ana 100 % is in this segment twice in the same role."


def test_segments_and_people_that_are_not_there(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session, other = make.session(cycle, number=1), make.session(cycle, number=2)
    own, foreign = make.segment(session), make.segment(other)
    with pytest.raises(Invalid) as raised:
        agendas.put_agenda(
            db,
            SYSTEM,
            session.id,
            agenda(
                item("A", id=foreign.id),
                item("B", id=own.id),
                item("C", 10, part("nobody"), part("a\0b"), id=own.id),
                item("D", id="a\0b"),
            ),
        )
    assert errors(raised) == [
        ("segments.0.id", "unknown_segment"),
        ("segments.2.id", "duplicate_segment"),
        ("segments.3.id", "unknown_segment"),
        ("segments.2.parts.0.person_id", "unknown_person"),
        ("segments.2.parts.1.person_id", "unknown_person"),
    ]
    assert shown(stored(db, session)) == [("Segment 1", 0, [])]


def test_stale_and_missing(db: DbSession, make: Make) -> None:
    session = make.session(make.cycle())
    with pytest.raises(Stale):
        agendas.put_agenda(db, SYSTEM, session.id, agenda(), 7)
    with pytest.raises(NotFound):
        agendas.put_agenda(db, SYSTEM, "nothing", agenda())


def test_a_change_raises_the_cycles_revision(db: DbSession, make: Make) -> None:
    cycle = make.cycle()
    session = make.session(cycle)
    revision = cycle.revision
    agendas.put_agenda(db, SYSTEM, session.id, agenda(item("A")))
    assert cycle.revision > revision


def test_queries_grow_with_inserts_only(db: DbSession, make: Make, count_queries: Count) -> None:
    counts = []
    for size in (1, 3):
        session = make.session(make.cycle())
        people = [make.person() for _ in range(size)]
        db.expunge_all()
        new = agenda(*(item(f"{n}", 10, part(p.id)) for n, p in enumerate(people)))
        with count_queries() as queries:
            agendas.put_agenda(db, SYSTEM, session.id, new)
        counts.append(len([q for q in queries if q.startswith("SELECT")]))
    assert counts[0] == counts[1]

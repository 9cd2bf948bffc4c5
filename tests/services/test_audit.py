"""The trail: who did what to what."""

from contextlib import suppress
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.models import AuditEntry, Cycle, Person
from app.models.audited import AUDITED, NOT_AUDITED
from app.models.base import metadata
from app.models.trail import Doing, set_doing
from app.services import audit, sessions
from app.services.actor import SYSTEM
from tests.factories import Make


def lines(database: Database) -> list[AuditEntry]:
    with database.begin(writes=False) as db:
        return list(db.exec(select(AuditEntry).order_by(AuditEntry.id)))


def as_olga(db: DbSession) -> None:
    set_doing(db, Doing("organizer", "u1", "Olga", "page", "change_session"))


def test_every_table_is_audited_or_says_why_not() -> None:
    assert {*AUDITED} | {*NOT_AUDITED} == set(metadata.tables)
    assert not {*AUDITED} & {*NOT_AUDITED}
    assert all(NOT_AUDITED.values())


@pytest.mark.parametrize("name", sorted(AUDITED))
def test_every_column_is_named_once(name: str) -> None:
    columns = {column.name for column in metadata.tables[name].columns}
    always = {"id", "created_at", "revision", "search_key"}
    named = [*AUDITED[name].plain, *AUDITED[name].private, *AUDITED[name].out]
    assert sorted(named) == sorted(columns - always)


@pytest.mark.parametrize("word", ["digest", "password", "secret", "salt", "code", "word", "url"])
def test_secrets_are_left_out(word: str) -> None:
    kept = {
        f"{name}.{column}"
        for name, audited in AUDITED.items()
        for column in (*audited.plain, *audited.private)
        if word in column
    }
    assert kept == {
        "code": {"certificate.code"},  # whoever sees the certificate sees it
        "url": {"material.url"},
        "word": {"session.check_in_word_rotates"},
    }.get(word, set())


def test_a_deed_is_written_down_with_before_and_after(database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        session = make.session(make.cycle())
        cycle_id = session.cycle_id
    with database.begin(writes=True) as db:
        as_olga(db)
        held = db.merge(session)
        held.minutes = 45
    [line] = [each for each in lines(database) if each.change == "changed"]
    assert (line.actor_kind, line.actor_id, line.actor_name) == ("organizer", "u1", "Olga")
    assert (line.channel, line.deed) == ("page", "change_session")
    assert (line.noun, line.row_id, line.cycle_id) == ("session", session.id, cycle_id)
    assert (line.before, line.after) == ({"minutes": 90}, {"minutes": 45})
    assert line.deed_id


def test_what_is_done_in_one_transaction_has_one_deed(database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        make.session(make.cycle())
    found = lines(database)
    assert [(each.noun, each.change) for each in found] == [
        ("cycle", "added"),
        ("session", "added"),
    ]
    assert len({each.deed_id for each in found}) == 1
    assert {each.cycle_id for each in found} == {found[0].row_id}


def test_what_is_not_done_leaves_no_line(database: Database) -> None:
    with suppress(ValueError), database.begin(writes=True) as db:
        Make(db).cycle()
        raise ValueError
    assert lines(database) == []


def test_what_a_savepoint_took_back_leaves_no_line(database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        kept = make.cycle()
        with suppress(ValueError), db.begin_nested():
            make.cycle()
            with db.begin_nested():
                make.institution()
            raise ValueError
        with db.begin_nested():
            make.institution()
    found = [(each.noun, each.row_id == kept.id) for each in lines(database)]
    assert found == [("cycle", True), ("institution", False)]


def test_what_is_flushed_only_at_the_end_is_written_down_too(database: Database) -> None:
    with database.begin(writes=True) as db:
        db.add(Cycle(slug="late", title={"en": "Late"}, language="en", zone="UTC"))
    assert [each.noun for each in lines(database)] == ["cycle"]


def test_what_goes_with_a_session_is_in_the_cycles_trail(database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        session = make.session(make.cycle())
        make.part(make.segment(session), make.person(), comment="Late")
    with database.begin(writes=True) as db:
        sessions.delete_session(db, SYSTEM, session.id)
    gone = {(each.noun, each.cycle_id) for each in lines(database) if each.change == "removed"}
    assert gone == {(noun, session.cycle_id) for noun in ("session", "segment", "part")}


def test_what_was_to_be_forgotten_and_rolled_back_is_no_reason_for_silence(
    database: Database,
) -> None:
    with database.begin(writes=True) as db:
        audit.erase(db, "nobody")
        db.rollback()
        Make(db).person(name="Ana Pérez")
    assert [each.private_after["name"] for each in lines(database)] == ["Ana Pérez"]


def test_what_says_who_somebody_is_can_be_erased_and_the_line_stays(database: Database) -> None:
    with database.begin(writes=True) as db:
        person = Make(db).person(name="Ana Pérez", email="ana@example.org")
    with database.begin(writes=True) as db:
        as_olga(db)
        db.merge(person).name = "Ana Pérez Soto"
    before = lines(database)
    assert before[1].private_before == {"name": "Ana Pérez"}
    assert before[1].private_after == {"name": "Ana Pérez Soto"}
    with database.begin(writes=True) as db:
        assert audit.erase(db, person.id) == 2
    after = lines(database)
    assert [(each.private_after, each.person_id) for each in after] == [({}, None), ({}, None)]
    assert [(each.deed_id, each.actor_name, each.at) for each in after] == [
        (each.deed_id, each.actor_name, each.at) for each in before
    ]
    assert "ana" not in str([each.model_dump() for each in after]).casefold()


def test_what_makes_somebody_forgotten_says_nothing_of_them(database: Database) -> None:
    with database.begin(writes=True) as db:
        person = Make(db).person(name="Ana Pérez", email="ana@example.org")
    with database.begin(writes=True) as db:
        as_olga(db)
        audit.erase(db, person.id)
        db.delete(db.merge(person))
    [_, last] = lines(database)
    assert (last.noun, last.change, last.actor_name) == ("person", "removed", "Olga")
    assert (last.private_before, last.private_after, last.person_id) == ({}, {}, None)


def test_a_cycle_s_trail_is_filtered(db: DbSession, make: Make, database: Database) -> None:
    one, other = make.cycle(), make.cycle()
    session = make.session(one)
    make.session(other)
    db.commit()

    def found(**wanted: Any) -> list[str]:
        rows, _ = audit.entries(db, SYSTEM, one.id, audit.Filter(**wanted))
        return [row.noun for row in rows]

    assert found() == ["session", "cycle"]
    assert found(noun="session") == ["session"]
    assert found(row_id=session.id) == ["session"]
    assert found(actor_id="nobody") == []
    assert found(since=session.created_at.replace(year=2030)) == []
    assert found(until=session.created_at.replace(year=2030)) == ["session", "cycle"]


def test_names_are_those_of_today(db: DbSession, make: Make, count_queries: Any) -> None:
    cycle = make.cycle()
    enrolment = make.enrolment(cycle, make.person(name="Ana"), name="Ana")
    db.commit()
    rows, _ = audit.entries(db, SYSTEM, cycle.id, audit.Filter())
    with count_queries() as queries:
        names = audit.names_in(db, rows, "en")
    assert len(queries) == 7
    assert names.of(enrolment.id) == "Ana"
    assert names.of(cycle.id) == "Cycle 1"
    db.delete(enrolment)
    db.flush()
    assert audit.names_in(db, rows, "en").of(enrolment.id) == ""
    assert db.get(Person, enrolment.person_id) is not None

"""A database of the first release comes along with all its rows, and works."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from app.db import Database
from app.domain.completion import Rule, from_document
from app.models import (
    Consent,
    Cycle,
    CycleRule,
    Evidence,
    Message,
    Part,
    Person,
    PrivacyNotice,
    Release,
    Session,
)
from app.schema_version import alembic_config, present, upgrade, wanted
from app.services import invitations
from app.services.actor import SYSTEM
from app.services.schedules import released_schedule
from app.worker.claims import claim
from tests.conftest import BOTH
from tests.databases import postgres_database

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
AT = "2026-10-05 12:30:00"
STARTS, ENDS = "2026-12-01T14:00:00Z", "2026-12-01T15:00:00Z"
PUBLISHED = {
    "version": 1,
    "id": "cycle",
    "slug": "leaders",
    "title": {"es": "Líderes"},
    "language": "es",
    "zone": "America/Bogota",
    "description": {},
    "accent": "",
    "institutions": [],
    "sessions": [
        {
            "id": "session",
            "uid": "uid-of-the-session",
            "number": 1,
            "title": {"es": "Gobernanza"},
            "zone": "America/Bogota",
            "wall_start": "2026-12-01T09:00:00",
            "fold": 0,
            "starts": STARTS,
            "ends": ENDS,
            "description": {},
            "status": "scheduled",
            "meeting_url": "",
            "segments": [
                {
                    "id": "segment",
                    "kind": "panel",
                    "title": "Panel",
                    "starts": STARTS,
                    "ends": ENDS,
                    "parts": [
                        {
                            "id": "part",
                            "person_id": "speaker",
                            "name": "Eva Luz",
                            "role": "speaker",
                            "position": "Jefa",
                            "institution": "CAF",
                            "country": "",
                            "zone": "",
                        }
                    ],
                }
            ],
            "sequence": 2,
            "stamp": "2026-10-05T12:30:00Z",
            "created": "2026-10-01T12:30:00Z",
        }
    ],
}


def person(row_id: str, name: str) -> dict[str, Any]:
    return {
        "id": row_id,
        "revision": 3,
        "name": name,
        "email": f"{row_id}@example.org",
        "email_key": f"{row_id}@example.org",
        "country": "CO",
        "zone": "America/Bogota",
        "language": "es",
        "position": "Jefa",
        "institution_id": None,
        "search_key": name.lower(),
    }


def message(row_id: str, status: str, kind: str = "enrolment-confirmed") -> dict[str, Any]:
    return {
        "id": row_id,
        "intent": f"intent-{row_id}",
        "message_id": f"<{row_id}@example.org>",
        "kind": kind,
        "cycle_id": "cycle",
        "to_name": "Ana Ruiz",
        "to_address": "ana@example.org",
        "language": "es",
        "context": '{"enrolment_id": "enrolment"}',
        "status": status,
        "attempts": 1,
        "due_at": AT,
        "leased_until": None,
        "leased_by": "",
        "last_error": "",
        "sent_at": AT if status == "sent" else None,
    }


def check_in(row_id: str, retracts: str | None = None) -> dict[str, Any]:
    return {
        "id": row_id,
        "enrolment_id": "enrolment",
        "session_id": "session",
        "kind": "retraction" if retracts else "check_in",
        "at": AT,
        "source": "room",
        "recorded_by": "",
        "status": "",
        "reason": "",
        "retracts_id": retracts,
        "key": row_id,
    }


ROWS: dict[str, list[dict[str, Any]]] = {
    "cycle": [
        {
            "id": "cycle",
            "revision": 7,
            "slug": "leaders",
            "title": '{"es": "Líderes"}',
            "description": "{}",
            "language": "es",
            "zone": "America/Bogota",
            "status": "published",
            "accent": "",
            "contact_email": "hola@example.org",
            "capacity": 40,
            "enrolment_open": True,
            "approval": False,
            "privacy_notice": '{"es": "Un año."}',
            "privacy_version": 2,
            "completion_rule": '{"min_sessions": 1, "of": 1, "min_percent_of_each": 75}',
            "release_number": 1,
        }
    ],
    "person": [person("speaker", "Eva Luz"), person("ana", "Ana Ruiz")],
    "session": [
        {
            "id": "session",
            "revision": 5,
            "cycle_id": "cycle",
            "uid": "uid-of-the-session",
            "number": 1,
            "title": '{"es": "Gobernanza"}',
            "description": "{}",
            "wall_start": "2026-12-01 09:00:00",
            "zone": "America/Bogota",
            "fold": 0,
            "minutes": 60,
            "starts_at": "2026-12-01 14:00:00",
            "ends_at": "2026-12-01 15:00:00",
            "status": "scheduled",
            "meeting_url": "https://meet.example.org/1",
            "meeting_passcode": "open",
            "check_in_before": 15,
            "check_in_after": 30,
            "check_in_word": "ceiba",
            "room_code": "room",
        }
    ],
    "segment": [
        {
            "id": "segment",
            "session_id": "session",
            "position": 0,
            "kind": "panel",
            "title": "Panel",
            "minutes": 60,
            "offset": None,
        }
    ],
    "part": [
        {
            "id": "part",
            "session_id": "session",
            "segment_id": "segment",
            "person_id": "speaker",
            "role": "speaker",
            "order": 0,
            "position": "Jefa",
            "institution": "CAF",
        }
    ],
    "enrolment": [
        {
            "id": "enrolment",
            "revision": 2,
            "cycle_id": "cycle",
            "person_id": "ana",
            "status": "confirmed",
            "status_at": AT,
            "name": "Ana Ruiz",
            "country": "CO",
            "institution": "CAF",
            "initiative_id": None,
            "language": "es",
            "zone": "America/Bogota",
            "consent_at": AT,
            "consent_version": 2,
            "link_generation": 3,
            "feed_generation": 4,
            "search_key": "ana ruiz",
        }
    ],
    "evidence": [check_in("seen"), check_in("taken-back", retracts="seen")],
    "message": [message("m1", "sent"), message("m2", "queued"), message("m3", "failed")],
    "release": [
        {
            "id": "release",
            "cycle_id": "cycle",
            "number": 1,
            "published_at": AT,
            "published_by": "Olga",
            "document": json.dumps(PUBLISHED),
        }
    ],
}


@pytest.fixture(params=BOTH)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'old.db'}")
        yield database
        database.close()
        return
    with postgres_database(request.getfixturevalue("postgres")) as url:
        database = Database(url)
        yield database
        database.close()


def write(connection: Connection, table: str, row: dict[str, Any]) -> None:
    """By SQL alone: the models of that time are gone."""
    values = {"created_at": AT} | row
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({marks})'), values)


def rows(database: Database, table: str) -> list[dict[str, Any]]:
    with database.engine.connect() as connection:
        found = connection.execute(text(f'SELECT * FROM "{table}" ORDER BY id'))
        return [dict(row._mapping) for row in found]


@pytest.fixture
def old(empty: Database) -> Database:
    """A database of the first schema, with a cycle that is under way."""
    config = alembic_config()
    with empty.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET TIME ZONE 'UTC'"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table, given in ROWS.items():
            for row in given:
                write(connection, table, row)
        connection.commit()
    empty.engine.dispose()
    assert present(empty.engine) == "0001"
    return empty


def test_every_row_stays_as_it_is(old: Database) -> None:
    before = {table: rows(old, table) for table in ROWS}
    assert {table: len(found) for table, found in before.items()} == {
        table: len(given) for table, given in ROWS.items()
    }
    upgrade(old.engine)
    assert present(old.engine) == wanted()
    for table, was in before.items():
        now = rows(old, table)
        assert [{name: row[name] for name in was[0]} for row in now] == was, table
    upgrade(old.engine)  # a second time there is nothing to do


def test_foreign_keys_are_on_afterwards(old: Database) -> None:
    """On the very connection that was used."""
    upgrade(old.engine)
    with pytest.raises(IntegrityError), old.begin(writes=True) as db:
        db.add(Evidence(enrolment_id="nobody", session_id="session", kind="x", source="x", key="x"))


def test_rows_that_refer_to_nothing_stop_it(old: Database) -> None:
    """What came about otherwise must not be mixed up with what a migration has lost."""
    if old.engine.dialect.name != "sqlite":
        return  # PostgreSQL has no such rows
    with old.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
        connection.execute(text("UPDATE evidence SET session_id = 'nothing'"))
        connection.commit()
    old.engine.dispose()
    with pytest.raises(RuntimeError, match="nothing was changed"):
        upgrade(old.engine)
    assert present(old.engine) == "0001"
    assert len(rows(old, "cycle")) == 1


def test_what_is_new_says_that_nothing_has_happened_yet(old: Database) -> None:
    columns = {table: set(rows(old, table)[0]) for table in ROWS}
    upgrade(old.engine)
    new = {
        table: {name: value for name, value in rows(old, table)[0].items() if name not in had}
        for table, had in columns.items()
    }
    assert new == {
        "cycle": {
            "invites": False,
            "zones_moved": False,
            "asks_gender": False,
            "has_webhooks": False,
            "retention_months": None,
            "retention_until": None,
            "details_erased_at": None,
        },
        "person": {"bounced_at": None, "bounce": "", "erased_at": None},
        "session": {"backstage_url": "", "closed_at": None, "check_in_word_rotates": False},
        "segment": {},
        "part": {
            "status": "planned",
            "asked_at": None,
            "answered_at": None,
            "answered_start": None,
            "comment": "",
        },
        "enrolment": {"gender": "", "consent_language": ""},
        "evidence": {
            "joined_at": None,
            "left_at": None,
            "seconds": None,
            "import_id": None,
            "row_number": None,
            "shown_as": "",
            "matched_by": "",
        },
        "message": {
            "guest_id": None,
            "session_id": None,
            "release_number": 0,
            "lane": "",
            "rank": 0,
            "expires_at": None,
        },
        "release": {"note": ""},
    }


def test_a_rule_becomes_its_own_first_version(old: Database) -> None:
    upgrade(old.engine)
    with old.begin(writes=False) as db:
        version = db.exec(select(CycleRule)).one()
        assert (version.cycle_id, version.version, version.recorded_by) == ("cycle", 1, "")
        assert from_document(version.document) == Rule(1, 1, min_percent_of_each=75)


def test_a_notice_is_its_own_first_version_and_who_agreed_still_has(old: Database) -> None:
    upgrade(old.engine)
    with old.begin(writes=False) as db:
        notice, consent = db.exec(select(PrivacyNotice)).one(), db.exec(select(Consent)).one()
        assert (notice.cycle_id, notice.version, notice.texts) == ("cycle", 2, {"es": "Un año."})
        at = datetime.fromisoformat(AT).replace(tzinfo=UTC)
        assert (consent.enrolment_id, consent.version, consent.language) == ("enrolment", 2, "")
        assert consent.at == at


def test_the_program_works_on_with_it(old: Database) -> None:
    """Nobody is written to by itself; who is invited then is invited to what was published."""
    upgrade(old.engine)
    with old.begin(writes=True) as db:
        for model in (Cycle, Person, Session, Part, Evidence, Message, Release):
            assert len(db.exec(select(model)).all()) == len(ROWS[str(model.__tablename__)])
        schedule = released_schedule(db, "cycle")
        assert schedule is not None
        assert [(s.uid, s.sequence) for s in schedule.sessions] == [("uid-of-the-session", 2)]
        assert [m.id for m in claim(db, "worker", "example.org", NOW, 10).messages] == ["m2"]
        assert invitations.bring_up_to_date(db, SYSTEM, "cycle", NOW) == 2
    with old.begin(writes=False) as db:
        told = select(Message).where(Message.kind == "invitation").order_by(Message.to_address)
        assert [(m.to_address, m.context["sequence"], m.rank) for m in db.exec(told)] == [
            ("ana@example.org", 2, 2),
            ("speaker@example.org", 2, 2),
        ]


def test_what_waits_keeps_its_order_in_its_lane(empty: Database) -> None:
    config = alembic_config()
    with empty.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for name, lane, context in [
            ("n1", "x", '{"sequence": 4}'),
            ("n2", "x", "{}"),
            ("n3", "", '{"sequence": 5}'),
        ]:
            own = {"id": name, "intent": name, "message_id": name, "cycle_id": None}
            row = {**ROWS["message"][0], **own, "lane": lane, "context": context}
            write(connection, "message", row)
        connection.commit()
    empty.engine.dispose()
    upgrade(empty.engine)
    ranks = {row["id"]: row["rank"] for row in rows(empty, "message")}
    assert ranks == {"n1": 4, "n2": 0, "n3": 0}


def test_names_in_reports_come_to_belong_to_the_cycle_in_which_they_were_said(
    old: Database,
) -> None:
    """Where a row was theirs, else where they enrolled first. The speaker never took part."""
    config = alembic_config()
    cycle, enrolment = ROWS["cycle"][0], ROWS["enrolment"][0]
    report = {"id": "report", "session_id": "session", "filename": "x", "digest": "x"}
    report |= dict.fromkeys(("recorded_by", "layout", "applied_by", "undone_by", "reason"), "")
    report |= {"provider": "zoom", "reading": "{}", "status": "applied"}
    matched = {"id": "row", "import_id": "report", "number": 2, "enrolment_id": "again"}
    matched |= {"name": "A", "email": "", "note": "", "matched_by": "hand", "left_out": False}
    matched |= {"state": "matched", "who": "", "details": "{}", "credits": 0}
    with old.engine.connect() as connection:
        if connection.dialect.name == "sqlite":  # as `schema_version.upgrade` does
            connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
        write(connection, "cycle", cycle | {"id": "next", "slug": "next"})
        write(connection, "person", person("beto", "Beto Gil"))
        later = {"cycle_id": "next", "created_at": "2026-11-05 12:30:00"}
        of_beto = {"person_id": "beto"}
        write(connection, "enrolment", enrolment | later | {"id": "again"})
        write(connection, "enrolment", enrolment | later | of_beto | {"id": "betos"})
        write(connection, "enrolment", enrolment | of_beto | {"id": "betos-first"})
        config.attributes["connection"] = connection
        command.upgrade(config, "0020")
        write(connection, "report_import", report)
        write(connection, "report_row", matched)
        for who in ("ana", "beto", "speaker"):
            said = {"id": f"of-{who}", "person_id": who, "key": "n x y", "recorded_by": "Olga"}
            write(connection, "report_alias", said)
        connection.commit()
    old.engine.dispose()
    upgrade(old.engine)
    assert [(each["id"], each["cycle_id"]) for each in rows(old, "report_alias")] == [
        ("of-ana", "next"),
        ("of-beto", "cycle"),
    ]

"""No write leaves a stale answer behind: every write against every answer that is kept.

Each is compared with what an application says that has kept nothing.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database, DbSession
from app.domain.enrolment import EnrolmentStatus
from app.domain.schedule import InstitutionRole, SessionStatus
from app.main import create_app
from app.models import Cycle, Enrolment, Institution, Part, Person, Segment, Session, now
from app.schemas.cycle import CycleChange, CycleInstitutionIn, CycleInstitutionsIn
from app.schemas.directory import InstitutionChange, PersonChange
from app.schemas.enrolment import EnrolmentChange, EnrolmentIn
from app.schemas.material import MaterialLinkIn
from app.schemas.session import AgendaIn, SegmentIn, SessionChange
from app.services import (
    agendas,
    check_in,
    cycles,
    enrolments,
    institutions,
    materials,
    merging,
    people,
)
from app.services import sessions as session_service
from app.services.actor import SYSTEM
from app.services.links import Links
from app.services.publishing import publish
from app.settings import Settings
from tests.conftest import BASE_URL
from tests.factories import Make
from tests.pages.published import SLUG, Published, make_published
from tests.routes import with_known_routes

Write = Callable[[DbSession, Published], object]


def _publish(db: DbSession, there: Published) -> None:
    db.flush()
    publish(db, SYSTEM, there.cycle_id, accept_warnings=True, now=now() + timedelta(seconds=1))


def _enrolment(db: DbSession, there: Published) -> Enrolment:
    return enrolments.get_enrolment(db, SYSTEM, there.enrolment_id)


def _change_cycle(**values: object) -> Write:
    def write(db: DbSession, there: Published) -> None:
        cycles.change_cycle(db, SYSTEM, there.cycle_id, CycleChange.model_validate(values))

    return write


def _change_cycle_and_publish(**values: object) -> Write:
    def write(db: DbSession, there: Published) -> None:
        _change_cycle(**values)(db, there)
        _publish(db, there)

    return write


def _change_session(publishes: bool, **values: object) -> Write:
    def write(db: DbSession, there: Published) -> None:
        change = SessionChange.model_validate(values)
        session_service.change_session(db, SYSTEM, there.session_ids[0], change)
        if publishes:
            _publish(db, there)

    return write


def _put_agenda(db: DbSession, there: Published) -> None:
    agenda = AgendaIn(segments=[SegmentIn(kind="opening", title="Otra cosa", minutes=20)])
    agendas.put_agenda(db, SYSTEM, there.session_ids[0], agenda)
    _publish(db, there)


def _rename_person(db: DbSession, there: Published) -> None:
    people.change_person(db, SYSTEM, there.person_id, PersonChange(name="Marco A. Dini"), now=now())
    _publish(db, there)


def _rename_institution(db: DbSession, there: Published) -> None:
    institutions.change_institution(
        db, SYSTEM, there.institution_id, InstitutionChange(name="Colombia Competitiva")
    )
    _publish(db, there)


def _set_institutions(db: DbSession, there: Published) -> None:
    other = Make(db).institution(name="Otra")
    entries = [CycleInstitutionIn(institution_id=other.id, role=InstitutionRole.HOST)]
    cycles.set_institutions(db, SYSTEM, there.cycle_id, CycleInstitutionsIn(institutions=entries))
    _publish(db, there)


def _merge_people(db: DbSession, there: Published) -> None:
    enrolled = _enrolment(db, there).person_id
    keep = Make(db).person(name="The same person")
    merging.merge_people(db, SYSTEM, keep.id, enrolled)


def _another_published(db: DbSession, _there: Published) -> None:
    make = Make(db)
    cycle = make.cycle(slug="another")
    make.session(cycle)
    db.flush()
    publish(db, SYSTEM, cycle.id, accept_warnings=True, now=now())


def _orm(model: Any, name: str, value: object, which: str) -> Write:
    def write(db: DbSession, there: Published) -> None:
        row = db.exec(select(model).where(model.id == getattr(there, which))).one()
        setattr(row, name, value)

    return write


def _part(db: DbSession, there: Published) -> None:
    part = db.exec(select(Part).where(Part.segment_id == there.segment_id)).one()
    part.position = "Somebody else"
    _publish(db, there)


def _add_material(db: DbSession, there: Published, **more: object) -> None:
    values = {"title": "Slides", "url": "https://example.org/slides", "audience": "public", **more}
    new = MaterialLinkIn.model_validate(values)
    materials.add_link(db, SYSTEM, there.session_ids[0], new)


def _cancel(db: DbSession, there: Published) -> None:
    _change_session(True, status=SessionStatus.CANCELLED)(db, there)


WRITES: dict[str, Write] = {
    "contact": _change_cycle(contact_email="new@example.org"),
    "privacy notice": _change_cycle(privacy_notice={"es": "Otra"}),
    "enrolment closed": _change_cycle(enrolment_open=False),
    "title, not published": _change_cycle(title={"es": "Otro"}),
    "title": _change_cycle_and_publish(title={"es": "Otro", "pt": "Outro"}),
    "accent": _change_cycle_and_publish(accent="#ffcc00"),
    "language": _change_cycle_and_publish(language="en"),
    "archive": lambda db, there: cycles.archive_cycle(db, SYSTEM, there.cycle_id),
    "session, not published": _change_session(False, title={"es": "Nueva"}),
    "session title": _change_session(True, title={"es": "Nueva", "pt": "Nova"}),
    "session length": _change_session(True, minutes=100),
    "session link": _change_session(False, meeting_url="https://meet.example.org/new"),
    "cancelled": _cancel,
    "agenda": _put_agenda,
    "part": _part,
    "person": _rename_person,
    "institution": _rename_institution,
    "institutions": _set_institutions,
    "a material": _add_material,
    "a material under embargo": lambda db, there: _add_material(
        db, there, visible_wall="2099-01-01T09:00"
    ),
    "merged people": _merge_people,
    "another cycle": _another_published,
    "enrolment's language": lambda db, there: enrolments.change_enrolment(
        db, SYSTEM, there.enrolment_id, EnrolmentChange(language="pt"), now=now()
    ),
    "enrolment's status": lambda db, there: enrolments.change_enrolment(
        db,
        SYSTEM,
        there.enrolment_id,
        EnrolmentChange(status=EnrolmentStatus.WAITLISTED),
        now=now(),
    ),
    "withdrawn": lambda db, there: enrolments.withdraw(db, _enrolment(db, there), now()),
    "new personal link": lambda db, there: enrolments.renew_link(db, _enrolment(db, there)),
    "new feed": lambda db, there: enrolments.renew_feed(db, _enrolment(db, there)),
    "somebody enrols": lambda db, _there: enrolments.enrol(
        db, SLUG, EnrolmentIn(name="Eva", email="eva@example.org", consent=True), now()
    ),
    "any field of the cycle": _orm(Cycle, "capacity", 12, "cycle_id"),
    "any field of a segment": _orm(Segment, "minutes", 45, "segment_id"),
    "any field of a person": _orm(Person, "country", "CL", "person_id"),
    "any field of an institution": _orm(Institution, "country", "CL", "institution_id"),
    "any field of an enrolment": _orm(Enrolment, "zone", "UTC", "enrolment_id"),
    "nothing that is shown": lambda db, _there: Make(db).person(name="Nobody"),
}


@pytest.fixture
def app(settings: Settings, real_database: Database) -> FastAPI:
    return with_known_routes(create_app(settings, database=real_database))


@pytest.fixture
def there(real_database: Database, links: Links) -> Published:
    return make_published(real_database, links)


@pytest.fixture
def browser(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=BASE_URL, follow_redirects=False) as client:
        yield client


def _seen(client: TestClient, address: str) -> tuple[object, ...]:
    client.cookies.clear()
    answer = client.get(address)
    names = ("etag", "last-modified", "content-type", "cache-control", "vary", "set-cookie")
    return answer.status_code, answer.content, *(answer.headers.get(name) for name in names)


@pytest.mark.one_database
@pytest.mark.parametrize("what", WRITES)
def test_every_answer_follows_the_write(
    what: str,
    settings: Settings,
    real_database: Database,
    there: Published,
    browser: TestClient,
) -> None:
    for address in there.kept:
        assert browser.get(address).status_code == 200
    with real_database.begin(writes=True) as db:
        WRITES[what](db, there)
    kept = {address: _seen(browser, address) for address in there.kept}
    fresh_app = with_known_routes(create_app(settings, database=real_database))
    with TestClient(fresh_app, base_url=BASE_URL, follow_redirects=False) as client:
        fresh = {address: _seen(client, address) for address in there.kept}
    assert kept == fresh


def test_the_writes_that_are_seen_change_something(
    real_database: Database, there: Published, browser: TestClient
) -> None:
    """So that the test above compares what is worth comparing."""
    before = {address: _seen(browser, address) for address in there.kept}
    with real_database.begin(writes=True) as db:
        WRITES["title"](db, there)
    after = {address: _seen(browser, address) for address in there.kept}
    same = {address for address in there.kept if before[address] == after[address]}
    assert same == {f"/c/{SLUG}/accent.css"}


def test_a_rolled_back_write_leaves_the_answer(
    real_database: Database, there: Published, browser: TestClient
) -> None:
    before = _seen(browser, f"/c/{SLUG}/1")

    def write_and_fail() -> None:
        with real_database.begin(writes=True) as db:
            WRITES["session title"](db, there)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert _seen(browser, f"/c/{SLUG}/1") == before


def test_check_ins_leave_public_answers_as_they_are(
    real_database: Database, there: Published, browser: TestClient
) -> None:
    before = {address: _seen(browser, address) for address in there.kept}
    with real_database.begin(writes=True) as db:
        session = db.exec(select(Session).where(Session.id == there.session_ids[0])).one()
        check_in.check_in(db, _enrolment(db, there), 1, session.starts_at, "personal-page")
    assert {address: _seen(browser, address) for address in there.kept} == before

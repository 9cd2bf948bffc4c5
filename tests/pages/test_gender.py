"""Gender: asked only where a cycle wants it, never required, shown to whoever said it."""

import re
from datetime import datetime

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database, DbSession
from app.domain.errors import Invalid
from app.models import Cycle, Enrolment
from app.schemas.enrolment import EnrolmentChange, EnrolmentIn
from app.services import enrolments
from app.services.actor import SYSTEM
from app.services.links import Links, Purpose
from app.services.publishing import publish
from tests.factories import NOW, Make

ASKED = 'name="gender"'
FORM = {"name": "Ana Ruiz", "email": "ana@example.org", "consent": "yes", "gender": "female"}
AT = datetime.fromisoformat("2026-11-23T16:00:00+00:00")


@pytest.fixture(params=[True, False], ids=["asks", "does not"])
def asks(request: pytest.FixtureRequest, database: Database) -> bool:
    """Whether the cycle asks."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="leaders", asks_gender=request.param)
        make.session(cycle)
        publish(db, SYSTEM, cycle.id, accept_warnings=True, now=NOW)
    return bool(request.param)


def stored(database: Database) -> list[str]:
    with database.begin(writes=False) as db:
        return list(db.exec(select(Enrolment.gender)))


def test_enrolling(client: TestClient, database: Database, links: Links, asks: bool) -> None:
    assert (ASKED in client.get("/c/leaders/enrol").text) == asks
    assert client.post("/c/leaders/enrol", data=FORM).status_code == 303
    assert stored(database) == (["female"] if asks else [""])
    with database.begin(writes=False) as db:
        row = db.exec(select(Enrolment)).one()
        token = links.token(Purpose.MY, row.id, row.link_generation)
    known = re.findall(r"<dt>Gender</dt>\s*<dd>(.*?)</dd>", client.get(f"/my/{token}?lang=en").text)
    assert known == (["Female"] if asks else [])


def test_nobody_has_to_answer(client: TestClient, database: Database, asks: bool) -> None:
    assert client.post("/c/leaders/enrol", data=FORM | {"gender": ""}).status_code == 303
    assert stored(database) == [""]


def test_organizers_and_their_files(
    organizer_client: TestClient, database: Database, asks: bool
) -> None:
    base = "/organize/c/leaders/participants"
    assert (ASKED in organizer_client.get(f"{base}/new").text) == asks
    added = organizer_client.post(f"{base}/new", data=FORM | {"language": "en", "zone": "UTC"})
    assert added.status_code == (303 if asks else 422)
    if not asks:
        assert "This cycle does not ask for gender." in added.text
        return
    head, row = organizer_client.get(f"{base}.csv").content.decode("utf-8-sig").splitlines()
    assert dict(zip(head.split(","), row.split(","), strict=True))["Gender"] == "Female"


def test_what_was_said_stays_when_it_is_not_asked_any_more(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="leaders", asks_gender=False)
        row = make.enrolment(cycle, gender="another")
        path, revision = f"/organize/c/leaders/participants/{row.id}", row.revision
    form = {"name": "Eva", "language": "en", "zone": "UTC", "revision": str(revision)}
    assert organizer_client.post(path, data=form).status_code == 303
    with database.begin(writes=False) as db:
        assert db.exec(select(Enrolment.name, Enrolment.gender)).all() == [("Eva", "another")]


def test_the_setting(organizer_client: TestClient, database: Database, asks: bool) -> None:
    path = "/organize/c/leaders/settings"
    html = organizer_client.get(path).text
    box = re.search(r'<input type="checkbox" id="asks_gender"[^>]*>', html)
    assert box is not None
    assert (" checked" in box[0]) == asks


def test_what_is_not_asked_is_refused(db: DbSession, make: Make) -> None:
    cycle: Cycle = make.cycle()
    new = EnrolmentIn(name="Ana", email="ana@example.org", gender="male")
    with pytest.raises(Invalid) as added:
        enrolments.add_enrolment(db, SYSTEM, cycle.id, new, AT)
    row = make.enrolment(cycle)
    with pytest.raises(Invalid) as changed:
        enrolments.change_enrolment(db, SYSTEM, row.id, EnrolmentChange(gender="male"), now=AT)
    assert [[(e.field, e.code) for e in each.value.fields] for each in (added, changed)] == [
        [("gender", "not_asked")]
    ] * 2
    cycle.asks_gender = True
    enrolments.change_enrolment(db, SYSTEM, row.id, EnrolmentChange(gender="male"), now=AT)
    assert row.gender == "male"
    enrolments.change_enrolment(db, SYSTEM, row.id, EnrolmentChange(gender=""), now=AT)
    assert row.gender == ""

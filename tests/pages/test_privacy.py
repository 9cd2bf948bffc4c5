"""The privacy notice, where it is shown and agreed to."""

import re

from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Consent, Cycle, Enrolment, Guest
from app.schemas.cycle import CycleChange
from app.services import cycles
from app.services.actor import SYSTEM
from app.services.guests import guest_of
from app.services.links import Links
from tests.factories import NOW, Make
from tests.pages.published import SLUG, make_published

ENROL = {
    "name": "Ana Ruiz",
    "email": "ana@example.org",
    "language": "en",
    "zone": "America/Bogota",
    "consent": "yes",
}


def change(database: Database, texts: dict[str, str]) -> None:
    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle).where(Cycle.slug == SLUG)).one()
        cycles.change_cycle(db, SYSTEM, cycle.id, CycleChange(privacy_notice=texts))


def version(html: str) -> str:
    found = re.search(r'name="notice" value="([0-9]+)"', html)
    assert found
    return found[1]


def test_it_is_shown_on_enrolling_and_kept_with_whoever_agreed(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links)
    change(database, {"en": "We keep <b>it</b> for a year.", "es": "Un año."})
    form = client.get(f"/c/{SLUG}/enrol?lang=en")
    assert "We keep &lt;b&gt;it&lt;/b&gt; for a year." in form.text
    before = version(form.text)
    change(database, {"en": "For two years.", "es": "Dos años."})
    refused = client.post(f"/c/{SLUG}/enrol?lang=en", data={**ENROL, "notice": before})
    assert refused.status_code == 422
    assert "The privacy notice has changed since you opened this page." in refused.text
    assert "For two years." in refused.text
    now_shown = version(refused.text)
    done = client.post(f"/c/{SLUG}/enrol?lang=en", data={**ENROL, "notice": now_shown})
    assert done.status_code == 303
    with database.begin(writes=False) as db:
        row = db.exec(select(Consent).order_by(col(Consent.id).desc())).first()
        assert row is not None
        assert (str(row.version), row.language) == (now_shown, "en")
    for number, text in ((before, "for a year."), (now_shown, "For two years.")):
        assert text in client.get(f"/c/{SLUG}/privacy/{number}?lang=en").text
    assert "Another version holds now." in client.get(f"/c/{SLUG}/privacy/{before}?lang=en").text
    for number in ("99", "0", "x"):
        assert client.get(f"/c/{SLUG}/privacy/{number}").status_code == 404


def test_who_is_enrolled_is_shown_the_new_one(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links)
    change(database, {"en": "First."})
    with database.begin(writes=True) as db:
        cycle = db.exec(select(Cycle).where(Cycle.slug == SLUG)).one()
        row = Make(db).enrolment(cycle, language="en", consent_at=NOW)
        row.consent_version = cycle.privacy_version
        before = cycle.privacy_version
        my = links.my(row.id, 1).removeprefix(links.base_url)
    asked = "The privacy notice of this cycle has changed"
    assert asked not in client.get(my).text
    change(database, {"en": "Second."})
    assert asked in client.get(my).text
    shown = client.get(f"{my}/privacy")
    assert (shown.status_code, "Second." in shown.text) == (200, True)
    stale = client.post(f"{my}/privacy", data={"version": str(before)})
    assert (stale.status_code, "This is the new one." in stale.text) == (412, True)
    agreed = client.post(f"{my}/privacy", data={"version": str(before + 1)})
    assert (agreed.status_code, agreed.headers["location"]) == (303, my)
    assert asked not in client.get(my).text
    assert "You agreed to this version on" in client.get(f"{my}/privacy").text
    with database.begin(writes=False) as db:
        assert db.exec(select(Enrolment.consent_version).where(Enrolment.id == row.id)).one() == (
            before + 1
        )


def test_who_has_a_part_reads_it_before_anything_is_published(
    client: TestClient, database: Database, links: Links
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(privacy_notice={})
        guest = guest_of(db, cycle.id, make.person(language="en").id)
        part = links.part(guest.id, 1).removeprefix(links.base_url)
    shown = client.get(f"{part}/privacy")
    assert shown.status_code == 200
    assert "If you have a part in a session" in shown.text
    with database.begin(writes=False) as db:
        assert db.exec(select(Guest.link_generation)).all() == [1]


def test_organizers_see_who_agreed_to_what(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="leaders", privacy_notice={}, privacy_version=2)
        make.enrolment(cycle, consent_at=NOW, consent_version=2, consent_language="es")
        make.enrolment(cycle, consent_at=NOW, consent_version=1)
        make.enrolment(cycle)
    html = organizer_client.get("/organize/c/leaders/privacy?lang=en").text
    assert "You have not written a notice" in html
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", html, re.S)
    words = [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]
    assert words == [
        "Version 2 holds nobody has agreed yet 1 Español: 1",
        "Version 1 Its text was not kept 1 not known: 1",
    ]
    assert "1 person was added by hand and has not agreed." in html

"""What organizers and readers see once newer zone data has moved sessions."""

from typing import Any

import icalendar
import pytest
from sqlmodel import func, select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Message, Release
from tests.pages.reading import Page
from tests.services.zones_world import moved_world


@pytest.fixture
def url(database: Database) -> str:
    with database.begin(writes=True) as db:
        return f"/organize/c/{moved_world(db).cycle.slug}"


def counts(database: Database) -> tuple[int, int]:
    """Releases, and mails that wait."""
    with database.begin(writes=False) as db:
        waiting = select(func.count()).select_from(Message).where(Message.status == "queued")
        releases = select(func.count()).select_from(Release)
        return db.exec(releases).one(), db.exec(waiting).one()


def zone_form(html: str) -> tuple[str, dict[str, str]]:
    """The section of the zones, and the fields of its form."""
    section = html.partition('aria-labelledby="zones-title"')[2].partition("</section>")[0]
    return section, Page(section).fields


def test_one_click_tells_those_concerned(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    section, fields = zone_form(organizer_client.get(f"{url}/publish").text)
    said = Page(section).text(".publish-reach")
    assert said == [
        "This button publishes these new moments and nothing else that has changed. "
        "Updates: 3 (Español 3)"
    ]
    assert ">Tell those concerned<" in section

    done = organizer_client.post(f"{url}/publish/time-zones", data=fields)
    again = organizer_client.post(f"{url}/publish/time-zones", data=fields)

    assert (done.status_code, again.status_code) == (303, 303)
    assert counts(database) == (2, 3)
    page = organizer_client.get(f"{url}/publish")
    assert zone_form(page.text)[0] == ""
    assert Page(page.text).text(".flashes") == ["Done. The new hours are published already."]


def test_what_somebody_changed_meanwhile_is_shown_first(
    organizer_client: TestClient, database: Database, url: str
) -> None:
    fields = zone_form(organizer_client.get(f"{url}/publish").text)[1]
    stale = {"revision": str(int(fields["revision"]) - 1)}
    answer = organizer_client.post(f"{url}/publish/time-zones", data=stale)
    assert answer.status_code == 412
    assert ">Tell those concerned<" in zone_form(answer.text)[0]
    assert counts(database) == (1, 0)


def test_the_list_of_cycles_and_the_cycle_say_so(organizer_client: TestClient, url: str) -> None:
    def marks(address: str, mark: str) -> list[str]:
        return [t for t in Page(organizer_client.get(address).text).text(mark) if "zones" in t]

    assert marks("/organize", ".status-warn") == ["Time zones changed"]
    assert marks(url, ".todo") != []
    fields = zone_form(organizer_client.get(f"{url}/publish").text)[1]
    organizer_client.post(f"{url}/publish/time-zones", data=fields)
    assert marks("/organize", ".status-warn") == marks(url, ".todo") == []


def test_everybody_sees_the_hour_before_and_after(
    organizer_client: TestClient, client: TestClient, url: str
) -> None:
    slug = url.rpartition("/")[2]

    def hours() -> tuple[str, str]:
        calendar = icalendar.Calendar.from_ical(client.get(f"/c/{slug}.ics").content)
        event: Any
        (event,) = calendar.walk("VEVENT")
        page = client.get(f"/c/{slug}/1?zone=America/Bogota&lang=en").text
        return f"{event['DTSTART'].dt:%H:%M}", "09:00" if "09:00" in page else "another"

    before = hours()
    fields = zone_form(organizer_client.get(f"{url}/publish").text)[1]
    organizer_client.post(f"{url}/publish/time-zones", data=fields)
    assert before == hours() == ("09:00", "09:00")
    told = client.get(f"/c/{slug}/changes?lang=en&zone=America/Bogota").text
    assert "The rules for the clocks in America/Bogota have changed." in told

"""The pages of a cycle's webhooks."""

import re
import socket
from collections.abc import Sequence

import pytest
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.webhooks import EventType
from app.models import Cycle, TeamMember, User, Webhook, WebhookDelivery, now
from app.outgoing.failures import Reason
from app.outgoing.guard import Guard
from app.services import webhook_secrets, webhooks
from app.services.actor import AccountStanding, Actor, Role
from app.services.links import Links, Purpose
from tests.factories import Make
from tests.pages.reading import Page

URL = "/organize/c/clusters/webhooks"
ADDRESS = "https://hooks.example.org/in"
GIVEN = {"address": ADDRESS, "description": "Registry", "event-release.published": "yes"}


class Names:
    """What names lead to: a guard's resolver."""

    def __init__(self) -> None:
        self.known: dict[str, Sequence[str]] = {"hooks.example.org": ["93.184.216.34"]}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return self.known[host]


@pytest.fixture(autouse=True)
def names(app: FastAPI, database: Database, organizer: Actor) -> Names:
    """A cycle that the organizer owns; nothing is asked of the network."""
    found = Names()
    app.state.guard = Guard(resolve=found)
    with database.begin(writes=True) as db:
        cycle = Make(db).cycle(slug="clusters", language="en")
        there = select(TeamMember).where(TeamMember.cycle_id == cycle.id)
        if db.exec(there).first() is None:
            db.add(TeamMember(cycle_id=cycle.id, user_id=organizer.id, role=Role.OWNER))
    return found


def rows(database: Database) -> list[Webhook]:
    with database.begin(writes=False) as db:
        return list(db.exec(select(Webhook)))


def added(client: TestClient, database: Database) -> str:
    assert client.post(f"{URL}/new", data=GIVEN).status_code == 200
    (row,) = rows(database)
    return f"{URL}/{row.id}"


def test_add_one_and_see_its_secret_once(
    organizer_client: TestClient, database: Database, links: Links, names: Names
) -> None:
    assert "No webhooks" in organizer_client.get(URL).text
    form = organizer_client.get(f"{URL}/new").text
    assert form.count('type="checkbox"') == len(EventType)
    answer = organizer_client.post(f"{URL}/new", data=GIVEN)
    (row,) = rows(database)
    secret = webhook_secrets.shown(links.key(Purpose.WEBHOOK), row)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert re.findall(r"whsec_[A-Za-z0-9+/=]+", answer.text) == [secret]
    assert (row.address, row.description, row.events) == (
        ADDRESS,
        "Registry",
        ["release.published"],
    )
    assert row.added_by == "Olga Organizer"
    assert names.asked == ["hooks.example.org"]
    for path in (URL, f"{URL}/{row.id}", f"{URL}/{row.id}/edit", f"{URL}/{row.id}/rotate"):
        html = organizer_client.get(path).text
        assert "Registry" in html
        assert "whsec_" not in html


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://10.0.0.1/", "This host is not on the public internet"),
        ("https://inside.example.org/", "This host is not on the public internet"),
        ("https://half.example.org/", "This host is not on the public internet"),
        ("https://nobody.example.org/", "We cannot find this host."),
        ("http://hooks.example.org/", "The address must begin with https://."),
        ("https://0x7f.1/", "We cannot read the host in this address."),
        ("", "Enter a whole address"),
    ],
)
def test_what_is_refused_when_saving_keeps_what_was_typed(
    organizer_client: TestClient, database: Database, names: Names, address: str, said: str
) -> None:
    names.known["inside.example.org"] = ["192.168.1.7"]
    names.known["half.example.org"] = ["93.184.216.34", "::1"]
    answer = organizer_client.post(f"{URL}/new", data={**GIVEN, "address": address})
    assert answer.status_code == 422
    page = Page(answer.text)
    assert said in page.text(".field-error")[0]
    assert 'value="Registry"' in answer.text
    assert answer.text.count('value="yes" checked') == 1
    assert rows(database) == []


def test_nothing_chosen(organizer_client: TestClient, database: Database, names: Names) -> None:
    answer = organizer_client.post(f"{URL}/new", data={"address": ADDRESS})
    assert answer.status_code == 422
    assert "Choose at least one kind of event." in answer.text
    assert (rows(database), names.asked) == ([], [])


def test_the_same_address_twice(organizer_client: TestClient, database: Database) -> None:
    added(organizer_client, database)
    answer = organizer_client.post(
        f"{URL}/new", data={**GIVEN, "address": ADDRESS.replace("https", "HTTPS")}
    )
    assert answer.status_code == 409
    assert "There is a webhook for this address already." in answer.text


def test_change_it(organizer_client: TestClient, database: Database, names: Names) -> None:
    path = added(organizer_client, database)
    names.known["other.example.org"] = ["93.184.216.35"]
    changed = {"address": "https://other.example.org/", "event-answer.given": "yes"}
    answer = organizer_client.post(f"{path}/edit", data=changed)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    (row,) = rows(database)
    assert (row.address, row.description, row.events) == (
        "https://other.example.org/",
        "",
        ["answer.given"],
    )
    wrong = organizer_client.post(f"{path}/edit", data={**GIVEN, "address": "https://[::1]/"})
    assert wrong.status_code == 422
    assert rows(database)[0].address == "https://other.example.org/"


def test_another_secret(organizer_client: TestClient, database: Database) -> None:
    path = added(organizer_client, database)
    before = rows(database)[0].seed
    assert "For 24 hours" in organizer_client.get(f"{path}/rotate").text
    answer = organizer_client.post(f"{path}/rotate")
    assert answer.text.count("whsec_") == 1
    (row,) = rows(database)
    assert row.seed_before == before != row.seed
    assert "End the old secret now" in organizer_client.get(path).text
    assert organizer_client.post(f"{path}/end-old-secret").status_code == 303
    assert rows(database)[0].seed_before == ""
    assert "End the old secret now" not in organizer_client.get(path).text


def test_send_a_test_and_send_it_again(organizer_client: TestClient, database: Database) -> None:
    path = added(organizer_client, database)
    assert "Nothing was sent yet" in organizer_client.get(path).text
    assert organizer_client.post(f"{path}/test").status_code == 303
    with database.begin(writes=True) as db:
        row = db.exec(select(WebhookDelivery)).one()
        row.status, row.attempts, row.code, row.reason = "failed", 14, 500, str(Reason.FAILED)
        row.tries = [
            {"at": now().isoformat(), "code": 500, "reason": "failed", "milliseconds": 12},
            {"at": now().isoformat(), "code": None, "reason": "timeout", "milliseconds": 0},
        ]
        delivery = f"{path}/deliveries/{row.id}"
    assert "It had an error of its own." in organizer_client.get(path).text
    for query, count in (("", 1), ("?status=failed", 1), ("?status=waiting", 0)):
        assert organizer_client.get(path + query).text.count(delivery) >= count
        assert (delivery in organizer_client.get(path + query).text) == bool(count)
    assert delivery not in organizer_client.get(f"{path}?event=answer.given").text
    shown = organizer_client.get(delivery).text
    assert shown.count("It did not answer within 10 seconds.") == 1
    assert "&#34;type&#34;: &#34;webhook.test&#34;" in shown
    answer = organizer_client.post(f"{delivery}/again")
    assert (answer.status_code, answer.headers["location"]) == (303, delivery)
    with database.begin(writes=False) as db:
        row = db.exec(select(WebhookDelivery)).one()
        assert (row.status, row.attempts, len(row.tries)) == ("waiting", 0, 2)


def test_disable_enable_remove(organizer_client: TestClient, database: Database) -> None:
    path = added(organizer_client, database)
    assert organizer_client.post(f"{path}/disable").status_code == 303
    assert "Somebody of the team disabled it." in organizer_client.get(path).text
    assert organizer_client.post(f"{path}/test").status_code == 303
    assert "Enable it first." in organizer_client.get(path).text
    assert organizer_client.post(f"{path}/enable").status_code == 303
    assert rows(database)[0].disabled_at is None
    assert "Nothing is sent there any more" in organizer_client.get(f"{path}/remove").text
    answer = organizer_client.post(f"{path}/remove")
    assert (answer.status_code, answer.headers["location"]) == (303, URL)
    assert rows(database) == []


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (webhooks.FAILING, "nothing arrived for three days: 1."),
        (webhooks.GONE, "they want nothing more (410): 1."),
        (webhooks.BY_HAND, ""),
    ],
)
def test_the_to_do_list_says_why_one_was_disabled(
    organizer_client: TestClient, database: Database, why: str, said: str
) -> None:
    added(organizer_client, database)
    with database.begin(writes=True) as db:
        webhooks.disable(db, db.exec(select(Webhook)).one(), why, now())
    html = organizer_client.get("/organize/c/clusters").text
    assert ("Webhooks that were disabled" in html) == bool(said)
    assert said in html
    assert (f'href="{URL}"' in html) == bool(said)


def test_only_owners(organizer_client: TestClient, database: Database) -> None:
    path = added(organizer_client, database)
    assert f'href="{URL}"' in organizer_client.get("/organize/c/clusters/settings").text
    with database.begin(writes=True) as db:
        db.exec(select(User)).one().standing = AccountStanding.MEMBER
        db.exec(select(TeamMember)).one().role = Role.EDITOR
    assert f'href="{URL}"' not in organizer_client.get("/organize/c/clusters/settings").text
    for way in (URL, f"{URL}/new", path, f"{path}/edit", f"{path}/rotate", f"{path}/remove"):
        assert organizer_client.get(way).status_code == 403
    for way in ("new", *(f"{path.rpartition('/')[2]}/{act}" for act in ("test", "rotate"))):
        assert organizer_client.post(f"{URL}/{way}", data=GIVEN).status_code == 403
    assert len(rows(database)) == 1


def test_another_cycle_s_is_404(
    organizer_client: TestClient, database: Database, organizer: Actor
) -> None:
    path = added(organizer_client, database)
    with database.begin(writes=True) as db:
        other = Make(db).cycle(slug="other", language="en")
        db.add(TeamMember(cycle_id=other.id, user_id=organizer.id, role=Role.OWNER))
    elsewhere = path.replace("/clusters/", "/other/")
    for act in ("", "/edit", "/rotate", "/remove", "/deliveries/x"):
        assert organizer_client.get(elsewhere + act).status_code == 404
    for act in ("/edit", "/rotate", "/remove", "/test", "/disable", "/enable", "/end-old-secret"):
        assert organizer_client.post(elsewhere + act, data=GIVEN).status_code == 404
    assert rows(database)[0].disabled_at is None
    with database.begin(writes=False) as db:
        assert db.exec(select(Cycle.slug).where(Cycle.has_webhooks)).all() == ["clusters"]

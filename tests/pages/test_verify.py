"""The page behind a code, and the badge, verified over HTTP from the signed text alone."""

import base64
import gzip
import json
from typing import Any

import pytest
from jwcrypto import jwk, jws
from starlette.testclient import TestClient

from app.certificates.badges import hashed_address
from app.db import Database
from app.domain.certificates import new_certificate_code, shown_code
from app.models import Certificate, Enrolment, Person
from app.schemas.certificate import RevokeIn, SupersedeIn
from app.schemas.completion import CompletionRule
from app.services import badge_keys, merging
from app.services import certificate_life as life
from app.services.completion_rules import set_rule
from app.services.links import Links
from app.settings import Settings
from tests.services.attendance_world import OVER, RULE
from tests.services.certificate_world import OLGA, Certified

BASE = "http://testserver"
Json = dict[str, Any]


@pytest.fixture
def row(database: Database) -> Certificate:
    """Ana's."""
    with database.begin(writes=True) as db:
        world = Certified(db)
        world.ana.language = "en"
        return world.issue(world.ana)


def get(client: TestClient, url: str) -> Any:
    assert url.startswith(f"{BASE}/")
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    return answer


def checked(client: TestClient, token: str) -> Json:
    """The payload of a compact JWS whose key lies where its header says."""
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header.keys() == {"alg", "kid", "typ"}
    answer = get(client, header["kid"])
    assert answer.headers["content-type"] == "application/jwk+json"
    public = answer.json()
    assert (public["kid"], "d" in public) == (header["kid"], False)
    signed = jws.JWS()
    signed.deserialize(token, jwk.JWK(**public), alg="RS256")
    payload: Json = json.loads(signed.payload)
    return payload


def revoked(client: TestClient, status: Json) -> bool:
    """Whether the bit of a badge is set."""
    answer = get(client, status["statusListCredential"])
    assert answer.headers["content-type"] == "application/vc+jwt"
    listed = checked(client, answer.text)
    subject = listed["credentialSubject"]
    assert (listed["id"], subject["statusPurpose"]) == (
        status["statusListCredential"],
        status["statusPurpose"],
    )
    packed = subject["encodedList"].removeprefix("u")
    bits = gzip.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    index = int(status["statusListIndex"])
    return bool(bits[index // 8] >> (7 - index % 8) & 1)


def test_a_badge_from_its_text_alone(
    client: TestClient, database: Database, settings: Settings, row: Certificate
) -> None:
    answer = get(client, f"{BASE}/verify/{row.code}/badge.jwt")
    assert answer.headers["content-type"] == "application/vc+jwt"
    badge = checked(client, answer.text)
    assert badge["jti"] == badge["id"] == f"{BASE}/verify/{row.code}/badge.jwt"
    issuer = get(client, badge["iss"]).json()
    assert issuer == badge["issuer"]
    assert issuer["name"] == "Convoca"
    subject = badge["credentialSubject"]
    assert get(client, subject["achievement"]["id"]).json() == subject["achievement"]
    assert subject["achievement"]["name"] == "Cycle 1"
    named, hashed = subject["identifier"]
    assert named["identityHash"] == "Ana"
    with database.begin(writes=False) as db:
        ana = db.get_one(Person, db.get_one(Enrolment, row.enrolment_id).person_id)
    assert hashed == hashed_address(ana.email or "", hashed["salt"])
    assert not revoked(client, badge["credentialStatus"])

    badge_keys.add_key(settings.badge_keys_dir)
    newer = get(client, f"{BASE}/verify/{row.code}/badge.jwt").text
    assert newer.split(".")[0] != answer.text.split(".")[0]
    assert checked(client, newer) == badge == checked(client, answer.text)
    assert len(get(client, f"{BASE}/badges/keys").json()["keys"]) == 2

    with database.begin(writes=True) as db:
        life.revoke(db, OLGA, row.code, RevokeIn(reason="Wrong."), OVER)
    assert revoked(client, badge["credentialStatus"])


def test_the_bit_of_one_that_was_replaced(
    client: TestClient, database: Database, row: Certificate
) -> None:
    with database.begin(writes=True) as db:
        new = life.supersede(db, OLGA, row.code, SupersedeIn(holder="Ana María"), OVER)
    bits = {}
    for code in (row.code, new.code):
        badge = checked(client, get(client, f"{BASE}/verify/{code}/badge.jwt").text)
        bits[code] = revoked(client, badge["credentialStatus"])
    assert bits == {row.code: True, new.code: False}


def test_the_page_says_what_was_certified_and_no_address(
    client: TestClient, row: Certificate
) -> None:
    answer = client.get(f"/verify/{row.code}")
    assert answer.status_code == 200
    assert answer.headers["x-robots-tag"] == "noindex"
    text = answer.text
    for said in ("Ana", "Valid", "Cycle 1", "7 hours", "4 of 4 sessions", shown_code(row.code)):
        assert said in text
    assert '<meta name="robots" content="noindex">' in answer.text
    for secret in ("@example.org", ".pdf", "Olga"):
        assert secret not in answer.text


@pytest.mark.parametrize(("language", "word"), [("es", "es"), ("pt", "pt"), ("en", "en")])
def test_three_languages(client: TestClient, row: Certificate, language: str, word: str) -> None:
    answer = client.get(f"/verify/{row.code}?lang={language}")
    assert f'<html lang="{word}"' in answer.text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "At least 3 of 4 sessions, and 70 % of each of these; session 3 must not be missed"),
        (
            "es",
            "Al menos 3 de 4 sesiones, y un 70 % de cada una de ellas; no se puede faltar a la "
            "sesión 3",
        ),
        (
            "pt",
            "Pelo menos 3 de 4 sessões, e 70 % de cada uma delas; não se pode faltar à sessão 3",
        ),
    ],
)
def test_what_it_took_in_the_readers_language(
    client: TestClient, database: Database, language: str, said: str
) -> None:
    """By the numbers that were frozen, whatever the rule is by now; before they were kept, in the
    words on the paper."""
    with database.begin(writes=True) as db:
        world = Certified(db)
        rule = CompletionRule(**RULE, mandatory=[world.sessions[2].id])
        set_rule(db, OLGA, world.cycle.id, rule, OVER)
        world.ana.language = "es"
        row = world.issue(world.ana)
        printed = row.document["rule"]
        set_rule(db, OLGA, world.cycle.id, None, OVER)
    client.cookies.clear()
    path = f"/verify/{row.code}?lang={language}"
    assert f"<dd>{said}</dd>" in client.get(path).text
    with database.begin(writes=True) as db:
        older = db.get_one(Certificate, row.id)
        older.document = {name: older.document[name] for name in older.document if name != "asked"}
    assert f'<dd><span lang="es">{printed}</span></dd>' in client.get(path).text


@pytest.mark.parametrize(
    ("query", "kept"), [("lang=es", "?lang=es"), ("lang=pt", "?lang=pt"), ("lang=xx", "")]
)
def test_the_language_stays_on_the_way_there(
    client: TestClient, row: Certificate, query: str, kept: str
) -> None:
    there = f"/verify/{row.code}{kept}"
    for path, status in (
        (f"/verify/{shown_code(row.code)}?{query}", 308),
        (f"/verify?code={shown_code(row.code)}&{query}", 303),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (status, there)


def test_revoked_says_when_and_not_why(
    client: TestClient, database: Database, row: Certificate
) -> None:
    with database.begin(writes=True) as db:
        life.revoke(db, OLGA, row.code, RevokeIn(reason="He cheated."), OVER)
    text = client.get(f"/verify/{row.code}").text
    assert "Revoked: this certificate does not hold any more" in text
    assert "22 December 2026" in text
    assert "cheated" not in text
    assert "badge.jwt" not in text


def test_replaced_says_so(client: TestClient, database: Database, row: Certificate) -> None:
    with database.begin(writes=True) as db:
        life.supersede(db, OLGA, row.code, SupersedeIn(holder="Eva"), OVER)
    text = client.get(f"/verify/{row.code}").text
    assert "Replaced: another certificate was issued in its place" in text
    assert "Eva" not in text


def test_however_it_is_typed(client: TestClient, row: Certificate) -> None:
    shown = shown_code(row.code)
    for typed in (shown, shown.replace("-", " "), shown.lower().replace("0", "O")):
        answer = client.get("/verify", params={"code": typed})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/verify/{row.code}")
    answer = client.get(f"/verify/{shown}")
    assert (answer.status_code, answer.headers["location"]) == (308, f"/verify/{row.code}")


def test_what_is_no_code(client: TestClient, row: Certificate) -> None:
    assert client.get("/verify").status_code == 200
    answer = client.get("/verify", params={"code": row.code[:-1]})
    assert answer.status_code == 422
    assert "This one has 27." in answer.text
    assert row.code[:-1] in answer.text
    assert client.get(f"/verify/{row.code[:-1]}").status_code == 404
    unknown = client.get(f"/verify/{new_certificate_code()}")
    assert (unknown.status_code, "No such certificate" in unknown.text) == (404, True)


@pytest.mark.parametrize(
    "path",
    [
        "/verify/{unknown}/badge.jwt",
        "/badges/keys/unknown",
        "/badges/unknown/issuer",
        "/badges/{cycle}/achievements/2/en",
        "/badges/{cycle}/achievements/1/pt",
        "/badges/{cycle}/achievements/x/en",
        "/badges/{cycle}/status/2",
        "/badges/{cycle}/status/0",
    ],
)
def test_what_is_not_there(client: TestClient, row: Certificate, path: str) -> None:
    known = {"cycle": row.cycle_id, "unknown": new_certificate_code()}
    assert client.get(path.format(**known)).status_code == 404


def test_the_holder_fetches_it(
    client: TestClient, database: Database, links: Links, row: Certificate
) -> None:
    my = links.my(row.enrolment_id, 1).removeprefix(BASE)
    page = client.get(my).text
    assert f'href="{my}/certificate.pdf"' in page
    assert f"{BASE}/verify/{row.code}" in page
    answer = client.get(f"{my}/certificate.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.content == client.get(f"{my}/certificate.pdf").content
    assert answer.content.startswith(b"%PDF-")
    with database.begin(writes=True) as db:
        life.revoke(db, OLGA, row.code, RevokeIn(reason="Wrong."), OVER)
    assert "Your certificate was taken back" in client.get(my).text
    assert client.get(f"{my}/certificate.pdf").status_code == 404


def test_two_who_became_one_have_the_one_that_holds(
    client: TestClient, database: Database, links: Links
) -> None:
    with database.begin(writes=True) as db:
        world = Certified(db)
        kept, other = world.issue(world.ana), world.issue(world.eva)
        assert other.id > kept.id
        merging.merge_people(db, OLGA, world.ana.person_id, world.eva.person_id, at=OVER)
        my = links.my(world.ana.id, 1).removeprefix(BASE)
    page = client.get(my).text
    assert f"{BASE}/verify/{kept.code}" in page
    assert "taken back" not in page
    answer = client.get(f"{my}/certificate.pdf")
    assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-")


def test_who_has_none(client: TestClient, database: Database, links: Links) -> None:
    with database.begin(writes=True) as db:
        world = Certified(db)
        my = links.my(world.ana.id, 1).removeprefix(BASE)
    assert "certificate.pdf" not in client.get(my).text
    assert client.get(f"{my}/certificate.pdf").status_code == 404

"""What every answer carries, whatever a request makes up."""

from time import process_time

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("/organize/people/", "/organize/people"),
        ("/zone/?back=/c/a&zone=UTC", "/zone?back=/c/a&zone=UTC"),
    ],
)
def test_a_slash_too_many_leads_to_this_site_whatever_host_was_named(
    client: TestClient, asked: str, answered: str
) -> None:
    answer = client.get(asked, headers={"host": "evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (307, answered)


def test_two_slashes_lead_nowhere(client: TestClient) -> None:
    answer = client.get("http://testserver//evil.example/zone/")
    assert (answer.status_code, "location" in answer.headers) == (404, False)


def test_a_cookie_takes_no_longer_to_read_than_it_is_long(client: TestClient) -> None:
    """Python of before autumn 2024 takes the square (CVE-2024-7592), and with one such request the
    whole site stood still. What stands beside it is read."""
    hostile = 'a="' + "\\" * 60_000 + '"; lang=es'
    for path in ("/organize/sign-in", "/c/none/enrol", "/"):
        begun = process_time()
        answer = client.get(path, headers={"cookie": hostile})
        assert process_time() - begun < 3
        assert '<html lang="es"' in answer.text


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "utf-7", "undefined"])
def test_a_form_is_read_as_utf_8_and_as_nothing_else(client: TestClient, charset: str) -> None:
    """Of these one takes the square of the length, two give halves of characters that no database
    takes, two raise what nobody expects: one request stopped the site, or was answered with 500."""
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    part = b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n%s\r\n--x--\r\n'
    for data in (b"ba" * 250_000, b"\\ud800+2AA-@example.org", b"xn--aaaaa"):
        begun = process_time()
        answer = client.post(
            "/organize/sign-in", content=part % data, headers={"content-type": kind}
        )
        assert process_time() - begun < 3
        assert answer.status_code == 415
    plain = kind.replace(charset, '"UTF-8"')
    content = part % "aña@example.org".encode()
    answer = client.post("/organize/sign-in", content=content, headers={"content-type": plain})
    assert (answer.status_code, "aña@example.org" in answer.text) == (422, True)


def test_fields_without_a_name_are_counted_too(client: TestClient) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    begun = process_time()
    answer = client.post("/organize/sign-in", content=b"&" * 2_000_000, headers=kind)
    assert answer.status_code == 400
    assert process_time() - begun < 0.8


PART = b'--x\r\nContent-Disposition: form-data; name="a"; b="%s\r\n\r\n\r\n' % (b";" * 4_000)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", PART * 500 + b"--x--\r\n"),
        ("application/x-www-form-urlencoded", b"email=" + b"%" * 1_000_000),
        ("application/x-www-form-urlencoded", b"email=100%"),
        ("application/x-www-form-urlencoded", b"email=%4"),
        ("application/x-www-form-urlencoded", b"email=%u0041"),
    ],
)
def test_what_no_browser_sends_is_not_looked_at(client: TestClient, kind: str, body: bytes) -> None:
    """Of two megabytes the first two took seconds, in which nobody else was answered."""
    begun = process_time()
    answer = client.post("/organize/sign-in", content=body, headers={"content-type": kind})
    assert answer.status_code == 400
    assert process_time() - begun < 0.6

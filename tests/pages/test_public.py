"""The pages that everybody sees."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.services.links import Links
from app.web.representations import Representations
from tests.factories import Make
from tests.pages.published import SLUG, make_published

Counting = Callable[[], AbstractContextManager[list[str]]]
PAGES = (
    "/",
    f"/c/{SLUG}",
    f"/c/{SLUG}/1",
    f"/c/{SLUG}/changes",
    f"/c/{SLUG}/privacy",
    f"/c/{SLUG}/enrol",
    "/zone",
)


def _ld(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', html, re.S)
    assert found
    data: dict[str, object] = json.loads(found[1])
    return data


@pytest.mark.parametrize("language", ["en", "es", "pt"])
@pytest.mark.parametrize("path", PAGES)
def test_pages_answer_in_every_language(
    client: TestClient, database: Database, links: Links, path: str, language: str
) -> None:
    make_published(database, links)
    answer = client.get(path, params={"lang": language})
    assert answer.status_code == 200
    assert f'<html lang="{language}"' in answer.text


def test_no_page_tells_how_to_get_in(client: TestClient, database: Database, links: Links) -> None:
    there = make_published(database, links)
    for path in (*PAGES, *there.kept):
        assert "meet.example.org" not in client.get(path).text


def test_the_readers_hours_come_first(client: TestClient, database: Database, links: Links) -> None:
    make_published(database, links)
    text = client.get(f"/c/{SLUG}/1", params={"zone": "Europe/Madrid", "lang": "en"}).text
    when = re.search(r'<p>(<span class="when .*?)</p>', text, re.S)
    assert when
    words = " ".join(re.sub(r"<[^>]*>", "", when[1]).split())
    assert re.fullmatch(
        r"\w+ \d+ \w+ \d{4}, 1[56]:00–1[67]:30, Madrid time 09:00–10:30, Bogotá time", words
    )


def test_an_unknown_zone_is_the_cycles(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links)
    plain = client.get(f"/c/{SLUG}/1").text
    assert client.get(f"/c/{SLUG}/1", params={"zone": "Mars/Olympus"}).text == plain


def test_zone_and_language_of_the_address_are_remembered(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links)
    answer = client.get(f"/c/{SLUG}/1", params={"zone": "Europe/Madrid", "lang": "pt"})
    assert answer.headers.get_list("set-cookie") == [
        "lang=pt; Max-Age=31536000; Path=/; SameSite=lax",
        "zone=Europe/Madrid; Path=/; Max-Age=31536000; SameSite=Lax",
    ]
    again = client.get(f"/c/{SLUG}/1").text
    assert '<html lang="pt" data-zone="Europe/Madrid"' in again


def test_the_browsers_language_then_the_cycles(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links)
    ask = {"accept-language": "fr, pt;q=0.8, en;q=0.5"}
    assert '<html lang="pt"' in client.get(f"/c/{SLUG}", headers=ask).text
    assert '<html lang="es"' in client.get(f"/c/{SLUG}", headers={"accept-language": "fr"}).text


def test_json_ld_cannot_end_its_element(
    client: TestClient, database: Database, links: Links
) -> None:
    nasty = "</script><script>alert(1)</script><!-- & \u2028"
    make_published(database, links, title={"es": nasty})
    for path in (f"/c/{SLUG}", f"/c/{SLUG}/1"):
        text = client.get(path).text
        assert "<script>alert" not in text
    assert _ld(client.get(f"/c/{SLUG}").text)["name"] == nasty


def test_json_ld_of_a_session(client: TestClient, database: Database, links: Links) -> None:
    make_published(database, links)
    data = _ld(client.get(f"/c/{SLUG}/1").text)
    assert str(data.pop("startDate")).endswith("T09:00:00-05:00")
    assert str(data.pop("endDate")).endswith("T10:30:00-05:00")
    url = f"http://testserver/c/{SLUG}/1"
    assert data == {
        "@context": "https://schema.org",
        "@type": "EducationEvent",
        "name": "Sesión 1",
        "url": url,
        "eventStatus": "https://schema.org/EventScheduled",
        "eventAttendanceMode": "https://schema.org/OnlineEventAttendanceMode",
        "location": {"@type": "VirtualLocation", "url": url},
        "inLanguage": "es",
        "organizer": [{"@type": "Organization", "name": "Colombia Productiva"}],
        "performer": [
            {
                "@type": "Person",
                "name": "Marco Dini",
                "jobTitle": "Economist",
                "affiliation": {"@type": "Organization", "name": "ECLAC"},
            }
        ],
        "superEvent": {
            "@type": "EducationEvent",
            "name": "Ciclo 1",
            "url": f"http://testserver/c/{SLUG}",
        },
    }


def test_the_head_names_the_page_and_its_languages(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links)
    text = client.get(f"/c/{SLUG}/1").text
    url = f"http://testserver/c/{SLUG}/1"
    assert re.findall(r'<link rel="canonical" href="([^"]*)"', text) == [url]
    assert re.findall(r'<link rel="alternate" hreflang="([^"]*)" href="([^"]*)"', text) == [
        *((code, f"{url}?lang={code}") for code in ("en", "es", "pt")),
        ("x-default", url),
    ]
    assert re.findall(r'<meta property="og:(title|url)" content="([^"]*)"', text) == [
        ("title", "Sesión 1 · Ciclo 1"),
        ("url", url),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/c/nothing",
        f"/c/{SLUG}/99",
        f"/c/{SLUG}/0",
        f"/c/{SLUG}/01",
        f"/c/{SLUG}/{'9' * 5000}",
        f"/c/{SLUG}/x",
        f"/c/{SLUG}/99.ics",
        "/c/nothing.ics",
        "/c/nothing/privacy",
        "/c/nothing/enrol",
        "/c/nothing/accent.css",
        "/c/UPPER",
        "/c/a%00b",
        "/c/a%00b/enrol",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(
    client: TestClient, database: Database, links: Links, path: str
) -> None:
    make_published(database, links)
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_a_draft_is_not_there(client: TestClient, database: Database) -> None:
    with database.begin(writes=True) as db:
        Make(db).session(Make(db).cycle(slug="draft"))
    assert [client.get(f"/c/draft{end}").status_code for end in ("", "/1", ".ics", "/1.ics")] == [
        404
    ] * 4
    assert "/c/draft" not in client.get("/").text


def test_unchanged_pages_are_304_and_head_has_no_body(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links)
    first = client.get(f"/c/{SLUG}/1")
    tag = first.headers["etag"]
    again = client.get(f"/c/{SLUG}/1", headers={"if-none-match": f'"x", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    head = client.head(f"/c/{SLUG}/1")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == first.headers["content-length"]
    other = client.get(f"/c/{SLUG}/1", params={"lang": "en"}, headers={"if-none-match": tag})
    assert other.status_code == 200


def test_only_gets_are_answered(client: TestClient, database: Database, links: Links) -> None:
    make_published(database, links)
    assert client.post(f"/c/{SLUG}/1").status_code == 405
    assert client.delete(f"/c/{SLUG}").status_code == 405


def test_what_is_said_once_is_nobody_elses(
    client: TestClient, database: Database, links: Links
) -> None:
    from app.services.links import Purpose

    make_published(database, links)
    plain = client.get(f"/c/{SLUG}").text
    said = json.dumps(["success", "It is done", "", ""]).encode().hex()
    client.cookies.set("flash", links.sign(Purpose.FLASH, said))
    assert "It is done" in client.get(f"/c/{SLUG}").text
    client.cookies.clear()
    assert client.get(f"/c/{SLUG}").text == plain


def test_the_accent_is_made_readable(client: TestClient, database: Database, links: Links) -> None:
    make_published(database, links, accent="#ffee00")
    href = re.search(r'href="(/c/[^"]*accent.css[^"]*)"', client.get(f"/c/{SLUG}").text)
    assert href
    answer = client.get(href[1])
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert client.get(urlsplit(href[1]).path).headers["cache-control"] == "no-cache"
    assert re.fullmatch(
        r":root \{ --accent: #\w{6}; --on-accent: #ffffff; --accent-dark: #ffee00; \}\n",
        answer.text,
    )


def test_a_cycle_without_a_colour_has_a_stylesheet_all_the_same(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links, accent="")
    for query in ("", "?v=none"):  # pages of the room link to it without asking
        answer = client.get(f"/c/{SLUG}/accent.css{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "text/css; charset=utf-8",
        )
        assert "{" not in answer.text


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "//[",
        "https://[::1",
        "",
    ],
)
def test_choosing_a_zone_leads_back_to_a_page_of_ours(client: TestClient, back: str) -> None:
    text = client.get("/zone", params={"back": back}).text
    assert 'method="get" action="/"' in text


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("path", ["/", f"/c/{SLUG}", f"/c/{SLUG}/1", f"/c/{SLUG}/1.ics"])
def test_queries_do_not_grow_with_rows(
    client: TestClient,
    database: Database,
    links: Links,
    count_queries: Counting,
    path: str,
    rows: int,
) -> None:
    make_published(database, links, sessions=rows)
    with count_queries() as cold:
        client.get(path)
    # Which version there is, then the cycle with its release; a session's materials.
    assert len(cold) == (3 if path == f"/c/{SLUG}/1" else 2)


@pytest.mark.parametrize("path", ["/", f"/c/{SLUG}", f"/c/{SLUG}/1", f"/c/{SLUG}/1.ics"])
def test_a_warm_page_costs_no_more_than_the_mark(
    real_database: Database, settings: object, links: Links, path: str
) -> None:
    from sqlalchemy import event

    from app.main import create_app

    make_published(real_database, links)
    app = create_app(settings, database=real_database)  # type: ignore[arg-type]
    assert isinstance(app.state.representations, Representations)
    with TestClient(app, base_url="http://testserver") as client:
        client.get(path)
        seen: list[str] = []
        event.listen(
            real_database.engine,
            "before_cursor_execute",
            lambda _c, _k, statement, *_: seen.append(statement),
        )
        assert client.get(path).status_code == 200
    assert seen == []  # the mark has a connection of its own


def test_a_session_page_is_light(client: TestClient, database: Database, links: Links) -> None:
    make_published(database, links)
    text = client.get(f"/c/{SLUG}/1").text
    parts = re.findall(r'(?:href|src)="(/static/[^"]*\.(?:css|js)[^"]*|/c/[^"]*\.css[^"]*)"', text)
    total = len(text.encode()) + sum(len(client.get(part).content) for part in parts)
    for module in ("zone.js", "relative.js"):
        total += len(client.get(f"/static/js/{module}").content)
    assert total < 100_000


def test_while_developing_pages_are_made_each_time(
    client: TestClient, database: Database, links: Links
) -> None:
    make_published(database, links)
    client.app.state.development = True  # type: ignore[attr-defined]
    answer = client.get(f"/c/{SLUG}/1", params={"zone": "Europe/Madrid"})
    assert "etag" not in answer.headers
    assert answer.headers["set-cookie"].startswith("zone=Europe/Madrid; Path=/; Max-Age=")

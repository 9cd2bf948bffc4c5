"""Organizers' own words for mails: written, looked at, kept, taken back."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from html import unescape

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.text import LANGUAGES
from app.models import MailText
from app.services import mail_texts
from tests.factories import Make
from tests.pages.reading import Page

CountQueries = Callable[[], AbstractContextManager[list[str]]]
BASE = "/organize/c/clusters/texts"
URL = f"{BASE}/reminder/en"


@pytest.fixture(autouse=True)
def cycle(database: Database) -> str:
    with database.begin(writes=True) as db:
        make = Make(db)
        row = make.cycle(slug="clusters", title={"en": "Clusters"}, language="en")
        make.carries(row, make.institution(name="ECLAC"))
        make.session(row, 1, title={"en": "Trust"})
        return str(row.id)


def kept(database: Database) -> list[tuple[str, str, str, str, str]]:
    with database.begin(writes=False) as db:
        rows = db.exec(select(MailText))
        return [(r.kind, r.language, r.subject, r.text, r.changed_by) for r in rows]


def save(client: TestClient, url: str = URL, **fields: str) -> Page:
    fields.setdefault("act", "save")
    return Page(client.post(url, data=fields).text)


def framed(html: str) -> str:
    """What stands in the frame."""
    found = re.search(r'<iframe [^>]*srcdoc="([^"]*)"', html)
    assert found is not None
    return unescape(found[1])


def test_the_list_says_where_there_are_own_words(
    organizer_client: TestClient, database: Database
) -> None:
    save(organizer_client, subject="Soon", text="")
    html = organizer_client.get(BASE).text
    own = re.findall(r'href="([^"]*/texts/[^"]*)">Own words<', html)
    house = re.findall(r"href=\"([^\"]*/texts/[^\"]*)\">The house's words<", html)
    every = {f"{BASE}/{kind}/{code}" for kind in mail_texts.KINDS for code in LANGUAGES}
    assert own == [URL]
    assert set(house) == every - {URL}


@pytest.mark.parametrize("kind", mail_texts.KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mail_can_be_looked_at_and_nothing_is_saved(
    organizer_client: TestClient, database: Database, kind: str, language: str
) -> None:
    url = f"{BASE}/{kind}/{language}"
    assert organizer_client.get(url).status_code == 200
    fields = {"act": "preview", "subject": "Hi {name}", "text": "Dear <{name}> of {cycle}\n\nBye"}
    answer = organizer_client.post(url, data=fields)
    assert answer.status_code == 200
    page = Page(answer.text)
    assert page.text("#preview-subject") == ["Hi Ana Ruiz"]
    html = framed(answer.text)
    assert '<p style="margin:0 0 16px">Dear &lt;Ana Ruiz&gt; of Clusters</p>' in html
    assert "Dear <Ana Ruiz> of Clusters Bye" in page.text("#preview-text")[0]
    assert (page.fields["subject"], page.fields["text"]) == (fields["subject"], fields["text"])
    assert kept(database) == []


@pytest.mark.parametrize(
    ("kind", "headlines"),
    [
        ("invitation", ["You are invited", "You have a part in this session"]),
        ("reminder", ["Your session is coming up", "Your session is coming up"]),
        ("invitation-cancel", ["This session will not take place"]),
        ("part-reminder", ["We are waiting for your answer"]),
    ],
)
def test_those_with_a_part_are_shown_their_own_version(
    organizer_client: TestClient, kind: str, headlines: list[str]
) -> None:
    answer = organizer_client.post(f"{BASE}/{kind}/en", data={"act": "preview"})
    mails = [unescape(found) for found in re.findall(r'srcdoc="([^"]*)"', answer.text)]
    assert [re.findall(r"<h1[^>]*>([^<]*)<", mail)[0] for mail in mails] == headlines
    shown = [">Your part<" in mail and "(speaker)" in mail for mail in mails]
    assert shown == [False, True][: len(mails)]


def test_the_page_says_where_own_words_do_not_stand(organizer_client: TestClient) -> None:
    said = {
        kind: Page(organizer_client.get(f"{BASE}/{kind}/en").text).text("#where")
        for kind in mail_texts.KINDS
    }
    (words,) = said.pop("invitation-cancel")
    assert words.startswith("Your words go to those whose session is off.")
    assert set(map(tuple, said.values())) == {()}


def test_the_preview_is_shut_in(organizer_client: TestClient) -> None:
    answer = organizer_client.post(URL, data={"act": "preview", "text": "x"})
    assert '<iframe class="mail-frame" sandbox title=' in answer.text
    policy = answer.headers["content-security-policy"]
    assert "style-src 'self' 'unsafe-inline';" in policy
    assert "script-src 'self';" in policy
    plain = organizer_client.get(URL).headers["content-security-policy"]
    assert "unsafe" not in plain


def test_saving_changing_and_going_back(organizer_client: TestClient, database: Database) -> None:
    fields = {"act": "save", "subject": " {session} soon ", "text": "Come!\r\n\r\nPlease."}
    answer = organizer_client.post(URL, data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, BASE)
    assert kept(database) == [
        ("reminder", "en", "{session} soon", "Come!\n\nPlease.", "Olga Organizer")
    ]
    page = Page(organizer_client.get(URL).text)
    save(organizer_client, subject="", text="Other")
    assert kept(database) == [("reminder", "en", "", "Other", "Olga Organizer")]
    answer = organizer_client.post(f"{URL}/reset")
    assert (answer.status_code, answer.headers["location"]) == (303, BASE)
    assert kept(database) == []
    assert organizer_client.post(f"{URL}/reset").status_code == 303
    assert page.text("h2") != Page(organizer_client.get(URL).text).text("h2")


def test_saving_nothing_is_going_back(organizer_client: TestClient, database: Database) -> None:
    save(organizer_client, subject="Soon")
    save(organizer_client, subject=" ", text=" ")
    assert kept(database) == []


@pytest.mark.parametrize("act", ["save", "preview"])
@pytest.mark.parametrize(
    ("url", "fields", "said"),
    [
        (
            URL,
            {"subject": "{name.__class__}"},
            ["Subject", "{name.__class__} is not a placeholder here."],
        ),
        (URL, {"text": "Dear {nombre}"}, ["Opening words", "{nombre} is not a placeholder here."]),
        (
            f"{BASE}/enrolment-confirmed/en",
            {"text": "On {date}"},
            ["Opening words", "{date} is not a placeholder here."],
        ),
        (URL, {"text": "<b>Come!</b>"}, ["Opening words", "Write plain text"]),
        (URL, {"subject": "x" * 201}, ["Subject", "This is too long: at most 200 characters."]),
        (URL, {"text": "x" * 4001}, ["Opening words", "at most 4000 characters."]),
        (URL, {"subject": "one\ntwo"}, ["Subject", "control characters"]),
    ],
)
def test_what_cannot_be_kept(
    organizer_client: TestClient,
    database: Database,
    act: str,
    url: str,
    fields: dict[str, str],
    said: list[str],
) -> None:
    answer = organizer_client.post(url, data={"act": act, **fields})
    assert answer.status_code == 422
    page = Page(answer.text)
    (error,) = page.text(".field-error")
    assert said[1] in error
    name, typed = next(iter(fields.items()))
    assert page.fields[name].replace("\r\n", "\n") == typed
    assert kept(database) == []


def test_links_in_pointed_brackets_are_no_markup(
    organizer_client: TestClient, database: Database
) -> None:
    save(organizer_client, text="See <https://example.org/a?b=1>")
    assert len(kept(database)) == 1


@pytest.mark.parametrize("path", ["sign-in/en", "reminder/fr", "nothing/en"])
def test_no_such_mail(organizer_client: TestClient, path: str) -> None:
    assert organizer_client.get(f"{BASE}/{path}").status_code == 404
    for act in ("save", "preview"):
        answer = organizer_client.post(f"{BASE}/{path}", data={"act": act, "text": "x"})
        assert answer.status_code == 404
    assert organizer_client.post(f"{BASE}/{path}/reset").status_code == 404


def test_a_cycle_without_sessions_has_a_preview_too(
    organizer_client: TestClient, database: Database
) -> None:
    with database.begin(writes=True) as db:
        Make(db).cycle(slug="empty", language="en")
    url = "/organize/c/empty/texts/invitation/en"
    answer = organizer_client.post(url, data={"act": "preview"})
    assert answer.status_code == 200
    assert "The first session" in framed(answer.text)


def test_only_for_organizers(client: TestClient) -> None:
    assert client.get(URL).status_code == 303
    assert client.post(URL, data={"act": "preview"}).status_code == 401


def test_queries_do_not_grow(
    organizer_client: TestClient, database: Database, count_queries: CountQueries
) -> None:
    counts = []
    for number in (1, 3):
        for kind in mail_texts.KINDS[:number]:
            save(organizer_client, f"{BASE}/{kind}/en", text="x")
        for url in (BASE, URL):
            with count_queries() as queries:
                organizer_client.get(url)
            counts.append(len(queries))
    assert counts[:2] == counts[2:]

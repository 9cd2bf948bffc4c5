"""Whatever a person types, wherever it comes out: in pages, mails, calendars, tables, documents,
JSON, headers and logs it is what it was, and does nothing."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser

import openpyxl
import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.mail.failures import SendError
from app.mail.values import Sender
from app.main import create_app
from app.models import Message, now
from app.services.links import Links
from app.settings import Settings
from app.worker.compose import compose
from tests.access.test_routes import address, ask
from tests.access.world import Way, World, ways_of
from tests.calendar import ical_strict
from tests.conftest import BASE_URL
from tests.hardening.typed import OURS, OURS_IN, TYPED, as_json, build_hostile, columns, mark
from tests.routes import with_known_routes

FORMULA = ("=", "+", "-", "@", "\t", "\r")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e]")
HREF = re.compile(r"(https?://|mailto:|webcal://|/|#|\?|data:image/)|[\w.=&?%-]*\Z")
Check = Callable[[Response], Iterator[str]]


def test_every_column_that_words_fit_into_is_known() -> None:
    """A new one is a word more in `typed`: typed by people, or the program's own."""
    assert [place for place, known in columns() if not known] == []
    places = {place for place, _ in columns()}
    assert [place for place in (*TYPED, *OURS_IN) if place not in places] == []
    assert {place.partition(".")[2] for place in places} >= set(OURS)


class Page(HTMLParser):
    """What a browser would find that no page of ours has, and the scripts that are data."""

    def __init__(self, html: str, *, mail: bool = False) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.data: list[str] = []
        self.frames: list[str] = []
        self._script = False
        self._mail = mail
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if len(given) != len(attrs) or tag.startswith("zq"):
            self.wrong.append(f"<{tag} {attrs}>")
        for name, value in given.items():
            strange = name.startswith(("on", "zq")) or not re.fullmatch(
                r"[a-z][a-z0-9-]*", name, re.I
            )
            strange |= name == "style" and not self._mail
            leads = name in ("href", "src", "action", "formaction", "data")
            if strange or (leads and not HREF.match(value or "")):
                self.wrong.append(f"<{tag} {name}={(value or '')[:60]!r}>")
            if name == "srcdoc":
                self.frames.append(value or "")
        self._script = tag == "script" and "src" not in given
        if tag == "script" and given.get("type") not in ("module", "application/ld+json"):
            self.wrong.append(f"a script: {attrs}")
        if tag in ("object", "embed", "base") or (tag == "img" and "zq" in str(given.get("src"))):
            self.wrong.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        self._script = False

    def handle_data(self, data: str) -> None:
        if self._script:
            self.data.append(data)

    def handle_comment(self, data: str) -> None:
        if "zq" in data:
            self.wrong.append(f"a comment: {data[:60]}")


def html(response: Response) -> Iterator[str]:
    text = response.text
    page = Page(text)
    yield from page.wrong
    for each in page.data:
        as_json(each)
    for frame in page.frames:
        yield from Page(frame, mail=True).wrong
    if "zq49" in text or "z 49" in text or " 49{%" in text:
        yield "a template in the text was worked out"


def ics(response: Response) -> Iterator[str]:
    calendar = ical_strict.parse(response.content)
    parts = {part.name for part in calendar.parts}
    if not parts <= {"VEVENT", "VTIMEZONE"}:
        yield f"parts {parts}"
    for event in calendar.all("VEVENT"):
        if any(name.startswith("X-ZQ") for name in event.names):
            yield "a property that was typed"
        if event.line("SUMMARY").text == "zqinjected":
            yield "an event that was typed"
        if CONTROL.search(event.line("SUMMARY").text):
            yield "control characters"


def table_csv(response: Response) -> Iterator[str]:
    text = response.content.decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    yield from (f"a formula: {c[:40]!r}" for row in lines for c in row if c.startswith(FORMULA))
    if len({len(row) for row in lines}) != 1:
        yield "a cell that became two"
    # Which character divides cells is up to whoever opens it.
    for each in re.split("[\r\n;\t|]", text):
        if each.lstrip(' "').startswith(FORMULA):
            yield f"a formula where it is divided otherwise: {each[:40]!r}"


def table_xlsx(response: Response) -> Iterator[str]:
    book = openpyxl.load_workbook(io.BytesIO(response.content))
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f" or cell.hyperlink:
                    yield f"a formula: {str(cell.value)[:40]!r}"


def document(response: Response) -> Iterator[str]:
    for verb in (
        b"/JavaScript",
        b"/JS ",
        b"/Launch",
        b"/EmbeddedFile",
        b"/OpenAction",
        b"/SubmitForm",
    ):
        if verb in response.content:
            yield f"{verb!r}"
    if b"root:" in response.content:
        yield "a file of this machine"


def data(response: Response) -> Iterator[str]:
    as_json(response.text)
    return iter(())


def nothing(response: Response) -> Iterator[str]:
    return iter(())


CHECKS: dict[str, Check] = {
    "text/html": html,
    "text/calendar": ics,
    "text/csv": table_csv,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": table_xlsx,
    "application/pdf": document,
    "application/json": data,
    "application/jwk+json": data,
    "application/jwk-set+json": data,
    "application/problem+json": data,
    "application/vc+jwt": nothing,
    "text/css": nothing,
    "text/plain": nothing,
    "image/png": nothing,
    "message/rfc822": nothing,  # as it came, to be saved
    "": nothing,
}
"""How each kind of answer is looked at; another kind fails."""
# What no answer to a GET shows: records of who did it, what only the program reads, what is shown
# in a state that this world is not in. One that comes to be shown is taken out of here.
UNSEEN = {
    "address_change.new_email", "address_change.old_email", "certificate_design.recorded_by",
    "cycle_rule.recorded_by", "erasure.reason", "erasure.recorded_by", "feedback_question.options",
    "inbound_mail.details", "inbound_mail.raw", "inbound_mail.shown", "issue_run.recorded_by",
    "mail_pace.detail", "mail_pace.pause", "mail_text.changed_by", "message.last_error",
    "outside_identity.subject", "outside_sign_in.next", "privacy_notice.recorded_by",
    "privacy_notice.texts", "release.document", "report_alias.recorded_by", "report_import.layout",
    "report_import.reading", "report_row.details", "report_row.note", "report_row.who",
    "sending_hold.ended_by",
}  # fmt: skip


@pytest.fixture
def hostile(real_database: Database, links: Links) -> World:
    return build_hostile(real_database, links)


@pytest.fixture
def site(settings: Settings, hostile: World, real_database: Database) -> FastAPI:
    return with_known_routes(create_app(settings, database=real_database))


def read(client: TestClient, way: Way, world: World) -> Response:
    """What an administrator, or whoever has the link, is shown there."""
    return ask(client, way, address(way, world.values()), world, "administrator")


@pytest.mark.one_database
@pytest.mark.parametrize("real_database", ["sqlite"], indirect=True)
def test_every_way_out(site: FastAPI, hostile: World, caplog: pytest.LogCaptureFixture) -> None:
    wrong, seen = [], set()
    with TestClient(
        site, base_url=BASE_URL, follow_redirects=False, raise_server_exceptions=False
    ) as client:
        for way in ways_of(site):
            if way.method != "GET" or way.path.endswith("/events"):
                continue
            response = read(client, way, hostile)
            kind = response.headers.get("content-type", "").partition(";")[0]
            if response.status_code >= 500:
                wrong.append(f"{way}: {response.status_code}")
                continue
            try:
                wrong += [f"{way}: {what}" for what in CHECKS[kind](response)]
            except Exception as error:
                wrong.append(f"{way}: {type(error).__name__} {str(error)[:200]}")
            names = [name for name, _ in response.headers.items() if "zq" in name]
            wrong += [f"{way}: header {name}" for name in names]
            seen |= {place for place in TYPED if mark(place) in response.text}
    assert not wrong, "\n".join(wrong)
    assert "zq" not in caplog.text
    assert "\x1b" not in caplog.text
    assert sorted(set(TYPED) - seen) == sorted(UNSEEN)


HEADERS = re.compile(
    "From|To|Subject|Date|Message-ID|Auto-Submitted|X-Auto-Response-Suppress|MIME-Version|Reply-To"
    "|Content-.*|List-.*|In-Reply-To|References|Return-Path"
)


def _bytes(part: EmailMessage) -> bytes:
    """As they were sent, with the ends of their lines."""
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


@pytest.mark.one_database
@pytest.mark.parametrize("real_database", ["sqlite"], indirect=True)
def test_every_mail(hostile: World, real_database: Database, links: Links) -> None:
    """Headers, text, HTML and the calendar in it."""
    wrong, kinds, refused = [], set(), []
    with real_database.begin(writes=True) as db:
        for message in db.exec(select(Message)).all():
            try:
                raw = compose(db, links, Sender("convoca@example.org", "C"), message, now()).raw
            except SendError as error:
                refused.append(f"{message.kind}: {error.detail}")
                continue
            kinds.add(message.kind)
            mail = message_from_bytes(raw, EmailMessage, policy=default)
            wrong += [f"{message.kind}: {k}" for k in mail if not HEADERS.fullmatch(k)]
            if len(mail["To"].addresses) != 1 or CONTROL.search(str(mail["Subject"])):
                wrong.append(f"{message.kind}: to {mail['To']}, {mail['Subject']!r}")
            for part in mail.walk():
                if part.get_content_type() == "text/html":
                    wrong += Page(part.get_content(), mail=True).wrong
                if part.get_content_type() == "text/plain" and "\x1b" in part.get_content():
                    wrong.append(f"{message.kind}: control characters")
                if part.get_content_type() == "text/calendar":
                    calendar = ical_strict.parse(_bytes(part))
                    if len(calendar.all("VEVENT")) != 1:
                        wrong.append(f"{message.kind}: events")
    assert not wrong, "\n".join(wrong)
    every = {"enrolment-link", "invitation", "invitation-cancel", "part-request"}
    assert (kinds, refused) == (every, [])

"""The own pages of people with parts."""

import errno
import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI
from PIL import ExifTags, Image
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.models import Cycle, Evidence, Guest, Material, Part, Person, Session, now
from app.services.actor import SYSTEM
from app.services.guests import guest_of
from app.services.links import Links, Purpose
from app.services.materials import for_mail, list_materials
from app.services.schedules import session_of, session_rows
from tests.factories import Make
from tests.pages.reading import Page

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")
PDF = b"%PDF-1.7\n..."


@dataclass(frozen=True)
class There:
    """A cycle in which Ana has two parts and Luis one."""

    cycle_id: str
    guest_id: str
    person_id: str
    page: str
    panel: str  # Ana's part
    closing: str  # her other one
    foreign: str  # Luis'


@pytest.fixture
def there(database: Database, links: Links) -> There:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(
            title={"en": "Clusters"}, language="en", contact_email="help@example.org"
        )
        session = make.session(cycle, meeting_url="https://meet.example.org/room")
        session.backstage_url = "https://backstage.example.org/room"
        panel = make.segment(session, 0, kind="panel", title="The <panel>")
        closing = make.segment(session, 1, kind="closing", title="")
        ana = make.person(name="Ana Ruiz", zone="Europe/Madrid", language="en")
        luis = make.person(name="Luis Paz", position="Director")
        first = make.part(panel, ana, role="panelist", position="Adviser", institution="CAF")
        second = make.part(closing, ana, role="host")
        foreign = make.part(panel, luis, role="moderator", institution="CEPAL")
        guest = guest_of(db, cycle.id, ana.id)
        page = f"/part/{links.token(Purpose.PART, guest.id, 1)}"
        return There(cycle.id, guest.id, ana.id, page, first.id, second.id, foreign.id)


@pytest.fixture
def at(there: There, monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets the clock relative to the session's start."""

    def set_clock(offset: timedelta) -> None:
        monkeypatch.setattr("app.routers.pages.part.now", lambda: START + offset)

    set_clock(timedelta(days=-3))
    return set_clock


@pytest.fixture(autouse=True)
def _before(at: Callable[[timedelta], None]) -> None:
    """Three days before the session."""


def part(database: Database, part_id: str) -> tuple[str, str]:
    with database.begin(writes=False) as db:
        row = db.get(Part, part_id)
        assert row is not None
        return row.status, row.comment


def guest(database: Database, there: There) -> Guest:
    with database.begin(writes=False) as db:
        found = db.get(Guest, there.guest_id)
        assert found is not None
        return found


def test_the_page_shows_their_parts_in_their_zone(client: TestClient, there: There) -> None:
    answer = client.get(there.page)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-robots-tag"] == "noindex"
    page = Page(answer.text)
    assert page.text("h1") == ["Hello, Ana Ruiz"]
    assert page.text(".lead") == ["2 parts wait for your answer."]
    assert page.text("h3")[:2] == ["The <panel>", "Closing"]
    assert "15:00–15:30" in answer.text
    assert "Luis Paz" in answer.text
    assert "The programme is not published yet." in answer.text
    assert page.text(".status") == []
    for secret in ("meet.example.org", "backstage.example.org"):
        assert secret not in answer.text


@pytest.mark.parametrize("number", [1, 3])
def test_the_queries_do_not_grow(
    client: TestClient,
    database: Database,
    there: There,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
    number: int,
) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = db.exec(select(Session).where(Session.cycle_id == there.cycle_id)).one()
        person = db.get(Person, there.person_id)
        assert person is not None
        for n in range(number):
            session = Session(
                **cycle.model_dump(exclude={"id", "uid", "number", "room_code", "created_at"}),
                number=n + 2,
            )
            db.add(session)
            db.flush()
            make.part(make.segment(session), person)
    with count_queries() as queries:
        client.get(there.page)
    assert len(queries) == 8


AT_START, HALF_AN_HOUR_ON = "2026-12-01T14:00:00Z", "2026-12-01T14:30:00Z"


def test_each_part_is_answered_by_itself(
    client: TestClient, database: Database, there: There
) -> None:
    sent = {"answer": "confirm", "comment": "", "starts": AT_START}
    answer = client.post(f"{there.page}/parts/{there.panel}/answer", data=sent)
    assert answer.headers["location"] == f"{there.page}#{there.panel}"
    sent = {"answer": "decline", "comment": "I must leave <early>.", "starts": HALF_AN_HOUR_ON}
    client.post(f"{there.page}/parts/{there.closing}/answer", data=sent)
    assert part(database, there.panel) == ("confirmed", "")
    assert part(database, there.closing) == ("declined", "I must leave <early>.")
    page = Page(client.get(there.page).text)
    assert page.text(".status") == ["Confirmed", "Declined"]
    assert page.text(".lead") == ["You have answered everything. Thank you."]


def test_an_answer_is_for_the_hour_that_was_shown(
    client: TestClient, database: Database, there: There
) -> None:
    shown = re.findall(r'name="starts" value="([^"]*)"', client.get(there.page).text)
    assert shown == [AT_START, HALF_AN_HOUR_ON]
    with database.begin(writes=True) as db:
        session = db.exec(select(Session)).one()
        session.wall_start += timedelta(hours=2)
        session.starts_at += timedelta(hours=2)
        session.ends_at += timedelta(hours=2)
    url = f"{there.page}/parts/{there.panel}/answer"
    for starts in (AT_START, "2026-12-01T16:00:00", "soon", ""):
        for given in ("confirm", "decline"):
            sent = {"answer": given, "comment": "Kept words", "starts": starts}
            answer = client.post(url, data=sent)
            assert answer.status_code == 412
            assert "The time has changed since you opened this page." in answer.text
            assert ">\nKept words</textarea>" in answer.text
    assert part(database, there.panel) == ("planned", "")
    sent = {"answer": "confirm", "comment": "", "starts": "2026-12-01T16:00:00Z"}
    assert client.post(url, data=sent).status_code == 303
    assert part(database, there.panel) == ("confirmed", "")


def test_whoever_answers_a_part_that_was_taken_away_is_told(
    client: TestClient, database: Database, there: There
) -> None:
    with database.begin(writes=True) as db:
        db.delete(db.get_one(Part, there.panel))
    sent = {"answer": "confirm", "comment": "", "starts": AT_START}
    slides = {"file": ("a.pdf", PDF, "application/pdf")}
    gone = f"{there.page}/parts/{there.panel}"
    for path, given in (("answer", {"data": sent}), ("slides/upload", {"files": slides})):
        answer = client.post(f"{gone}/{path}", **given)
        assert (answer.status_code, answer.headers["location"]) == (303, there.page)
        (said,) = Page(client.get(there.page).text).text(".notice-warning")
        words = "You are no longer in this part. Questions? Write to help@example.org."
        assert said == f"Check this. {words}"


def test_nobody_answers_the_part_of_somebody_else(
    client: TestClient, database: Database, there: There
) -> None:
    for part_id in (there.foreign, "nothing", "%00"):
        sent = {"answer": "decline", "comment": "", "starts": AT_START}
        answer = client.post(f"{there.page}/parts/{part_id}/answer", data=sent)
        assert (answer.status_code, answer.headers["location"]) == (303, there.page)
    assert part(database, there.foreign) == ("planned", "")


def test_what_was_typed_is_kept_when_it_cannot_be_taken(
    client: TestClient, database: Database, there: There
) -> None:
    words = "long " * 300
    for sent in ({"answer": "confirm", "comment": words}, {"answer": "x", "comment": "kept words"}):
        sent["starts"] = AT_START
        answer = client.post(f"{there.page}/parts/{there.panel}/answer", data=sent)
        assert answer.status_code == 422
        assert sent["comment"].strip() in answer.text
    assert part(database, there.panel) == ("planned", "")


def test_a_session_that_is_over_is_not_answered(
    client: TestClient, database: Database, there: There, at: Callable[[timedelta], None]
) -> None:
    at(timedelta(hours=2))
    sent = {"answer": "confirm", "comment": "", "starts": AT_START}
    answer = client.post(f"{there.page}/parts/{there.panel}/answer", data=sent)
    assert answer.status_code == 409
    assert part(database, there.panel) == ("planned", "")


GETS = ("", "/details", "/hours", "/photo", "/sessions/1/join", "/photo/upload")
POSTS = (
    "/parts/x/answer",
    "/parts/x/slides/upload",
    "/slides/x/remove",
    "/details",
    "/photo/upload",
    "/photo/remove",
    "/hours",
    "/hours/remove",
    "/sessions/1/join",
)


def test_a_wrong_link_opens_nothing(client: TestClient, there: There, links: Links) -> None:
    token = there.page.removeprefix("/part/")
    wrong = (token[:-1], token + "A", links.token(Purpose.MY, there.guest_id, 1), "x")
    for each in wrong:
        found = {client.get(f"/part/{each}{path}").status_code for path in GETS}
        found |= {client.post(f"/part/{each}{path}").status_code for path in POSTS}
        assert found == {404}


def test_a_renewed_link_is_gone(client: TestClient, database: Database, there: There) -> None:
    with database.begin(writes=True) as db:
        row = db.get(Guest, there.guest_id)
        assert row is not None
        row.link_generation = 2
    found = {client.get(there.page + path).status_code for path in GETS}
    found |= {client.post(there.page + path).status_code for path in POSTS}
    assert found == {410}
    lead = "This link was replaced by a newer one. Ask the organizers for it: help@example.org."
    assert Page(client.get(there.page).text).text("main") == [
        f"This link no longer works {lead} See all cycles"
    ]


def test_a_get_changes_nothing(client: TestClient, database: Database, there: There) -> None:
    paths = [*GETS, f"/parts/{there.panel}/answer?answer=confirm"]
    statuses = [client.get(there.page + path).status_code for path in paths]
    assert statuses == [200, 200, 200, 404, 200, 200, 405]
    assert part(database, there.panel) == ("planned", "")


def test_head_is_answered_wherever_get_is(client: TestClient, there: There) -> None:
    for path in ("", "/details", "/hours", "/sessions/1/join", "/calendar", "/photo"):
        asked, told = client.get(there.page + path), client.head(there.page + path)
        for answer in (told, asked):
            del answer.headers["x-request-id"]  # each has its own
        assert (told.status_code, told.headers) == (asked.status_code, asked.headers)


def test_what_they_say_of_themselves(client: TestClient, database: Database, there: There) -> None:
    fields = Page(client.get(f"{there.page}/details").text).fields
    assert "file" not in fields  # it is sent from a page of its own, or this would be lost
    assert {k: fields[k] for k in ("name", "position", "institution", "zone", "language")} == {
        "name": "Ana Ruiz",
        "position": "",
        "institution": "",
        "zone": "Europe/Madrid",
        "language": "en",
    }
    fields |= {"name": "Ana María Ruiz", "position": "Minister", "institution": "MinCIT"}
    fields |= {"biography": "Born <here>.\nWorks there.", "zone": "America/Lima"}
    answer = client.post(f"{there.page}/details", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, there.page)
    with database.begin(writes=False) as db:
        person = db.get(Person, there.person_id)
        assert person is not None
        assert (person.name, person.zone) == ("Ana María Ruiz", "America/Lima")
        assert person.search_key.startswith("ana maria ruiz")
        theirs = db.exec(select(Part).where(Part.person_id == person.id)).all()
        assert {(p.position, p.institution) for p in theirs} == {("Minister", "MinCIT")}
        other = db.get(Part, there.foreign)
        assert other is not None
        assert (other.position, other.institution) == ("Director", "CEPAL")
    assert guest(database, there).biography == "Born <here>.\nWorks there."
    assert "Born &lt;here&gt;." in client.get(there.page).text


def test_past_parts_stay_as_of_that_day(
    client: TestClient, database: Database, there: There, at: Callable[[timedelta], None]
) -> None:
    at(timedelta(days=1))
    fields = {"name": "Ana Ruiz", "position": "Minister", "institution": "", "biography": ""}
    client.post(f"{there.page}/details", data={**fields, "zone": "UTC", "language": "es"})
    with database.begin(writes=False) as db:
        row = db.get(Part, there.panel)
        assert row is not None
        assert (row.position, row.institution) == ("Adviser", "CAF")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "Marc https://evil.example/win"),
        ("position", "Chief www.evil.example"),
        ("institution", "ana@example.org"),
        ("biography", "x" * 2001),
        ("zone", "Mars/Olympus"),
        ("language", "xx"),
    ],
)
def test_details_that_cannot_be_taken(
    client: TestClient, there: There, field: str, value: str
) -> None:
    fields = {"name": "Kept words", "position": "", "institution": "", "biography": "Kept too"}
    fields |= {"zone": "UTC", "language": "es", field: value}
    answer = client.post(f"{there.page}/details", data=fields)
    assert answer.status_code == 422
    assert ("Kept words" if field == "biography" else "Kept too") in answer.text
    assert f'id="{field}-error"' in answer.text


def photo_with_place() -> bytes:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (4.0, 36.0, 35.0)
    to = io.BytesIO()
    Image.new("RGB", (2000, 1000), "red").save(to, "JPEG", exif=exif)
    return to.getvalue()


def test_a_photo_is_made_anew_and_can_be_removed(client: TestClient, there: There) -> None:
    sent = {"file": ("ana.jpg", photo_with_place(), "text/html")}
    answer = client.post(f"{there.page}/photo/upload", files=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, there.page)
    shown = client.get(f"{there.page}/photo")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert shown.headers["cache-control"] == "private, no-store"
    with Image.open(io.BytesIO(shown.content)) as image:
        assert (image.size, dict(image.getexif())) == ((1024, 512), {})
    client.post(f"{there.page}/photo/remove")
    assert client.get(f"{there.page}/photo").status_code == 404


@pytest.mark.parametrize("data", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", PDF, b""])
def test_what_is_no_photo_is_refused_by_the_form(
    client: TestClient, database: Database, there: There, data: bytes
) -> None:
    answer = client.post(
        f"{there.page}/photo/upload", files={"file": ("x.jpg", data, "image/jpeg")}
    )
    assert answer.status_code == 422
    assert 'id="file-error"' in answer.text
    assert guest(database, there).photo == ""


def test_a_photo_of_more_than_ten_megabytes_is_refused_by_the_form(
    client: TestClient, there: There
) -> None:
    sent = {"file": ("x.jpg", b"\xff\xd8\xff" + b"\0" * (10 << 20), "image/jpeg")}
    answer = client.post(f"{there.page}/photo/upload", files=sent)
    assert answer.status_code == 422
    assert "This photo is too large: at most 10 MB." in answer.text


def test_larger_bodies_are_taken_only_where_files_are(client: TestClient, there: There) -> None:
    large = b"x" * (3 << 20)
    assert client.post(f"{there.page}/details", content=large).status_code == 413
    huge = {"content-length": str(65 << 20)}
    answer = client.post(f"{there.page}/photo/upload", content=b"", headers=huge)
    assert answer.status_code == 413


def test_slides_come_to_the_session_and_can_be_taken_away(
    client: TestClient, database: Database, there: There
) -> None:
    url = f"{there.page}/parts/{there.panel}/slides/upload"
    sent = {"file": ("What we <need>.pdf", PDF + b"1" * (3 << 20), "application/x-evil")}
    answer = client.post(url, files=sent, data={"title": ""})
    assert answer.headers["location"] == f"{there.page}#{there.panel}"
    with database.begin(writes=False) as db:
        (row,) = db.exec(select(Material)).all()
    assert (row.kind, row.title, row.audience) == ("slides", "What we need", "participants")
    assert (row.media_type, row.file_name) == ("application/pdf", "What we need.pdf")
    assert (row.given_by, row.after_session, row.visible_from) == (there.guest_id, True, None)
    back = client.get(f"{there.page}/slides/{row.id}")
    assert back.headers["content-disposition"].startswith("attachment;")
    assert "What we need" in client.get(there.page).text
    client.post(f"{there.page}/slides/{row.id}/remove")
    with database.begin(writes=False) as db:
        assert db.exec(select(Material)).all() == []


@pytest.mark.parametrize("title", ["a\tb", "a\u2028b", "x" * 201])
def test_a_title_that_cannot_be_taken_is_told_and_kept(
    client: TestClient, database: Database, there: There, title: str
) -> None:
    url = f"{there.page}/parts/{there.panel}/slides/upload"
    sent = {"file": ("a.pdf", PDF, "application/pdf")}
    answer = client.post(url, files=sent, data={"title": title})
    assert answer.status_code == 422
    assert f'id="title-{there.panel}-error"' in answer.text
    assert f'id="file-{there.panel}-error"' in answer.text  # to be chosen once more
    assert f'value="{title}"' in answer.text
    with database.begin(writes=False) as db:
        assert db.exec(select(Material)).all() == []


def test_the_title_is_kept_when_the_file_is_refused(client: TestClient, there: There) -> None:
    url = f"{there.page}/parts/{there.panel}/slides/upload"
    sent = {"file": ("a.pdf", b"<html>", "application/pdf")}
    answer = client.post(url, files=sent, data={"title": "Kept <words>"})
    assert answer.status_code == 422
    assert 'value="Kept &lt;words&gt;"' in answer.text


@pytest.mark.parametrize(
    ("typed", "file_name", "title"),
    [
        ("\u200b", "What we need.pdf", "What we need"),
        ("", "\u00ad.pdf", "Diapositivas"),
        ("", "\u3000.pdf", "Diapositivas"),
        ("", ".pdf", "Diapositivas"),
        ("", "x" * 300 + ".pdf", "x" * 150),
        (
            "",
            "\U0001d160" * 100 + ".pdf",
            "\U0001d158\U0001d165\U0001d16e" * 66 + "\U0001d158\U0001d165",
        ),
    ],
)
def test_slides_without_a_title_are_called_like_their_file(
    client: TestClient,
    database: Database,
    there: There,
    typed: str,
    file_name: str,
    title: str,
) -> None:
    with database.begin(writes=True) as db:
        db.get_one(Cycle, there.cycle_id).language = "es"
    sent = {"file": (file_name, PDF, "application/pdf")}
    url = f"{there.page}/parts/{there.panel}/slides/upload"
    assert client.post(url, files=sent, data={"title": typed}).status_code == 303
    with database.begin(writes=False) as db:
        assert db.exec(select(Material.title)).all() == [title]


def test_what_they_gave_is_theirs_to_take_away_also_without_a_part(
    client: TestClient, database: Database, there: There
) -> None:
    for part_id, name in ((there.panel, "one.pdf"), (there.closing, "two.pdf")):
        sent = {"file": (name, PDF, "application/pdf")}
        client.post(f"{there.page}/parts/{part_id}/slides/upload", files=sent)
    client.post(
        f"{there.page}/parts/{there.closing}/answer",
        data={"answer": "decline", "comment": "", "starts": HALF_AN_HOUR_ON},
    )
    with database.begin(writes=True) as db:
        (session,) = session_rows(db, Session.cycle_id == there.cycle_id)
        Make(db).enrolment(db.get_one(Cycle, there.cycle_id))
        db.delete(db.get_one(Part, there.panel))
        listed = list_materials(db, SYSTEM, session, None)
        held = [(m.material.title, m.held_back) for m in listed]
        assert held == [("one", True), ("two", True)]
        assert for_mail(db, session_of(session), session.ends_at) == []
    page = client.get(there.page).text
    (files,) = Page(page).text("#files")
    assert files.count("held back: participants do not see it") == 2
    for action in re.findall(r'action="([^"]+/slides/[^"]+/remove)"', page):
        assert client.post(action).status_code == 303
    with database.begin(writes=False) as db:
        assert db.exec(select(Material)).all() == []


def test_slides_are_for_their_own_parts_and_of_kinds_that_are_taken(
    client: TestClient, database: Database, there: There
) -> None:
    good = {"file": ("a.pdf", PDF, "application/pdf")}
    bad = {"file": ("a.pdf", b"<html><script>", "application/pdf")}
    tries = [(there.foreign, good), (there.panel, bad)]
    statuses = [
        client.post(f"{there.page}/parts/{id}/slides/upload", files=sent).status_code
        for id, sent in tries
    ]
    assert statuses == [303, 422]
    none = client.post(f"{there.page}/parts/{there.panel}/slides/upload", data={"title": "x"})
    assert none.status_code == 422
    with database.begin(writes=True) as db:
        assert db.exec(select(Material)).all() == []
        session = db.exec(select(Session)).one()
        foreign = Make(db).material(session)
    found = [
        client.get(f"{there.page}/slides/{foreign.id}").status_code,
        client.post(f"{there.page}/slides/{foreign.id}/remove").status_code,
    ]
    assert found == [404, 404]


class TestNothingIsKeptThatMayNotBe:
    """What cannot be is known before the first byte is read."""

    @pytest.fixture
    def kept(self, app: FastAPI) -> Callable[[], list[str]]:
        folder = app.state.files._folder
        return lambda: sorted(p.name for p in folder.rglob("*") if p.is_file())

    def send(self, client: TestClient, url: str) -> tuple[int, list[int], str]:
        """The status, how often more of the body was asked for, the page."""
        read: list[int] = []

        def body() -> object:
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
            read.append(1)
            yield PDF + b"\r\n--b--\r\n"

        headers = {"content-type": "multipart/form-data; boundary=b"}
        answer = client.post(url, content=body(), headers=headers)  # type: ignore[arg-type]
        return answer.status_code, read, answer.text

    def test_for_no_part(
        self, client: TestClient, there: There, kept: Callable[[], list[str]]
    ) -> None:
        for part_id in ("nonsense", there.foreign, "%00", "ñ"):
            status, read, _ = self.send(client, f"{there.page}/parts/{part_id}/slides/upload")
            assert (status, read) == (303, [])
        assert kept() == []

    @pytest.mark.parametrize(
        ("number", "size", "said"),
        [
            (20, 1, "You have given 20 files. Take one away first."),
            (4, 50_000_000, "Your files have more than 200 MB together. Take one away first."),
        ],
    )
    def test_for_who_has_given_enough(
        self,
        client: TestClient,
        database: Database,
        there: There,
        kept: Callable[[], list[str]],
        number: int,
        size: int,
        said: str,
    ) -> None:
        with database.begin(writes=True) as db:
            session = db.exec(select(Session)).one()
            for _ in range(number):
                Make(db).material(session, file="a" * 64, size=size, given_by=there.guest_id)
        status, read, text = self.send(client, f"{there.page}/parts/{there.panel}/slides/upload")
        assert (status, read, said in text) == (422, [], True)
        assert kept() == []

    def test_of_the_last_megabytes_no_more_than_is_left(
        self, client: TestClient, database: Database, there: There, kept: Callable[[], list[str]]
    ) -> None:
        with database.begin(writes=True) as db:
            session = db.exec(select(Session)).one()
            Make(db).material(session, file="a" * 64, size=198_000_000, given_by=there.guest_id)
        url = f"{there.page}/parts/{there.panel}/slides/upload"
        large = {"file": ("a.pdf", PDF + b"0" * 2_000_000)}
        answer = client.post(url, files=large)
        assert answer.status_code == 422
        assert "This file is too large: at most 2 MB." in answer.text
        assert kept() == []
        assert client.post(url, files={"file": ("a.pdf", PDF)}).status_code == 303

    def test_where_the_disk_is_nearly_full(
        self,
        client: TestClient,
        there: There,
        kept: Callable[[], list[str]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("app.services.files.free_space", lambda folder: 200_000_000)
        for path in (f"parts/{there.panel}/slides/upload", "photo/upload"):
            status, read, text = self.send(client, f"{there.page}/{path}")
            assert (status, read) == (503, [])
            assert "There is no space left on this server" in text
        assert kept() == []

    @pytest.mark.parametrize("where", ["app.services.files.os.fsync", "app.services.files._copy"])
    def test_where_the_disk_becomes_full(
        self,
        client: TestClient,
        database: Database,
        there: There,
        kept: Callable[[], list[str]],
        monkeypatch: pytest.MonkeyPatch,
        where: str,
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(where, full)
        url = f"{there.page}/parts/{there.panel}/slides/upload"
        answer = client.post(url, files={"file": ("a.pdf", PDF)})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "There is no space left on this server" in answer.text
        assert kept() == []
        with database.begin(writes=False) as db:
            assert db.exec(select(Material)).all() == []

    def test_a_name_that_is_far_too_long(
        self, client: TestClient, there: There, kept: Callable[[], list[str]]
    ) -> None:
        url = f"{there.page}/parts/{there.panel}/slides/upload"
        answer = client.post(url, files={"file": ("a" * 5000 + ".pdf", PDF)})
        assert answer.status_code == 422
        assert "Give the file a shorter name." in answer.text
        assert kept() == []


def test_hours_when_they_cannot(client: TestClient, database: Database, there: There) -> None:
    url = f"{there.page}/hours"
    answer = client.post(url, data={"starts": "2026-12-01T09:00", "ends": "2026-12-01T12:00"})
    assert answer.headers["location"] == url
    client.post(url, data={"starts": "2026-11-30T09:00", "ends": "2026-11-30T10:00"})
    client.post(url, data={"starts": "2026-11-30T09:00", "ends": "2026-11-30T10:00"})
    assert guest(database, there).unavailable == [
        ["2026-11-30T08:00:00Z", "2026-11-30T09:00:00Z"],
        ["2026-12-01T08:00:00Z", "2026-12-01T11:00:00Z"],
    ]
    found = re.findall(r'name="(starts|ends)" value="([^"]*Z)"', client.get(url).text)
    first = dict(found[:2])
    zones = Page(client.get(url).text).text(".when-zone")
    assert len(zones) == 2  # said once for each
    assert "09:00–10:00" in client.get(url).text
    assert first == {"starts": "2026-11-30T08:00:00Z", "ends": "2026-11-30T09:00:00Z"}
    for _ in range(2):
        client.post(f"{url}/remove", data=first)
    assert guest(database, there).unavailable == [["2026-12-01T08:00:00Z", "2026-12-01T11:00:00Z"]]


@pytest.mark.parametrize(
    ("starts", "ends", "field"),
    [
        ("", "2026-12-01T12:00", "starts"),
        ("2026-12-01T09:00", "", "ends"),
        ("2026-12-01T09:00", "2026-12-01T09:00", "ends"),
        ("2026-12-01T09:00", "2028-12-01T09:00", "ends"),
        ("2025-12-01T09:00", "2025-12-01T10:00", "ends"),
        ("2027-03-28T02:30", "2027-03-28T05:00", "starts"),  # the clocks jump
        ("soon", "2026-12-01T09:00", "starts"),
    ],
)
def test_hours_that_cannot_be_taken(
    client: TestClient, database: Database, there: There, starts: str, ends: str, field: str
) -> None:
    answer = client.post(f"{there.page}/hours", data={"starts": starts, "ends": ends})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert guest(database, there).unavailable == []


def test_where_the_clocks_show_an_hour_twice_all_of_it_is_meant(
    client: TestClient, database: Database, there: There
) -> None:
    sent = {"starts": "2027-10-31T02:30", "ends": "2027-10-31T02:30"}
    client.post(f"{there.page}/hours", data=sent)
    assert guest(database, there).unavailable == [["2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"]]


def test_hours_of_several_days_name_both(client: TestClient, there: There) -> None:
    sent = {"starts": "2026-12-05T09:00", "ends": "2026-12-07T18:00"}
    client.post(f"{there.page}/hours", data=sent)
    (shown,) = Page(client.get(f"{there.page}/hours").text).text(".when-main")
    assert shown == "Saturday 5 December 2026, 09:00 – Monday 7 December 2026, 18:00"


def test_joining_backstage_then_the_meeting(
    client: TestClient, database: Database, there: There, at: Callable[[timedelta], None]
) -> None:
    join = f"{there.page}/sessions/1/join"
    for offset, wanted in (
        (timedelta(minutes=-61), 409),
        (timedelta(minutes=-60), "https://backstage.example.org/room"),
        (timedelta(seconds=-1), "https://backstage.example.org/room"),
        (timedelta(0), "https://meet.example.org/room"),
        (timedelta(minutes=89), "https://meet.example.org/room"),
        (timedelta(minutes=90), 409),
    ):
        at(offset)
        answer = client.post(join)
        assert (answer.headers.get("location") or answer.status_code) == wanted
    at(timedelta(minutes=-30))
    shown = client.get(join)
    assert "Go backstage" in shown.text
    assert "form-action 'self' https:" in shown.headers["content-security-policy"]
    assert "backstage.example.org" not in shown.text
    with database.begin(writes=True) as db:
        assert db.exec(select(Evidence)).all() == []
        session = db.exec(select(Session)).one()
        session.backstage_url = ""
        person = db.get(Person, there.person_id)
        Make(db).enrolment(db.get_one(Cycle, there.cycle_id), person)
    assert client.post(join).headers["location"] == "https://meet.example.org/room"
    with database.begin(writes=False) as db:
        assert [e.kind for e in db.exec(select(Evidence))] == ["join_click"]


def test_who_has_no_part_in_a_session_does_not_join_it(
    client: TestClient, database: Database, there: There, at: Callable[[timedelta], None]
) -> None:
    at(timedelta(0))
    for part_id, starts in ((there.panel, AT_START), (there.closing, HALF_AN_HOUR_ON)):
        client.post(
            f"{there.page}/parts/{part_id}/answer",
            data={"answer": "decline", "comment": "", "starts": starts},
        )
    found = [
        client.post(f"{there.page}/sessions/{number}/join").status_code for number in (1, 2, 10**9)
    ]
    assert found == [404, 404, 404]


def test_an_upload_from_another_site_is_refused(client: TestClient, there: There) -> None:
    answer = client.post(
        f"{there.page}/photo/upload",
        files={"file": ("x.jpg", b"x", "image/jpeg")},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert answer.status_code == 403


def test_while_a_file_is_sent_nobody_waits(
    app: FastAPI, client: TestClient, database: Database, there: There
) -> None:
    """The database is asked for once the file is there: a slow sender holds nothing."""
    seen: list[bool] = []
    begin = database.begin

    def watched(*, writes: bool) -> AbstractContextManager[object]:
        seen.append(writes)
        return begin(writes=writes)

    app.state.database = type("Watched", (), {"begin": staticmethod(watched)})()
    order: list[object] = []

    def body() -> object:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        order.append(list(seen))
        yield b"x\r\n--b--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=b"}
    client.post(f"{there.page}/photo/upload", content=body(), headers=headers)  # type: ignore[arg-type]
    app.state.database = database
    assert seen == [False, True]


@pytest.mark.parametrize("path", ["/parts/x/answer", "/hours"])
def test_whoever_does_something_here_can_be_reached(
    client: TestClient, database: Database, there: There, path: str
) -> None:
    def person() -> Person:
        with database.begin(writes=False) as db:
            return db.get_one(Person, db.get_one(Guest, there.guest_id).person_id)

    with database.begin(writes=True) as db:
        marked = db.get_one(Person, db.get_one(Guest, there.guest_id).person_id)
        marked.bounced_at, marked.bounce = marked.created_at - timedelta(days=999), "550 no"
    client.get(there.page)
    assert person().bounce == "550 no"
    starts = now() + timedelta(days=30)
    times = {
        "starts": f"{starts:%Y-%m-%dT%H:%M}",
        "ends": f"{starts + timedelta(hours=1):%Y-%m-%dT%H:%M}",
    }
    if path == "/hours":
        client.post(there.page + path, data=times)
        assert (person().bounced_at, person().bounce) == (None, "")
    else:  # nothing was done
        client.post(there.page + path, data={"answer": "confirm"})
        assert person().bounce == "550 no"

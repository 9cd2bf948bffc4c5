"""Materials on the pages: organizers', the public's, participants'; and their files."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.enrolment import EnrolmentStatus
from app.domain.permissions import AccountStanding, Role
from app.models import Cycle, Enrolment, Material, Session, TeamMember, User, now
from app.services import enrolments, materials
from app.services.accounts import start_sign_in
from app.services.actor import SYSTEM
from app.services.links import Links, Purpose
from app.services.publishing import publish
from app.web.security import COOKIE
from tests.factories import Make
from tests.pages.published import SLUG, Published, make_published

PDF = b"%PDF-1.7\n" + b"0123456789" * 200
PATH = f"/organize/c/{SLUG}/sessions/1/materials"
PAGE = f"/c/{SLUG}/1"


@pytest.fixture
def there(database: Database, links: Links) -> Published:
    return make_published(database, links)


def rows(database: Database) -> list[Material]:
    with database.begin(writes=False) as db:
        found = list(db.exec(select(Material).order_by(Material.position)))  # type: ignore[arg-type]
        db.expunge_all()
        return found


def add_link(client: TestClient, title: str = "Report", **more: str) -> Material:
    data = {
        "title": title, "kind": "document", "url": "https://example.org/report",
        "audience": "public", "visible": "now", **more,
    }  # fmt: skip
    answer = client.post(f"{PATH}/link", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, PATH), answer.text
    database: Database = client.app.state.database  # type: ignore[attr-defined]
    return rows(database)[-1]


def upload(
    client: TestClient, name: str = "slides.pdf", content: bytes = PDF, **more: str
) -> Material:
    data = {"title": "Slides", "kind": "slides", "audience": "public", "visible": "now", **more}
    answer = client.post(f"{PATH}/upload", data=data, files={"file": (name, content)})
    assert (answer.status_code, answer.headers["location"]) == (303, PATH), answer.text
    database: Database = client.app.state.database  # type: ignore[attr-defined]
    return rows(database)[-1]


def set_opening(database: Database, material_id: str, opens: datetime) -> None:
    with database.begin(writes=True) as db:
        db.exec(select(Material).where(Material.id == material_id)).one().visible_from = opens


class TestOrganizers:
    def test_from_nothing_to_a_list(self, organizer_client: TestClient, there: Published) -> None:
        assert "Nothing here yet" in organizer_client.get(PATH).text
        session = organizer_client.get(f"/organize/c/{SLUG}/sessions/1").text
        assert f'href="{PATH}"' in session
        for page in ("link", "upload"):
            assert organizer_client.get(f"{PATH}/{page}").status_code == 200
        link = add_link(organizer_client, segment_id=there.segment_id)
        file = upload(organizer_client)
        text = organizer_client.get(PATH).text
        assert "“Slides” is there." in text
        assert 'href="https://example.org/report" rel="noreferrer"' in text
        assert f'href="{PATH}/{file.id}/file" download' in text
        assert "Slides, 2 kB" in text
        assert "Segment 1" in text
        assert (link.segment_id, file.size, file.file_name) == (
            there.segment_id,
            len(PDF),
            "slides.pdf",
        )
        assert organizer_client.get(f"{PATH}/{file.id}/file").content == PDF

    def test_a_form_that_fails_keeps_what_was_typed(
        self, organizer_client: TestClient, there: Published
    ) -> None:
        data = {
            "title": "My title", "url": "javascript:alert(1)", "kind": "recording",
            "audience": "public", "visible": "later", "date": "2026-13-01", "time": "25:00",
        }  # fmt: skip
        answer = organizer_client.post(f"{PATH}/link", data=data)
        assert answer.status_code == 422
        assert 'value="My title"' in answer.text
        assert 'value="javascript:alert(1)"' in answer.text
        assert re.findall(r'id="([a-z-]+)-error"', answer.text) == ["url", "date", "time"]

    @pytest.mark.parametrize("visible", ["now", "after"])
    @pytest.mark.parametrize(("date", "time"), [("2027-03-04", ""), ("", "09:30"), ("soon", "x")])
    def test_a_day_without_its_choice_is_not_passed_over(
        self,
        organizer_client: TestClient,
        database: Database,
        there: Published,
        visible: str,
        date: str,
        time: str,
    ) -> None:
        row = add_link(organizer_client, visible="later", date="2027-03-04", time="09:30")
        data = {
            "title": "x", "url": "https://example.org/x", "kind": "link", "audience": "public",
            "visible": visible, "date": date, "time": time,
        }  # fmt: skip
        for path, files in (("/link", None), ("/upload", {"file": ("x.pdf", PDF)}), (f"/{row.id}", None)):  # noqa: E501 # fmt: skip
            answer = organizer_client.post(PATH + path, data=data, files=files)
            assert answer.status_code == 422
            assert "Choose “From a day and time on”, or empty the two." in answer.text
            wrong = set(re.findall(r'id="([a-z-]+)-error"', answer.text))
            assert wrong == ({"file", "visible"} if files else {"visible"})
            assert f'name="date" type="date" value="{date}"' in answer.text
            assert f'name="time" type="time" value="{time}"' in answer.text
            assert re.findall(r'name="visible" value="(\w+)" checked', answer.text) == [visible]
        assert [(r.title, r.visible_from) for r in rows(database)] == [
            (row.title, datetime(2027, 3, 4, 14, 30, tzinfo=UTC))
        ]

    def test_a_day_without_its_choice_is_told_with_the_rest(
        self, organizer_client: TestClient, there: Published
    ) -> None:
        data = {"title": "", "kind": "document", "url": "", "audience": "public", "visible": "now", "date": "2027-03-04"}  # noqa: E501 # fmt: skip
        answer = organizer_client.post(f"{PATH}/link", data=data)
        assert re.findall(r'id="([a-z]+)-error"', answer.text) == ["url", "title", "visible"]

    def test_a_file_that_fails(self, organizer_client: TestClient, there: Published) -> None:
        data = {"title": "", "kind": "slides", "audience": "public", "visible": "now"}
        for files in ({}, {"file": ("x.pdf", b"")}, {"file": ("x.exe", b"MZ\x90\0")}):
            answer = organizer_client.post(
                f"{PATH}/upload", data=data, files=files or {"other": ("", b"")}
            )
            assert answer.status_code == 422
            assert set(re.findall(r'id="([a-z-]+)-error"', answer.text)) == {"file", "title"}
        answer = organizer_client.post(f"{PATH}/upload", data=data, files={"file": ("x", PDF)})
        assert answer.status_code == 422
        assert "Choose the file once more." in answer.text

    def test_a_time_is_kept_in_the_sessions_zone_and_shown_so(
        self, organizer_client: TestClient, there: Published
    ) -> None:
        row = add_link(organizer_client, visible="later", date="2027-03-04", time="09:30")
        assert row.visible_from == datetime(2027, 3, 4, 14, 30, tzinfo=UTC)  # Bogotá
        text = organizer_client.get(f"{PATH}/{row.id}").text
        assert 'name="date" type="date" value="2027-03-04"' in text
        assert 'name="time" type="time" value="09:30"' in text
        assert organizer_client.get(PATH).text.count("Not yet") == 1

    def test_a_time_that_exists_twice_is_asked_about(
        self, organizer_client: TestClient, database: Database, there: Published
    ) -> None:
        with database.begin(writes=True) as db:
            session = db.exec(select(Session).where(Session.id == there.session_ids[0])).one()
            session.zone = "Europe/Madrid"
        data = {
            "title": "x", "url": "https://example.org/x", "kind": "link", "audience": "public",
            "visible": "later", "date": "2026-10-25", "time": "02:30",
        }  # fmt: skip
        answer = organizer_client.post(f"{PATH}/link", data=data)
        assert answer.status_code == 422
        assert "This time exists twice on that day" in answer.text
        row = add_link(organizer_client, **{**data, "fold": "1"})
        assert row.visible_from == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        checked = re.findall(r'id="fold-(\d)" name="fold" value="\d" checked', organizer_client.get(f"{PATH}/{row.id}").text)  # noqa: E501 # fmt: skip
        assert checked == ["1"]

    def test_change_move_remove(
        self, organizer_client: TestClient, database: Database, there: Published
    ) -> None:
        first, second = add_link(organizer_client, "first"), upload(organizer_client)
        data = {"title": "Better", "kind": "document", "audience": "participants", "visible": "after"}  # noqa: E501 # fmt: skip
        answer = organizer_client.post(f"{PATH}/{second.id}", data=data)
        assert answer.status_code == 303
        answer = organizer_client.post(f"{PATH}/{second.id}/move", data={"to": "up"})
        assert answer.headers["location"] == f"{PATH}#material-{second.id}"
        assert [(r.title, r.audience, r.after_session) for r in rows(database)] == [
            ("Better", "participants", True),
            ("first", "public", False),
        ]
        wrong = organizer_client.post(f"{PATH}/{first.id}", data={**data, "url": "nothing"})
        assert (wrong.status_code, 'value="nothing"' in wrong.text) == (422, True)
        assert organizer_client.get(f"{PATH}/{first.id}/remove").status_code == 200
        assert len(rows(database)) == 2
        assert organizer_client.post(f"{PATH}/{first.id}/remove").status_code == 303
        assert [r.title for r in rows(database)] == ["Better"]

    def test_the_page_that_cancels_says_what_becomes_of_them(
        self, organizer_client: TestClient, client: TestClient, database: Database, there: Published
    ) -> None:
        cancel = PATH.replace("/materials", "/cancel")
        add_link(organizer_client, "At once")
        assert "stays closed" not in organizer_client.get(cancel).text
        add_link(organizer_client, visible="after")
        assert "The material that opens after the session stays closed." in organizer_client.get(cancel).text  # noqa: E501 # fmt: skip
        organizer_client.post(cancel)
        waits = "it waits for a session that is cancelled"
        assert waits not in organizer_client.get(PATH).text  # nobody has heard of it yet
        with database.begin(writes=True) as db:
            publish(db, SYSTEM, there.cycle_id, accept_warnings=True, now=now())
        assert waits in organizer_client.get(PATH).text

    def test_the_buttons_keep_their_places(
        self, organizer_client: TestClient, there: Published
    ) -> None:
        for title in "abc":
            add_link(organizer_client, title)
        text = organizer_client.get(PATH).text
        buttons = re.findall(r'name="to" value="(up|down)"( disabled)?', text)
        assert buttons == [
            ("up", " disabled"), ("down", ""), ("up", ""), ("down", ""), ("up", ""),
            ("down", " disabled"),
        ]  # fmt: skip

    def test_another_sessions_material_is_not_here(
        self, organizer_client: TestClient, there: Published
    ) -> None:
        row = upload(organizer_client)
        other = PATH.replace("/1/", "/2/")
        for path in ("", "/remove", "/file"):
            assert organizer_client.get(f"{other}/{row.id}{path}").status_code == 404
        for path in ("", "/remove", "/move"):
            assert organizer_client.post(f"{other}/{row.id}{path}", data={}).status_code == 404

    def test_nothing_is_kept_where_there_is_no_session_or_no_room(
        self,
        organizer_client: TestClient,
        app: FastAPI,
        there: Published,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        data = {"title": "x", "kind": "slides", "audience": "public", "visible": "now"}
        sent = {"file": ("x.pdf", PDF)}
        for other in ("/sessions/99/", "/sessions/x/", "/sessions/²/"):
            path = PATH.replace("/sessions/1/", other)
            assert organizer_client.post(f"{path}/upload", data=data, files=sent).status_code == 404
        monkeypatch.setattr(materials, "MOST", 0)
        answer = organizer_client.post(f"{PATH}/upload", data=data, files=sent)
        assert answer.status_code == 422
        assert "A session has at most 0 materials." in answer.text
        assert list(app.state.files._folder.glob("**/*")) == []

    def test_nobody_else_gets_in(self, client: TestClient, there: Published) -> None:
        assert client.get(PATH).status_code == 303
        for path in ("/link", "/x", "/x/remove", "/x/move"):
            assert client.post(PATH + path, data={}).status_code == 401
        answer = client.post(f"{PATH}/upload", files={"file": ("x.pdf", PDF)})
        assert answer.status_code == 401

    def test_of_who_may_only_look_nothing_is_kept(
        self, client: TestClient, app: FastAPI, database: Database, there: Published
    ) -> None:
        with database.begin(writes=True) as db:
            cycle = db.exec(select(Cycle)).one()
            viewer = User(name="V", email="v@example.org", email_key="v@example.org")
            viewer.standing = AccountStanding.MEMBER
            db.add(viewer)
            db.flush()
            db.add(TeamMember(cycle_id=cycle.id, user_id=viewer.id, role=Role.VIEWER))
            client.cookies.set(COOKIE, start_sign_in(db, viewer.id, now()))
        data = {"title": "x", "kind": "slides", "audience": "public", "visible": "now"}
        sent = {"file": ("x.pdf", PDF)}
        answer = client.post(
            f"{PATH}/upload", data=data, files=sent, headers={"sec-fetch-site": "same-origin"}
        )
        assert answer.status_code == 403
        assert list(app.state.files._folder.glob("**/*")) == []

    @pytest.mark.parametrize("number", [1, 3])
    def test_queries_do_not_grow(
        self,
        organizer_client: TestClient,
        there: Published,
        count_queries: Callable[[], AbstractContextManager[list[str]]],
        number: int,
    ) -> None:
        for _ in range(number):
            add_link(organizer_client, segment_id=there.segment_id)
        organizer_client.get(PATH)
        with count_queries() as queries:
            assert organizer_client.get(PATH).status_code == 200
        assert len(queries) == 8


class TestPublic:
    def test_what_is_public_appears_and_disappears_at_once(
        self, organizer_client: TestClient, client: TestClient, there: Published
    ) -> None:
        assert "/materials/" not in client.get(PAGE).text
        link = add_link(organizer_client, "A report")
        add_link(organizer_client, "For participants", audience="participants")
        add_link(organizer_client, "After", visible="after")
        text = client.get(PAGE).text
        assert '<a href="https://example.org/report" rel="noreferrer">A report</a>' in text
        assert "For participants" not in text
        assert "After" not in text
        organizer_client.post(f"{PATH}/{link.id}/remove")
        assert "A report" not in client.get(PAGE).text
        assert "meet.example.org" not in text

    def test_a_title_is_only_text(
        self, organizer_client: TestClient, client: TestClient, there: Published
    ) -> None:
        add_link(organizer_client, "<script>alert(1)</script>%(x)s{{ 1 }}")
        text = client.get(PAGE).text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;%(x)s{{ 1 }}" in text

    def test_an_embargo_ends_by_itself_on_the_kept_page(
        self,
        organizer_client: TestClient,
        client: TestClient,
        app: FastAPI,
        database: Database,
        there: Published,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        row = upload(organizer_client)
        opens = (now() + timedelta(days=1)).replace(microsecond=0)
        set_opening(database, row.id, opens)
        at = [opens - timedelta(seconds=1)]
        monkeypatch.setattr(app.state.representations, "_clock", lambda: at[0].timestamp())
        for module in ("public", "downloads"):
            monkeypatch.setattr(f"app.routers.pages.{module}.now", lambda: at[0])
        file = f"{PAGE}/materials/{row.id}"
        assert (file in client.get(PAGE).text, client.get(file).status_code) == (False, 404)
        at[0] = opens
        assert (file in client.get(PAGE).text, client.get(file).status_code) == (True, 200)


class TestFiles:
    def test_a_download(
        self, organizer_client: TestClient, client: TestClient, there: Published
    ) -> None:
        row = upload(organizer_client)
        answer = client.get(f"{PAGE}/materials/{row.id}")
        assert (answer.status_code, answer.content) == (200, PDF)
        wanted = {
            "content-type": "application/pdf",
            "content-disposition": 'attachment; filename="slides.pdf"',
            "content-length": str(len(PDF)),
            "x-content-type-options": "nosniff",
            "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
            "accept-ranges": "bytes",
            "etag": f'"{row.file}"',
            "cache-control": "no-cache",
        }
        assert {name: answer.headers[name] for name in wanted} == wanted
        head = client.head(f"{PAGE}/materials/{row.id}")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(PDF))

    @pytest.mark.parametrize(
        ("asked", "status", "content", "of"),
        [
            ("bytes=0-3", 206, b"%PDF", f"bytes 0-3/{len(PDF)}"),
            (" Bytes = 0-3 ", 206, b"%PDF", f"bytes 0-3/{len(PDF)}"),
            ("bytes=-4", 206, b"6789", f"bytes {len(PDF) - 4}-{len(PDF) - 1}/{len(PDF)}"),
            (f"bytes={len(PDF)}-", 416, b"", f"bytes */{len(PDF)}"),
        ],
    )
    def test_a_part_of_it(
        self,
        organizer_client: TestClient,
        client: TestClient,
        there: Published,
        asked: str,
        status: int,
        content: bytes,
        of: str,
    ) -> None:
        row = upload(organizer_client)
        answer = client.get(f"{PAGE}/materials/{row.id}", headers={"range": asked})
        assert (answer.status_code, answer.content) == (status, content)
        assert answer.headers["content-range"] == of

    @pytest.mark.parametrize(
        "asked",
        ["bytes", "bytes=", "bytes=-", "bytes=x-3", "bytes=3-1", "items=0-3", "bytes=0-3,x",
         "bytes=0-3,3-1", "bytes=٣-4", f"bytes={'9' * 5000}-", ",", ""],
    )  # fmt: skip
    def test_a_range_that_is_none_is_passed_over(
        self, organizer_client: TestClient, client: TestClient, there: Published, asked: str
    ) -> None:
        row = upload(organizer_client)
        headers = {b"range": asked.encode()}
        answer = client.get(f"{PAGE}/materials/{row.id}", headers=headers)
        assert (answer.status_code, answer.content) == (200, PDF)

    def test_going_on_with_what_was_begun(
        self, organizer_client: TestClient, client: TestClient, there: Published
    ) -> None:
        row = upload(organizer_client)
        path = f"{PAGE}/materials/{row.id}"
        tag = client.get(path).headers["etag"]
        part = client.get(path, headers={"range": "bytes=4-", "if-range": tag})
        assert (part.status_code, part.content) == (206, PDF[4:])
        other = client.get(path, headers={"range": "bytes=4-", "if-range": '"another"'})
        assert (other.status_code, other.content) == (200, PDF)
        same = client.get(path, headers={"if-none-match": tag})
        assert (same.status_code, same.content) == (304, b"")

    @pytest.mark.parametrize(
        ("name", "disposition"),
        [
            ("Presentación ñ.pdf", "attachment; filename*=utf-8''Presentaci%C3%B3n%20%C3%B1.pdf"),
            ("../../etc/passwd", 'attachment; filename="passwd.pdf"'),
            ("C:\\temp\\x.pdf", 'attachment; filename="x.pdf"'),
            ("evil.pdf.html", 'attachment; filename="evil.pdf.html.pdf"'),
            ("\u202efdp.exe", 'attachment; filename="fdp.exe.pdf"'),
            ("a;b=c, d.pdf", "attachment; filename*=utf-8''a%3Bb%3Dc%2C%20d.pdf"),
            (".pdf", 'attachment; filename="file.pdf"'),
            ("x" * 300 + ".pdf", f'attachment; filename="{"x" * 150}.pdf"'),
        ],
    )
    def test_hostile_names(
        self,
        organizer_client: TestClient,
        client: TestClient,
        there: Published,
        name: str,
        disposition: str,
    ) -> None:
        row = upload(organizer_client, name)
        answer = client.get(f"{PAGE}/materials/{row.id}")
        assert answer.headers["content-disposition"] == disposition

    @pytest.mark.parametrize(
        "raw",
        [
            b'filename="a\\"b.pdf"',
            b'filename="a\xff\xfe.pdf"',
            b'filename="a%0d%0ab.pdf"',
            b'filename="a\0b.pdf"',
            b"filename*=utf-8''a%0D%0Ab.pdf",
            b'filename="\xed\xa0\x80.pdf"',
        ],
    )
    def test_names_that_no_browser_sends(
        self, organizer_client: TestClient, client: TestClient, there: Published, raw: bytes
    ) -> None:
        fields = b"".join(
            b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % pair
            for pair in (
                (b"title", b"t"), (b"kind", b"slides"), (b"audience", b"public"),
                (b"visible", b"now"),
            )
        )  # fmt: skip
        file = b'--b\r\nContent-Disposition: form-data; name="file"; ' + raw + b"\r\n\r\n" + PDF
        answer = organizer_client.post(
            f"{PATH}/upload",
            content=fields + file + b"\r\n--b--\r\n",
            headers={"content-type": "multipart/form-data; boundary=b"},
        )
        assert answer.status_code in (303, 400, 422), answer.text
        database: Database = client.app.state.database  # type: ignore[attr-defined]
        for row in rows(database):
            found = client.get(f"{PAGE}/materials/{row.id}")
            assert (found.status_code, found.content) == (200, PDF)
            assert found.headers["content-disposition"].isprintable()

    def test_a_link_is_no_file(
        self, organizer_client: TestClient, client: TestClient, there: Published
    ) -> None:
        row = add_link(organizer_client)
        assert client.get(f"{PAGE}/materials/{row.id}").status_code == 404

    def test_elsewhere_it_is_not(
        self,
        organizer_client: TestClient,
        client: TestClient,
        database: Database,
        there: Published,
    ) -> None:
        row = upload(organizer_client)
        hidden = upload(organizer_client, audience="participants")
        with database.begin(writes=True) as db:
            make = Make(db)
            make.session(make.cycle(slug="a-draft"))
        for path in (
            f"/c/{SLUG}/2/materials/{row.id}",
            f"/c/{SLUG}/9/materials/{row.id}",
            f"/c/a-draft/1/materials/{row.id}",
            f"{PAGE}/materials/{hidden.id}",
            f"{PAGE}/materials/nothing",
            f"{PAGE}/materials/%00",
            f"{PAGE}/materials/ñ",
        ):
            assert client.get(path).status_code == 404, path


class TestParticipants:
    def test_they_see_theirs_by_session(
        self, organizer_client: TestClient, client: TestClient, there: Published
    ) -> None:
        row = upload(organizer_client, audience="participants")
        add_link(organizer_client, "For all")
        add_link(organizer_client, "Later", visible="after")
        text = client.get(f"{there.my}?lang=en").text
        assert f'<a href="{there.my}/materials/{row.id}" download>Slides</a>' in text
        assert 'rel="noreferrer">For all</a>' in text
        assert "Later" not in text
        answer = client.get(f"{there.my}/materials/{row.id}")
        assert (answer.status_code, answer.content) == (200, PDF)
        assert answer.headers["cache-control"] == "private, no-cache"

    @pytest.mark.parametrize(
        ("status", "page", "public", "theirs"),
        [
            (EnrolmentStatus.CONFIRMED, ["Public", "Theirs"], 200, 200),
            (EnrolmentStatus.PENDING, ["Public"], 200, 404),
            (EnrolmentStatus.WAITLISTED, ["Public"], 200, 404),
            (EnrolmentStatus.WITHDRAWN, [], 404, 404),
        ],
    )
    def test_only_who_is_confirmed_gets_them(
        self,
        organizer_client: TestClient,
        client: TestClient,
        database: Database,
        there: Published,
        status: EnrolmentStatus,
        page: list[str],
        public: int,
        theirs: int,
    ) -> None:
        files = [
            upload(organizer_client, title=title, audience=audience)
            for title, audience in (("Public", "public"), ("Theirs", "participants"))
        ]
        with database.begin(writes=True) as db:
            row = db.exec(select(Enrolment).where(Enrolment.id == there.enrolment_id)).one()
            row.status = status
        text = client.get(there.my).text
        assert re.findall(r" download>(\w+)</a>", text) == page
        found = [client.get(f"{there.my}/materials/{f.id}").status_code for f in files]
        assert found == [public, theirs]

    def test_people_of_another_cycle_and_old_links(
        self,
        organizer_client: TestClient,
        client: TestClient,
        database: Database,
        links: Links,
        there: Published,
    ) -> None:
        file = upload(organizer_client, audience="participants")
        with database.begin(writes=True) as db:
            make = Make(db)
            cycle = make.cycle(slug="other", status="published")
            other = make.enrolment(cycle)
            from app.services.publishing import publish

            make.session(cycle)
            publish(db, SYSTEM, cycle.id, accept_warnings=True, now=now())
            token = links.token(Purpose.MY, other.id, 1)
        assert client.get(f"/my/{token}").status_code == 200
        assert client.get(f"/my/{token}/materials/{file.id}").status_code == 404
        assert client.get(f"/my/x{token}/materials/{file.id}").status_code == 404
        with database.begin(writes=True) as db:
            enrolments.renew_link(db, enrolments.get_enrolment(db, SYSTEM, there.enrolment_id))
        assert client.get(f"{there.my}/materials/{file.id}").status_code == 410

    def test_the_embargo_holds_here_too(
        self,
        organizer_client: TestClient,
        client: TestClient,
        database: Database,
        there: Published,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        row = upload(organizer_client, audience="participants")
        opens = (now() + timedelta(days=1)).replace(microsecond=0)
        set_opening(database, row.id, opens)
        at = [opens - timedelta(seconds=1)]
        for module in ("my", "downloads"):
            monkeypatch.setattr(f"app.routers.pages.{module}.now", lambda: at[0])
        path = f"{there.my}/materials/{row.id}"
        assert ("download>" in client.get(there.my).text, client.get(path).status_code) == (
            False,
            404,
        )
        at[0] = opens
        assert ("download>" in client.get(there.my).text, client.get(path).status_code) == (
            True,
            200,
        )


def test_the_same_file_twice_goes_with_the_last_row(
    organizer_client: TestClient, app: FastAPI, database: Database, there: Published
) -> None:
    from app.services.files import files_in_use

    one, two = upload(organizer_client), upload(organizer_client, "other.pdf")
    assert one.file == two.file
    later = datetime.now(UTC) + timedelta(days=2)  # files have the machine's time
    for row, left in ((one, True), (two, False)):
        with database.begin(writes=True) as db:
            materials.remove_material(db, SYSTEM, row.id)
        with database.begin(writes=False) as db:
            app.state.files.remove_unused(files_in_use(db), later)
        assert any(p.name == one.file for p in app.state.files._folder.glob("*/*")) is left

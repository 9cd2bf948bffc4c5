"""What organizers do with materials, and who may see them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import Invalid, NotFound
from app.domain.materials import NEVER, Audience, MaterialKind
from app.domain.schedule import Session as Published
from app.domain.schedule import SessionStatus
from app.models import Cycle, Guest, Material, Session
from app.schemas.material import MaterialIn, MaterialLinkIn
from app.schemas.session import SeriesIn, SessionChange, SessionIn
from app.services import materials, sessions
from app.services.actor import SYSTEM
from app.services.files import Stored
from app.services.guests import guest_of
from tests.factories import NOW, Make

SECOND = timedelta(seconds=1)


STORED = Stored("a" * 64, 1234, "application/pdf")


@pytest.fixture
def session(make: Make) -> Session:
    return make.session(make.cycle(), meeting_url="https://meet.example.org/room")


def link(db: DbSession, session: Session, title: str = "Slides", **more: object) -> Material:
    new = MaterialLinkIn.model_validate({"title": title, "url": "https://example.org/x", **more})
    return materials.add_link(db, SYSTEM, session.id, new)


def file(db: DbSession, session: Session, title: str = "Slides", **more: object) -> Material:
    new = MaterialIn.model_validate({"title": title, "kind": "slides", **more})
    return materials.add_file(db, SYSTEM, session.id, new, STORED, "slides.pdf")


def as_published(session: Session, status: SessionStatus = SessionStatus.SCHEDULED) -> Published:
    """The session as if it were published as it stands."""
    return Published(
        id=session.id, uid=session.uid, number=session.number, title={}, zone=session.zone,
        wall_start=session.wall_start, starts=session.starts_at, ends=session.ends_at,
        status=status,
    )  # fmt: skip


def listed_of(db: DbSession, session: Session) -> list[materials.Listed]:
    return materials.list_materials(db, SYSTEM, session, None)


def titles(db: DbSession, session: Session) -> list[str]:
    return [x.material.title for x in listed_of(db, session)]


def seen(db: DbSession, session: Session, now: datetime, audience: Audience) -> list[str]:
    shown = materials.visible(db, [as_published(session)], now, audience)
    return [row.title for row in shown.by_session.get(session.id, [])]


def told(db: DbSession, session: Session, now: datetime) -> list[tuple[str, datetime | None]]:
    return [(row.title, opens) for row, opens in materials.for_mail(db, as_published(session), now)]


class TestDeeds:
    def test_a_link_is_kept_as_given(self, db: DbSession, make: Make, session: Session) -> None:
        segment = make.segment(session)
        row = link(
            db, session, kind="recording", audience="public", segment_id=segment.id,
            visible_wall="2026-12-01T11:00",
        )  # fmt: skip
        assert (row.kind, row.url, row.audience) == (
            "recording",
            "https://example.org/x",
            "public",
        )
        assert row.visible_from == datetime(2026, 12, 1, 16, 0, tzinfo=UTC)  # Bogotá
        (listed,) = listed_of(db, session)
        assert (listed.segment, listed.given_by) == ("Segment 1", "")
        assert listed.opens == row.visible_from

    def test_a_file_says_who_gave_it(self, db: DbSession, make: Make, session: Session) -> None:
        guest = Guest(cycle_id=session.cycle_id, person_id=make.person(name="Ana").id)
        db.add(guest)
        db.flush()
        new = MaterialIn(title="Slides", kind="slides")
        row = materials.add_file(db, SYSTEM, session.id, new, STORED, "ñ.pdf", guest.id)
        assert (row.file, row.file_name, row.size) == ("a" * 64, "ñ.pdf", 1234)
        (listed,) = listed_of(db, session)
        assert listed.given_by == "Ana"

    @pytest.mark.parametrize(
        "url",
        ["", "javascript:alert(1)", "data:text/html,x", "ftp://example.org/x", "example.org",
         "https://example.org/a b", "https://", "//example.org/x", "file:///etc/passwd"],
    )  # fmt: skip
    def test_only_whole_links_are_taken(self, url: str) -> None:
        with pytest.raises(ValidationError):
            MaterialLinkIn(title="x", url=url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://meet.example.org/room",
            "http://MEET.example.org:80/room/",
            "https://meet.example.org/room?pwd=abc",
            "https://ana@meet.example.org/room#x",
        ],
    )
    def test_a_meeting_link_is_refused(
        self, db: DbSession, make: Make, session: Session, url: str
    ) -> None:
        cycle = db.exec(select(Cycle).where(Cycle.id == session.cycle_id)).one()
        other = make.session(cycle, 2, backstage_url="https://meet.example.org/backstage")
        for where, address in ((other, url), (session, "https://meet.example.org/backstage")):
            with pytest.raises(Invalid) as error:
                link(db, where, url=address)
            assert [(e.field, e.code) for e in error.value.fields] == [("url", "meeting_link")]

    @pytest.mark.parametrize("audience", list(Audience))
    def test_a_material_is_refused_as_a_meeting_link(
        self, db: DbSession, make: Make, session: Session, audience: Audience
    ) -> None:
        cycle = db.exec(select(Cycle).where(Cycle.id == session.cycle_id)).one()
        other = make.session(cycle, 2)
        session.meeting_url = "https://meet.example.org/old"
        link(db, session, url="https://meet.example.org/j/9", audience=audience)
        first = {"title": {"es": "x"}, "wall_start": "2026-12-01T09:00", "minutes": 60}
        one = {"meeting_url": "https://meet.example.org/j/9?pwd=abc"}
        both = {**one, "backstage_url": "http://meet.example.org/j/9#a"}
        series_of = {"title": {"es": "x"}, "first_wall_start": "2026-12-01T09:00",
                     "every_days": 7, "count": 2, "minutes": 60, **one}  # fmt: skip
        deeds: list[tuple[Callable[[], object], list[str]]] = [
            (lambda: sessions.create_session(db, SYSTEM, cycle.id, SessionIn(**first, **both)), [*both]),  # noqa: E501
            (lambda: sessions.change_session(db, SYSTEM, other.id, SessionChange(**both)), [*both]),
            (lambda: sessions.change_session(db, SYSTEM, session.id, SessionChange(**one)), [*one]),
            (lambda: sessions.create_series(db, SYSTEM, cycle.id, SeriesIn(**series_of)), [*one]),
        ]  # fmt: skip
        for deed, fields in deeds:
            with pytest.raises(Invalid) as error:
                deed()
            assert [(e.field, e.code) for e in error.value.fields] == [
                (field, "material_link") for field in fields
            ]
        (found,) = error.value.fields
        assert found.params == {"title": "Slides", "number": 1}
        same = SessionChange(meeting_url="https://meet.example.org/old", check_in_word="sol")
        assert sessions.change_session(db, SYSTEM, session.id, same).check_in_word == "sol"

    def test_another_cycles_materials_are_its_own_matter(
        self, db: DbSession, make: Make, session: Session
    ) -> None:
        link(db, session, url="https://meet.example.org/j/9")
        other = make.session(make.cycle())
        change = SessionChange(meeting_url="https://meet.example.org/j/9")
        assert sessions.change_session(db, SYSTEM, other.id, change).meeting_url

    def test_another_sessions_segment_is_refused(
        self, db: DbSession, make: Make, session: Session
    ) -> None:
        other = make.segment(make.session(make.cycle()))
        for wrong in (other.id, "nothing", "ñ", "\0"):
            with pytest.raises(Invalid) as error:
                link(db, session, segment_id=wrong)
            assert error.value.fields[0].field == "segment_id"

    def test_a_file_is_no_link(self, db: DbSession, session: Session) -> None:
        with pytest.raises(Invalid) as error:
            file(db, session, kind="link")
        assert error.value.fields[0].field == "kind"

    def test_one_time_only(self, db: DbSession, session: Session) -> None:
        with pytest.raises(Invalid) as error:
            link(db, session, visible_wall="2026-12-01T11:00", after_session=True)
        assert error.value.fields[0].code == "two_times"

    def test_a_time_that_exists_twice_is_asked_about(self, db: DbSession, make: Make) -> None:
        session = make.session(make.cycle(zone="Europe/Madrid"))
        with pytest.raises(Invalid) as error:
            link(db, session, visible_wall="2026-10-25T02:30")
        assert (error.value.fields[0].field, error.value.code) == (
            "visible_wall",
            "ambiguous_time",
        )
        second = link(db, session, visible_wall="2026-10-25T02:30", fold=1)
        assert second.visible_from == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)

    def test_changing_says_everything_anew(self, db: DbSession, session: Session) -> None:
        row = link(db, session, visible_wall="2026-12-01T11:00")
        new = MaterialLinkIn(title="Other", url="https://example.org/y", after_session=True)
        materials.change_material(db, SYSTEM, row.id, new)
        assert (row.title, row.url, row.visible_from, row.after_session) == (
            "Other",
            "https://example.org/y",
            None,
            True,
        )

    def test_a_changed_file_stays_the_file(self, db: DbSession, session: Session) -> None:
        row = file(db, session)
        new = MaterialLinkIn(title="Other", kind="document", url="https://example.org/y")
        materials.change_material(db, SYSTEM, row.id, new)
        assert (row.title, row.url, row.file) == ("Other", "", "a" * 64)

    def test_moving(self, db: DbSession, session: Session) -> None:
        rows = [link(db, session, name) for name in "abc"]
        for which, step, expected in (
            (0, 1, "bac"), (0, -1, "abc"), (0, -1, "abc"), (2, 1, "abc"), (2, -1, "acb"),
        ):  # fmt: skip
            materials.move_material(db, SYSTEM, rows[which].id, step)
            assert "".join(titles(db, session)) == expected
        materials.remove_material(db, SYSTEM, rows[0].id)
        link(db, session, "d")
        assert titles(db, session) == ["c", "b", "d"]

    def test_there_are_not_too_many(
        self, db: DbSession, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(materials, "MOST", 2)
        link(db, session)
        link(db, session)
        with pytest.raises(Invalid) as error:
            link(db, session)
        assert error.value.fields[0].code == "full"

    def test_what_is_not_there(self, db: DbSession, make: Make, session: Session) -> None:
        row = link(db, session)
        other = make.session(make.cycle())
        for wrong in ("nothing", "ñ", "\0"):
            with pytest.raises(NotFound):
                materials.remove_material(db, SYSTEM, wrong)
        with pytest.raises(NotFound):
            materials.get_material(db, SYSTEM, other.id, row.id)


class TestSeeing:
    def test_an_embargo_ends_to_the_second(self, db: DbSession, session: Session) -> None:
        row = link(db, session, visible_wall="2026-12-01T11:00", audience="public")
        opens = row.visible_from
        assert opens is not None
        for audience in Audience:
            assert seen(db, session, opens - SECOND, audience) == []
            assert seen(db, session, opens, audience) == ["Slides"]
            before = materials.visible(db, [as_published(session)], opens - SECOND, audience)
            assert before.until == opens
            assert materials.visible(db, [as_published(session)], opens, audience).until is None

    def test_the_draft_does_not_count(self, db: DbSession, session: Session) -> None:
        row = link(db, session, after_session=True)
        was = as_published(session)
        session.ends_at += timedelta(hours=1)
        session.status = SessionStatus.CANCELLED
        assert materials.opening(row, session, was) == was.ends
        assert [x.opens for x in materials.list_materials(db, SYSTEM, session, was)] == [was.ends]
        for now, expected in ((was.ends - SECOND, []), (was.ends, ["Slides"])):
            told_of = [m.title for m, opens in materials.for_mail(db, was, now) if opens is None]
            assert told_of == expected
        assert materials.opening(row, session, None) == NEVER

    def test_a_session_that_is_cancelled_opens_nothing(
        self, db: DbSession, session: Session
    ) -> None:
        link(db, session, "Slides", after_session=True, audience="public")
        link(db, session, "Reading", audience="public")
        off = as_published(session, SessionStatus.CANCELLED)
        late = session.ends_at + timedelta(days=100)
        for audience in Audience:
            shown = materials.visible(db, [off], late, audience)
            assert [m.title for m in shown.by_session[session.id]] == ["Reading"]
            assert materials.visible(db, [off], NOW, audience).until is None
        listed = materials.list_materials(db, SYSTEM, session, off)
        assert [x.never for x in listed] == [True, False]
        assert materials.count_after_session(db, SYSTEM, session.id) == 1
        assert seen(db, session, session.ends_at, Audience.PUBLIC) == ["Slides", "Reading"]

    def test_after_the_session_moves_with_it(self, db: DbSession, session: Session) -> None:
        link(db, session, after_session=True)
        ends = session.ends_at
        session.ends_at = ends + timedelta(hours=1)
        db.flush()
        assert seen(db, session, ends, Audience.PARTICIPANTS) == []
        assert seen(db, session, session.ends_at - SECOND, Audience.PARTICIPANTS) == []
        assert seen(db, session, session.ends_at, Audience.PARTICIPANTS) == ["Slides"]
        assert told(db, session, ends) == [("Slides", session.ends_at)]
        assert told(db, session, session.ends_at) == [("Slides", None)]

    def test_each_audience_sees_its_own(self, db: DbSession, session: Session) -> None:
        link(db, session, "for all", audience="public")
        link(db, session, "for participants")
        link(db, session, "later", visible_wall="2026-12-01T11:00")
        assert seen(db, session, NOW, Audience.PUBLIC) == ["for all"]
        assert seen(db, session, NOW, Audience.PARTICIPANTS) == ["for all", "for participants"]
        # What the public will never see gives no time away.
        assert materials.visible(db, [as_published(session)], NOW, Audience.PUBLIC).until is None
        later = datetime(2026, 12, 1, 16, tzinfo=UTC)
        assert told(db, session, NOW) == [
            ("for all", None),
            ("for participants", None),
            ("later", later),
        ]

    def test_one_by_its_id(self, db: DbSession, make: Make, session: Session) -> None:
        row = link(db, session, visible_wall="2026-12-01T11:00")
        opens = row.visible_from
        assert opens is not None
        other = make.session(make.cycle())
        find = materials.visible_material
        assert find(db, [as_published(session)], row.id, opens, Audience.PARTICIPANTS) is row
        for where, which, now, audience in (
            (session, row.id, opens - SECOND, Audience.PARTICIPANTS),
            (session, row.id, opens, Audience.PUBLIC),
            (other, row.id, opens, Audience.PARTICIPANTS),
            (session, "nothing", opens, Audience.PARTICIPANTS),
            (session, "ñ", opens, Audience.PARTICIPANTS),
            (session, "\0", opens, Audience.PARTICIPANTS),
        ):
            with pytest.raises(NotFound):
                find(db, [as_published(where)], which, now, audience)

    @pytest.mark.parametrize("rows", [1, 3])
    def test_queries_do_not_grow(
        self,
        db: DbSession,
        make: Make,
        count_queries: Callable[[], AbstractContextManager[list[str]]],
        rows: int,
    ) -> None:
        cycle = make.cycle()
        sessions = [make.session(cycle, n + 1) for n in range(rows)]
        for session in sessions:
            for _ in range(rows):
                link(db, session)
        published = [as_published(s) for s in sessions]
        db.expire_all()
        db.refresh(sessions[0])
        with count_queries() as queries:
            materials.visible(db, published, NOW, Audience.PARTICIPANTS)
            listed_of(db, sessions[0])
            materials.for_mail(db, published[0], NOW)
        assert len(queries) == 3


def test_a_segment_that_goes_leaves_its_material(db: DbSession, make: Make) -> None:
    session = make.session(make.cycle())
    segment = make.segment(session)
    row = link(db, session, segment_id=segment.id)
    db.delete(segment)
    db.flush()
    db.expire_all()
    assert (row.segment_id, row.title) == (None, "Slides")


def test_the_cycles_revision_goes_up_and_the_sessions_stays(database: Database) -> None:
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle()
        session = make.session(cycle)
        cycle_id, session_id = cycle.id, session.id

    def revisions() -> tuple[int, int]:
        with database.begin(writes=False) as db:
            return (
                db.exec(select(Cycle.revision).where(Cycle.id == cycle_id)).one(),
                db.exec(select(Session.revision).where(Session.id == session_id)).one(),
            )

    first = revisions()
    with database.begin(writes=True) as db:
        row_id = materials.add_link(
            db, SYSTEM, session_id, MaterialLinkIn(title="x", url="https://example.org/x")
        ).id
    added = revisions()
    with database.begin(writes=True) as db:
        new = MaterialLinkIn(title="y", url="https://example.org/x")
        materials.change_material(db, SYSTEM, row_id, new)
    changed = revisions()
    with database.begin(writes=True) as db:
        materials.remove_material(db, SYSTEM, row_id)
    removed = revisions()
    assert first[0] < added[0] < changed[0] < removed[0]
    assert first[1] == added[1] == changed[1] == removed[1]


def test_held_back_until_an_organizer_shows_it(db: DbSession, make: Make, session: Session) -> None:
    person = make.person()
    segments = [make.segment(session, n) for n in range(2)]
    part = make.part(segments[0], person)
    guest = guest_of(db, session.cycle_id, person.id)
    row = materials.add_file(
        db,
        SYSTEM,
        session.id,
        MaterialIn(
            title="Mine", kind=MaterialKind.SLIDES, segment_id=segments[0].id, after_session=True
        ),
        STORED,
        "mine.pdf",
        given_by=guest.id,
    )
    at, end, who = [as_published(session)], session.ends_at, Audience.PARTICIPANTS
    assert seen(db, session, end, who) == ["Mine"]
    assert [g.held_back for g in materials.given_by(db, guest)] == [False]
    part.segment_id = segments[1].id  # now in another
    db.flush()
    assert (seen(db, session, end, who), materials.visible(db, at, NOW, who).until) == ([], None)
    with pytest.raises(NotFound):
        materials.visible_material(db, at, row.id, end, who)
    assert [g.held_back for g in materials.given_by(db, guest)] == [True]
    for _ in range(2):
        materials.show_all_the_same(db, SYSTEM, row.id, NOW)
    assert (seen(db, session, end - SECOND, who), seen(db, session, end, who)) == ([], ["Mine"])
    assert materials.visible_material(db, at, row.id, end, who) is row
    assert [g.held_back for g in materials.given_by(db, guest)] == [False]


def test_of_the_whole_session_any_part_counts(db: DbSession, make: Make, session: Session) -> None:
    person = make.person()
    part = make.part(make.segment(session), person)
    guest = guest_of(db, session.cycle_id, person.id)
    row = make.material(session, audience="participants", after_session=True)
    row.given_by = guest.id
    db.flush()
    listed = materials.list_materials(db, SYSTEM, session, None)
    assert [m.held_back for m in listed] == [False]
    part.status = "declined"
    db.flush()
    listed = materials.list_materials(db, SYSTEM, session, None)
    assert [m.held_back for m in listed] == [True]
    materials.show_all_the_same(db, SYSTEM, row.id, session.ends_at)
    assert (row.after_session, row.visible_from) == (False, None)

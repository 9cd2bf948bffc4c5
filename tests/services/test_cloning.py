"""A cycle once more, at other dates."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.errors import Invalid, NotFound
from app.models import Cycle, Enrolment, MailText, Release, Reminder, Session
from app.schemas.cycle import CloneIn
from app.services import cycles
from app.services.actor import SYSTEM
from app.services.cloning import clone_cycle
from app.services.reminder_rules import overview
from app.services.reminders import ensure_defaults
from app.services.schedules import session_rows
from tests.factories import NOW, Make
from tests.services.webhooks_world import add

Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def source(make: Make) -> Cycle:
    """A published cycle with two sessions; the first one in time has the higher number."""
    caf = make.institution(name="CAF")
    ana = make.person(name="Ana", position="Jefa", institution_id=caf.id)
    bea = make.person(name="Bea")
    cycle = make.cycle(
        slug="source",
        description={"es": "Para todos"},
        privacy_notice={"es": "Un año."},
        privacy_version=4,
        retention_months=6,
        retention_until=NOW,
        details_erased_at=NOW,
        status="published",
        release_number=2,
        accent="#0b6e99",
        contact_email="hola@example.org",
        capacity=40,
        enrolment_open=False,
        approval=True,
        asks_gender=True,
        completion_rule={"min_sessions": 1, "of": 2, "min_percent_of_each": 75},
    )
    make.carries(cycle, caf, "host")
    make.session(
        cycle, 1, wall_start=datetime(2026, 11, 26, 9), check_in_before=5, check_in_after=10
    )
    first = make.session(
        cycle,
        2,
        wall_start=datetime(2026, 11, 12, 15, 30),
        zone="Europe/Madrid",
        description={"es": "Juntos"},
        meeting_url="https://meet.example.org/1",
        meeting_passcode="open",
        check_in_word="ceiba",
    )
    opening = make.segment(first, 0, kind="opening", title="Apertura", minutes=10)
    panel = make.segment(first, 1, kind="panel", title="Panel", minutes=60, offset=15)
    make.part(opening, ana, "host", position="Asistente", institution="Otra")
    make.part(panel, bea, "moderator", order=1)
    make.part(panel, ana, "panelist", order=2)
    return cycle


def copy(db: DbSession, source: Cycle, **values: Any) -> Cycle:
    command = CloneIn(slug=values.pop("slug", "clone"), title={"es": "Otra vez"}, **values)
    return clone_cycle(db, SYSTEM, source.id, command)


def sessions_of(db: DbSession, cycle: Cycle) -> list[Session]:
    db.expunge_all()
    return list(session_rows(db, Session.cycle_id == cycle.id))


def test_settings_are_copied_and_history_is_not(db: DbSession, source: Cycle, make: Make) -> None:
    make.enrolment(source)
    add(db, source.id)
    clone = copy(db, source)
    db.commit()
    db.expunge_all()
    kept = cycles.get_cycle(db, SYSTEM, clone.id)
    assert kept.model_dump(exclude={"id", "created_at", "revision"}) == {
        "slug": "clone",
        "title": {"es": "Otra vez"},
        "description": {"es": "Para todos"},
        "language": "es",
        "zone": "America/Bogota",
        "status": "draft",
        "accent": "#0b6e99",
        "contact_email": "hola@example.org",
        "capacity": 40,
        "enrolment_open": False,
        "approval": True,
        "asks_gender": True,
        "privacy_notice": {"es": "Un año."},
        "privacy_version": 1,
        "completion_rule": {"min_sessions": 1, "of": 2, "min_percent_of_each": 75},
        "release_number": 0,
        "invites": False,
        "zones_moved": False,
        "has_webhooks": False,
        "retention_months": 6,
        "retention_until": None,
        "details_erased_at": None,
    }
    assert [(r.institution.name, r.role) for r in kept.institutions] == [("CAF", "host")]
    enrolments = select(func.count()).select_from(Enrolment).where(Enrolment.cycle_id == kept.id)
    releases = select(func.count()).select_from(Release).where(Release.cycle_id == kept.id)
    assert (db.exec(enrolments).one(), db.exec(releases).one()) == (0, 0)


def test_sessions_keep_their_hour_and_their_distance(db: DbSession, source: Cycle) -> None:
    """Earliest is number 2, on 12 November. On 6 July Madrid has another offset."""
    clone = copy(db, source, first_date=date(2027, 7, 6))
    assert [
        (s.number, s.wall_start, s.zone, s.starts_at, s.ends_at) for s in sessions_of(db, clone)
    ] == [
        (
            1,
            datetime(2027, 7, 20, 9),
            "America/Bogota",
            datetime(2027, 7, 20, 14, tzinfo=UTC),
            datetime(2027, 7, 20, 15, 30, tzinfo=UTC),
        ),
        (
            2,
            datetime(2027, 7, 6, 15, 30),
            "Europe/Madrid",
            datetime(2027, 7, 6, 13, 30, tzinfo=UTC),
            datetime(2027, 7, 6, 15, 0, tzinfo=UTC),
        ),
    ]


def test_without_a_date_sessions_stay_where_they_are(db: DbSession, source: Cycle) -> None:
    originals = [(s.number, s.wall_start, s.starts_at) for s in sessions_of(db, source)]
    clone = copy(db, source)
    assert [(s.number, s.wall_start, s.starts_at) for s in sessions_of(db, clone)] == originals


def test_what_belongs_to_one_meeting_is_not_copied(db: DbSession, source: Cycle) -> None:
    originals = sessions_of(db, source)
    copies = sessions_of(db, copy(db, source))
    assert [
        (
            s.title,
            s.description,
            s.minutes,
            s.status,
            s.meeting_url,
            s.meeting_passcode,
            s.check_in_before,
            s.check_in_after,
            s.check_in_word,
        )
        for s in copies
    ] == [
        ({"en": "Session 1", "es": "Sesión 1"}, {}, 90, "scheduled", "", "", 5, 10, ""),
        (
            {"en": "Session 2", "es": "Sesión 2"},
            {"es": "Juntos"},
            90,
            "scheduled",
            "",
            "",
            15,
            30,
            "",
        ),
    ]
    for name in ("id", "uid", "room_code"):
        assert len({getattr(s, name) for s in (*originals, *copies)}) == 4


def test_people_come_as_they_are_today(db: DbSession, source: Cycle) -> None:
    original = sessions_of(db, source)[1]
    session = sessions_of(db, copy(db, source))[1]
    assert [
        (g.position, g.kind, g.title, g.minutes, g.offset, g.session_id) for g in session.segments
    ] == [
        (0, "opening", "Apertura", 10, None, session.id),
        (1, "panel", "Panel", 60, 15, session.id),
    ]
    assert [
        (p.person.name, p.role, p.order, p.position, p.institution, p.session_id)
        for g in session.segments
        for p in g.parts
    ] == [
        ("Ana", "host", 0, "Jefa", "CAF", session.id),
        ("Bea", "moderator", 1, "", "", session.id),
        ("Ana", "panelist", 2, "Jefa", "CAF", session.id),
    ]
    # The original keeps what was true on its day.
    assert [(p.position, p.institution) for p in original.segments[0].parts] == [
        ("Asistente", "Otra")
    ]


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        ({}, (1, 2, 2, 3, True)),
        ({"institutions"}, (0, 2, 2, 3, True)),
        ({"sessions"}, (1, 0, 0, 0, True)),
        ({"agenda"}, (1, 2, 0, 0, True)),
        ({"people"}, (1, 2, 2, 0, True)),
        ({"texts"}, (1, 2, 2, 3, False)),
        ({"institutions", "sessions", "agenda", "people", "texts"}, (0, 0, 0, 0, False)),
    ],
)
def test_the_parts_that_are_wanted_are_copied(
    db: DbSession, source: Cycle, without: set[str], expected: tuple[int, int, int, int, bool]
) -> None:
    clone = copy(db, source, first_date=date(2027, 7, 6), **dict.fromkeys(without, False))
    institutions = len(clone.institutions)
    texts = bool(clone.description) and bool(clone.privacy_notice)
    sessions = sessions_of(db, clone)
    segments = [g for s in sessions for g in s.segments]
    parts = [p for g in segments for p in g.parts]
    assert (institutions, len(sessions), len(segments), len(parts), texts) == expected


def test_a_session_that_was_called_off_comes_as_a_draft(
    db: DbSession, source: Cycle, make: Make
) -> None:
    make.session(source, 3, status="cancelled")
    make.session(source, 4, status="draft")
    clone = copy(db, source)
    assert [s.status for s in sessions_of(db, clone)] == [
        "scheduled",
        "scheduled",
        "draft",
        "draft",
    ]


def test_an_hour_that_clocks_skip_becomes_the_next(db: DbSession, make: Make) -> None:
    """In Madrid 02:00 jumps to 03:00 on 28 March 2027 (RFC 5545, section 3.3.5)."""
    cycle = make.cycle()
    make.session(
        cycle, 1, wall_start=datetime(2026, 11, 15, 2, 30), zone="Europe/Madrid", minutes=60
    )
    clone = copy(db, cycle, first_date=date(2027, 3, 28))
    assert [(s.wall_start, s.fold, s.starts_at) for s in sessions_of(db, clone)] == [
        (datetime(2027, 3, 28, 3, 30), 0, datetime(2027, 3, 28, 1, 30, tzinfo=UTC))
    ]


@pytest.mark.parametrize(
    ("target", "fold", "hour"), [(date(2027, 10, 31), 1, 1), (date(2027, 11, 7), 0, 1)]
)
def test_the_second_of_two_hours_stays_the_second_where_there_are_two(
    db: DbSession, make: Make, target: date, fold: int, hour: int
) -> None:
    """In Madrid 02:30 came twice on 25 October 2026 and comes twice on 31 October 2027."""
    cycle = make.cycle()
    make.session(cycle, 1, wall_start=datetime(2026, 10, 25, 2, 30), zone="Europe/Madrid", fold=1)
    clone = copy(db, cycle, first_date=target)
    expected = datetime(target.year, target.month, target.day, hour, 30, tzinfo=UTC)
    assert [(s.wall_start.hour, s.fold, s.starts_at) for s in sessions_of(db, clone)] == [
        (2, fold, expected)
    ]


@pytest.mark.parametrize(
    "first",
    [date(1999, 12, 31), date(2101, 1, 1), date(2100, 12, 25), date.max, date.min],
)
def test_dates_must_be_within_reach(db: DbSession, source: Cycle, first: date) -> None:
    with pytest.raises(Invalid) as error:
        copy(db, source, first_date=first)
    assert [(f.field, f.code) for f in error.value.fields] == [("first_date", "year")]
    assert db.exec(select(Cycle.slug)).all() == ["source"]


def test_the_address_must_be_free(db: DbSession, source: Cycle) -> None:
    with pytest.raises(Invalid) as error:
        copy(db, source, slug="source")
    assert [(f.field, f.code) for f in error.value.fields] == [("slug", "slug_taken")]


def test_an_unknown_cycle_is_not_found(db: DbSession) -> None:
    with pytest.raises(NotFound):
        clone_cycle(db, SYSTEM, "none", CloneIn(slug="clone", title={"es": "x"}))


@pytest.mark.parametrize("more", [1, 3])
def test_reading_does_not_grow_with_rows(
    db: DbSession, source: Cycle, make: Make, count_queries: Counting, more: int
) -> None:
    for n in range(more):
        session = make.session(source, 10 + n)
        for position in range(more):
            make.part(make.segment(session, position), make.person())
    db.expunge_all()
    with count_queries() as queries:
        copy(db, source)
    # The cycle and its institutions; sessions, segments, parts; the slug; what is asked; words of
    # mails, reminders; whose revisions go up.
    assert sum(q.lstrip().startswith("SELECT") for q in queries) == 11


def reminders_of(db: DbSession, cycle: Cycle) -> list[tuple[str, int, str, bool, bool]]:
    query = select(Reminder).where(Reminder.cycle_id == cycle.id).order_by(col(Reminder.minutes))
    return [(r.anchor, r.minutes, r.audience, r.on, r.removed) for r in db.exec(query)]


def test_a_copy_invites_nobody_and_asks_nobody(db: DbSession, source: Cycle, make: Make) -> None:
    source.invites = True
    session = make.session(source, 3)
    asked: dict[str, Any] = {
        "status": "confirmed",
        "asked_at": NOW,
        "answered_at": NOW,
        "comment": "Con gusto",
    }
    make.part(make.segment(session), make.person(), answered_start=session.starts_at, **asked)
    clone = copy(db, source)
    assert clone.invites is False
    parts = [p for s in sessions_of(db, clone) for g in s.segments for p in g.parts]
    told = {(p.status, p.asked_at, p.answered_at, p.answered_start, p.comment) for p in parts}
    assert told == {("planned", None, None, None, "")}


def test_the_words_of_its_mails_come_along_with_the_texts(
    db: DbSession, source: Cycle, make: Make
) -> None:
    words: dict[str, Any] = {
        "language": "es",
        "subject": "¡Ven!",
        "text": "Hola {name}",
        "changed_by": "Olga",
    }
    db.add(MailText(cycle_id=source.id, kind="invitation", **words))
    db.add(MailText(cycle_id=make.cycle().id, kind="reminder", **words))
    with_texts, without = copy(db, source), copy(db, source, slug="bare", texts=False)
    copies = select(MailText).where(col(MailText.cycle_id).in_((with_texts.id, without.id)))
    assert [row.model_dump(exclude={"id", "created_at"}) for row in db.exec(copies)] == [
        {"cycle_id": with_texts.id, "kind": "invitation", **words}
    ]


def test_reminders_come_along(db: DbSession, source: Cycle) -> None:
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    rules: dict[str, Any] = {"cycle_id": source.id, "anchor": "start", "since": long_ago}
    db.add(Reminder(minutes=60, audience="all", **rules))
    db.add(Reminder(minutes=120, audience="speakers", on=False, **rules))
    db.add(Reminder(minutes=180, audience="all", removed=True, **rules))
    clone = copy(db, source)
    assert reminders_of(db, clone) == [
        ("start", 60, "all", True, False),
        ("start", 120, "speakers", False, False),
    ]
    since = db.exec(select(Reminder.since).where(Reminder.cycle_id == clone.id)).all()
    assert [each > long_ago for each in since] == [True, True]


def test_who_has_removed_all_reminders_has_none_in_the_copy(db: DbSession, source: Cycle) -> None:
    for minutes in (60, 1440):
        db.add(
            Reminder(
                cycle_id=source.id, anchor="start", minutes=minutes, audience="all", removed=True
            )
        )
    clone = copy(db, source)
    clone.invites = True
    ensure_defaults(db, clone.id, NOW)
    shown = overview(db, SYSTEM, clone, NOW)
    assert (shown.reminders, shown.usual) == ((), False)

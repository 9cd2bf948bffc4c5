"""Answers to parts: each by itself, by whoever has it, for the time that it is planned for."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from threading import Barrier

import pytest

from app.db import Database, DbSession
from app.domain.errors import Clash, NotFound
from app.domain.parts import Standing
from app.domain.schedule import PartStatus
from app.models import Cycle, Guest, Part, Session
from app.schemas.cycle import CloneIn
from app.schemas.part import PartAnswerIn, PartStatusIn
from app.schemas.session import AgendaIn
from app.services import parts
from app.services.actor import SYSTEM
from app.services.agendas import put_agenda
from app.services.cloning import clone_cycle
from app.services.guests import guest_of
from app.services.rows import find
from tests.factories import NOW, Make

START = datetime.fromisoformat("2026-12-01T14:00:00+00:00")
YES, NO = PartAnswerIn(confirm=True), PartAnswerIn(confirm=False, comment="I am on leave.")


def guest_with_part(db: DbSession, make: Make) -> tuple[Guest, Part, Session]:
    session = make.session(make.cycle())
    part = make.part(make.segment(session), make.person())
    return guest_of(db, session.cycle_id, part.person_id), part, session


def standings(db: DbSession, cycle_id: str) -> list[Standing]:
    return [each.standing for each in parts.placed_parts(db, cycle_id)]


def test_each_part_is_answered_by_itself(db: DbSession, make: Make) -> None:
    guest, first, session = guest_with_part(db, make)
    second = make.part(make.segment(session, 1), guest.person, role="moderator")
    parts.answer(db, guest, first.id, YES, NOW)
    placed = parts.answer(db, guest, second.id, NO, NOW)
    assert (placed.standing, placed.part.comment) == (Standing.DECLINED, "I am on leave.")
    assert placed.part.answered_at == NOW
    assert placed.part.answered_start == START + timedelta(minutes=30)
    assert standings(db, guest.cycle_id) == [Standing.CONFIRMED, Standing.DECLINED]
    assert parts.answer(db, guest, second.id, YES, NOW).standing is Standing.CONFIRMED


def test_nobody_answers_for_somebody_else_or_in_another_cycle(db: DbSession, make: Make) -> None:
    guest, part, _ = guest_with_part(db, make)
    stranger = guest_of(db, guest.cycle_id, make.person().id)
    elsewhere = guest_of(db, make.cycle().id, guest.person_id)
    for wrong, part_id in ((stranger, part.id), (elsewhere, part.id), (guest, "x"), (guest, "\0")):
        with pytest.raises(NotFound):
            parts.answer(db, wrong, part_id, YES, NOW)
    note = PartStatusIn(status=PartStatus.CONFIRMED)
    with pytest.raises(NotFound):
        parts.set_status(db, SYSTEM, elsewhere.cycle_id, part.id, note, NOW)
    assert standings(db, guest.cycle_id) == [Standing.PLANNED]


def test_what_is_over_or_cancelled_is_not_answered(db: DbSession, make: Make) -> None:
    guest, part, session = guest_with_part(db, make)
    with pytest.raises(Clash) as error:
        parts.answer(db, guest, part.id, YES, START + timedelta(minutes=30))
    assert error.value.code == "session_over"
    session.status = "cancelled"
    db.flush()
    with pytest.raises(Clash) as error:
        parts.answer(db, guest, part.id, YES, NOW)
    assert error.value.code == "session_cancelled"
    assert parts.placed_parts(db, guest.cycle_id) == []


def test_at_another_time_it_is_to_be_confirmed_again(db: DbSession, make: Make) -> None:
    guest, part, session = guest_with_part(db, make)
    parts.answer(db, guest, part.id, YES, NOW)
    session.wall_start += timedelta(hours=1)
    session.starts_at += timedelta(hours=1)
    session.ends_at += timedelta(hours=1)
    db.flush()
    assert standings(db, guest.cycle_id) == [Standing.AGAIN]
    parts.answer(db, guest, part.id, YES, NOW)
    assert standings(db, guest.cycle_id) == [Standing.CONFIRMED]


def test_an_answer_does_not_disturb_whoever_edits_the_agenda(db: DbSession, make: Make) -> None:
    guest, part, session = guest_with_part(db, make)
    before = (find(db, Session, session.id).revision, find(db, Cycle, guest.cycle_id).revision)
    parts.answer(db, guest, part.id, YES, NOW)
    db.expire_all()
    after = (find(db, Session, session.id).revision, find(db, Cycle, guest.cycle_id).revision)
    assert after == before


def test_the_agenda_keeps_answers_of_parts_that_stay(db: DbSession, make: Make) -> None:
    guest, part, session = guest_with_part(db, make)
    parts.answer(db, guest, part.id, YES, NOW)
    other = make.person()
    agenda = {
        "segments": [
            {"kind": "opening", "minutes": 10},
            {
                "id": part.segment_id,
                "kind": "panel",
                "title": "Another title",
                "minutes": 20,
                "parts": [
                    {"person_id": other.id, "role": "moderator"},
                    {"person_id": guest.person_id, "role": "speaker"},
                    {"person_id": guest.person_id, "role": "panelist"},
                ],
            },
        ]
    }
    put_agenda(db, SYSTEM, session.id, AgendaIn.model_validate(agenda))
    placed = {(p.part.person_id, p.part.role): p for p in parts.placed_parts(db, guest.cycle_id)}
    assert {key: each.standing for key, each in placed.items()} == {
        (other.id, "moderator"): Standing.PLANNED,
        (guest.person_id, "speaker"): Standing.AGAIN,  # ten minutes later
        (guest.person_id, "panelist"): Standing.PLANNED,
    }
    assert placed[guest.person_id, "speaker"].part.id == part.id


def test_in_a_copied_cycle_nobody_has_been_asked(db: DbSession, make: Make) -> None:
    guest, part, _ = guest_with_part(db, make)
    parts.answer(db, guest, part.id, NO, NOW)
    command = CloneIn(slug="again", title={"en": "Again"}, people=True)
    clone = clone_cycle(db, SYSTEM, guest.cycle_id, command)
    (copy,) = parts.placed_parts(db, clone.id)
    found = (copy.standing, copy.part.asked_at, copy.part.answered_at, copy.part.comment)
    assert found == (Standing.PLANNED, None, None, "")


def test_an_organizer_notes_it_by_hand(db: DbSession, make: Make) -> None:
    guest, part, _ = guest_with_part(db, make)

    def note(status: PartStatus, comment: str = "") -> parts.Placed:
        given = PartStatusIn(status=status, comment=comment)
        return parts.set_status(db, SYSTEM, guest.cycle_id, part.id, given, NOW)

    placed = note(PartStatus.CONFIRMED, "By telephone")
    assert (placed.standing, placed.part.comment) == (Standing.CONFIRMED, "By telephone")
    placed = note(PartStatus.PLANNED)
    assert (placed.standing, placed.part.comment) == (Standing.PLANNED, "")
    assert (placed.part.answered_at, placed.part.answered_start) == (None, None)


@pytest.mark.parametrize("number", [1, 3])
def test_parts_take_three_queries(
    db: DbSession,
    make: Make,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
    number: int,
) -> None:
    cycle = make.cycle()
    for n in range(number):
        segment = make.segment(make.session(cycle, n + 1))
        for _ in range(number):
            make.part(segment, make.person())
    with count_queries() as queries:
        found = parts.placed_parts(db, cycle.id)
    assert (len(found), len(queries)) == (number * number, 3)


def test_of_two_answers_at_once_one_stands_whole(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        guest, part, _ = guest_with_part(db, Make(db))
        guest_id, part_id, cycle_id = guest.id, part.id, guest.cycle_id
    together = Barrier(2)

    def one(given: PartAnswerIn) -> None:
        together.wait()
        with real_database.begin(writes=True) as db:
            parts.answer(db, find(db, Guest, guest_id), part_id, given, NOW)

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(one, given) for given in (YES, NO)]:
            job.result()
    with real_database.begin(writes=False) as db:
        (placed,) = parts.placed_parts(db, cycle_id)
        assert (placed.standing, placed.part.comment) in [
            (Standing.CONFIRMED, ""),
            (Standing.DECLINED, "I am on leave."),
        ]

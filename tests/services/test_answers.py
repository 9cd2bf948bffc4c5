"""Answers: one rule, whichever way they come."""

from datetime import timedelta
from threading import Event, Thread

import pytest

from app.db import Database, DbSession
from app.domain.answers import Answer, AnswerSource, Given, newer
from app.models import Guest, Invitation
from app.services import answers
from app.services.answers import give
from tests.factories import NOW, Make
from tests.services.at_once import PATIENCE


def invited(db: DbSession, sequence: int = 2) -> Invitation:
    make = Make(db)
    cycle = make.cycle()
    session = make.session(cycle)
    person = make.person()
    guest = Guest(cycle_id=cycle.id, person_id=person.id)
    db.add(guest)
    db.flush()
    invitation = Invitation(
        guest_id=guest.id,
        session_id=session.id,
        uid=session.uid,
        method="REQUEST",
        sequence=sequence,
        time_sequence=sequence,
        address=person.email or "",
    )
    db.add(invitation)
    db.flush()
    return invitation


def given(
    answer: str = "accepted", minutes: int = 0, sequence: int = 2, comment: str = ""
) -> Given:
    at = NOW + timedelta(minutes=minutes)
    return Given(Answer(answer), at, sequence, AnswerSource.MAIL, comment)


def test_the_first_answer_is_taken(db: DbSession) -> None:
    row = give(db, invited(db).id, given(comment=" I'll be\x00 late.\nSorry "))
    assert row is not None
    assert (row.answer, row.answer_source, row.answered_at, row.answer_sequence, row.comment) == (
        "accepted",
        "mail",
        NOW,
        2,
        "I'll be  late.\nSorry",
    )


@pytest.mark.parametrize(
    ("then", "stays"),
    [
        (given("declined", minutes=1), False),
        (given("declined"), True),  # a repeat
        (given("declined", minutes=-1), True),
        (given("declined", minutes=5, sequence=1), True),  # to an older time
    ],
)
def test_the_newest_wins(db: DbSession, then: Given, stays: bool) -> None:
    invitation = invited(db)
    give(db, invitation.id, given())
    assert (give(db, invitation.id, then) is None) is stays
    db.refresh(invitation)
    assert invitation.answer == ("accepted" if stays else "declined")


def test_an_answer_to_an_older_time_is_kept_as_such(db: DbSession) -> None:
    row = give(db, invited(db).id, given(sequence=0))
    assert row is not None
    assert (row.answer, row.answer_sequence) == ("accepted", 0)


@pytest.mark.parametrize(("sequence", "kept"), [(99, 2), (-5, 0), (10**30, 2)])
def test_no_answer_runs_ahead_of_what_was_issued(db: DbSession, sequence: int, kept: int) -> None:
    row = give(db, invited(db).id, given(sequence=sequence))
    assert row is not None
    assert row.answer_sequence == kept


def test_nobody_is_invited(db: DbSession) -> None:
    assert give(db, "nothing", given()) is None


def test_of_two_at_once_the_one_that_counts_wins(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older one has looked and not yet written when the newer one comes: without the lock it
    would have the last word. It goes on when that one is through, or has had the time to be."""
    looked, through = Event(), Event()

    def slow(one: Given, other: Given | None, time_sequence: int) -> bool:
        found = newer(one, other, time_sequence)
        if one.at == NOW:
            looked.set()
            through.wait(PATIENCE)
        return found

    def answer(each: Given) -> None:
        with real_database.begin(writes=True) as db:
            give(db, invitation_id, each)

    monkeypatch.setattr(answers, "newer", slow)
    with real_database.begin(writes=True) as db:
        invitation_id = invited(db).id
    older = Thread(target=answer, args=(given("accepted"),))
    older.start()
    assert looked.wait(10)
    answer(given("declined", minutes=1))
    through.set()
    older.join()
    with real_database.begin(writes=False) as db:
        assert db.get_one(Invitation, invitation_id).answer == "declined"

"""Which of several answers counts, however they come."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from app.db import DbSession
from app.domain.answers import Answer, AnswerSource, Given, newer
from app.services.answers import give
from app.services.inbound import receive
from tests import examples
from tests.factories import NOW
from tests.mail import inbound_corpus as corpus
from tests.services.test_inbound import RECEIVED, STAMP, answer, became, invite


def test_of_two_with_one_stamp_the_later_mail_counts(db: DbSession) -> None:
    """Programs write the DTSTAMP of the invitation, or of their first answer, again."""
    for first, then in (("15:00:10", "15:00:11"), ("15:00:11", "15:00:10")):
        invited = invite(db, f"a{first[-1]}@example.org")
        for factory, at in ((corpus.apple_mail, first), (corpus.google, then)):
            raw = invited.mail(factory, message_id=f"<{at}@{first}>")
            raw = raw.replace(b"15:00:10", at.encode())
            receive(
                db, raw.replace(b"ana@example.org", invited.invitation.address.encode()), RECEIVED
            )
        assert answer(db, invited)[0] == ("accepted" if then > first else "declined")


@pytest.mark.parametrize("sequence", [b"SEQUENCE:1", b"X-NONE:1"])
def test_a_later_reply_counts_though_the_page_answered_a_higher_sequence(
    db: DbSession, sequence: bytes
) -> None:
    """The time is what it was at SEQUENCE 1, the page answered at 2."""
    invited = invite(db)
    before = Given(Answer.DECLINED, STAMP - timedelta(seconds=1), 2, AnswerSource.PAGE)
    give(db, invited.invitation.id, before)
    raw = invited.mail(corpus.outlook_com_root).replace(b"SEQUENCE:2", sequence)
    receive(db, raw, RECEIVED)
    assert answer(db, invited)[0] == "accepted"


@pytest.mark.parametrize(
    ("first", "then", "counts"),
    [
        ((2, "15"), (2, "16"), 1),
        ((2, "16"), (2, "15"), 0),
        ((2, "15"), (1, "16"), 0),
        ((1, "16"), (2, "15"), 1),
    ],
)
def test_of_two_events_in_one_mail_the_newest_counts(
    db: DbSession, first: tuple[int, str], then: tuple[int, str], counts: int
) -> None:
    invited = invite(db)
    events = [
        corpus.event(
            uid=invited.session.uid,
            attendee=f"ATTENDEE;PARTSTAT={said}:mailto:ana@example.org",
            sequence=f"SEQUENCE:{sequence}",
            stamp=f"DTSTAMP:20261124T{hour}0000Z",
        )
        for (sequence, hour), said in ((first, "ACCEPTED"), (then, "DECLINED"))
    ]
    raw = invited.mail(lambda **v: corpus.alternative(corpus.calendar(*events), "", to=v["to"]))
    assert became(receive(db, raw, RECEIVED)) == ("reply", "placed", "")
    assert answer(db, invited)[0] == ["accepted", "declined"][counts]


def test_a_uid_in_any_case_or_wrapped_by_outlook_is_ours(db: DbSession) -> None:
    wrapped = (
        "040000008200E00074C5B7101A82E008"
        + "0" * 32
        + "2E000000"
        + b"vCal-Uid".hex().upper()
        + "01000000"
    )
    invited = invite(db)
    uid = invited.session.uid
    for number, written in enumerate((uid.upper(), wrapped + uid.encode().hex().upper() + "00")):
        raw = invited.mail(uid=written, message_id=f"<{number}@x>")
        assert became(receive(db, raw, RECEIVED)) == ("reply", "placed", ""), written


@st.composite
def answers(draw: st.DrawFn) -> list[Given]:
    """Some answers; of two that came at the same moments to the same time nobody knows which was
    first, so there are none."""
    number = st.integers(0, 3)
    moments = draw(st.sets(st.tuples(number, number, st.none() | number), min_size=1, max_size=5))
    found, seen = [], set()
    for sequence, at, sent in moments:
        rank = (sequence, at, at if sent is None else sent)
        if rank[1:] in seen:
            continue
        seen.add(rank[1:])
        when = NOW + timedelta(minutes=at)
        mailed = None if sent is None else NOW + timedelta(minutes=sent)
        what = draw(st.sampled_from(list(Answer)))
        found.append(Given(what, when, sequence, AnswerSource.MAIL, sent=mailed))
    return found


@drawn(answers(), st.integers(0, 4))
@settings(max_examples=examples.of(300), deadline=None)
def test_the_order_of_arrival_does_not_matter_and_a_repeat_changes_nothing(
    some: list[Given], time_sequence: int
) -> None:
    left = set()
    for order in permutations(some):
        held: Given | None = None
        for each in (*order, *order[:2]):
            held = each if newer(each, held, time_sequence) else held
            assert held is not None
            assert not newer(held, held, time_sequence)
        left.add(held)
    [counts] = left
    present = [each for each in some if each.sequence >= time_sequence]
    if present:
        assert counts is not None
        assert counts.at == max(each.at for each in present)

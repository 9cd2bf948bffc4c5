"""The whole promise at once: after each step everybody's calendar, put together from their mails
by another implementation of iTIP, says what is published, and the ledger says what calendars do."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from app.db import Database
from app.domain.errors import Clash
from app.main import create_app
from app.models import Enrolment, Message
from app.services import invitations
from app.services.actor import SYSTEM
from app.services.links import Links
from app.settings import Settings
from tests.acceptance.mailboxes import newest, replayed
from tests.acceptance.world import (
    LANGUAGES,
    PARTICIPANTS,
    ZONES,
    Told,
    World,
    cancel,
    move,
    replace,
    the_world,
)

REQUEST, CANCEL = "REQUEST", "CANCEL"
ANSWERS = ("accepted", "tentative", "declined")


def check(world: World, told: list[Told]) -> None:
    """The worker works: exactly these are told, and then all is right."""
    assert world.told(world.deliver()) == sorted(told)
    check_calendars(world)
    check_ledger(world)
    check_mails(world)


def check_calendars(world: World) -> None:
    """Everybody's calendar shows what is published; those of former addresses nothing."""
    boxes, wanted = world.post.boxes(), world.wanted()
    for person_id, addresses in world.addresses.items():
        *former, present = addresses
        assert replayed(present, boxes.get(present, ())) == wanted[person_id], present
        for address in former:
            assert replayed(address, boxes.get(address, ())) == {}, address
    assert set(boxes) <= {a for addresses in world.addresses.values() for a in addresses}


def check_ledger(world: World) -> None:
    """The ledger has for each guest and session what their mailbox has, and nothing else."""
    boxes = world.post.boxes()
    rows = {
        (address, row.uid): (row.sequence, row.method, row.stamp)
        for person_id, row in world.ledger()
        for address in [world.address(person_id)]
    }
    assert len(rows) == len(world.ledger())
    present = {addresses[-1] for addresses in world.addresses.values()}
    found = {
        (address, uid): (mail.sequence, mail.method, mail.stamp)
        for address in present
        for uid, mail in newest(boxes.get(address, ())).items()
    }
    assert found == rows
    said = {
        (person_id, world.numbers[row.uid]): (row.answer, row.answer_source, row.answer_sequence)
        for person_id, row in world.ledger()
        if row.answer
    }
    assert said == world.said


def check_mails(world: World) -> None:
    """Each Message-ID came once; nothing waits or has failed."""
    ids = world.post.message_ids()
    with world.database.begin(writes=False) as db:
        statuses = Counter(db.exec(select(Message.status)))
    assert set(statuses) == {"sent"}
    assert len(set(ids)) == len(ids) == statuses["sent"]


def check_overview(world: World, **wanted: int) -> None:
    """Nobody's calendar is stale; so many have said what of session 3."""
    with world.database.begin(writes=False) as db:
        found = invitations.overview(db, SYSTEM, world.cycle_id, world.now)
    assert found.stale == ()
    assert found.count_missing == 0
    (third,) = (each for each in found.sessions if each.session.number == 3)
    counts = {str(answer): count for answer, count in third.by_answer.items()}
    counts |= {"invited": third.invited, "again": third.again, "silent": third.silent}
    assert counts == wanted


@pytest.fixture
def world(
    real_database: Database, settings: Settings, links: Links, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """The cycle, its people, and their browser; the page for answers has the world's time."""
    app = create_app(settings, database=real_database)
    with (
        TestClient(app, base_url=settings.base_url, follow_redirects=False) as browser,
        the_world(real_database, browser, links) as world,
    ):
        monkeypatch.setattr("app.routers.pages.answer.now", lambda: world.now)
        yield world


@pytest.mark.one_database  # what it does there is done on both in tests/services and tests/worker
def test_every_calendar_says_what_is_published_and_the_ledger_what_they_say(world: World) -> None:
    the_audience_is_as_it_should_be(world)
    everybody_is_invited(world)
    some_answer(world)
    session_3_moves_and_a_panelist_is_replaced(world)
    more_answer(world)
    people_come_and_go(world)
    session_4_is_cancelled(world)
    nothing_more_is_sent(world)


def the_audience_is_as_it_should_be(world: World) -> None:
    assert len(world.confirmed()) == PARTICIPANTS
    with world.database.begin(writes=False) as db:
        assert set(ZONES) <= set(db.exec(select(Enrolment.zone)))
        assert set(db.exec(select(Enrolment.language))) == set(LANGUAGES)
    assert world.deliver() == []  # mails without a calendar: nobody was invited yet


def everybody_is_invited(world: World) -> None:
    with world.writing() as db:
        count = invitations.bring_up_to_date(db, SYSTEM, world.cycle_id, world.now)
    told = [*world.everybody(3, REQUEST), *world.everybody(4, REQUEST)]
    # One participant speaks in session 3, with four who do not take part; three of them in 4.
    assert (count, len(told)) == (len(told), (PARTICIPANTS + 4) + (PARTICIPANTS + 3))
    check(world, told)
    check_overview(world, invited=204, silent=204, again=0, accepted=0, tentative=0, declined=0)


def some_answer(world: World) -> None:
    """Fifteen by web and eight by mail, every other of them about session 3."""
    for place, person_id in enumerate(world.confirmed()[:23]):
        number, said = 3 + place % 2, ANSWERS[place % 3]
        if place < 15:
            world.answer_by_web(person_id, number, said)
        else:
            mail = world.last_mail(person_id, number)
            world.answer_by_mail(person_id, mail, said, counts=True)
    check(world, [])
    check_overview(world, invited=204, silent=192, again=0, accepted=4, tentative=4, declined=4)


def session_3_moves_and_a_panelist_is_replaced(world: World) -> None:
    old = world.person("perez")
    move(world, 3, timedelta(hours=1))
    new = replace(world, 3, old, "Valdivia", "pt")
    world.publish()
    told = world.everybody(3, REQUEST)
    assert len(told) == 204
    assert (world.address(new), 3, REQUEST) in told
    check(world, [*told, (world.address(old), 3, CANCEL)])
    again = {m.partstat for m in world.post.mails if m.method == REQUEST and m.sequence > 0}
    assert again == {"NEEDS-ACTION"}
    check_overview(world, invited=204, silent=192, again=12, accepted=0, tentative=0, declined=0)


def more_answer(world: World) -> None:
    """Twenty-five by web, twelve by mail: the newest counts, whichever way it comes, and one to the
    time before does not count for the new one."""
    everybody = world.confirmed()
    asked_again, asked = everybody[0:8:2], everybody[23:44]
    for place, person_id in enumerate([*asked_again, *asked]):
        world.answer_by_web(person_id, 3, ANSWERS[place % 3])
    first = {m.address: m for m in reversed(world.post.mails) if world.numbers[m.uid] == 3}
    late, other = asked_again[0], everybody[44]
    world.answer_by_mail(late, first[world.address(late)], "declined", counts=False)
    world.answer_by_mail(other, first[world.address(other)], "declined", counts=True)
    for place, person_id in enumerate([asked_again[1], *everybody[45:54]]):
        mail = world.last_mail(person_id, 3)
        world.answer_by_mail(person_id, mail, ANSWERS[place % 3], counts=True)
    check(world, [])


def people_come_and_go(world: World) -> None:
    everybody = world.confirmed()
    leaving, moving, speaker = everybody[100:103], everybody[23], world.person("cardenas")
    told = [(world.address(each), number, CANCEL) for each in leaving for number in (3, 4)]
    told += [(world.address(moving), number, CANCEL) for number in (3, 4)]
    for person_id in leaving:
        world.leave(person_id)
    late = [world.enrol(f"Late {n}", f"late.{n}@participants.example.net", n) for n in range(3)]
    world.change_address(moving, "elsewhere@participants.example.net")
    told += [
        (world.address(each), number, REQUEST) for each in (*late, moving) for number in (3, 4)
    ]
    # Their part is off, the session is not: they take part.
    world.decline_part(speaker, 3)
    told += [(world.address(speaker), 3, REQUEST)]
    check(world, told)
    # Whose answer holds keeps it in the calendar.
    answer, _, _ = world.said[moving, 3]
    assert world.last_mail(moving, 3).partstat == answer.upper()
    assert world.last_mail(moving, 4).partstat == "NEEDS-ACTION"

    back = leaving[0]
    world.enrol("Back", world.address(back), 2)
    check(world, [(world.address(back), number, REQUEST) for number in (3, 4)])


def session_4_is_cancelled(world: World) -> None:
    told = world.everybody(4, CANCEL)
    assert len(told) == 204  # two have left, three have come
    cancel(world, 4)
    world.publish()
    check(world, told)
    remaining = {uid for shown in world.wanted().values() for uid in shown}
    assert {world.numbers[uid] for uid in remaining} == {3}


def nothing_more_is_sent(world: World) -> None:
    """Publishing the same again, or bringing up to date what is, tells nobody anything."""
    with pytest.raises(Clash) as raised:
        world.publish()
    assert raised.value.code == "nothing_to_publish"
    with world.writing() as db:
        assert invitations.bring_up_to_date(db, SYSTEM, world.cycle_id, world.now) == 0
    check(world, [])
    assert world.given == {"web": 40, "mail": 20}

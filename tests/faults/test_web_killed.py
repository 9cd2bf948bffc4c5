"""Servers that are killed in the midst of all that people and programs do."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable, Sequence

import httpx
from sqlmodel import col, select

from app.db import Database
from app.domain.attendance import Kind
from app.models import Cycle, Enrolment, Evidence, Guest, Invitation, Message, Person, Session
from tests.faults.installation import Installation, of
from tests.faults.load import Deed, Load
from tests.faults.world import WORD, World, make_world

MANY = 600
"""So many enrol, answer twice, check in by each of two ways and are added by a program, at most."""
KILLS = 16
EDITS = 200
ANSWERS = ("declined", "accepted")


def _enrol(number: int) -> Deed:
    address = f"new{number}@example.org"
    form = {"name": f"Neu {number}", "email": address, "consent": "yes", "language": "es"}
    return Deed("enrolled", address, "POST", "/c/leaders/enrol", 303, form=form)


def _answer(token: str, enrolment_id: str) -> Deed:
    """Twice: the second one counts."""
    path = f"/my/{token}/sessions/2/answer"
    first, last = (
        Deed(f"answered {a}", enrolment_id, "POST", path, 303, form={"answer": a}) for a in ANSWERS
    )
    return Deed(first.kind, first.name, "POST", path, 303, form=first.form, then=last)


def _by_desk(token: str, enrolment_id: str) -> Deed:
    path = f"/my/{token}/sessions/1/check-in"
    return Deed("checked in", enrolment_id, "POST", path, 303)


def _by_room(world: World, email: str, enrolment_id: str) -> Deed:
    form = {"email": email, "word": WORD}
    return Deed("in the room", enrolment_id, "POST", f"/in/{world.room_code}", 200, form=form)


def _person(world: World, number: int) -> Deed:
    headers = world.headers | {"idempotency-key": f"person-{number}"}
    # Without an address nothing but the key tells that it is the same again.
    json: dict[str, object] = {"name": f"By program {number}"}
    return Deed("added", f"{number}", "POST", "/api/v1/people", 201, json=json, headers=headers)


def _by_program(world: World, number: int) -> Deed:
    address = f"program{number}@example.org"
    headers = world.headers | {"idempotency-key": f"enrolment-{number}"}
    json: dict[str, object] = {"name": f"Program {number}", "email": address, "consent": True}
    path = f"/api/v1/cycles/{world.cycle_id}/enrolments"
    return Deed("enrolled by program", address, "POST", path, 201, json=json, headers=headers)


def _deeds(world: World, many: int) -> list[Deed]:
    thirds = [world.people[start::3] for start in range(3)]
    found = [_enrol(number) for number in range(many)]
    found += [_answer(each.token, each.enrolment_id) for each in thirds[0]]
    found += [_by_desk(each.token, each.enrolment_id) for each in thirds[1]]
    found += [_by_room(world, each.email, each.enrolment_id) for each in thirds[2]]
    found += [_person(world, number) for number in range(many)]
    found += [_by_program(world, number) for number in range(many)]
    random.Random(7).shuffle(found)
    return found


class Editor:
    """An organizer's program that changes one session again and again, each time from the revision
    that it has seen. Where it was not answered it looks whether its change is there."""

    def __init__(self, world: World, ports: Sequence[int]) -> None:
        self._path = f"/api/v1/sessions/{world.coming_id}"
        self._headers = world.headers
        self._ports = ports
        self._failed = 0
        self.title = ""
        self.tag = ""

    async def edit(self, times: int) -> None:
        async with httpx.AsyncClient(timeout=60, headers=self._headers) as client:
            self.title, self.tag = await self._look(client)
            for number in range(times):
                await self._change(client, f"Edition {number}")

    async def _change(self, client: httpx.AsyncClient, title: str) -> None:
        json = {"title": {"en": title, "es": title}}
        while True:
            try:
                answer = await client.patch(self._url(), json=json, headers={"if-match": self.tag})
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                assert answer.headers["etag"] == _next(self.tag)
                self.title, self.tag = title, answer.headers["etag"]
                return
            self._failed += 1
            assert answer is None or answer.status_code == 503, answer.text
            there, tag = await self._look(client)
            if there == title:  # it was done, and its answer was lost
                assert tag == _next(self.tag)
                self.title, self.tag = title, tag
                return
            assert (there, tag) == (self.title, self.tag)

    async def _look(self, client: httpx.AsyncClient) -> tuple[str, str]:
        while True:
            try:
                answer = await client.get(self._url())
                if answer.status_code == 200:
                    return answer.json()["title"]["en"], answer.headers["etag"]
                assert answer.status_code == 503
            except httpx.TransportError:
                await asyncio.sleep(0.01)
            self._failed += 1

    def _url(self) -> str:
        return f"http://127.0.0.1:{self._ports[self._failed % len(self._ports)]}{self._path}"


def _next(tag: str) -> str:
    return f'"r{int(tag[2:-1]) + 1}"'


async def _with_kills(
    installation: Installation, load: Load, editor: Editor, deeds: list[Deed], kills: int
) -> None:
    """Kills one server after the other, each in the midst of a part of the load, the rest of which
    the other one takes; and begins it anew."""
    chance = random.Random(11)
    total = sum(1 if deed.then is None else 2 for deed in deeds)
    every = total // (kills + 1)
    load.allowed = every
    doing = asyncio.gather(load.do(deeds), editor.edit(of(EDITS)))
    for turn in range(kills):
        port = load.ports[turn % len(load.ports)]
        await load.reaches(turn * every + chance.randrange(every // 8, every // 2))
        await asyncio.sleep(chance.random() * 0.01)  # in the midst of whatever it is doing
        program = installation.ports[port]
        await asyncio.to_thread(program.kill)
        await asyncio.to_thread(installation.web, port)
        await load.allow((turn + 2) * every)
    await load.allow(None)
    await doing


def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice(
    installation: Installation, did: Callable[[str], None]
) -> None:
    many, kills = of(MANY), of(KILLS)
    world = make_world(installation.database, 3 * many)
    ports = [installation.web(), installation.web()]
    load, editor = Load(ports), Editor(world, ports)
    deeds = _deeds(world, many)
    asyncio.run(_with_kills(installation, load, editor, deeds, kills))
    assert load.broken >= kills / 2  # most took some by surprise
    again = Load(ports)
    repeated = [deed for deed in deeds if "idempotency-key" in deed.headers]
    asyncio.run(again.do(repeated))
    for kind, found in again.acknowledged.items():
        bodies = {name: answer.json() for name, answer in found.items()}
        before = load.acknowledged[kind]
        assert bodies == {name: answer.json() for name, answer in before.items()}
    for port in ports:
        installation.ports[port].signal(signal.SIGTERM)
        assert installation.ports[port].ended() == -signal.SIGTERM
    installation.untroubled()
    _compare(installation.database, world, load, editor, many)
    installation.is_sound()
    did(
        f"{kills} kills of one of two servers during {load.done} deeds; {load.broken} requests "
        f"broke off, {load.busy} were told to come again; nothing lost, nothing twice"
    )


def _compare(database: Database, world: World, load: Load, editor: Editor, many: int) -> None:
    assert load.counts() == dict.fromkeys(
        ["enrolled", "answered declined", "answered accepted", "checked in", "in the room", "added",
         "enrolled by program"], many
    )  # fmt: skip
    with database.begin(writes=False) as db:
        enrolled = Counter(
            db.exec(
                select(Person.email)
                .join(Enrolment, col(Enrolment.person_id) == col(Person.id))
                .where(col(Enrolment.cycle_id) == world.cycle_id)
            ).all()
        )
        new = {**load.acknowledged["enrolled"], **load.acknowledged["enrolled by program"]}
        assert enrolled == dict.fromkeys([*new, *(each.email for each in world.people)], 1)
        # Each with its mail, and no mail without.
        ids = set(
            db.exec(
                select(Enrolment.id)
                .join(Person, col(Person.id) == col(Enrolment.person_id))
                .where(col(Person.email).in_(new))
            )
        )
        mails = Counter(
            m.context["enrolment_id"]
            for m in db.exec(select(Message).where(Message.kind == "enrolment-confirmed"))
        )
        assert mails == dict.fromkeys(ids, 1)
        answers = db.exec(
            select(Enrolment.id, Invitation.answer)
            .join(Guest, col(Guest.person_id) == col(Enrolment.person_id))
            .join(Invitation, col(Invitation.guest_id) == col(Guest.id))
            .where(col(Enrolment.cycle_id) == world.cycle_id, Invitation.answer != "")
        ).all()
        answered = load.acknowledged["answered accepted"]
        assert sorted(answers) == [(each, "accepted") for each in sorted(answered)]
        came = Counter(
            db.exec(select(Evidence.enrolment_id, Evidence.source).where(
                Evidence.kind == Kind.CHECK_IN
            )).all()
        )  # fmt: skip
        ways = {"checked in": "personal-page", "in the room": "room"}
        assert came == {
            (each, source): 1 for kind, source in ways.items() for each in load.acknowledged[kind]
        }
        added = load.acknowledged["added"]
        names = Counter(
            db.exec(select(Person.name).where(col(Person.name).startswith("By program"))).all()
        )
        assert names == {f"By program {number}": 1 for number in added}
        session = db.exec(select(Session).where(Session.id == world.coming_id)).one()
        assert (session.title["en"], f'"r{session.revision}"') == (editor.title, editor.tag)
        # The cycle's is raised by each change of a session.
        cycle = db.exec(select(Cycle).where(Cycle.id == world.cycle_id)).one()
        assert cycle.revision >= of(EDITS)

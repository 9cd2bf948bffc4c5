"""The demonstration cycle with two hundred participants, its organizers and its worker."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database, DbSession
from app.domain.addresses import address_key
from app.domain.faces import own_segments
from app.domain.schedule import PartStatus, Schedule, SessionStatus
from app.mail.transport import SmtpTransport
from app.mail.values import Sender
from app.models import Cycle, Enrolment, Guest, Invitation, Part, Person, Session
from app.schemas.directory import PersonChange, PersonIn
from app.schemas.enrolment import EnrolmentIn
from app.schemas.part import PartAnswerIn
from app.schemas.session import AgendaIn, PartIn, SegmentIn, SessionChange
from app.services import (
    agendas,
    demo,
    enrolments,
    inbound,
    parts,
    people,
    publishing,
    sessions,
)
from app.services.actor import SYSTEM
from app.services.guests import guest_of
from app.services.links import Links
from app.services.schedules import released_schedule
from app.worker.loop import Worker
from tests.acceptance.mailboxes import Post, Received, Shown
from tests.acceptance.replies import reply
from tests.factories import NOW
from tests.mail.smtp_peer import smtp_peer

SENDER = Sender("convoca@example.org", "Convoca")
ZONES = (
    "America/Bogota",
    "America/Mexico_City",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "Europe/Lisbon",
    "Europe/Madrid",
    "Asia/Kathmandu",
)
LANGUAGES = ("en", "es", "pt")
PARTICIPANTS = 200

Told = tuple[str, int, str]  # address, session, method
Said = tuple[str, str, int]  # answer, source, the SEQUENCE that it answers


@dataclass
class World:
    """One installation, and what a person would remember of it."""

    database: Database
    browser: TestClient
    worker: Worker
    post: Post
    now: datetime = NOW
    cycle_id: str = ""
    session_ids: dict[int, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)  # of sessions, by UID
    addresses: dict[str, list[str]] = field(default_factory=dict)  # of each person, newest last
    given: Counter[str] = field(default_factory=Counter)  # answers, by the way they came
    said: dict[tuple[str, int], Said] = field(default_factory=dict)  # by person and session

    def tick(self) -> datetime:
        """Lets a second pass; what time it is then."""
        self.now += timedelta(seconds=1)
        return self.now

    @contextmanager
    def writing(self) -> Iterator[DbSession]:
        """A transaction a second later."""
        self.tick()
        with self.database.begin(writes=True) as db:
            yield db

    def deliver(self) -> list[Received]:
        """The worker works; the mails with a calendar that it delivered."""
        self.tick()
        self.worker.run_once(self.now)
        return self.post.fresh()

    def publish(self) -> None:
        with self.writing() as db:
            publishing.publish(db, SYSTEM, self.cycle_id, accept_warnings=True, now=self.now)

    def told(self, mails: Iterable[Received]) -> list[Told]:
        """Who was told what, in order."""
        return sorted((m.address, self.numbers[m.uid], m.method) for m in mails)

    def everybody(self, number: int, method: str) -> list[Told]:
        """What it looks like when all whom a session concerns are told so."""
        return [(self.address(person_id), number, method) for person_id in self.concerned(number)]

    def address(self, person_id: str) -> str:
        """Where somebody gets their mail."""
        return self.addresses[person_id][-1]

    def published(self) -> Schedule:
        """What everybody can read."""
        with self.database.begin(writes=False) as db:
            found = released_schedule(db, self.cycle_id)
        assert found is not None
        return found

    def confirmed(self) -> list[str]:
        """The ids of the people who take part, in the order in which they enrolled."""
        with self.database.begin(writes=False) as db:
            query = (
                select(Enrolment.person_id)
                .where(Enrolment.cycle_id == self.cycle_id, Enrolment.status == "confirmed")
                .order_by(col(Enrolment.created_at), col(Enrolment.id))
            )
            return list(db.exec(query))

    def declined(self) -> set[str]:
        """The ids of the parts that were declined."""
        with self.database.begin(writes=False) as db:
            return set(db.exec(select(Part.id).where(Part.status == PartStatus.DECLINED)))

    def concerned(self, number: int) -> list[str]:
        """The ids of the people who take part in a session or have a part in it."""
        session = self.published().session(number)
        assert session is not None
        declined = frozenset(self.declined())
        cast = {p.person_id for g in session.segments for p in g.parts}
        on = {p for p in cast if own_segments(session, p, declined)}
        return sorted({*self.confirmed(), *on})

    def languages(self) -> dict[str, str]:
        """What each person reads: what they enrolled with, or what is known of them."""
        with self.database.begin(writes=False) as db:
            found = dict(db.exec(select(Person.id, Person.language)).all())
            enrolled = select(Enrolment.person_id, Enrolment.language).where(
                Enrolment.status == "confirmed"
            )
            return found | dict(db.exec(enrolled).all())

    def wanted(self) -> dict[str, dict[str, Shown]]:
        """What each person's calendar has to show, by UID: the published schedule."""
        schedule, languages = self.published(), self.languages()
        found: dict[str, dict[str, Shown]] = {person_id: {} for person_id in self.addresses}
        for session in schedule.sessions:
            if session.status is SessionStatus.SCHEDULED and session.ends > self.now:
                for person_id in self.concerned(session.number):
                    title = session.title[languages[person_id]]
                    found[person_id][session.uid] = Shown(session.starts, session.ends, title)
        return found

    def ledger(self) -> list[tuple[str, Invitation]]:
        """The rows of the ledger, each with the id of whom it is of."""
        with self.database.begin(writes=False) as db:
            query = select(Guest.person_id, Invitation).join(
                Invitation, col(Invitation.guest_id) == col(Guest.id)
            )
            return [(row[0], row[1]) for row in db.exec(query)]

    def last_mail(self, person_id: str, number: int) -> Received:
        """The mail about a session that somebody got last."""
        box = self.post.boxes()[self.address(person_id)]
        return [mail for mail in box if self.numbers[mail.uid] == number][-1]

    def row(self, person_id: str, number: int) -> Invitation:
        """One row of the ledger."""
        (found,) = (
            row
            for who, row in self.ledger()
            if who == person_id and row.session_id == self.session_ids[number]
        )
        return found

    def meet(self, person: Person) -> None:
        """Somebody is known from now on, or has another address."""
        key = address_key(person.email or "")
        known = self.addresses.setdefault(person.id, [])
        if key not in known:
            known.append(key)

    def enrol(self, name: str, email: str, place: int) -> str:
        """Somebody enrols on the public page; the person's id."""
        with self.writing() as db:
            slug = db.get_one(Cycle, self.cycle_id).slug
            given = EnrolmentIn(
                name=name,
                email=email,
                country="CO",
                zone=ZONES[place % len(ZONES)],
                language=LANGUAGES[place % len(LANGUAGES)],
                consent=True,
            )
            enrolment = enrolments.enrol(db, slug, given, self.now)
            self.meet(enrolment.person)
            return enrolment.person_id

    def leave(self, person_id: str) -> None:
        """Somebody withdraws."""
        with self.writing() as db:
            enrolments.withdraw(db, self._enrolment(db, person_id), self.now)

    def change_address(self, person_id: str, email: str) -> None:
        """Somebody has another address from now on."""
        with self.writing() as db:
            self.meet(
                people.change_person(db, SYSTEM, person_id, PersonChange(email=email), now=self.now)
            )

    def decline_part(self, person_id: str, number: int) -> None:
        """Somebody declines their part in a session."""
        with self.writing() as db:
            part = db.exec(
                select(Part).where(
                    Part.person_id == person_id, Part.session_id == self.session_ids[number]
                )
            ).one()
            guest = guest_of(db, self.cycle_id, person_id)
            parts.answer(db, guest, part.id, PartAnswerIn(confirm=False), self.now)

    def _enrolment(self, db: DbSession, person_id: str) -> Enrolment:
        query = select(Enrolment).where(Enrolment.person_id == person_id)
        return db.exec(query).one()

    def person(self, key: str) -> str:
        """The id of somebody on the programme."""
        wanted = f"{key}@speakers.example.org"
        with self.database.begin(writes=False) as db:
            return db.exec(select(Person.id).where(Person.email_key == wanted)).one()

    def answer_by_web(self, person_id: str, number: int, said: str) -> None:
        """Somebody follows the link in their mail and presses a button."""
        mail, at = self.last_mail(person_id, number), self.tick()
        assert self.browser.get(mail.answer_page).status_code == 200
        gone = self.browser.post(mail.answer_page, data={"answer": said, "from": "mail"})
        assert gone.status_code == 303
        self.said[person_id, number] = (said, "link", mail.sequence)
        self.given["web"] += 1
        assert at == self.row(person_id, number).answered_at

    def answer_by_mail(self, person_id: str, mail: Received, said: str, *, counts: bool) -> None:
        """Somebody's calendar program answers a mail that it got. `counts`: no newer one has."""
        self.tick()
        raw = reply(mail.calendar, said.upper(), self.now)
        with self.writing() as db:
            row = inbound.receive(db, raw, self.now)
        became = [answer["became"] for answer in row.details["answers"]]
        assert (row.kind, row.status, became) == (
            "reply",
            "placed",
            ["taken" if counts else "older"],
        )
        self.given["mail"] += 1
        if counts:
            self.said[person_id, self.numbers[mail.uid]] = (said, "mail", mail.sequence)


@contextmanager
def the_world(database: Database, browser: TestClient, links: Links) -> Iterator[World]:
    """The demonstration cycle with two hundred participants, nobody invited yet."""
    with smtp_peer() as peer:
        transport = SmtpTransport(f"smtp://127.0.0.1:{peer.port}")
        worker = Worker(database, links, transport, SENDER)
        world = World(database, browser, worker, Post(peer, []))
        with database.begin(writes=True) as db:
            assert demo.load(db, NOW, organizer_email="olga@example.org")
            world.cycle_id = db.exec(select(Cycle.id)).one()
            world.session_ids = dict(db.exec(select(Session.number, Session.id)).all())
            world.numbers = dict(db.exec(select(Session.uid, Session.number)).all())
        # One of those on the programme takes part as well.
        world.enrol("Cárdenas", "cardenas@speakers.example.org", 1)
        for place in range(PARTICIPANTS - len(world.confirmed())):
            world.enrol(f"Guest {place}", f"Guest.{place}@Participants.Example.Net", place)
        with database.begin(writes=False) as db:
            for person in db.exec(select(Person)):
                world.meet(person)
        yield world


def move(world: World, number: int, by: timedelta) -> None:
    """An organizer moves a session in the draft."""
    with world.writing() as db:
        row = db.get_one(Session, world.session_ids[number])
        change = SessionChange(wall_start=row.wall_start + by)
        sessions.change_session(db, SYSTEM, row.id, change)


def cancel(world: World, number: int) -> None:
    """An organizer cancels a session in the draft."""
    with world.writing() as db:
        change = SessionChange(status=SessionStatus.CANCELLED)
        sessions.change_session(db, SYSTEM, world.session_ids[number], change)


def replace(world: World, number: int, person_id: str, name: str, language: str) -> str:
    """An organizer gives somebody's parts in a session to somebody new, whose id comes back."""
    with world.writing() as db:
        email = f"{name.lower()}@speakers.example.org"
        new = people.create_person(
            db, SYSTEM, PersonIn(name=name, email=email, zone="Europe/Madrid", language=language)
        )
        session = sessions.get_session(db, SYSTEM, world.session_ids[number])
        segments = [
            SegmentIn(
                id=segment.id,
                kind=segment.kind,
                title=segment.title,
                minutes=segment.minutes,
                parts=[
                    PartIn(
                        person_id=new.id if part.person_id == person_id else part.person_id,
                        role=part.role,
                    )
                    for part in segment.parts
                ],
            )
            for segment in session.segments
        ]
        agendas.put_agenda(db, SYSTEM, session.id, AgendaIn(segments=segments))
        world.meet(new)
        return new.id

"""A published cycle, who takes part in it, and the program of an organizer."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from app.db import Database
from app.domain.addresses import address_key
from app.domain.permissions import AccountStanding, Role
from app.models import Enrolment, Message, Person, TeamMember, User
from app.models import now as the_present
from app.services.accounts import start_sign_in
from app.services.actor import SYSTEM, Actor
from app.services.links import Links, Purpose
from app.services.outbox import ACCOUNT_CHANGED
from app.services.publishing import publish
from app.services.tokens import create_token
from app.web.security import COOKIE
from bench.people import add_many
from tests.factories import Make
from tests.faults.installation import KEY

WORD = "faro"


@dataclass(frozen=True)
class Participant:
    """Somebody who takes part."""

    enrolment_id: str
    email: str
    token: str  # of the personal page


@dataclass(frozen=True)
class World:
    """A session is open for check-in by the machine's clock; another is to come."""

    slug: str
    cycle_id: str
    open_id: str
    coming_id: str
    room_code: str
    secret: str  # of the API
    cookie: str  # of an organizer's browser
    people: list[Participant]

    @property
    def headers(self) -> dict[str, str]:
        """Of the organizer's program."""
        return {"authorization": f"Bearer {self.secret}"}

    @property
    def browser(self) -> dict[str, str]:
        """Of the organizer's browser."""
        return {"cookie": f"{COOKIE}={self.cookie}", "sec-fetch-site": "same-origin"}


def make_world(database: Database, people: int, *, open_now: bool = True) -> World:
    """Makes it, with so many participants. Not `open_now`: the first session is to come as well."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle = make.cycle(slug="leaders", enrolment_open=True)
        here = datetime.now(UTC).astimezone(ZoneInfo("America/Bogota")).replace(tzinfo=None)
        here = here.replace(microsecond=0)
        next_year = here + timedelta(days=365)
        first = here if open_now else next_year - timedelta(days=7)
        open_session = make.session(cycle, wall_start=first, check_in_word=WORD)
        coming = make.session(cycle, 2, wall_start=next_year)
        add_many(db, cycle, people)
        publish(db, SYSTEM, cycle.id, accept_warnings=True, now=the_present())
        olga = User(
            name="Olga",
            email="olga@example.org",
            email_key=address_key("olga@example.org"),
            standing=AccountStanding.ADMINISTRATOR,
        )
        db.add(olga)
        db.flush()
        db.add(TeamMember(cycle_id=cycle.id, user_id=olga.id, role=Role.OWNER))
        db.flush()
        actor = Actor(id=olga.id, name=olga.name, email=olga.email)
        scopes = ("read", "write", "attendance")
        cookie = start_sign_in(db, olga.id, datetime.now(UTC))
        _, secret = create_token(db, actor, "A program", scopes)
        # What each test sends is counted: not that Olga is told of her token.
        for told in db.exec(select(Message).where(Message.kind == ACCOUNT_CHANGED)):
            db.delete(told)
        found = db.exec(
            select(Enrolment.id, Person.email)
            .join(Person, col(Person.id) == col(Enrolment.person_id))
            .where(Enrolment.cycle_id == cycle.id)
        ).all()
        links = Links(KEY, "http://127.0.0.1:8000")
        there = [Participant(i, e or "", links.token(Purpose.MY, i)) for i, e in found]
        return World(
            cycle.slug,
            cycle.id,
            open_session.id,
            coming.id,
            open_session.room_code,
            secret,
            cookie,
            there,
        )

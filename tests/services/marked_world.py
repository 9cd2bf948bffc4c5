"""Somebody whose name, address and words stand in every place that takes them, each with a mark by
which they are found anywhere."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.addresses import address_key
from app.models import (
    Certificate,
    Cycle,
    DataLink,
    Enrolment,
    Erasure,
    Evidence,
    FeedbackAnswer,
    FeedbackForm,
    FeedbackQuestion,
    FeedbackReceipt,
    Guest,
    Invitation,
    KeptAnswer,
    MailPace,
    MailText,
    Message,
    PartArrival,
    Person,
    ReportAlias,
    Segment,
    SessionClosing,
)
from app.schemas.enrolment import EnrolmentIn
from app.services import enrolments, inbound, publishing
from app.services.actor import SYSTEM, Actor
from app.services.data_links import ask_for_everything
from app.services.files import FileStore
from app.services.guests import guest_of
from tests.factories import NOW, Make
from tests.services.attendance_world import OVER, Attended
from tests.services.reports_world import add, applied, row, zoom

MARK = "zqxmark"
ADDRESS = f"{MARK}@example.org"
NAME = f"Ana {MARK.title()}"
WORDS = f"Words of {MARK}"
OLGA = Actor(id="olga", name="Olga Organizer")


class Marked:
    """Ana takes part in a cycle that is over, speaks in it, and is enrolled in another one that
    goes on; five others of her country are there too. Organizers wrote her address into whatever
    they write."""

    def __init__(self, database: Database, store: FileStore, mail_dir: Path) -> None:
        self.database, self.store, self.mail_dir = database, store, mail_dir
        with database.begin(writes=True) as db:
            self._fill(db)

    def _fill(self, db: DbSession) -> None:
        world = Attended(db)
        world.cycle.status, world.cycle.capacity = "published", 100
        world.cycle.asks_gender, world.cycle.slug = True, "leaders"
        make = world.make
        for number in range(5):
            other = world.participant(f"Other {number}", country="CL", institution="CORFO")
            world.there(other, 1)
        given = EnrolmentIn(
            name=NAME,
            email=ADDRESS,
            country="CL",
            institution=WORDS,
            initiative=WORDS,
            gender="female",
            consent=True,
        )
        mine = enrolments.enrol(db, world.cycle.slug, given, NOW)
        person = db.get_one(Person, mine.person_id)
        person.position, person.bounce = WORDS, f"550 <{ADDRESS}> unknown"
        person.search_key = f"{NAME} {ADDRESS} {WORDS}".lower()
        self.person_id, self.enrolment_id, self.cycle_id = person.id, mine.id, world.cycle.id
        self._programme(db, make, world, person)
        self._attendance(db, world, mine)
        self._feedback(db, world, mine)
        make.certificate(
            mine, reason=WORDS, search_key=NAME.lower(), salt="salt", document=_document()
        )
        self._mails(db, world, mine, person)
        self._elsewhere(db, make, person, given)
        self._words(db, world)
        db.flush()

    def _programme(self, db: DbSession, make: Make, world: Attended, person: Person) -> None:
        session = world.sessions[0]
        at = Segment.session_id == session.id, Segment.position == 0
        segment = db.exec(select(Segment).where(*at)).one()
        values = {"position": WORDS, "institution": WORDS, "comment": WORDS}
        make.part(segment, person, **values)
        guest = guest_of(db, world.cycle.id, person.id)
        guest.biography, guest.aliases = WORDS, [f"other.{ADDRESS}"]
        guest.photo = self.store.keep(b"photo " + WORDS.encode())
        guest.unavailable = [["2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z"]]
        self.guest_id = guest.id
        slides = self.store.keep(b"slides " + WORDS.encode())
        make.material(session, title=WORDS, file=slides, file_name=WORDS, given_by=guest.id)
        db.add(PartArrival(guest_id=guest.id, session_id=session.id, at=session.starts_at))
        db.flush()
        publishing.publish(db, SYSTEM, world.cycle.id, accept_warnings=True, invite=True, now=NOW)
        for told in db.exec(select(Invitation).where(Invitation.guest_id == guest.id)).all():
            told.answer, told.answered_at, told.comment = "accepted", NOW, WORDS

    def _attendance(self, db: DbSession, world: Attended, mine: Enrolment) -> None:
        first = world.sessions[0]
        applied(
            db,
            first,
            zoom(row(NAME, ADDRESS), row(NAME[:-1]), row("Other 0")),
            filename=f"{ADDRESS}.csv",
        )
        data = zoom(row(NAME, ADDRESS), row("Somebody"))
        self.store.keep(data)
        add(db, world.sessions[1], data)
        world.there(mine, 2, 0, 110, shown_as=NAME, reason=WORDS)
        db.add(
            ReportAlias(cycle_id=mine.cycle_id, person_id=mine.person_id, key=f"n {NAME.lower()}")
        )
        db.add(ReportAlias(cycle_id=mine.cycle_id, person_id=mine.person_id, key=f"@ {ADDRESS}"))

    def _feedback(self, db: DbSession, world: Attended, mine: Enrolment) -> None:
        form = FeedbackForm(session_id=world.sessions[0].id)
        db.add(form)
        db.flush()
        for place, (kind, value) in enumerate((("rating", "4"), ("text", WORDS))):
            question = FeedbackQuestion(
                form_id=form.id, position=place, kind=kind, text={"en": "What?", "es": "¿Qué?"}
            )
            db.add(question)
            db.flush()
            db.add(FeedbackAnswer(question_id=question.id, enrolment_id=mine.id, value=value))
        db.add(FeedbackReceipt(form_id=form.id, enrolment_id=mine.id, at=NOW))

    def _mails(self, db: DbSession, world: Attended, mine: Enrolment, person: Person) -> None:
        ask_for_everything(db, person, NAME, "en", world.cycle.id, NOW)
        db.add(DataLink(person_id=person.id, expires_at=NOW))
        self.mail_dir.mkdir(exist_ok=True)
        sent = db.exec(select(Message).where(col(Message.to_address) == ADDRESS)).all()
        for each in sent[: len(sent) // 2]:
            each.status, each.sent_at = "sent", NOW
            (self.mail_dir / f"{each.id}.eml").write_text(f"To: {ADDRESS}\n\nHello {NAME}\n")
        guest = db.get_one(Guest, self.guest_id)
        for number, to in enumerate((f"convoca+{guest.reply_code}@example.org", "x@example.org")):
            raw = (
                f"From: {NAME} <{ADDRESS}>\r\nTo: {to}\r\nSubject: {WORDS}\r\n"
                f"Message-ID: <{MARK}-{number}@example.org>\r\n\r\n{WORDS}\r\n"
            )
            inbound.receive(db, raw.encode(), NOW)
        about = f"From: eva@example.org\r\nTo: x@example.org\r\n\r\nWrite to {ADDRESS}\r\n"
        inbound.receive(db, about.encode(), NOW)
        body = f'{{"email": "{ADDRESS}"}}'.encode()
        db.add(KeptAnswer(owner_id="token", key="k", request_digest="d", status=201, body=body))
        db.add(MailPace(server="smtp:25", detail=f"550 <{ADDRESS}>: no"))

    def _elsewhere(self, db: DbSession, make: Make, person: Person, given: EnrolmentIn) -> None:
        """In a cycle that goes on, where somebody waits for the place."""
        other = make.cycle(slug="other", status="published", capacity=1)
        make.session(other, meeting_url="https://meet.example.org/x")
        publishing.publish(db, SYSTEM, other.id, accept_warnings=True, now=NOW)
        self.other_enrolment_id = enrolments.enrol(db, "other", given, NOW).id
        waiting = EnrolmentIn(name="Leo", email="leo@example.org", consent=True)
        self.waiting_id = enrolments.enrol(db, "other", waiting, NOW).id
        self.other_cycle_id = other.id

    def _words(self, db: DbSession, world: Attended) -> None:
        """What organizers write: her address, not her name (see docs/privacy.md)."""
        said = f"Ask {ADDRESS} about it."
        cycle = db.get_one(Cycle, world.cycle.id)
        cycle.description = {"en": said, "es": said.upper()}
        world.sessions[1].description = {"es": said}
        db.add(MailText(cycle_id=cycle.id, kind="reminder", language="en", text=said))
        db.add(SessionClosing(session_id=world.sessions[0].id, closed=False, reason=said))
        db.add(Erasure(scope="cycle", reason=said, done_at=NOW))
        db.flush()
        publishing.publish(
            db, SYSTEM, cycle.id, accept_warnings=True, note=said, now=NOW + timedelta(hours=1)
        )

    def rows(self, db: DbSession, model: Any) -> list[Any]:
        return list(db.exec(select(model)).all())

    @property
    def evidence(self) -> Any:
        return select(Evidence).where(Evidence.enrolment_id == self.enrolment_id)

    @property
    def certificate(self) -> Any:
        return select(Certificate).where(Certificate.enrolment_id == self.enrolment_id)


def _document() -> dict[str, Any]:
    return {
        "version": 1,
        "first_day": "2026-12-01",
        "last_day": "2026-12-22",
        "zone": "UTC",
        "cycle": "Cycle",
        "minutes": 90,
        "sessions": 1,
        "of": 1,
        "rule": "One session",
        "organizers": [],
        "issuer": "Convoca",
        "evidence": "",
        "identity": "sha256$of-her-address",
    }


KEY = address_key(ADDRESS)
AT = OVER + timedelta(days=1)

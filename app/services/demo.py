"""Loads the demonstration cycle, shifted so that there is something to see at once: sessions 1 and
2 are past, session 3 begins within the quarter hour, session 4 is two weeks ahead."""

import json
import random
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import select

from app.db import DbSession
from app.domain.addresses import address_key, search_key
from app.domain.attendance import Kind
from app.domain.enrolment import EnrolmentStatus
from app.domain.schedule import SessionStatus
from app.domain.zones import wall_time
from app.models import Cycle, Enrolment, Evidence, Person, Session, TeamMember, User
from app.paths import DEMO_DATA
from app.schemas.completion import CompletionRule
from app.schemas.cycle import CycleIn, CycleInstitutionIn, CycleInstitutionsIn
from app.schemas.directory import InstitutionIn, PersonIn
from app.schemas.session import AgendaIn, PartIn, SegmentIn, SessionIn
from app.services import accounts, agendas, cycles, institutions, people, publishing, sessions
from app.services.actor import SYSTEM, AccountStanding, Role
from app.services.demo_feedback import give_opinions
from app.services.demo_participants import MadeUp, participants

FORTNIGHT = timedelta(days=14)
PRIVACY = {
    "en": "We use your name, address and institution to run this training cycle and to certify "
    "your attendance. We keep them for a year after the last session. Write to us to see or "
    "erase them.",
    "es": "Usamos su nombre, su correo y su institución para realizar este ciclo de formación y "
    "certificar su asistencia. Los conservamos un año después de la última sesión. Escríbanos "
    "para consultarlos o borrarlos.",
    "pt": "Usamos seu nome, e-mail e instituição para realizar este ciclo de formação e certificar "
    "sua presença. Guardamos esses dados por um ano após a última sessão. Escreva-nos para "
    "consultá-los ou apagá-los.",
}
DESCRIPTION = {
    "en": "Four online sessions for people who lead cluster initiatives: how they are governed, "
    "how their results are measured, and how they work together across territories.",
    "es": "Cuatro sesiones en línea para quienes lideran iniciativas clúster: cómo se gobiernan, "
    "cómo se miden sus resultados y cómo trabajan juntas entre territorios.",
    "pt": "Quatro sessões on-line para quem lidera iniciativas de cluster: como são governadas, "
    "como se medem seus resultados e como trabalham juntas entre territórios.",
}


def load(db: DbSession, now: datetime, *, organizer_email: str) -> bool:
    """Loads it into a database without cycles and accounts; returns whether it did."""
    if db.exec(select(Cycle.id).limit(1)).first() or db.exec(select(User.id).limit(1)).first():
        return False
    data = json.loads((DEMO_DATA / "cycle.json").read_text(encoding="utf-8"))
    organizer = accounts.add_user(
        db, "Demonstration organizer", organizer_email, standing=AccountStanding.ADMINISTRATOR
    )
    cycle = _cycle(db, data)
    db.add(TeamMember(cycle_id=cycle.id, user_id=organizer.id, role=Role.OWNER))
    persons = _people(db, data)
    starts = _starts(now)
    by_number: dict[int, Session] = {}
    for item in data["sessions"]:
        by_number[item["number"]] = _session(db, cycle, item, starts[item["number"]], persons)
    published = starts[1] - FORTNIGHT
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=published)
    enrolments = [
        _enrolment(db, cycle, who, published + timedelta(hours=5 * place))
        for place, who in enumerate(participants())
    ]
    db.flush()
    _attend(db, by_number[1], enrolments, share=0.8)
    _attend(db, by_number[2], enrolments, share=0.7)
    give_opinions(db, by_number[1], enrolments, anonymous=False)
    give_opinions(db, by_number[2], enrolments, anonymous=True)
    return True


def _starts(now: datetime) -> dict[int, datetime]:
    """Session 3 at the next full five minutes that are at least five minutes away."""
    third = now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0)
    third += timedelta(minutes=10 if now > third else 5)
    return {n: third + (n - 3) * FORTNIGHT for n in (1, 2, 3, 4)}


def _cycle(db: DbSession, data: dict[str, Any]) -> Cycle:
    given = data["cycle"]
    rule = given["completion_rule"]
    cycle = cycles.create_cycle(
        db,
        SYSTEM,
        CycleIn(
            slug=given["slug"],
            title=given["title"],
            description=DESCRIPTION,
            language=given["language"],
            zone=given["timezone"],
            contact_email="training@example.org",
            privacy_notice=PRIVACY,
            completion_rule=CompletionRule(
                min_sessions=rule["min_sessions"],
                of=rule["of"],
                min_percent_of_each=rule["min_percent_of_each"],
            ),
        ),
    )
    carried = []
    for item in given["institutions"]:
        row = institutions.create_institution(
            db,
            SYSTEM,
            InstitutionIn(
                name=item["name"],
                acronym=item.get("acronym", ""),
                country=item.get("country", ""),
            ),
        )
        carried.append(CycleInstitutionIn(institution_id=row.id, role=item["role"]))
    cycles.set_institutions(db, SYSTEM, cycle.id, CycleInstitutionsIn(institutions=carried))
    return cycle


def _people(db: DbSession, data: dict[str, Any]) -> dict[str, Person]:
    """The people with parts. An institution known by its acronym is not made a second time."""
    found, _ = institutions.search_institutions(db, SYSTEM, limit=100)
    known = {name: row.id for row in found for name in (row.name, row.acronym) if name}
    persons: dict[str, Person] = {}
    for item in data["people"]:
        name = item["institution"]
        if name not in known:
            row = institutions.create_institution(
                db, SYSTEM, InstitutionIn(name=name, country=item["country"])
            )
            known[name] = row.id
        persons[item["key"]] = people.create_person(
            db,
            SYSTEM,
            PersonIn(
                name=item["name"],
                email=f"{item['key']}@speakers.example.org",
                country=item["country"],
                zone=item["timezone"],
                language="es",
                position=item["position"],
                institution_id=known[name],
            ),
        )
    return persons


def _session(
    db: DbSession,
    cycle: Cycle,
    item: dict[str, Any],
    starts: datetime,
    persons: dict[str, Person],
) -> Session:
    session = sessions.create_session(
        db,
        SYSTEM,
        cycle.id,
        SessionIn(
            number=item["number"],
            title=item["title"],
            wall_start=wall_time(starts, cycle.zone),
            minutes=item["minutes"],
            fold=0,
            meeting_url=f"https://meet.example.org/cluster-leaders-{item['number']}",
            meeting_passcode=f"clusters-{item['number']}",
            status=SessionStatus.SCHEDULED,
        ),
    )
    segments = [
        SegmentIn(
            kind=one["kind"],
            title=one["title"],
            minutes=one["minutes"],
            parts=[PartIn(person_id=persons[p["person"]].id, role=p["role"]) for p in one["parts"]],
        )
        for one in item["segments"]
    ]
    return agendas.put_agenda(db, SYSTEM, session.id, AgendaIn(segments=segments))


def _enrolment(db: DbSession, cycle: Cycle, who: MadeUp, at: datetime) -> Enrolment:
    """Rows rather than the use case: nobody is to get a mail for having been made up."""
    initiative = institutions.find_or_create_initiative(db, who.initiative, who.country)
    initiative.territory, initiative.sector = who.territory, who.sector
    person = Person(
        name=who.name,
        email=who.email,
        email_key=address_key(who.email),
        country=who.country,
        zone=who.zone,
        language=who.language,
        search_key=search_key(who.name, who.email),
    )
    enrolment = Enrolment(
        cycle_id=cycle.id,
        person_id=person.id,
        status=EnrolmentStatus.CONFIRMED,
        status_at=at,
        created_at=at,
        name=who.name,
        country=who.country,
        institution=who.institution,
        initiative_id=initiative.id,
        language=who.language,
        zone=who.zone,
        consent_at=at,
        consent_version=cycle.privacy_version,
        search_key=search_key(who.name, who.email, who.institution),
    )
    db.add(person)
    db.flush()
    db.add(enrolment)
    return enrolment


def _attend(db: DbSession, session: Session, enrolments: list[Enrolment], *, share: float) -> None:
    """Check-ins around the start of a session that is over."""
    dice = random.Random(session.number)  # noqa: S311 (a demonstration, not a secret)
    for enrolment in enrolments:
        if dice.random() < share:
            db.add(
                Evidence(
                    enrolment_id=enrolment.id,
                    session_id=session.id,
                    kind=Kind.CHECK_IN,
                    at=session.starts_at + timedelta(minutes=dice.randint(-12, 25)),
                    source="personal-page",
                    key=f"check-in:{enrolment.id}:{session.id}",
                )
            )

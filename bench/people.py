"""Participants by the thousand, as a large cycle has them."""

from app.db import DbSession
from app.domain.addresses import address_key, search_key
from app.domain.ids import new_id
from app.models import Cycle, Enrolment, Person

_ZONES = (
    "America/Bogota",
    "America/Mexico_City",
    "America/Sao_Paulo",
    "America/Lima",
    "America/Santiago",
    "America/Argentina/Buenos_Aires",
    "America/Guatemala",
    "Europe/Madrid",
)
_LANGUAGES = ("es", "pt", "en")


def add_participants(db: DbSession, cycle: Cycle, count: int) -> list[tuple[Person, Enrolment]]:
    """So many people who take part, in three languages and eight zones; flushed."""
    people, enrolments = [], []
    for n in range(count):
        name, email = f"María Peña {n}", f"{new_id()}@example.org"
        zone, language = _ZONES[n % len(_ZONES)], _LANGUAGES[n % len(_LANGUAGES)]
        person = Person(
            name=name, email=email, email_key=address_key(email), zone=zone, language=language
        )
        people.append(person)
        enrolments.append(
            Enrolment(
                id=new_id(),
                cycle_id=cycle.id,
                person_id=person.id,
                status="confirmed",
                name=name,
                language=language,
                zone=zone,
                search_key=search_key(name, email),
            )
        )
    for rows in (people, enrolments):
        db.add_all(rows)
        db.flush()
    return list(zip(people, enrolments, strict=True))

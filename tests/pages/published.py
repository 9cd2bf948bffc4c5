"""A published cycle with one participant, for the tests of what everybody sees."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.db import Database
from app.models import now
from app.services.actor import SYSTEM
from app.services.links import Links, Purpose
from app.services.publishing import publish
from tests.factories import Make

SLUG = "cluster-leaders"


@dataclass(frozen=True)
class Published:
    """Ids of what there is, and the addresses of everything that is shown of it."""

    cycle_id: str
    session_ids: tuple[str, ...]
    segment_id: str
    person_id: str
    institution_id: str
    enrolment_id: str
    feed: str
    my: str

    @property
    def kept(self) -> tuple[str, ...]:
        """The addresses whose answers are kept."""
        pages = ("/", f"/c/{SLUG}", f"/c/{SLUG}/1", f"/c/{SLUG}/changes")
        return (
            *pages,
            *(f"{page}?lang=pt&zone=Europe/Madrid" for page in pages),
            f"/c/{SLUG}.ics",
            f"/c/{SLUG}/1.ics",
            f"/c/{SLUG}/1.ics?lang=en",
            f"/c/{SLUG}/accent.css",
            self.feed,
            f"{self.feed}?lang=en",
        )


def make_published(
    database: Database, links: Links, *, sessions: int = 2, **cycle: Any
) -> Published:
    """Two sessions at 09:00 in Bogotá, in ten days and a week later; a speaker in each."""
    with database.begin(writes=True) as db:
        make = Make(db)
        cycle.setdefault("contact_email", "clusters@example.org")
        cycle.setdefault("accent", "#0b6e99")
        row = make.cycle(slug=SLUG, **cycle)
        institution = make.institution(name="Colombia Productiva", country="CO")
        make.carries(row, institution)
        person = make.person(name="Marco Dini", position="Economist", zone="America/Santiago")
        first = (now() + timedelta(days=10)).replace(
            hour=9, minute=0, second=0, microsecond=0, tzinfo=None
        )
        rows, segments = [], []
        for number in range(1, sessions + 1):
            session = make.session(
                row,
                number,
                wall_start=first + timedelta(days=7 * number),
                meeting_url=f"https://meet.example.org/secret-{number}",
            )
            segment = make.segment(session, minutes=90)
            make.part(segment, person, institution="ECLAC")
            rows.append(session.id)
            segments.append(segment.id)
        enrolment = make.enrolment(row, language="es", zone="America/Bogota")
        publish(db, SYSTEM, row.id, accept_warnings=True, now=now())
        return Published(
            cycle_id=row.id,
            session_ids=tuple(rows),
            segment_id=segments[0],
            person_id=person.id,
            institution_id=institution.id,
            enrolment_id=enrolment.id,
            feed=f"/feed/{links.token(Purpose.FEED, enrolment.id, 1)}.ics",
            my=f"/my/{links.token(Purpose.MY, enrolment.id, 1)}",
        )

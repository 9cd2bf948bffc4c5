"""Makes rows for tests, with sensible values for whatever a test does not care about."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlmodel import select

from app.db import DbSession
from app.domain.addresses import address_key, search_key
from app.domain.certificates import new_certificate_code
from app.domain.ids import new_id
from app.domain.zones import resolve_wall
from app.models import (
    Certificate,
    CertificateDesign,
    Cycle,
    CycleInstitution,
    Enrolment,
    Institution,
    Material,
    Part,
    Person,
    Segment,
    Session,
)
from app.models.base import Row

RowT = TypeVar("RowT", bound=Row)

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""The present, for tests that say what time it is."""


class Make:
    """Factories that add to a database session and flush."""

    def __init__(self, db: DbSession, number: int = 0) -> None:
        self.db = db
        self._count = number

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _add(self, row: RowT) -> RowT:
        self.db.add(row)
        self.db.flush()
        return row

    def cycle(self, **values: Any) -> Cycle:
        """A draft cycle at home in Bogotá, in Spanish."""
        n = self._next()
        values.setdefault("slug", f"cycle-{n}")
        values.setdefault("title", {"en": f"Cycle {n}", "es": f"Ciclo {n}"})
        values.setdefault("language", "es")
        values.setdefault("zone", "America/Bogota")
        values.setdefault("privacy_notice", {"en": "We keep your data for a year."})
        return self._add(Cycle(**values))

    def session(self, cycle: Cycle, number: int = 1, **values: Any) -> Session:
        """A scheduled session at 09:00 in the cycle's zone, a week after the one before."""
        values.setdefault("title", {"en": f"Session {number}", "es": f"Sesión {number}"})
        values.setdefault("zone", cycle.zone)
        values.setdefault("minutes", 90)
        wall = values.setdefault(
            "wall_start", datetime(2026, 12, 1, 9) + timedelta(days=7 * (number - 1))
        )
        start = resolve_wall(wall, values["zone"], values.get("fold", 0)).instant
        values.setdefault("starts_at", start)
        values.setdefault("ends_at", start + timedelta(minutes=values["minutes"]))
        return self._add(Session(cycle_id=cycle.id, number=number, **values))

    def segment(self, session: Session, position: int = 0, **values: Any) -> Segment:
        """A presentation of half an hour."""
        values.setdefault("kind", "presentation")
        values.setdefault("title", f"Segment {position + 1}")
        values.setdefault("minutes", 30)
        return self._add(Segment(session_id=session.id, position=position, **values))

    def part(self, segment: Segment, person: Person, role: str = "speaker", **values: Any) -> Part:
        """A part, with position as of today."""
        values.setdefault("position", person.position)
        return self._add(
            Part(
                session_id=segment.session_id,
                segment_id=segment.id,
                person_id=person.id,
                role=role,
                **values,
            )
        )

    def person(self, **values: Any) -> Person:
        """Somebody with an address."""
        n = self._next()
        values.setdefault("name", f"Person {n}")
        values.setdefault("email", f"person{n}@example.org")
        if values["email"]:
            values.setdefault("email_key", address_key(values["email"]))
        values.setdefault("search_key", search_key(values["name"], values["email"] or ""))
        return self._add(Person(**values))

    def institution(self, **values: Any) -> Institution:
        """An institution."""
        values.setdefault("name", f"Institution {self._next()}")
        values.setdefault("search_key", search_key(values["name"], values.get("acronym", "")))
        return self._add(Institution(**values))

    def carries(self, cycle: Cycle, institution: Institution, role: str = "organizer") -> Any:
        """Puts an institution to a cycle."""
        return self._add(
            CycleInstitution(cycle_id=cycle.id, institution_id=institution.id, role=role)
        )

    def enrolment(self, cycle: Cycle, person: Person | None = None, **values: Any) -> Enrolment:
        """A confirmed enrolment."""
        person = person or self.person()
        values.setdefault("status", "confirmed")
        values.setdefault("name", person.name)
        values.setdefault("language", cycle.language)
        values.setdefault("zone", cycle.zone)
        values.setdefault("search_key", search_key(values["name"], person.email or ""))
        return self._add(Enrolment(id=new_id(), cycle_id=cycle.id, person_id=person.id, **values))

    def certificate(self, enrolment: Enrolment, number: int = 0, **values: Any) -> Certificate:
        """A live certificate of an enrolment; another one of the same cycle needs a `number`."""
        at = CertificateDesign.cycle_id == enrolment.cycle_id
        design = self.db.exec(select(CertificateDesign).where(at)).first()
        if design is None:
            design = CertificateDesign(cycle_id=enrolment.cycle_id, version=1, template="classic")
            self._add(design)
        days = {"first_day": "2026-12-01", "last_day": "2026-12-22", "zone": "UTC"}
        said = {"cycle": "Cycle", "minutes": 90, "sessions": 1, "of": 1, "rule": "One session"}
        rest = {"organizers": [], "issuer": "Convoca", "evidence": "", "identity": ""}
        values = {
            "code": new_certificate_code(),
            "holder": enrolment.name,
            "language": enrolment.language,
            "document": {"version": 1, **days, **said, **rest},
            "rule_version": 1,
            "status_index": number,
            **values,
        }
        return self._add(
            Certificate(
                cycle_id=enrolment.cycle_id,
                enrolment_id=enrolment.id,
                design_id=design.id,
                **values,
            )
        )

    def material(self, session: Session, **values: Any) -> Material:
        """A link that everybody sees at once."""
        values.setdefault("kind", "link")
        values.setdefault("title", f"Material {self._next()}")
        values.setdefault("audience", "public")
        if "file" not in values:
            values.setdefault("url", "https://example.org/material")
        return self._add(Material(session_id=session.id, **values))

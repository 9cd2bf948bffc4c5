"""A cycle in full swing, for tests that need something of everything."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.db import Database
from app.models import (
    FeedbackForm,
    FeedbackQuestion,
    Guest,
    Initiative,
    Invitation,
    IssueRun,
    ReportImport,
    ReportRow,
    now,
)
from app.services.actor import SYSTEM
from app.services.publishing import publish
from app.services.rows import initiative_key
from tests.factories import Make


@dataclass(frozen=True)
class Seeded:
    """Ids."""

    cycle_id: str
    slug: str
    session_id: str
    segment_id: str
    person_id: str
    duplicate_id: str
    institution_id: str
    other_institution_id: str
    initiative_id: str
    other_initiative_id: str
    enrolment_id: str
    material_id: str
    invitation_id: str
    import_id: str
    row_id: str
    code: str
    run_id: str

    def path(self, template: str) -> str:
        """A documented path, filled in."""
        return template.format(**vars(self))


def seed(database: Database, *, published: bool = False, number: int = 0) -> Seeded:
    """A cycle whose first session is on right now, with an agenda, its people and a participant;
    a draft, unless it is `published`. Another one needs another `number`, in thousands."""
    with database.begin(writes=True) as db:
        make = Make(db, number)
        cycle = make.cycle(zone="America/Bogota")
        institutions = [make.institution(), make.institution()]
        make.carries(cycle, institutions[0])
        begun = now().replace(second=0, microsecond=0) - timedelta(hours=5)
        session = make.session(cycle, 1, wall_start=begun.replace(tzinfo=None))
        make.session(cycle, 2, wall_start=datetime(2027, 1, 12, 9))
        segment = make.segment(session)
        person = make.person(institution_id=institutions[0].id)
        duplicate = make.person()
        make.part(segment, person)
        initiatives = [Initiative(name=f"{name} {number}") for name in ("Coffee", "Flowers")]
        for initiative in initiatives:
            initiative.search_key = initiative_key(initiative)
            db.add(initiative)
        db.flush()
        enrolment = make.enrolment(cycle, initiative_id=initiatives[0].id)
        make.enrolment(cycle)
        guest = Guest(cycle_id=cycle.id, person_id=enrolment.person_id)
        db.add(guest)
        db.flush()
        invitation = Invitation(
            guest_id=guest.id, session_id=session.id, uid=session.uid, method="REQUEST"
        )
        db.add(invitation)
        form = FeedbackForm(session_id=session.id)
        db.add(form)
        db.flush()
        db.add(FeedbackQuestion(form_id=form.id, position=0, kind="rating", text={"en": "How?"}))
        report = ReportImport(
            session_id=session.id, filename="report.csv", digest="0" * 64, provider="zoom"
        )
        db.add(report)
        db.flush()
        row = ReportRow(import_id=report.id, number=2, name="Somebody", who="somebody")
        db.add(row)
        run = IssueRun(cycle_id=cycle.id, finished_at=begun)
        db.add(run)
        if published:
            publish(db, SYSTEM, cycle.id, accept_warnings=True, now=begun)
        return Seeded(
            cycle_id=cycle.id,
            slug=cycle.slug,
            session_id=session.id,
            segment_id=segment.id,
            person_id=person.id,
            duplicate_id=duplicate.id,
            institution_id=institutions[0].id,
            other_institution_id=institutions[1].id,
            initiative_id=initiatives[0].id,
            other_initiative_id=initiatives[1].id,
            enrolment_id=enrolment.id,
            material_id=make.material(session).id,
            invitation_id=invitation.id,
            import_id=report.id,
            row_id=row.id,
            code=make.certificate(enrolment).code,
            run_id=run.id,
        )

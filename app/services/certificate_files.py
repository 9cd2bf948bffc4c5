"""Certificates as PDF, and designs as pictures to look at. The PDF is made anew whenever somebody
wants it, and is the same each time: everything that it shows is frozen (ADR 24)."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from app.certificates import designs
from app.certificates.designs import SAMPLE_CODE
from app.certificates.pdf import certificate_image, certificate_pdf
from app.certificates.words import asked_in_words
from app.db import DbSession
from app.domain.schedule import InstitutionRole
from app.domain.text import localized
from app.domain.zones import wall_time
from app.models import Certificate, CertificateDesign, Cycle
from app.services.badges import Addresses
from app.services.certificate_designs import design_of, newest
from app.services.certificate_drafts import asked_by, frozen
from app.services.certificate_life import refuse_nameless
from app.services.completion import against
from app.services.files import FileStore
from app.services.rows import find
from app.services.schedules import draft_schedule


def pdf(db: DbSession, row: Certificate, store: FileStore, at: Addresses) -> bytes:
    """The PDF of a certificate. Two queries.

    Raises:
        Unprintable: a typeface that was there when it was issued is not any more.
        NotFound: a picture is not in the store any more.
        Gone: its holder has had their name erased.
    """
    refuse_nameless(row)
    cycle, design = find(db, Cycle, row.cycle_id), find(db, CertificateDesign, row.design_id)
    return certificate_pdf(frozen(row), design_of(design, cycle, store), at.verify(row.code))


def file_name(row: Certificate) -> str:
    """What the PDF is called when it is saved."""
    return f"certificate-{row.code[:8]}.pdf"


def sample_image(
    db: DbSession,
    cycle: Cycle,
    store: FileStore,
    at: Addresses,
    language: str,
    now: datetime,
    **changes: Any,
) -> bytes:
    """The cycle's design with a holder made up, as PNG. `changes`: fields of the design as somebody
    is just trying them. Five queries and those of the draft.

    Raises Invalid as `designs.check`, and Unprintable.
    """
    design = replace(design_of(newest(db, cycle.id), cycle, store), **changes)
    schedule = draft_schedule(db, cycle.id)
    known = against(db, cycle.id, now)
    starts = [wall_time(each.starts, each.zone).date() for each in schedule.sessions]
    days: dict[str, Any] = {"first_day": min(starts), "last_day": max(starts)} if starts else {}
    ours = (i.name for i in schedule.institutions if i.role is InstitutionRole.ORGANIZER)
    sample = designs.sample(
        language,
        cycle=localized(schedule.title, language, schedule.language),
        organizers=tuple(ours),
        rule=asked_in_words(asked_by(known.rule, known.held), language) if known.rule else "",
        sessions=max(1, len(schedule.sessions)),
        issued_at=now,
        **days,
    )
    return certificate_image(sample, design, at.verify(SAMPLE_CODE), pixels_per_inch=80)

"""What a mail of a cycle would look like, with an organizer's words before they are saved."""

from dataclasses import replace
from datetime import datetime, timedelta

from app.db import DbSession
from app.domain.errors import N_
from app.domain.schedule import SessionStatus
from app.domain.text import localized
from app.languages import translations
from app.mail.placeholders import fill, fill_subject
from app.mail.rendering import opening, render
from app.mail.samples import NAME, Sample, sample_mail
from app.mail.values import Content, SessionLine
from app.models import Cycle
from app.schemas.mail_text import MailTextIn
from app.services.links import Links
from app.services.mail_texts import check_text, organizers, placeholder_values
from app.services.outbox import PART_KINDS
from app.services.schedules import draft_schedule

_SHOWN = 3
"""So many sessions are listed in a sample."""


def preview(
    db: DbSession,
    links: Links,
    cycle: Cycle,
    kind: str,
    language: str,
    new: MailTextIn,
    now: datetime,
    *,
    speaks: bool = False,
) -> Content:
    """The whole mail with these words and a made-up reader in the cycle's zone; `speaks`: who has
    a part in the session. Saves nothing.

    Raises Invalid as `mail_texts.check_text`.
    """
    check_text(kind, new)
    sample, values = _sample(db, links, cycle, kind, language, now, speaks=speaks)
    filled = replace(sample, subject=fill_subject(new.subject, values), text=fill(new.text, values))
    return render(kind, sample_mail(kind, filled), language, translations)


def house_words(
    db: DbSession, links: Links, cycle: Cycle, kind: str, language: str, now: datetime
) -> tuple[str, str]:
    """The house's subject and opening words, with the same made-up reader."""
    sample, _ = _sample(db, links, cycle, kind, language, now, speaks=False)
    mail = sample_mail(kind, sample)
    subject = render(kind, mail, language, translations).subject
    return subject, opening(kind, mail, language, translations)


def _sample(
    db: DbSession,
    links: Links,
    cycle: Cycle,
    kind: str,
    language: str,
    now: datetime,
    *,
    speaks: bool,
) -> tuple[Sample, dict[str, str]]:
    gettext = translations(language).gettext
    schedule = draft_schedule(db, cycle.id)
    scheduled = [s for s in schedule.sessions if s.status is SessionStatus.SCHEDULED]
    coming = [s for s in scheduled if s.ends > now] or scheduled
    lines = [
        SessionLine(
            number=s.number,
            title=localized(s.title, language, schedule.language),
            starts=s.starts,
            ends=s.ends,
            zone=s.zone,
        )
        for s in sorted(coming, key=lambda s: (s.starts, s.number))[:_SHOWN]
    ]
    if not lines:
        start = (now + timedelta(days=7)).replace(minute=0, second=0, microsecond=0)
        title = gettext(N_("The first session"))
        lines = [SessionLine(1, title, start, start + timedelta(minutes=90), cycle.zone)]
    sample = Sample(
        cycle=localized(schedule.title, language, schedule.language),
        zone=cycle.zone,
        sessions=lines,
        page_url=links.url("/part/…" if speaks or kind in PART_KINDS else "/my/…"),
        contact=cycle.contact_email,
        accent=cycle.accent,
        role=gettext(N_("speaker")),
        speaks=speaks,
    )
    values = placeholder_values(
        language,
        cycle.zone,
        name=NAME,
        cycle=sample.cycle,
        link=sample.page_url,
        organizer=organizers(schedule),
        session=lines[0],
    )
    return sample, dict(values)

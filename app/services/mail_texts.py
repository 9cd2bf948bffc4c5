"""Organizers' own words for the mails of a cycle: kept, checked, taken back.

They stand in place of the house's subject and opening words; greeting, times, buttons and the
reason why one gets the mail stay.
"""

from collections.abc import Mapping

from sqlmodel import select

from app.db import DbSession, insert_unless_there
from app.domain.errors import N_, FieldError, Invalid, NotFound
from app.domain.schedule import InstitutionRole, Schedule
from app.domain.text import LANGUAGES
from app.languages import date_long, time_of_day, zone_label
from app.mail.placeholders import KNOWN, OF_A_CYCLE, unknown
from app.mail.values import SessionLine
from app.models import Cycle, MailText
from app.schemas.mail_text import MailTextIn
from app.services.actor import Actor
from app.services.outbox import CERTIFICATE, ENROLMENT_KINDS, PART_KINDS
from app.services.rows import find

KINDS: tuple[str, ...] = (
    "enrolment-pending",
    "enrolment-waitlisted",
    "enrolment-confirmed",
    "enrolment-link",
    "part-request",
    "part-reminder",
    "invitation",
    "invitation-update",
    "invitation-cancel",
    "reminder",
    "follow-up",
    "certificate",
)
"""The mails that a cycle may have its own words for, in the order in which one gets them."""
_ABOUT_NO_SESSION = frozenset((*ENROLMENT_KINDS, *PART_KINDS, CERTIFICATE))


def placeholders(kind: str) -> dict[str, str]:
    """The placeholders that a kind of mail knows, each with what is put in its place (English, to
    be translated)."""
    if kind in _ABOUT_NO_SESSION:
        return {name: words for name, words in KNOWN.items() if name in OF_A_CYCLE}
    return dict(KNOWN)


def own_words(db: DbSession, cycle_id: str, kind: str, language: str) -> MailText | None:
    """The cycle's own words for a kind of mail in a language, placeholders and all. One query."""
    query = select(MailText).where(
        MailText.cycle_id == cycle_id, MailText.kind == kind, MailText.language == language
    )
    return db.exec(query).one_or_none()


def list_texts(db: DbSession, actor: Actor, cycle_id: str) -> dict[tuple[str, str], MailText]:
    """All own words of a cycle by kind and language. One query."""
    query = select(MailText).where(MailText.cycle_id == cycle_id)
    return {(row.kind, row.language): row for row in db.exec(query)}


def get_text(
    db: DbSession, actor: Actor, cycle_id: str, kind: str, language: str
) -> MailText | None:
    """The own words for a kind of mail in a language, None where the house's hold.

    Raises NotFound for a kind or a language that there is no mail in.
    """
    if kind not in KINDS or language not in LANGUAGES:
        raise NotFound
    return own_words(db, cycle_id, kind, language)


def check_text(kind: str, new: MailTextIn) -> None:
    """Raises Invalid at ``subject`` or ``text`` (code ``unknown_placeholder``) where something
    stands in braces that this kind of mail does not know."""
    known = placeholders(kind)
    errors = [
        FieldError(
            field,
            N_("{%(name)s} is not a placeholder here. Choose one of the list: %(known)s."),
            {"name": found[0][:40], "known": ", ".join(f"{{{name}}}" for name in known)},
            "unknown_placeholder",
        )
        for field, text in (("subject", new.subject), ("text", new.text))
        if (found := unknown(text, known))
    ]
    if errors:
        raise Invalid(*errors)


def set_text(
    db: DbSession, actor: Actor, cycle_id: str, kind: str, language: str, new: MailTextIn
) -> MailText | None:
    """Keeps a cycle's own words; of two who save at once the later one's stand. Both empty: back to
    the house's words, and None.

    Raises:
        NotFound: there is no such cycle, kind or language. Invalid: as `check_text`.
    """
    find(db, Cycle, cycle_id)
    get_text(db, actor, cycle_id, kind, language)
    check_text(kind, new)
    if not (new.subject or new.text):
        reset_text(db, actor, cycle_id, kind, language)
        return None
    row = MailText(cycle_id=cycle_id, kind=kind, language=language)
    keys = ["cycle_id", "kind", "language"]
    db.connection().execute(
        insert_unless_there(db, MailText, index_elements=keys).values(row.model_dump())
    )
    row = db.exec(
        select(MailText)
        .where(MailText.cycle_id == cycle_id, MailText.kind == kind, MailText.language == language)
        .with_for_update()
    ).one()
    row.subject, row.text, row.changed_by = new.subject, new.text, actor.name
    db.flush()
    return row


def reset_text(db: DbSession, actor: Actor, cycle_id: str, kind: str, language: str) -> None:
    """Back to the house's words. Twice is once. Raises NotFound as `get_text`."""
    row = get_text(db, actor, cycle_id, kind, language)
    if row is not None:
        db.delete(row)
        db.flush()


def organizers(schedule: Schedule) -> str:
    """The institutions that organize a cycle, by name."""
    ours = (i for i in schedule.institutions if i.role is InstitutionRole.ORGANIZER)
    return ", ".join(i.name for i in ours)


def placeholder_values(
    language: str,
    zone: str,
    *,
    name: str,
    cycle: str,
    link: str,
    organizer: str,
    session: SessionLine | None = None,
) -> Mapping[str, str]:
    """What `mail.placeholders.fill` puts in, in the reader's language and zone. `name` is one that
    a mail may repeat (`mail.rendering.greeting_name`), `link` the address of the reader's page."""
    values = {"name": name, "cycle": cycle, "link": link, "organizer": organizer}
    if session is not None:
        values |= {
            "session": session.title,
            "number": str(session.number),
            "date": date_long(session.starts, language, zone),
            "time": f"{time_of_day(session.starts, zone)}–{time_of_day(session.ends, zone)}",
            "zone": zone_label(zone, language),
        }
    return values

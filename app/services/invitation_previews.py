"""The mails of a release that is yet to be made, for an organizer to look at."""

from dataclasses import dataclass
from datetime import datetime

from app.db import DbSession
from app.domain.errors import NotFound
from app.domain.faces import own_segments
from app.domain.invitations import Due
from app.mail.frames import LINK, NAME, filled
from app.mail.rendering import greeting_name
from app.mail.values import Content
from app.models import Cycle
from app.services import publishing
from app.services.actor import Actor
from app.services.invitation_words import About, content_of
from app.services.issuing import mail_to_come
from app.services.ledger import plan
from app.services.ledger_readers import Reader
from app.services.links import Links
from app.services.mail_texts import own_words
from app.services.outbox import CANCEL, UPDATE
from app.services.rows import find
from app.services.schedules import schedule_of_release


@dataclass(frozen=True, slots=True)
class MailToCome:
    """What somebody would get about a session. Their own links are left out of it: they are theirs
    alone."""

    to_name: str
    to_address: str
    language: str
    content: Content


def mail_of_release(
    db: DbSession,
    actor: Actor,
    links: Links,
    cycle_id: str,
    person_id: str,
    session_id: str,
    note: str,
    now: datetime,
) -> MailToCome:
    """The mail that publishing now, with this note, would send somebody about a session. Writes
    nothing; at most twenty-five queries, whatever the number of people.

    Raises:
        NotFound: there is no such cycle, or they would get none about it.
        Invalid: the note is too long.
    """
    publishing.check_note(note)
    cycle = find(db, Cycle, cycle_id)
    found = publishing.preview(db, actor, cycle_id, now)
    planned = plan(db, cycle, found.next_schedule, now, only=[person_id])
    due = next(
        (d for d in planned.due if d.session.id == session_id and not d.to_old_address), None
    )
    if due is None:
        raise NotFound
    reader = planned.reader(due)
    mail = mail_to_come(db, cycle, cycle.release_number + 1, planned, due, now, note.strip())
    about = _about(db, cycle, reader, due, mail["kind"], mail["context"])
    told = about.was_release if about.kind in (UPDATE, CANCEL) else 0
    earlier = schedule_of_release(db, cycle_id, told) if told else None
    content = content_of(about, found.next_schedule, due.session, earlier)
    page = links.url("/part/…" if about.speaker else "/my/…")
    return MailToCome(
        to_name=reader.name,
        to_address=due.entry.address,
        language=reader.language,
        content=filled(content, {NAME: greeting_name(reader.name), LINK: page}),
    )


def _about(
    db: DbSession, cycle: Cycle, reader: Reader, due: Due, kind: str, context: dict[str, object]
) -> About:
    guest = reader.guest
    own = own_segments(due.session, guest.person_id, guest.declined)
    words = own_words(db, cycle.id, kind, reader.language)
    return About.of(
        kind,
        reader.language,
        context,
        cycle_id=cycle.id,
        release=cycle.release_number + 1,
        zone=reader.zone,
        speaker=guest.person_id if own else "",
        declined=guest.declined if own else frozenset(),
        contact=cycle.contact_email,
        own_subject=words.subject if words else "",
        own_text=words.text if words else "",
        named=bool(greeting_name(reader.name)),
    )

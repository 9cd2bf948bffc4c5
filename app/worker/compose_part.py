"""The mails that ask people to confirm their parts: from a row of the outbox to the text.

Their parts are looked at when the mail goes out: it names those that wait for an answer then.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import joinedload
from sqlmodel import col, select

from app.db import DbSession
from app.domain.schedule import CycleStatus, PartStatus
from app.domain.text import localized
from app.languages import translations
from app.mail.failures import Reason, SendError
from app.mail.placeholders import fill, fill_subject
from app.mail.rendering import greeting_name, render
from app.mail.values import Content, OwnPart, PartMail, SessionLine
from app.models import Cycle, Enrolment, Guest, Message
from app.services.calendars import own_segments_of
from app.services.guests import manner_of
from app.services.links import Links
from app.services.mail_texts import organizers, own_words, placeholder_values
from app.services.parts import Placed, placed_parts
from app.services.schedules import draft_schedule, released_schedule


def compose_part(
    db: DbSession, links: Links, message: Message, now: datetime
) -> tuple[Content, str]:
    """The text of a mail of the kinds ``part-request`` and ``part-reminder``, and the address for
    answers.

    Raises:
        SendError: final; GONE where guest or cycle is no more, MOOT where they have answered.
    """
    statement = (
        select(Guest, Cycle, Enrolment)
        .join(Cycle, col(Cycle.id) == col(Guest.cycle_id))
        .outerjoin(
            Enrolment,
            (col(Enrolment.cycle_id) == col(Guest.cycle_id))
            & (col(Enrolment.person_id) == col(Guest.person_id)),
        )
        .where(Guest.id == str(message.context.get("guest_id")))
        .options(joinedload(Guest.person))  # type: ignore[arg-type]
    )
    row = db.exec(statement).one_or_none()
    if row is None:
        raise SendError(Reason.GONE, final=True)
    guest, cycle, enrolment = row
    placed = placed_parts(db, cycle.id, [guest.person_id])
    waiting = [each for each in placed if each.is_unanswered(now)]
    if not waiting or cycle.status == CycleStatus.ARCHIVED:
        raise SendError(Reason.MOOT, final=True)
    language = message.language
    title = localized(cycle.title, language, cycle.language)
    name = greeting_name(message.to_name)
    zone = manner_of(guest.person, enrolment, cycle).zone
    page = links.part(guest.id, guest.link_generation)
    words = own_words(db, cycle.id, message.kind, language)
    schedule = released_schedule(db, cycle.id) or draft_schedule(db, cycle.id)
    values = placeholder_values(
        language, zone, name=name, cycle=title, link=page, organizer=organizers(schedule)
    )
    mail = PartMail(
        name=name,
        cycle=title,
        zone=zone,
        parts=_own_parts(waiting, placed, cycle, language),
        page_url=page,
        own_subject=fill_subject(words.subject, values) if words else "",
        own_text=fill(words.text, values) if words else "",
        contact=cycle.contact_email,
        accent=cycle.accent,
    )
    return render(message.kind, mail, language, translations), cycle.contact_email


def _own_parts(
    waiting: Sequence[Placed], placed: Sequence[Placed], cycle: Cycle, language: str
) -> tuple[OwnPart, ...]:
    """A segment in which they have several parts is named once, with all of them."""
    declined = frozenset(p.part.id for p in placed if p.part.status == PartStatus.DECLINED)
    declined -= {each.part.id for each in waiting}
    by_segment = {each.segment.id: each for each in waiting}
    again = {each.segment.id for each in waiting if each.was_answered}
    return tuple(
        OwnPart(_line(each, cycle, language), segment, again=each.segment.id in again)
        for each in by_segment.values()
        for segment in own_segments_of([each.segment], each.part.person_id, language, declined)
    )


def _line(each: Placed, cycle: Cycle, language: str) -> SessionLine:
    session = each.session
    return SessionLine(
        number=session.number,
        title=localized(session.title, language, cycle.language),
        starts=session.starts_at,
        ends=session.ends_at,
        zone=session.zone,
    )

"""From a row of the outbox to the mail: reads what it is about as that is now, makes the links."""

from datetime import datetime

from sqlmodel import col, select

from app.calendar.links import webcal
from app.db import DbSession
from app.domain.account_changes import SENTENCES, AccountChange
from app.domain.check_in import window
from app.domain.enrolment import EnrolmentStatus
from app.domain.permissions import Role
from app.domain.schedule import Schedule, SessionStatus
from app.domain.schedule import Session as ReleasedSession
from app.domain.text import localized
from app.domain.words import TEAM_ROLES
from app.languages import translations
from app.mail.building import build, to_mail
from app.mail.failures import Reason, SendError
from app.mail.placeholders import fill, fill_subject
from app.mail.rendering import greeting_name, render
from app.mail.values import (
    AccountMail,
    AddressMail,
    Content,
    EnrolmentMail,
    Mail,
    Sender,
    SessionLine,
    SignInMail,
    TeamMail,
)
from app.models import (
    AddressChange,
    Cycle,
    DataLink,
    Enrolment,
    Message,
    Session,
    SignInLink,
    TeamInvitation,
)
from app.services.accounts import LINK_MINUTES, link_address
from app.services.address_changes import confirm_link, undo_link
from app.services.data_links import DATA_LINK_LASTS, data_address
from app.services.links import Links
from app.services.mail_texts import organizers, own_words, placeholder_values
from app.services.outbox import (
    ACCOUNT_CHANGED,
    ADDRESS_CHANGED,
    CERTIFICATE,
    DATA_LINK,
    INVITATION_KINDS,
    NEW_ADDRESS,
    PART_KINDS,
    SIGN_IN,
    TEAM,
)
from app.services.schedules import draft_schedule, released_schedule
from app.services.security_notices import account_link
from app.services.team_invitations import invitation_link
from app.worker.compose_certificate import compose_certificate
from app.worker.compose_invitation import compose_invitation
from app.worker.compose_part import compose_part
from app.worker.compose_reminder import KINDS as REMINDER_KINDS
from app.worker.compose_reminder import compose_reminder
from app.worker.kept import Kept

MOST_SESSIONS = 30
"""So many are listed in a mail; the personal page has all."""


def compose(
    db: DbSession,
    links: Links,
    sender: Sender,
    message: Message,
    now: datetime,
    kept: Kept | None = None,
) -> Mail:
    """The mail of a row, at the aware instant `now`. Reads only. `kept` is what a worker remembers
    from one mail to the next; without it everything is made anew.

    Raises:
        SendError: final, where what it is about is gone or holds no longer.
    """
    if message.kind in INVITATION_KINDS:
        return compose_invitation(db, links, sender, message, kept or Kept())
    if message.kind == SIGN_IN:
        content, reply_to = _sign_in(db, links, message, now), ""
    elif message.kind in (NEW_ADDRESS, ADDRESS_CHANGED):
        content, reply_to = _address(db, links, message, now), ""
    elif message.kind == ACCOUNT_CHANGED:
        content, reply_to = _account(links, message), ""
    elif message.kind == TEAM:
        content, reply_to = _team(db, links, message, now), ""
    elif message.kind == DATA_LINK:
        content, reply_to = _data_link(db, links, message, now), ""
    elif message.kind in REMINDER_KINDS:
        content, reply_to = compose_reminder(db, links, message, now, kept or Kept())
    elif message.kind == CERTIFICATE:
        content, reply_to = compose_certificate(db, links, message, kept or Kept())
    elif message.kind in PART_KINDS:
        content, reply_to = compose_part(db, links, message, now)
    else:
        content, reply_to = _enrolment(db, links, message, now)
    built = build(
        content,
        sender=sender,
        to_name=greeting_name(message.to_name),
        to_address=message.to_address,
        message_id=message.message_id,
        date=message.created_at,
        language=message.language,
        reply_to=reply_to,
    )
    return to_mail(built)


def _sign_in(db: DbSession, links: Links, message: Message, now: datetime) -> Content:
    link = db.get(SignInLink, str(message.context.get("link_id")))
    if link is None or link.used_at is not None:
        raise SendError(Reason.GONE, final=True)
    if link.expires_at <= now:
        raise SendError(Reason.EXPIRED, final=True)
    mail = SignInMail(
        name=greeting_name(message.to_name),
        url=link_address(links, link.id),
        minutes=LINK_MINUTES,
    )
    return render(message.kind, mail, message.language, translations)


def _address(db: DbSession, links: Links, message: Message, now: datetime) -> Content:
    change = db.get(AddressChange, str(message.context.get("change_id")))
    asked = message.kind == NEW_ADDRESS
    if change is None or change.undone_at is not None or asked == bool(change.confirmed_at):
        raise SendError(Reason.GONE, final=True)
    if change.expires_at <= now:
        raise SendError(Reason.EXPIRED, final=True)
    mail = AddressMail(
        name=greeting_name(message.to_name),
        old=change.old_email,
        new=change.new_email,
        url=(confirm_link if asked else undo_link)(links, change.id),
        until=change.expires_at,
    )
    return render(message.kind, mail, message.language, translations)


def _account(links: Links, message: Message) -> Content:
    told = message.context
    sentence = translations(message.language).gettext(SENTENCES[AccountChange(told["change"])])
    mail = AccountMail(
        name=greeting_name(message.to_name),
        said=sentence % {"where": told["where"]},
        at=datetime.fromisoformat(told["at"]),
        url=account_link(links),
    )
    return render(message.kind, mail, message.language, translations)


def _team(db: DbSession, links: Links, message: Message, now: datetime) -> Content:
    row = db.get(TeamInvitation, str(message.context.get("invitation_id")))
    if row is None or row.revoked_at is not None or row.accepted_at is not None:
        raise SendError(Reason.GONE, final=True)
    if row.expires_at <= now:
        raise SendError(Reason.EXPIRED, final=True)
    cycle = db.get(Cycle, row.cycle_id) if row.cycle_id else None
    mail = TeamMail(
        asked_by=greeting_name(row.invited_by),
        cycle=localized(cycle.title, message.language, cycle.language) if cycle else "",
        role=TEAM_ROLES[Role(row.role)] if row.role else "",
        url=invitation_link(links, row.id),
        until=row.expires_at,
    )
    return render(message.kind, mail, message.language, translations)


def _data_link(db: DbSession, links: Links, message: Message, now: datetime) -> Content:
    link = db.get(DataLink, str(message.context.get("data_link_id")))
    if link is None:
        raise SendError(Reason.GONE, final=True)
    if link.expires_at <= now:
        raise SendError(Reason.EXPIRED, final=True)
    mail = SignInMail(
        name=greeting_name(message.to_name),
        url=data_address(links, link.id, message.to_address),
        minutes=int(DATA_LINK_LASTS.total_seconds() // 60),
    )
    return render(message.kind, mail, message.language, translations)


def _enrolment(db: DbSession, links: Links, message: Message, now: datetime) -> tuple[Content, str]:
    row = db.exec(
        select(Enrolment, Cycle)
        .join(Cycle, col(Cycle.id) == col(Enrolment.cycle_id))
        .where(Enrolment.id == str(message.context.get("enrolment_id")))
    ).one_or_none()
    if row is None:
        raise SendError(Reason.GONE, final=True)
    enrolment, cycle = row
    if enrolment.status == EnrolmentStatus.WITHDRAWN:
        raise SendError(Reason.MOOT, final=True)
    language = message.language
    schedule = released_schedule(db, cycle.id)
    coming = _coming(schedule, now)
    takes_part = enrolment.status == EnrolmentStatus.CONFIRMED
    feed = links.feed(enrolment.id, enrolment.feed_generation) if takes_part else ""
    page = links.my(enrolment.id, enrolment.link_generation)
    title = localized(schedule.title if schedule else cycle.title, language, cycle.language)
    own = own_words(db, cycle.id, message.kind, language)
    name = greeting_name(enrolment.name)
    values = placeholder_values(
        language,
        enrolment.zone,
        name=name,
        cycle=title,
        link=page,
        organizer=organizers(schedule or draft_schedule(db, cycle.id)),
    )
    mail = EnrolmentMail(
        name=name,
        cycle=title,
        zone=enrolment.zone,
        sessions=tuple(
            SessionLine(
                number=session.number,
                title=localized(session.title, language, cycle.language),
                starts=session.starts,
                ends=session.ends,
                zone=session.zone,
            )
            for session in coming[:MOST_SESSIONS]
        ),
        more=max(0, len(coming) - MOST_SESSIONS),
        check_in=_check_in(db, coming[0]) if coming else None,
        page_url=page,
        feed_url=feed,
        webcal_url=webcal(feed) if feed else "",
        own_subject=fill_subject(own.subject, values) if own else "",
        own_text=fill(own.text, values) if own else "",
        contact=cycle.contact_email,
        accent=cycle.accent,
    )
    return render(message.kind, mail, language, translations), cycle.contact_email


def _coming(schedule: Schedule | None, now: datetime) -> list[ReleasedSession]:
    """What is not over and was not cancelled, in the order of time."""
    sessions = schedule.sessions if schedule else ()
    coming = [s for s in sessions if s.status == SessionStatus.SCHEDULED and s.ends > now]
    return sorted(coming, key=lambda s: (s.starts, s.number))


def _check_in(db: DbSession, session: ReleasedSession) -> tuple[datetime, datetime] | None:
    row = db.get(Session, session.id)
    if row is None:
        return None
    return window(session.starts, session.ends, row.check_in_before, row.check_in_after)

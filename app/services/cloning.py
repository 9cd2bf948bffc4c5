"""A cycle once more, at other dates."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import col, select

from app.db import DbSession
from app.domain.schedule import CycleStatus, SessionStatus
from app.domain.series import shift_wall
from app.domain.zones import WallKind, resolve_wall
from app.models import (
    Cycle,
    CycleInstitution,
    FeedbackForm,
    FeedbackQuestion,
    MailText,
    Part,
    Reminder,
    Segment,
    Session,
    now,
)
from app.schemas.cycle import CloneIn
from app.services.actor import Actor
from app.services.completion_rules import keep_version
from app.services.cycles import add_cycle
from app.services.feedback_forms import copy_form
from app.services.rows import find
from app.services.schedules import session_rows, with_institutions


def clone_cycle(db: DbSession, actor: Actor, cycle_id: str, command: CloneIn) -> Cycle:
    """A copy of a cycle as a draft, with ids, calendar UIDs and room codes of its own; its
    institutions are loaded.

    Settings and reminders are always copied; texts (also those of mails), institutions, sessions
    with what is asked after them, their agendas and the parts in them as the command says.
    `first_date` is the local date of the earliest session; the others keep their distance in days,
    and each its hour on the wall. An hour that clocks skip on the new date becomes the one that RFC
    5545, section 3.3.5 makes of it (02:30 becomes 03:30).

    People come with their position and institution as of today. Meeting link, passcode and the
    word for checking in belong to one meeting and are not copied. A cancelled session comes as a
    draft, since nobody has said that the new one is cancelled. Nobody is invited to the copy, or
    has been asked for a part in it.

    Raises:
        NotFound: there is no such cycle.
        Invalid: at ``slug``, code ``slug_taken``; at ``first_date``, code ``year``: it is not
            within the years 2000 to 2100, or it moves a session out of them.
    """
    source = find(db, Cycle, cycle_id, *with_institutions())
    sessions = session_rows(db, Session.cycle_id == cycle_id) if command.sessions else []
    days = 0
    if sessions and command.first_date is not None:
        earliest = min(sessions, key=lambda s: (s.starts_at, s.number))
        days = (command.first_date - earliest.wall_start.date()).days
    walls = [shift_wall(s.wall_start, days, field="first_date") for s in sessions]
    clone = add_cycle(db, actor, _settings(source, command))
    if command.institutions:
        clone.institutions = [
            CycleInstitution(
                cycle_id=clone.id,
                institution_id=row.institution_id,
                institution=row.institution,
                role=row.role,
                position=row.position,
            )
            for row in source.institutions
        ]
    copies: dict[str, Session] = {}
    for session, wall in zip(sessions, walls, strict=True):
        copies[session.id] = copy = _session(session, clone, wall)
        if command.agenda:
            copy.segments = [_segment(s, copy, people=command.people) for s in session.segments]
        db.add(copy)
    _copy_feedback(db, copies)
    if command.texts:
        _copy_mail_texts(db, source, clone)
    _copy_reminders(db, source, clone)
    _copy_rule(db, actor, source, clone, {old: copy.id for old, copy in copies.items()})
    db.flush()
    return clone


def _copy_rule(
    db: DbSession, actor: Actor, source: Cycle, clone: Cycle, sessions: dict[str, str]
) -> None:
    """The copy's rule names the copied sessions; one that was not copied is asked for no more."""
    if not source.completion_rule:
        return
    rule = dict(source.completion_rule)
    if rule.get("mandatory"):
        rule["mandatory"] = [sessions[each] for each in rule["mandatory"] if each in sessions]
    clone.completion_rule = rule
    keep_version(db, actor, clone, now())


def _copy_feedback(db: DbSession, copies: Mapping[str, Session]) -> None:
    """The forms of the sessions, for their copies, by the session's id; two queries."""
    query = select(FeedbackForm).where(col(FeedbackForm.session_id).in_(copies))
    forms = {row.id: row for row in db.exec(query.order_by(col(FeedbackForm.id)))}
    if not forms:
        return
    questions: dict[str, list[FeedbackQuestion]] = {}
    for row in db.exec(
        select(FeedbackQuestion)
        .where(col(FeedbackQuestion.form_id).in_(forms))
        .order_by(col(FeedbackQuestion.position), col(FeedbackQuestion.id))
    ).all():
        questions.setdefault(row.form_id, []).append(row)
    for form in forms.values():
        copy_form(db, form, questions.get(form.id, []), copies[form.session_id])


def _copy_mail_texts(db: DbSession, source: Cycle, clone: Cycle) -> None:
    query = select(MailText).where(MailText.cycle_id == source.id).order_by(col(MailText.id))
    for row in db.exec(query).all():
        copied = row.model_dump(include={"kind", "language", "subject", "text", "changed_by"})
        db.add(MailText(cycle_id=clone.id, **copied))


def _copy_reminders(db: DbSession, source: Cycle, clone: Cycle) -> None:
    query = select(Reminder).where(Reminder.cycle_id == source.id).order_by(col(Reminder.id))
    rows = db.exec(query).all()
    # A cycle without any gets the usual ones: who has removed all has chosen to have none.
    for row in [row for row in rows if not row.removed] or rows[:1]:
        copied = row.model_dump(include={"anchor", "minutes", "audience", "on", "removed"})
        db.add(Reminder(cycle_id=clone.id, **copied))


def _settings(source: Cycle, command: CloneIn) -> Cycle:
    return Cycle(
        slug=command.slug,
        title=dict(command.title),
        description=dict(source.description) if command.texts else {},
        privacy_notice=dict(source.privacy_notice) if command.texts else {},
        language=source.language,
        zone=source.zone,
        status=CycleStatus.DRAFT,
        accent=source.accent,
        contact_email=source.contact_email,
        capacity=source.capacity,
        enrolment_open=source.enrolment_open,
        approval=source.approval,
        asks_gender=source.asks_gender,
        retention_months=source.retention_months,
        institutions=[],
    )


def _session(session: Session, clone: Cycle, wall: datetime) -> Session:
    found = resolve_wall(wall, session.zone, session.fold)
    return Session(
        cycle_id=clone.id,
        number=session.number,
        title=dict(session.title),
        description=dict(session.description),
        wall_start=found.shown,
        zone=session.zone,
        fold=session.fold if found.kind is WallKind.TWICE else 0,
        minutes=session.minutes,
        starts_at=found.instant,
        ends_at=found.instant + timedelta(minutes=session.minutes),
        status=(
            SessionStatus.DRAFT if session.status == SessionStatus.CANCELLED else session.status
        ),
        check_in_before=session.check_in_before,
        check_in_after=session.check_in_after,
        check_in_word_rotates=session.check_in_word_rotates,
        segments=[],
    )


def _segment(segment: Segment, session: Session, *, people: bool) -> Segment:
    copy = Segment(
        session_id=session.id,
        position=segment.position,
        kind=segment.kind,
        title=segment.title,
        minutes=segment.minutes,
        offset=segment.offset,
    )
    copy.parts = [_part(part, copy) for part in segment.parts] if people else []
    return copy


def _part(part: Part, segment: Segment) -> Part:
    institution = part.person.institution
    return Part(
        session_id=segment.session_id,
        segment_id=segment.id,
        person_id=part.person_id,
        person=part.person,
        role=part.role,
        order=part.order,
        position=part.person.position,
        institution=institution.name if institution else "",
    )

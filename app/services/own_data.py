"""What is held about somebody, for their own eyes: in one cycle, or everywhere.

Of a link to one cycle only what that cycle holds is shown, with the entry in the directory, which
names no cycle: whoever has the link must not learn where else somebody takes part.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import or_
from sqlmodel import col, select

from app.db import DbSession
from app.domain.text import localized
from app.models import (
    Certificate,
    Consent,
    Cycle,
    Enrolment,
    Evidence,
    FeedbackAnswer,
    FeedbackForm,
    FeedbackQuestion,
    FeedbackReceipt,
    Guest,
    InboundMail,
    Initiative,
    Institution,
    Invitation,
    Material,
    Message,
    Part,
    PartArrival,
    Person,
    PrivacyNotice,
    ReportAlias,
    ReportImport,
    ReportRow,
    Segment,
    Session,
)
from app.schemas import own_data as out
from app.schemas.own_data import OwnCycle, OwnData, OwnPerson
from app.services.access import cycles_of_people
from app.services.rows import find


def own_data(db: DbSession, person_id: str, cycle_id: str | None, now: datetime) -> OwnData:
    """All that is held; `cycle_id` None: everywhere. Three queries, and eighteen for each cycle,
    however much there is. Raises NotFound."""
    person = find(db, Person, person_id)
    ids = {cycle_id} if cycle_id is not None else cycles_of_people(db, [person_id])
    cycles = db.exec(select(Cycle).where(col(Cycle.id).in_(ids)).order_by(col(Cycle.id))).all()
    aliases = select(ReportAlias.key).where(ReportAlias.person_id == person_id)
    if cycle_id is not None:
        aliases = aliases.where(ReportAlias.cycle_id == cycle_id)
    return OwnData(
        made_at=now,
        everywhere=cycle_id is None,
        person=_person(db, person),
        known_as=[
            key.partition(" ")[2]
            for key in db.exec(aliases.distinct().order_by(col(ReportAlias.key)))
        ],
        cycles=[_cycle(db, person, each) for each in cycles],
    )


def _person(db: DbSession, person: Person) -> OwnPerson:
    works_at = db.get(Institution, person.institution_id) if person.institution_id else None
    return OwnPerson(
        name=person.name,
        email=person.email,
        country=person.country,
        zone=person.zone,
        language=person.language,
        position=person.position,
        institution=works_at.name if works_at else "",
        mail_came_back_at=person.bounced_at,
        mail_came_back=person.bounce,
        created_at=person.created_at,
    )


def _cycle(db: DbSession, person: Person, cycle: Cycle) -> OwnCycle:
    enrolled = db.exec(
        select(Enrolment, Initiative.name)
        .outerjoin(Initiative, col(Initiative.id) == col(Enrolment.initiative_id))
        .where(Enrolment.cycle_id == cycle.id, Enrolment.person_id == person.id)
    ).all()
    here = Guest.cycle_id == cycle.id, Guest.person_id == person.id
    guests = db.exec(select(Guest).where(*here)).all()
    ids, guest_ids = [row.id for row, _ in enrolled], [row.id for row in guests]
    numbers = dict(
        db.exec(select(Session.id, Session.number).where(Session.cycle_id == cycle.id)).all()
    )
    certificates = _all(db, Certificate, col(Certificate.enrolment_id).in_(ids))
    return OwnCycle(
        cycle=localized(cycle.title, cycle.language, cycle.language),
        slug=cycle.slug,
        enrolments=[
            out.OwnEnrolment(initiative=initiative or "", **_of(row, out.OwnEnrolment))
            for row, initiative in enrolled
        ],
        consents=_consents(db, cycle, ids),
        attendance=[
            out.OwnEvidence(session=numbers[row.session_id], **_of(row, out.OwnEvidence))
            for row in _all(db, Evidence, col(Evidence.enrolment_id).in_(ids))
        ],
        certificates=[
            out.OwnCertificate(says=row.document, **_of(row, out.OwnCertificate))
            for row in certificates
        ],
        feedback=_answers(db, cycle, [row for row, _ in enrolled], numbers),
        feedback_given=[
            out.OwnFeedback(session=numbers[session_id], at=at)
            for session_id, at in db.exec(
                select(FeedbackForm.session_id, FeedbackReceipt.at)
                .join(FeedbackForm, col(FeedbackForm.id) == col(FeedbackReceipt.form_id))
                .where(col(FeedbackReceipt.enrolment_id).in_(ids))
            )
        ],
        invited=[
            out.OwnInvited(
                biography=row.biography,
                photo=bool(row.photo),
                other_addresses=row.aliases,
                unavailable=row.unavailable,
                since=row.created_at,
            )
            for row in guests
        ],
        invitations=[
            out.OwnInvitation(
                session=numbers[row.session_id],
                told=row.method,
                answered_by=row.answer_source,
                **_of(row, out.OwnInvitation),
            )
            for row in _all(db, Invitation, col(Invitation.guest_id).in_(guest_ids))
        ],
        arrivals=[
            out.OwnArrival(session=numbers[row.session_id], at=row.at)
            for row in db.exec(
                select(PartArrival)
                .where(col(PartArrival.guest_id).in_(guest_ids))
                .order_by(col(PartArrival.at))
            )
        ],
        parts=_parts(db, person, numbers),
        slides=[
            out.OwnSlides(
                session=numbers[row.session_id], at=row.created_at, **_of(row, out.OwnSlides)
            )
            for row in _all(db, Material, col(Material.given_by).in_(guest_ids))
        ],
        mails=_mails(db, person, cycle, ids, guest_ids, [row.id for row in certificates], numbers),
        mails_received=[
            out.OwnMailReceived(
                text=str(row.shown.get("text", "")), **_of(row, out.OwnMailReceived)
            )
            for row in _all(db, InboundMail, col(InboundMail.guest_id).in_(guest_ids))
        ],
        reports=_reports(db, ids, numbers),
    )


def _all(db: DbSession, model: Any, where: Any) -> Sequence[Any]:
    return db.exec(select(model).where(where).order_by(col(model.id))).all()


def _of(row: Any, schema: Any) -> dict[str, Any]:
    """The fields of a row that a schema calls by the same name."""
    return {
        name: getattr(row, name) for name in schema.model_fields if name in row.__table__.columns
    }


def _consents(db: DbSession, cycle: Cycle, ids: Sequence[str]) -> list[out.OwnConsent]:
    query = (
        select(Consent, PrivacyNotice.texts)
        .outerjoin(
            PrivacyNotice,
            (col(PrivacyNotice.cycle_id) == cycle.id)
            & (col(PrivacyNotice.version) == col(Consent.version)),
        )
        .where(col(Consent.enrolment_id).in_(ids))
        .order_by(col(Consent.at), col(Consent.id))
    )
    return [
        out.OwnConsent(
            version=row.version,
            language=row.language,
            at=row.at,
            text=localized(texts or {}, row.language, cycle.language),
        )
        for row, texts in db.exec(query)
    ]


def _answers(
    db: DbSession, cycle: Cycle, enrolled: Sequence[Enrolment], numbers: dict[str, int]
) -> list[out.OwnAnswer]:
    """As it was asked in the language of their pages."""
    languages = {row.id: row.language for row in enrolled}
    query = (
        select(FeedbackForm.session_id, FeedbackQuestion, FeedbackAnswer)
        .join(FeedbackQuestion, col(FeedbackQuestion.form_id) == col(FeedbackForm.id))
        .join(FeedbackAnswer, col(FeedbackAnswer.question_id) == col(FeedbackQuestion.id))
        .where(col(FeedbackAnswer.enrolment_id).in_(languages))
        .order_by(col(FeedbackForm.session_id), col(FeedbackQuestion.position))
    )

    def words(text: dict[str, str], answer: FeedbackAnswer) -> str:
        return localized(text, languages[answer.enrolment_id or ""], cycle.language)

    return [
        out.OwnAnswer(
            session=numbers[session_id],
            question=words(question.text, answer),
            answer=_chosen(question, answer.value, partial(words, answer=answer)),
        )
        for session_id, question, answer in db.exec(query)
    ]


def _chosen(question: FeedbackQuestion, value: str, words: Callable[[dict[str, str]], str]) -> str:
    """The words of the options that were chosen; else what was written."""
    known: dict[Any, str] = {each["id"]: words(each["text"]) for each in question.options}  # type: ignore[arg-type]
    return ", ".join(known.get(each, each) for each in value.split(" ")) if known else value


def _parts(db: DbSession, person: Person, numbers: dict[str, int]) -> list[out.OwnPart]:
    query = (
        select(Part, Segment.title)
        .join(Segment, col(Segment.id) == col(Part.segment_id))
        .where(Part.person_id == person.id, col(Part.session_id).in_(numbers))
        .order_by(col(Part.id))
    )
    return [
        out.OwnPart(session=numbers[row.session_id], segment=title, **_of(row, out.OwnPart))
        for row, title in db.exec(query)
    ]


def _mails(
    db: DbSession,
    person: Person,
    cycle: Cycle,
    ids: Sequence[str],
    guest_ids: Sequence[str],
    certificates: Sequence[str],
    numbers: dict[str, int],
) -> list[out.OwnMail]:
    context = col(Message.context)
    theirs = or_(
        col(Message.guest_id).in_(guest_ids),
        context["enrolment_id"].as_string().in_(ids),
        context["guest_id"].as_string().in_(guest_ids),
        context["certificate_id"].as_string().in_(certificates),
        context["person_id"].as_string() == person.id,
    )
    rows = _all(db, Message, (col(Message.cycle_id) == cycle.id) & theirs)
    return [
        out.OwnMail(
            to=row.to_address,
            session=numbers.get(row.session_id or ""),
            queued_at=row.created_at,
            **_of(row, out.OwnMail),
        )
        for row in rows
    ]


def _reports(db: DbSession, ids: Sequence[str], numbers: dict[str, int]) -> list[out.OwnReportRow]:
    query = (
        select(ReportRow, ReportImport.session_id, ReportImport.filename)
        .join(ReportImport, col(ReportImport.id) == col(ReportRow.import_id))
        .where(col(ReportRow.enrolment_id).in_(ids))
        .order_by(col(ReportRow.import_id), col(ReportRow.number))
    )
    return [
        out.OwnReportRow(
            session=numbers[session_id],
            report=filename,
            row=row.number,
            **_of(row, out.OwnReportRow),
        )
        for row, session_id, filename in db.exec(query)
    ]

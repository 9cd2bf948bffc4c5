"""The mail with a certificate: from a row of the outbox to the text.

The PDF is not attached: the link in the mail leads to where it always is, in its newest state.
"""

from sqlmodel import col, select

from app.db import DbSession
from app.domain.certificates import State, shown_code
from app.domain.text import localized
from app.languages import translations
from app.mail.failures import Reason, SendError
from app.mail.placeholders import fill, fill_subject
from app.mail.rendering import greeting_name, render
from app.mail.values import CertificateMail, Content
from app.models import Certificate, Cycle, Enrolment, MailText, Message
from app.services.links import Links
from app.services.mail_texts import organizers, placeholder_values
from app.worker.kept import Kept


def compose_certificate(
    db: DbSession, links: Links, message: Message, kept: Kept
) -> tuple[Content, str]:
    """The text of a mail of the kind ``certificate``, and the address for answers. One query, and
    one for each cycle.

    Raises:
        SendError: final; GONE where there is no such certificate, MOOT where it is not live.
    """
    words = (
        (col(MailText.cycle_id) == col(Cycle.id))
        & (col(MailText.kind) == message.kind)
        & (col(MailText.language) == message.language)
    )
    statement = (
        select(Certificate, Enrolment, Cycle, MailText)
        .join(Enrolment, col(Enrolment.id) == col(Certificate.enrolment_id))
        .join(Cycle, col(Cycle.id) == col(Certificate.cycle_id))
        .outerjoin(MailText, words)
        .where(Certificate.id == str(message.context.get("certificate_id")))
    )
    row = db.exec(statement).one_or_none()
    if row is None:
        raise SendError(Reason.GONE, final=True)
    certificate, enrolment, cycle, own = row
    if certificate.status != State.LIVE:
        raise SendError(Reason.MOOT, final=True)
    language = message.language
    released = kept.release(db, cycle.id, cycle.release_number, cycle.revision)
    if released is None:
        raise SendError(Reason.GONE, final=True)
    schedule = released.schedule
    title = localized(schedule.title, language, schedule.language)
    page = links.my(enrolment.id, enrolment.link_generation)
    name = greeting_name(certificate.holder)
    values = placeholder_values(
        language,
        enrolment.zone,
        name=name,
        cycle=title,
        link=page,
        organizer=organizers(schedule),
    )
    mail = CertificateMail(
        name=name,
        cycle=title,
        zone=enrolment.zone,
        page_url=page,
        verify_url=links.url(f"/verify/{certificate.code}"),
        code=shown_code(certificate.code),
        own_subject=fill_subject(own.subject, values) if own else "",
        own_text=fill(own.text, values) if own else "",
        contact=cycle.contact_email,
        accent=cycle.accent,
    )
    return render(message.kind, mail, language, translations), cycle.contact_email

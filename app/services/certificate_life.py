"""What happens to a certificate after it was issued: found, taken back, replaced."""

from datetime import datetime, timedelta

from sqlmodel import col, select

from app.db import DbSession
from app.domain.certificates import State, certificate_code
from app.domain.errors import N_, Clash, Gone, Invalid, NotFound
from app.domain.ids import new_id
from app.models import Certificate, Cycle, Enrolment, Message
from app.schemas.certificate import RevokeIn, SupersedeIn
from app.services import outbox
from app.services.actor import Actor
from app.services.certificate_drafts import NotEligible, by_rule, drafting, rule_of_version
from app.services.certificate_issuing import mail_of, write
from app.services.certificate_texts import refuse_unprintable
from app.services.completion import against, far_of
from app.services.enrolment_lists import named
from app.services.rows import enrolment_key, hold
from app.services.webhook_events import tell_ended

MAIL_AGAIN = timedelta(minutes=1)
"""After a mail with a certificate the next one of the same is queued no sooner."""


class JustMailed(Clash):
    """The mail of this certificate was queued less than a minute ago."""

    code = "just_mailed"
    sentence = N_("This mail was sent less than a minute ago. Wait a moment, then send it again.")


def certificate_of_code(db: DbSession, code: str) -> Certificate:
    """The certificate of a code, however it is typed. One query. Raises NotFound."""
    try:
        plain = certificate_code(code)
    except Invalid:
        raise NotFound from None
    row = db.exec(select(Certificate).where(Certificate.code == plain)).one_or_none()
    if row is None:
        raise NotFound
    return row


def refuse_nameless(row: Certificate) -> None:
    """Raises Gone, code ``erased``, for a certificate whose holder has had their name erased."""
    if not row.holder:
        raise Gone(
            N_("The name on this certificate was erased, as its holder wished."), code="erased"
        )


def newest_of(db: DbSession, enrolment_id: str) -> Certificate | None:
    """The live certificate of an enrolment, else the one that was issued last: of two people who
    became one, the last may be the one that was replaced. One query."""
    query = select(Certificate).where(Certificate.enrolment_id == enrolment_id)
    order = col(Certificate.status) != State.LIVE, col(Certificate.id).desc()
    return db.exec(query.order_by(*order).limit(1)).first()


def held(db: DbSession, code: str) -> Certificate:
    """The same, read anew with its cycle held: nobody else issues or ends one there meanwhile."""
    row = certificate_of_code(db, code)
    hold(db, Cycle, row.cycle_id)
    db.refresh(row)
    return row


def live_one(db: DbSession, code: str) -> Certificate:
    """The same. Raises NotFound; Clash ``revoked`` and ``superseded`` where it is not live."""
    row = held(db, code)
    _refuse_ended(row)
    return row


def _refuse_ended(row: Certificate) -> None:
    if row.status == State.REVOKED:
        raise Clash(N_("This certificate was revoked."), code="revoked")
    if row.status == State.SUPERSEDED:
        raise Clash(N_("Another certificate is in place of this one."), code="superseded")


def revoke(db: DbSession, actor: Actor, code: str, command: RevokeIn, now: datetime) -> Certificate:
    """Takes a certificate back: its page says so from now on, and its badge does not hold any more.
    Twice is once, with the first reason.

    Raises:
        NotFound: no such certificate. Clash: ``superseded``.
    """
    row = held(db, code)
    if row.status == State.REVOKED:
        return row
    _refuse_ended(row)
    _end(db, row, State.REVOKED, actor, command.reason, now)
    tell_ended(db, row)
    return row


def supersede(
    db: DbSession, actor: Actor, code: str, command: SupersedeIn, now: datetime
) -> Certificate:
    """Issues another certificate in place of one, by the records of today and the rule that the
    first was given under; the old one's page leads to nobody, and says that it was replaced.
    Another name becomes the participant's too.

    Raises:
        NotFound: no such certificate.
        Clash: ``revoked``, ``superseded``; ``erased``: nothing is held about its holder any more.
        NotEligible: by the records of today the rule is not met.
        Unprintable: no typeface has the characters of the name, or of another text.
    """
    old = live_one(db, code)
    # Whoever changes it meanwhile is waited for: else what they said would be written over, in what
    # it is searched for by, and the certificate would bear the name of before.
    hold(db, Enrolment, old.enrolment_id)
    enrolment = named(db, [old.enrolment_id])[0]
    if enrolment.person.erased_at is not None:
        raise Clash(N_("What was held here has been erased already."), code="erased")
    if command.holder and command.holder != enrolment.name:
        enrolment.name = command.holder
        enrolment.search_key = enrolment_key(enrolment)
    plan = drafting(db, against(db, old.cycle_id, now))
    rule = rule_of_version(db, old.cycle_id, old.rule_version)
    if plan is None or rule is None:
        raise NotEligible(None)
    plan = by_rule(plan, rule, old.rule_version)
    far = next(iter(far_of(db, plan.known, [enrolment.id])))
    if not far.outcome.completed:
        raise NotEligible(far.outcome)
    refuse_unprintable(db, plan, enrolment)
    # The old one first: only one of an enrolment may be live at any time.
    _end(db, old, State.SUPERSEDED, actor, command.reason, now)
    new = write(db, actor, plan, [(enrolment, far)], now)[0]
    old.superseded_by_id = new.id
    tell_ended(db, old)
    return new


def _end(
    db: DbSession, row: Certificate, state: State, actor: Actor, reason: str, now: datetime
) -> Certificate:
    row.status, row.ended_at, row.ended_by, row.reason = state, now, actor.name, reason
    db.flush()
    return row


def mail_again(db: DbSession, actor: Actor, code: str, now: datetime) -> int:
    """Queues the mail of a certificate once more; how many go: none where no address is known. The
    cycle is held, so that of two who ask at once the second one is told of the first's.

    Raises:
        NotFound: no such certificate. Clash: ``revoked``, ``superseded``.
        JustMailed: it was queued less than `MAIL_AGAIN` ago.
    """
    row = live_one(db, code)
    intent = f"{outbox.CERTIFICATE}:{row.id}"
    just = select(Message.id).where(
        col(Message.created_at) > now - MAIL_AGAIN,
        col(Message.created_at) < now + MAIL_AGAIN,  # later ones were written by a wrong clock
        col(Message.intent).startswith(intent),
    )
    if db.exec(just.limit(1)).first() is not None:
        raise JustMailed
    enrolment = named(db, [row.enrolment_id])[0]
    return outbox.enqueue_many(db, mail_of(row, enrolment, now, f"{intent}:{new_id()}"))


def keep_one(db: DbSession, actor: Actor, stays_id: str, goes_id: str, now: datetime) -> None:
    """Two enrolments become one: all certificates are its, and of two live ones that of the
    enrolment that stays is kept, while the other is superseded by it. The cycle is held."""
    both = (stays_id, goes_id)
    query = select(Certificate).where(col(Certificate.enrolment_id).in_(both))
    rows = db.exec(query.order_by(col(Certificate.id))).all()
    live = {row.enrolment_id: row for row in rows if row.status == State.LIVE}
    if len(live) == 2:
        row = _end(db, live[goes_id], State.SUPERSEDED, actor, "", now)
        row.superseded_by_id = live[stays_id].id
        tell_ended(db, row)
    for row in rows:
        row.enrolment_id = stays_id
    db.flush()

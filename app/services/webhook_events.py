"""Noting what there is to tell webhooks, in the transaction of the fact itself.

Like a mail in the outbox, an event is there exactly if its fact is; it has a key, so that a repeat
adds nothing. Each webhook that wants it when it happens gets a delivery, which the worker takes
from there. Where a cycle has no webhooks (`Cycle.has_webhooks`) nothing is asked or written.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert
from sqlmodel import col, select

from app.db import DbSession, insert_unless_there_in
from app.domain.enrolment import EnrolmentStatus
from app.domain.ids import new_id
from app.domain.webhooks import EventType
from app.models import (
    Certificate,
    Cycle,
    Enrolment,
    Evidence,
    Invitation,
    Release,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
    now,
)
from app.schemas import webhook as sent

_CHUNK = 1_000
_OF_STATUS = {
    EnrolmentStatus.CONFIRMED: EventType.ENROLMENT_CONFIRMED,
    EnrolmentStatus.WAITLISTED: EventType.ENROLMENT_WAITLISTED,
    EnrolmentStatus.WITHDRAWN: EventType.ENROLMENT_WITHDRAWN,
}
_OF_A_DELIVERY = WebhookDelivery(webhook_id="", event_id="").model_dump()


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened in a cycle, at an aware instant. `key`, with the type before it, is
    the same for the same fact."""

    type: EventType
    cycle_id: str
    key: str
    at: datetime
    data: sent.Sent


def tell(connection: Connection, facts: Iterable[Fact]) -> int:
    """Notes facts for the webhooks that want them; how many were new to any. To be called in the
    transaction in which they become true, for cycles that have webhooks. Four statements."""
    by_cycle: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        by_cycle[fact.cycle_id].append(fact)
    if not by_cycle:
        return 0
    listening = connection.execute(
        select(Webhook.id, Webhook.cycle_id, col(Webhook.events))
        .where(col(Webhook.cycle_id).in_(by_cycle), col(Webhook.disabled_at).is_(None))
        # One that is being removed at this moment is waited for: to refer to it would fail.
        .order_by(col(Webhook.id))
        .with_for_update(read=True, key_share=True)
    ).all()
    wanted: list[tuple[Fact, list[str]]] = []
    for fact in sorted((f for each in by_cycle.values() for f in each), key=lambda f: _key(f)):
        theirs = (row for row in listening if row.cycle_id == fact.cycle_id)
        ids = [row.id for row in theirs if fact.type in row.events]
        if ids:
            wanted.append((fact, ids))
    return sum(
        _note(connection, wanted[start : start + _CHUNK]) for start in range(0, len(wanted), _CHUNK)
    )


def _key(fact: Fact) -> str:
    return f"{fact.type}:{fact.key}"


def _note(connection: Connection, wanted: Sequence[tuple[Fact, list[str]]]) -> int:
    """In the order of their keys, so that two who note the same never wait for each other."""
    moment = now()
    rows = [
        {
            "id": new_id(),
            "created_at": moment,
            "cycle_id": fact.cycle_id,
            "key": _key(fact),
            "type": str(fact.type),
            "at": fact.at,
            "data": fact.data.model_dump(mode="json"),
        }
        for fact, _ in wanted
    ]
    statement = insert_unless_there_in(connection.dialect.name, WebhookEvent, ["key"])
    connection.execute(statement, rows)
    ours = col(WebhookEvent.id).in_([row["id"] for row in rows])
    there = set(connection.execute(select(WebhookEvent.id).where(ours)).scalars())
    deliveries = [
        delivery(str(row["id"]), webhook_id, moment)
        for row, (_, ids) in zip(rows, wanted, strict=True)
        if row["id"] in there
        for webhook_id in ids
    ]
    if deliveries:
        connection.execute(insert(WebhookDelivery), deliveries)
    return len(there)


def delivery(event_id: str, webhook_id: str, due_at: datetime) -> dict[str, Any]:
    """The values of a delivery that waits."""
    # Not by way of the model, which takes ten times as long.
    return {
        **_OF_A_DELIVERY,
        "id": new_id(),
        "webhook_id": webhook_id,
        "event_id": event_id,
        "created_at": due_at,
        "due_at": due_at,
        "tries": [],
    }


def _tell(db: DbSession, *facts: Fact) -> None:
    db.flush()  # what they are about may be as new
    tell(db.connection(), facts)


def _has_webhooks(db: DbSession, cycle_id: str) -> bool:
    """No query where the cycle is at hand, as it is wherever it is held."""
    cycle = db.get(Cycle, cycle_id)
    return cycle is not None and cycle.has_webhooks


def tell_enrolment(db: DbSession, enrolment: Enrolment, *, created: bool = False) -> None:
    """An enrolment has another status, since `status_at`; `created`: it is new as well."""
    if not _has_webhooks(db, enrolment.cycle_id):
        return
    data = sent.EnrolmentData(
        cycle_id=enrolment.cycle_id,
        enrolment_id=enrolment.id,
        status=EnrolmentStatus(enrolment.status),
    )
    cycle_id, at = enrolment.cycle_id, enrolment.status_at
    facts = []
    if created:
        facts.append(Fact(EventType.ENROLMENT_CREATED, cycle_id, enrolment.id, at, data))
    if of_status := _OF_STATUS.get(data.status):
        key = f"{enrolment.id}:{int(at.timestamp() * 1_000_000)}"
        facts.append(Fact(of_status, cycle_id, key, at, data))
    _tell(db, *facts)


def tell_answer(db: DbSession, cycle_id: str, person_id: str, invitation: Invitation) -> None:
    """An answer counts from now on. For a cycle that has webhooks."""
    assert invitation.answered_at is not None
    data = sent.AnswerData.model_validate(
        {
            "cycle_id": cycle_id,
            "session_id": invitation.session_id,
            "person_id": person_id,
            "answer": invitation.answer,
            "source": invitation.answer_source,
        }
    )
    at = invitation.answered_at
    # Two at one moment may differ: each that counted is told.
    key = f"{invitation.id}:{int(at.timestamp() * 1_000_000)}:{invitation.answer_sequence}"
    _tell(db, Fact(EventType.ANSWER_GIVEN, cycle_id, f"{key}:{invitation.answer}", at, data))


def checked_in(
    cycle_id: str, evidence_id: str, enrolment_id: str, session_id: str, at: datetime, source: str
) -> Fact:
    """Somebody has checked in."""
    data = sent.CheckInData(
        cycle_id=cycle_id, session_id=session_id, enrolment_id=enrolment_id, source=source
    )
    return Fact(EventType.CHECKED_IN, cycle_id, evidence_id, at, data)


def tell_check_in(db: DbSession, cycle_id: str, evidence: Evidence) -> None:
    """A check-in that is new."""
    if not _has_webhooks(db, cycle_id):
        return
    fact = checked_in(
        cycle_id,
        evidence.id,
        evidence.enrolment_id,
        evidence.session_id,
        evidence.at,
        evidence.source,
    )
    _tell(db, fact)


def tell_release(db: DbSession, release: Release) -> None:
    """A schedule was published."""
    if not _has_webhooks(db, release.cycle_id):
        return
    data = sent.ReleaseData(cycle_id=release.cycle_id, release_id=release.id, number=release.number)
    at = release.published_at
    _tell(db, Fact(EventType.RELEASE_PUBLISHED, release.cycle_id, release.id, at, data))


def tell_issued(db: DbSession, rows: Sequence[Certificate]) -> None:
    """Certificates of one cycle were issued."""
    if not rows or not _has_webhooks(db, rows[0].cycle_id):
        return
    kind = EventType.CERTIFICATE_ISSUED
    facts = [
        Fact(kind, row.cycle_id, row.id, row.issued_at, sent.CertificateData(**_ids(row)))
        for row in rows
    ]
    _tell(db, *facts)


def tell_ended(db: DbSession, row: Certificate) -> None:
    """A certificate was revoked, or another is in its place."""
    if not _has_webhooks(db, row.cycle_id):
        return
    assert row.ended_at is not None
    if row.superseded_by_id is None and row.status == "revoked":
        kind, data = EventType.CERTIFICATE_REVOKED, sent.CertificateData(**_ids(row))
    else:
        kind = EventType.CERTIFICATE_SUPERSEDED
        data = sent.SupersededData(**_ids(row), superseded_by_id=row.superseded_by_id)
    _tell(db, Fact(kind, row.cycle_id, row.id, row.ended_at, data))


def _ids(row: Certificate) -> dict[str, str]:
    return {
        "cycle_id": row.cycle_id,
        "certificate_id": row.id,
        "enrolment_id": row.enrolment_id,
    }

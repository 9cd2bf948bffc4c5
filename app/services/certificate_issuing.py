"""Issuing certificates: to one, and, piece by piece, to all who have completed a cycle.

Whoever issues holds the cycle first, so that two never issue for one enrolment at once; that only
one certificate of an enrolment is live, the database guarantees besides (`ix_certificate_live`).
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import col, func, select

from app.certificates.badges import new_salt
from app.certificates.status_list import LEAST_BITS
from app.db import DbSession
from app.domain.certificates import State
from app.domain.errors import N_, Invalid, NotFound
from app.domain.ids import new_id
from app.models import Certificate, Cycle, Enrolment
from app.schemas.certificate import IssueIn
from app.services import outbox
from app.services.actor import Actor
from app.services.certificate_designs import kept
from app.services.certificate_drafts import Drafting, NotEligible, drafting, to_document
from app.services.certificate_texts import Unset, cannot_bear, refuse_unprintable, unset
from app.services.completion import Far, against, dry_run, far_of
from app.services.enrolment_lists import named
from app.services.rows import hold, may_be_id, search_key
from app.services.webhook_events import tell_issued

_HALF = LEAST_BITS // 2
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Preview:
    """What issuing to all would do now. `eligible` get one, `have` have one. `unprintable` would
    get one if their names could be printed: each with the name and the characters. `revoked` had
    one that was taken back, and get another only one by one. `lacking` have not completed the
    cycle. `unset`: texts of certificates that would be issued and cannot be printed: then none is
    to be, until they are mended. `unclosed`: numbers of sessions that are over and not closed, and
    `drafted` the numbers that they have in the draft, by which pages are addressed."""

    plan: Drafting | None
    eligible: list[Far] = field(default_factory=list)
    have: list[Far] = field(default_factory=list)
    revoked: list[Far] = field(default_factory=list)
    lacking: list[Far] = field(default_factory=list)
    unprintable: list[tuple[Far, str, str]] = field(default_factory=list)
    unset: list[Unset] = field(default_factory=list)
    unclosed: list[int] = field(default_factory=list)
    drafted: dict[int, int] = field(default_factory=dict)


def preview(db: DbSession, actor: Actor, cycle_id: str, now: datetime) -> Preview:
    """What issuing to all would do at `now`, by name. Names are looked at only of those who would
    get one. Nine queries, and two for every thousand people.

    Raises NotFound.
    """
    run = dry_run(db, actor, cycle_id, now)
    plan = drafting(db, run.against)
    unclosed = [each.number for each in run.against.held if each.over and not each.closed]
    drafted = {told.number: told.row.number for told in run.against.told()}
    if plan is None:
        return Preview(None, unclosed=unclosed, drafted=drafted)
    live, taken_back = standing(db, cycle_id)
    found = Preview(plan, unclosed=unclosed, drafted=drafted)
    for far in run.far.values():
        if far.enrolment_id in live:
            found.have.append(far)
        elif not far.outcome.completed:
            found.lacking.append(far)
        elif far.enrolment_id in taken_back:
            found.revoked.append(far)
        else:
            found.eligible.append(far)
    ids = [far.enrolment_id for far in found.eligible]
    wrong, languages = {}, set()
    for start in range(0, len(ids), _CHUNK):
        chunk = col(Enrolment.id).in_(ids[start : start + _CHUNK])
        query = select(Enrolment.id, Enrolment.name, Enrolment.language).where(chunk)
        for row_id, name, language in db.exec(query):
            languages.add(language)
            if missing := cannot_bear(name):
                wrong[row_id] = (name, missing)
    found.unset.extend(unset(db, plan, languages))
    found.unprintable.extend((far, *wrong[far.enrolment_id]) for far in _of(found.eligible, wrong))
    found.eligible[:] = [far for far in found.eligible if far.enrolment_id not in wrong]
    return found


def _of(eligible: Iterable[Far], wrong: dict[str, tuple[str, str]]) -> Iterable[Far]:
    return (far for far in eligible if far.enrolment_id in wrong)


def standing(
    db: DbSession, cycle_id: str, enrolments: Sequence[str] | None = None
) -> tuple[set[str], set[str]]:
    """The ids of the enrolments in a cycle (or of these among them) that have a live certificate,
    and of those that have none and had one revoked. One query."""
    query = select(Certificate.enrolment_id, Certificate.status).where(
        Certificate.cycle_id == cycle_id
    )
    if enrolments is not None:
        query = query.where(col(Certificate.enrolment_id).in_(enrolments))
    rows = db.exec(query).all()
    live = {enrolment_id for enrolment_id, status in rows if status == State.LIVE}
    return live, {row_id for row_id, status in rows if status == State.REVOKED} - live


def live_of(db: DbSession, enrolment_id: str) -> Certificate | None:
    """The live certificate of an enrolment. One query."""
    query = select(Certificate).where(
        Certificate.enrolment_id == enrolment_id, Certificate.status == State.LIVE
    )
    return db.exec(query).one_or_none()


def issue_to(
    db: DbSession, actor: Actor, cycle_id: str, command: IssueIn, now: datetime
) -> tuple[Certificate, bool]:
    """A certificate for one participant, with its mail, and whether it is new: who has a live one
    keeps that.

    Raises:
        NotFound: no such cycle.
        Invalid: at ``enrolment_id``, if it is not in the cycle.
        NotEligible: the rule is not met, or there is none.
        Unprintable: no typeface has the characters of the name, or of another text.
    """
    cycle = hold(db, Cycle, cycle_id)
    try:
        enrolment = enrolment_in(db, cycle.id, command.enrolment_id)
    except NotFound as error:
        raise Invalid.one(
            "enrolment_id",
            N_("This participant is not in the cycle."),
            code="unknown_enrolment",
        ) from error
    found = live_of(db, enrolment.id)
    if found is not None:
        return found, False
    plan, far = can_be_issued(db, cycle.id, enrolment, now)
    return write(db, actor, plan, [(enrolment, far)], now)[0], True


def enrolment_in(db: DbSession, cycle_id: str, enrolment_id: str) -> Enrolment:
    """An enrolment of a cycle, with person and initiative. One query. Raises NotFound."""
    found = named(db, [enrolment_id]) if may_be_id(enrolment_id) else []
    if not found or found[0].cycle_id != cycle_id:
        raise NotFound
    return found[0]


def can_be_issued(
    db: DbSession, cycle_id: str, enrolment: Enrolment, now: datetime
) -> tuple[Drafting, Far]:
    """What a certificate of this enrolment would be drawn up from. Raises NotEligible and
    Unprintable."""
    plan = drafting(db, against(db, cycle_id, now))
    if plan is None:
        raise NotEligible(None)
    far = next(iter(far_of(db, plan.known, [enrolment.id])))
    if not far.outcome.completed:
        raise NotEligible(far.outcome)
    refuse_unprintable(db, plan, enrolment)
    return plan, far


def write(
    db: DbSession,
    actor: Actor,
    plan: Drafting,
    people: Sequence[tuple[Enrolment, Far]],
    now: datetime,
) -> list[Certificate]:
    """Certificates of these enrolments, loaded with their people and none of which has a live one,
    and a mail to each who has an address. The cycle is held."""
    cycle = plan.known.cycle
    design = kept(db, actor, cycle)
    version = plan.known.version
    places = _places(db, cycle.id, len(people))
    rows: list[Certificate] = []
    mails: list[dict[str, Any]] = []
    for (enrolment, far), place in zip(people, places, strict=True):
        said, salt = plan.certificate(enrolment, far, now), new_salt()
        row = Certificate(
            id=new_id(),
            created_at=now,
            cycle_id=cycle.id,
            enrolment_id=enrolment.id,
            code=said.code,
            holder=said.holder,
            search_key=search_key(said.holder, length=900),
            language=said.language,
            document=to_document(said, enrolment.person.email, salt),
            rule_version=version,
            design_id=design.id,
            issued_at=now,
            issued_by=actor.name,
            status_index=place,
            salt=salt,
        )
        rows.append(row)
        mails += mail_of(row, enrolment, now, f"{outbox.CERTIFICATE}:{row.id}")
    db.add_all(rows)
    outbox.enqueue_many(db, mails)
    tell_issued(db, rows)
    return rows


def mail_of(
    row: Certificate, enrolment: Enrolment, now: datetime, intent: str
) -> Iterator[dict[str, Any]]:
    """The values of a certificate's mail, for `outbox.enqueue_many`; none without an address."""
    if enrolment.person.email:
        yield outbox.prepare(
            kind=outbox.CERTIFICATE,
            intent=intent,
            to_name=row.holder,
            to_address=enrolment.person.email,
            language=row.language,
            context={"certificate_id": row.id},
            cycle_id=row.cycle_id,
            now=now,
        )


def _places(db: DbSession, cycle_id: str, count: int) -> list[int]:
    """Places in the cycle's status lists, drawn at random so that they say nothing about when or
    how many, from a list that is never more than half full. The cycle is held."""
    mine = col(Certificate.cycle_id) == cycle_id
    there = db.exec(select(func.count()).select_from(Certificate).where(mine)).one()
    base = (there + count) // _HALF * LEAST_BITS
    places: set[int] = set()
    while len(places) < count:
        drawn = {base + secrets.randbelow(LEAST_BITS) for _ in range(count - len(places))} - places
        there_already = mine, col(Certificate.status_index).in_(drawn)
        places |= drawn - set(db.exec(select(Certificate.status_index).where(*there_already)).all())
    # In no order that would say who came before whom.
    return secrets.SystemRandom().sample(sorted(places), count)

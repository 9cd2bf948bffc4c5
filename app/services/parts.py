"""Parts: where each of them stands, and the answers of those who have them.

An answer changes no revision: whoever is editing the agenda at that moment must not be told that
somebody changed it. So these columns are written by statements of their own, which pass the
revisions by (`models.revisions`), and stand in nothing that is kept by revision.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession
from app.domain import parts as rules
from app.domain.errors import N_, Clash, NotFound, Stale
from app.domain.parts import UNANSWERED, Standing
from app.domain.schedule import PartStatus, Segment, SessionStatus
from app.models import Cycle, Guest, Part, Session
from app.schemas.part import PartAnswerIn, PartStatusIn
from app.services.actor import Actor
from app.services.issuing import settle
from app.services.rows import find, hold
from app.services.schedules import held_session, segments_of, session_rows
from app.services.told import told_of


@dataclass(frozen=True, slots=True)
class Placed:
    """A part, and where it is in the programme as that is being planned."""

    part: Part
    session: Session
    segment: Segment
    standing: Standing

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be answered."""
        return now < self.segment.ends

    @property
    def was_answered(self) -> bool:
        """Whether it was answered for another time than it is planned for now, also if it has been
        asked about again since."""
        told = self.part.answered_start
        return told is not None and told != self.segment.starts

    def is_unanswered(self, now: datetime) -> bool:
        """Whether an answer is still wanted."""
        return self.is_open(now) and self.standing in UNANSWERED


def placed_parts(
    db: DbSession, cycle_id: str, people: Collection[str] | None = None
) -> list[Placed]:
    """The parts in a cycle's sessions that are not cancelled, by time; of these people only, where
    they are given. Three queries."""
    conditions: list[Any] = [Session.cycle_id == cycle_id]
    if people is not None:
        theirs = select(Part.session_id).where(col(Part.person_id).in_(people))
        conditions.append(col(Session.id).in_(theirs))
    conditions.append(Session.status != SessionStatus.CANCELLED)
    found = [p for row in session_rows(db, *conditions) for p in placed_in(row)]
    wanted = [p for p in found if people is None or p.part.person_id in people]
    return sorted(wanted, key=lambda p: (p.segment.starts, p.segment.ends, p.part.id))


def by_person(placed: Iterable[Placed]) -> dict[str, list[Placed]]:
    """Parts by the id of whom they are given to, in the order in which they come."""
    found: dict[str, list[Placed]] = {}
    for each in placed:
        found.setdefault(each.part.person_id, []).append(each)
    return found


def answer(
    db: DbSession,
    guest: Guest,
    part_id: str,
    given: PartAnswerIn,
    now: datetime,
    shown: datetime | None = None,
) -> Placed:
    """Somebody answers one of their parts; the last answer counts. What it changes in their
    calendar is queued, where the cycle invites. `shown`: when the part was to begin as they were
    shown it, an aware instant; without it they answer whatever holds.

    Raises:
        NotFound: they have no such part in this cycle.
        Clash: ``session_cancelled``, ``session_over``.
        Stale: it begins at another time than was `shown`.
    """
    status = PartStatus.CONFIRMED if given.confirm else PartStatus.DECLINED
    return _set(
        db,
        _session_of(db, guest.cycle_id, part_id, guest.person_id),
        part_id,
        now,
        status,
        given.comment,
        shown,
    )


def set_status(
    db: DbSession, actor: Actor, cycle_id: str, part_id: str, given: PartStatusIn, now: datetime
) -> Placed:
    """An organizer notes by hand where a part stands, such as after a telephone call.

    Raises:
        NotFound: there is no such part in the cycle.
        Clash: as for `answer`.
    """
    session_id = _session_of(db, cycle_id, part_id)
    return _set(db, session_id, part_id, now, given.status, given.comment)


def _session_of(db: DbSession, cycle_id: str, part_id: str, person_id: str | None = None) -> str:
    part = find(db, Part, part_id)
    session = find(db, Session, part.session_id)
    if session.cycle_id != cycle_id or person_id not in (None, part.person_id):
        raise NotFound
    return session.id


def _set(
    db: DbSession,
    session_id: str,
    part_id: str,
    now: datetime,
    status: PartStatus,
    comment: str,
    shown: datetime | None = None,
) -> Placed:
    # The session first, then the cycle, as everywhere: see `services.schedules`.
    session = held_session(db, session_id)
    hold(db, Cycle, session.cycle_id)
    placed = next((each for each in placed_in(session) if each.part.id == part_id), None)
    if placed is None:
        raise NotFound
    # To cancel is only planned as long as it is not published.
    off = session.status == SessionStatus.CANCELLED
    if off and told_of(db, session).status == SessionStatus.CANCELLED:
        raise Clash(N_("This session will not take place."), code="session_cancelled")
    if shown is not None and shown != placed.segment.starts:
        raise Stale(N_("The time has changed since you opened this page. Does it still suit you?"))
    if not placed.is_open(now):
        raise Clash(N_("This session is over."), code="session_over")
    answered = status in (PartStatus.CONFIRMED, PartStatus.DECLINED)
    values: dict[str, Any] = {
        "status": status,
        "comment": comment,
        "answered_at": now if answered else None,
        "answered_start": placed.segment.starts if answered else None,
    }
    if status is PartStatus.PLANNED:
        values["asked_at"] = None
    change(db, [part_id], values)
    db.refresh(placed.part, list(values))
    settle(db, session.cycle_id, [placed.part.person_id], now)
    return next(each for each in placed_in(session) if each.part.id == part_id)


def change(db: DbSession, part_ids: Collection[str], values: Mapping[str, Any]) -> None:
    """Writes where parts stand, and raises no revision."""
    statement = update(Part).where(col(Part.id).in_(part_ids)).values(dict(values))
    db.connection().execute(statement)


def placed_in(session: Session) -> Iterable[Placed]:
    """The parts in a session that is loaded with its agenda, in its order. No query."""
    for row, segment in zip(session.segments, segments_of(session), strict=True):
        for part in row.parts:
            where = rules.standing(part.status, part.answered_start, segment.starts)
            yield Placed(part, session, segment, where)

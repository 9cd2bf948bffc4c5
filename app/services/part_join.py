"""The way in for people with parts: backstage before the start, then the meeting."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, select

from app.db import DbSession, insert_unless_there
from app.domain import check_in as rules
from app.domain.attendance import Kind
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_, Clash, NotFound
from app.domain.schedule import PartStatus, SessionStatus
from app.models import Enrolment, Evidence, Guest, Part, PartArrival, Session
from app.services.check_in import dated_since
from app.services.evidence import add_once
from app.services.schedules import released_schedule
from app.services.told import Told, in_release, told_session

BACKSTAGE_BEFORE = timedelta(minutes=60)
"""How long before the start people with parts are let in."""


def join_window_of(session: Told) -> tuple[datetime, datetime]:
    """From when and until when people with parts are let in: aware UTC instants, half-open."""
    return session.starts - BACKSTAGE_BEFORE, session.ends


def session_to_join(db: DbSession, guest: Guest, number: int) -> Told:
    """The session of this number, for somebody who has a part in it, as it is planned or as it was
    published. Raises NotFound."""
    session = told_session(db, guest.cycle_id, number)
    if not _has_part(db, guest, session.row):
        raise NotFound
    return session


def place_of(session: Told, now: datetime) -> str:
    """Where they are sent at `now`: backstage before the start, where there is one."""
    if session.row.backstage_url and now < session.starts:
        return session.row.backstage_url
    return session.row.meeting_url


def join(db: DbSession, guest: Guest, number: int, now: datetime) -> str:
    """The link that somebody with a part goes to now. That they came is kept, once; of who takes
    part in the cycle as well the click is evidence, as on the participants' pages.

    Raises:
        NotFound: the cycle has no such session, or they have no part in it.
        Clash: ``session_cancelled``; ``not_open_yet`` and ``session_over`` (parameters ``opens``
            and ``closes``, aware UTC); ``no_meeting_link``.
    """
    session = session_to_join(db, guest, number)
    if session.status == SessionStatus.CANCELLED:
        raise Clash(N_("This session will not take place."), code="session_cancelled")
    opens, closes = join_window_of(session)
    match rules.state(now, (opens, closes)):
        case rules.WindowState.BEFORE:
            raise Clash(
                N_("The room is not open yet. Come back an hour before the start."),
                code="not_open_yet",
                opens=opens,
                closes=closes,
            )
        case rules.WindowState.CLOSED:
            raise Clash(
                N_("This session is over."), code="session_over", opens=opens, closes=closes
            )
    url = place_of(session, now)
    if not url:
        raise Clash(
            N_("The organizers have not set the meeting's link yet. Please try again shortly."),
            code="no_meeting_link",
        )
    # The click first: the enrolment comes before the guest wherever both are held.
    if url == session.row.meeting_url:
        _keep_click(db, guest, session.row, now)
    _keep_arrival(db, guest, session, now)
    return url


def _has_part(db: DbSession, guest: Guest, session: Session) -> bool:
    parts = select(Part.id, Part.status).where(
        Part.session_id == session.id, Part.person_id == guest.person_id
    )
    planned: dict[str, str] = dict(db.exec(parts).all())
    if any(status != PartStatus.DECLINED for status in planned.values()):
        return True
    released = in_release(released_schedule(db, guest.cycle_id), session.id)
    segments = released.segments if released else ()
    # Taken off since, but not told yet: their calendar still leads here.
    return any(
        part.person_id == guest.person_id and planned.get(part.id) != PartStatus.DECLINED
        for segment in segments
        for part in segment.parts
    )


def _keep_arrival(db: DbSession, guest: Guest, session: Told, now: datetime) -> None:
    """The first time on the date that the session has now counts: of two at once the second finds
    the row of the first."""
    statement = insert_unless_there(db, PartArrival, ["guest_id", "session_id"])
    values = {"guest_id": guest.id, "session_id": session.row.id, "at": now}
    db.connection().execute(statement.values(values))
    anew = update(PartArrival).where(
        col(PartArrival.guest_id) == guest.id,
        col(PartArrival.session_id) == session.row.id,
        col(PartArrival.at) < dated_since(session),
    )
    db.connection().execute(anew.values(at=now))


def _keep_click(db: DbSession, guest: Guest, session: Session, now: datetime) -> None:
    enrolment = db.exec(
        select(Enrolment).where(
            col(Enrolment.cycle_id) == guest.cycle_id,
            col(Enrolment.person_id) == guest.person_id,
            col(Enrolment.status) == EnrolmentStatus.CONFIRMED,
        )
    ).one_or_none()
    if enrolment is None:
        return
    minute = int(now.timestamp() // 60)
    add_once(
        db,
        Evidence(
            enrolment_id=enrolment.id,
            session_id=session.id,
            kind=Kind.JOIN_CLICK,
            at=now,
            source="personal-page",
            key=f"join:{enrolment.id}:{session.id}:{minute}",
        ),
    )

"""Checking in, on the personal page and in the room, and joining the meeting."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, select

from app.db import DbSession
from app.domain import check_in as rules
from app.domain.addresses import address_key, search_key
from app.domain.attendance import Kind
from app.domain.attendance_dates import this_date_since
from app.domain.errors import N_, Clash, Invalid, NotFound
from app.domain.schedule import SessionStatus
from app.models import Cycle, Enrolment, Evidence, Person, Session
from app.services import room_words
from app.services.evidence import add_once, retracted
from app.services.told import Told, told_of, told_session
from app.services.webhook_events import tell_check_in

JOIN_BEFORE = timedelta(minutes=15)
"""How long before the start the meeting's link is handed out."""

_CODE = re.compile(r"[0-9a-z]{1,16}\Z")
_MISREAD = str.maketrans("oil", "011")  # letters that codes do not have, see domain.ids


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """A check-in. `already`: it had been done before, at the instant `at`."""

    already: bool
    at: datetime
    session: Session


def window_of(session: Told) -> tuple[datetime, datetime]:
    """When check-in opens and closes: aware UTC instants, half-open."""
    row = session.row
    return rules.window(session.starts, session.ends, row.check_in_before, row.check_in_after)


def dated_since(session: Told) -> datetime:
    """Since when a check-in is one to the date that the session has now: an aware UTC instant."""
    return this_date_since(session.starts, window_of(session)[0])


def join_window_of(session: Told) -> tuple[datetime, datetime]:
    """From when and until when the meeting's link is handed out: aware UTC instants, half-open."""
    return session.starts - JOIN_BEFORE, session.ends


def check_in(
    db: DbSession, enrolment: Enrolment, session_number: int, now: datetime, source: str
) -> CheckedIn:
    """A participant checks in to a session of the cycle. Twice is once, also after the window.

    Args:
        source: where it was done, at most 40 characters: ``personal-page``, ``room``, ``api``.

    Raises:
        NotFound: the cycle has no such session, or it is a draft.
        Clash: ``session_cancelled``; ``check_in_not_open`` and ``check_in_closed`` (parameters
            ``opens`` and ``closes``, aware UTC); ``check_in_taken_back`` (parameter ``contact``,
            where the cycle has one); ``enrolment_pending``, ``enrolment_waitlisted``,
            ``enrolment_withdrawn``.
    """
    session = told_session(db, enrolment.cycle_id, session_number)
    return check_in_to(db, enrolment, session, now, source)


def check_in_to(
    db: DbSession, enrolment: Enrolment, session: Told, now: datetime, source: str
) -> CheckedIn:
    """`check_in`, to a session of the enrolment's cycle that was found already."""
    row = session.row
    before, key = _check_in_of(db, enrolment, session)
    rules.refuse(enrolment.status, session.status, now, window_of(session), done=before is not None)
    if before is not None:
        if before.id in retracted(db, row.id, [enrolment.id]):
            raise taken_back(db, row.cycle_id)
        return CheckedIn(True, before.at, row)
    evidence, added = add_once(
        db,
        Evidence(
            enrolment_id=enrolment.id,
            session_id=row.id,
            kind=Kind.CHECK_IN,
            at=now,
            source=source,
            key=key,
        ),
    )
    if added:
        tell_check_in(db, row.cycle_id, evidence)
    return CheckedIn(not added, evidence.at, row)


def room_session(db: DbSession, code: str) -> Session:
    """The session whose room link has this code. Drafts that were never released have no room.
    Raises NotFound."""
    code = code.strip().lower().translate(_MISREAD)
    if not _CODE.match(code):
        raise NotFound
    session = db.exec(select(Session).where(col(Session.room_code) == code)).one_or_none()
    if session is None:
        raise NotFound
    if session.status == SessionStatus.DRAFT and not told_of(db, session).released:
        raise NotFound
    return session


def check_in_at_room(
    db: DbSession,
    code: str,
    email: str,
    word: str,
    now: datetime,
    key: bytes | None = None,
    tried: Callable[[bool], None] | None = None,
) -> CheckedIn:
    """Somebody in the room checks in with the address of the enrolment.

    Whether an address is enrolled is told only while check-in is open and, where the session has a
    word, to those who know it; case and accents of the word do not matter. Of words that rotate,
    which follow from `key`, the one before counts as well. `tried` is told of each word whether it
    is right, and may refuse it all the same.

    Raises:
        NotFound: no room has this code.
        Invalid: at ``word`` (``wrong_word``), at ``email`` (``not_a_participant``).
        Clash: as for `check_in`.
    """
    row = room_session(db, code)
    session = told_of(db, row)
    rules.refuse_cancelled(session.status)
    rules.refuse_outside(now, window_of(session))
    wanted = room_words.taken(db, row, now, key)
    if wanted:
        right = _as_compared(word) in map(_as_compared, wanted)
        if tried is not None and word.strip():
            tried(right)
        if not right:
            raise Invalid.one(
                "word", N_("This is not the word on the screen. Look again."), code="wrong_word"
            )
    query = (
        select(Enrolment)
        .join(Person, col(Person.id) == col(Enrolment.person_id))
        .where(
            col(Enrolment.cycle_id) == row.cycle_id,
            col(Person.email_key) == address_key(email).replace("\0", ""),
        )
    )
    enrolment = db.exec(query).one_or_none()
    if enrolment is None:
        raise Invalid.one(
            "email",
            N_(
                "We do not find this address among the participants. "
                "Use the one that you enrolled with."
            ),
            code="not_a_participant",
        )
    return check_in_to(db, enrolment, session, now, "room")


def _as_compared(word: str) -> str:
    """Without case and accents; a word that is nothing but accents stays as it is."""
    return search_key(word) or word.strip()


def join(db: DbSession, enrolment: Enrolment, number: int, now: datetime) -> str:
    """The meeting's link, for a participant who goes there now; the click is kept as evidence (of
    a click, not of presence), one for each minute.

    Raises:
        NotFound: the cycle has no such session, or it is a draft.
        Clash: ``session_cancelled``; ``not_open_yet`` and ``session_over`` (parameters ``opens``
            and ``closes``, aware UTC); ``no_meeting_link``; those of `check_in` for enrolments.
    """
    session = told_session(db, enrolment.cycle_id, number)
    rules.refuse_unconfirmed(enrolment.status)
    rules.refuse_cancelled(session.status)
    opens, closes = join_window_of(session)
    match rules.state(now, (opens, closes)):
        case rules.WindowState.BEFORE:
            raise Clash(
                N_("The meeting is not open yet. Come back 15 minutes before the start."),
                code="not_open_yet",
                opens=opens,
                closes=closes,
            )
        case rules.WindowState.CLOSED:
            raise Clash(
                N_("This session is over."), code="session_over", opens=opens, closes=closes
            )
    row = session.row
    if not row.meeting_url:
        raise Clash(
            N_("The organizers have not set the meeting's link yet. Please try again shortly."),
            code="no_meeting_link",
        )
    minute = int(now.timestamp() // 60)
    add_once(
        db,
        Evidence(
            enrolment_id=enrolment.id,
            session_id=row.id,
            kind=Kind.JOIN_CLICK,
            at=now,
            source="personal-page",
            key=f"join:{enrolment.id}:{row.id}:{minute}",
        ),
    )
    return row.meeting_url


def checked_in_at(db: DbSession, enrolment: Enrolment, session: Session) -> datetime | None:
    """When the participant checked in to the session, if so; also where that was taken back. Not
    when it was for another date."""
    found, _ = _check_in_of(db, enrolment, told_of(db, session))
    return None if found is None else found.at


def taken_back(db: DbSession, cycle_id: str) -> Clash:
    """What to say to whoever checks in again after an organizer retracted their check-in. One
    query."""
    contact = db.exec(select(Cycle.contact_email).where(Cycle.id == cycle_id)).one()
    return rules.taken_back(contact)


def _check_in_of(db: DbSession, enrolment: Enrolment, session: Told) -> tuple[Evidence | None, str]:
    """Somebody's check-in to the session as it is dated now, if it is there, and the key that it
    has or would have. One query, and one more for each date that it was moved from after they had
    checked in."""
    since = dated_since(session)
    key = check_in_key(enrolment.id, session.row.id)
    while True:
        found = db.exec(select(Evidence).where(col(Evidence.key) == key)).one_or_none()
        if found is None or found.at >= since:
            return found, key
        key = key_after(found.id)


def check_in_key(enrolment_id: str, session_id: str) -> str:
    """What makes a participant's second check-in to a session find the first."""
    return f"check-in:{enrolment_id}:{session_id}"


def key_after(check_in_id: str) -> str:
    """The key of the check-in that follows one of a date that the session was moved from."""
    return f"check-in-after:{check_in_id}"

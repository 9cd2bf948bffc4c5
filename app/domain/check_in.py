"""When a session can be checked in to, and by whom."""

from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_, Clash
from app.domain.schedule import SessionStatus

MINUTES_BEFORE = 15
MINUTES_AFTER = 30

Window = tuple[datetime, datetime]
"""When check-in opens and closes: aware UTC instants, half-open."""

_NOT_CONFIRMED = {
    EnrolmentStatus.PENDING: (
        "enrolment_pending",
        N_("Your enrolment has not been confirmed yet. Please ask the organizers."),
    ),
    EnrolmentStatus.WAITLISTED: (
        "enrolment_waitlisted",
        N_("You are on the waiting list: this session is for those who have a place."),
    ),
    EnrolmentStatus.WITHDRAWN: (
        "enrolment_withdrawn",
        N_("You have withdrawn from this cycle. Enrol again to take part."),
    ),
}


class WindowState(StrEnum):
    """Where an instant stands to a check-in window."""

    BEFORE = "before"
    OPEN = "open"
    CLOSED = "closed"


def window(
    starts: datetime,
    ends: datetime,
    minutes_before: int = MINUTES_BEFORE,
    minutes_after: int = MINUTES_AFTER,
) -> Window:
    """When check-in opens and closes: a half-open interval around an aware session time.

    `minutes_after` counts from the session's end. Negative minutes move the window's edge into
    the session. Raises ValueError for naive times.
    """
    if starts.tzinfo is None or ends.tzinfo is None:
        raise ValueError("a session's times must be aware")
    return starts - timedelta(minutes=minutes_before), ends + timedelta(minutes=minutes_after)


def state(now: datetime, window: Window) -> WindowState:
    """Whether the window is still to open, open, or over at the aware instant `now`."""
    opens, closes = window
    if now >= closes:
        return WindowState.CLOSED
    return WindowState.OPEN if now >= opens else WindowState.BEFORE


def refuse(enrolment: str, session: str, now: datetime, window: Window, *, done: bool) -> None:
    """Whether somebody whose enrolment stands so may check in, at `now`, to a session that stands
    so. `done`: they have checked in already, and that stands whatever time it is.

    Raises Clash: ``enrolment_pending``, ``enrolment_waitlisted``, ``enrolment_withdrawn``,
    ``session_cancelled``, ``check_in_not_open``, ``check_in_closed``.
    """
    refuse_unconfirmed(enrolment)
    refuse_cancelled(session)
    if not done:
        refuse_outside(now, window)


def refuse_unconfirmed(enrolment: str) -> None:
    """Raises Clash where somebody whose enrolment stands so has no place."""
    if enrolment != EnrolmentStatus.CONFIRMED:
        code, sentence = _NOT_CONFIRMED[EnrolmentStatus(enrolment)]
        raise Clash(sentence, code=code)


def refuse_cancelled(session: str) -> None:
    """Raises Clash, code ``session_cancelled``."""
    if session == SessionStatus.CANCELLED:
        raise Clash(N_("This session was cancelled."), code="session_cancelled")


def taken_back(contact: str) -> Clash:
    """What whoever checks in again is told after an organizer retracted their check-in, code
    ``check_in_taken_back``. `contact`: the cycle's address; may be empty."""
    if not contact:
        return Clash(
            N_(
                "Your check-in for this session was taken back by the organizers. "
                "If you were there, tell them."
            ),
            code="check_in_taken_back",
        )
    return Clash(
        N_(
            "Your check-in for this session was taken back by the organizers. "
            "If you were there, write to them: %(contact)s."
        ),
        code="check_in_taken_back",
        contact=contact,
    )


def refuse_outside(now: datetime, window: Window) -> None:
    """Raises Clash, codes ``check_in_not_open`` and ``check_in_closed``, with the parameters
    ``opens`` and ``closes``."""
    opens, closes = window
    match state(now, window):
        case WindowState.BEFORE:
            raise Clash(
                N_("Check-in is not open yet."),
                code="check_in_not_open",
                opens=opens,
                closes=closes,
            )
        case WindowState.CLOSED:
            raise Clash(
                N_("Check-in is closed."), code="check_in_closed", opens=opens, closes=closes
            )

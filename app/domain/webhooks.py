"""Telling programs elsewhere what happens: which events there are, and when a delivery that failed
is tried again."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from app.domain.errors import N_


class EventType(StrEnum):
    """What can be told of, in the order in which it is listed."""

    ENROLMENT_CREATED = "enrolment.created"
    ENROLMENT_CONFIRMED = "enrolment.confirmed"
    ENROLMENT_WAITLISTED = "enrolment.waitlisted"
    ENROLMENT_WITHDRAWN = "enrolment.withdrawn"
    ANSWER_GIVEN = "answer.given"
    CHECKED_IN = "attendance.checked_in"
    RELEASE_PUBLISHED = "release.published"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_REVOKED = "certificate.revoked"
    CERTIFICATE_SUPERSEDED = "certificate.superseded"


TEST = "webhook.test"
"""Asked for by an organizer, for one webhook; nobody subscribes to it."""

EVENT_WORDS = {
    EventType.ENROLMENT_CREATED: N_("Somebody enrolled"),
    EventType.ENROLMENT_CONFIRMED: N_("An enrolment was confirmed"),
    EventType.ENROLMENT_WAITLISTED: N_("An enrolment went on the waiting list"),
    EventType.ENROLMENT_WITHDRAWN: N_("An enrolment was withdrawn"),
    EventType.ANSWER_GIVEN: N_("An invitation was answered"),
    EventType.CHECKED_IN: N_("Somebody checked in"),
    EventType.RELEASE_PUBLISHED: N_("The schedule was published"),
    EventType.CERTIFICATE_ISSUED: N_("A certificate was issued"),
    EventType.CERTIFICATE_REVOKED: N_("A certificate was revoked"),
    EventType.CERTIFICATE_SUPERSEDED: N_("A certificate was replaced"),
}

GIVE_UP_AFTER = timedelta(days=3)
"""From the first attempt to the last, where all of them fail. A webhook of which nothing but
failures was heard for as long is disabled."""

STEPS = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=20),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
"""Between two attempts; the last step is repeated."""

JITTER = 0.2
"""By so much of a step it may be longer, so that what failed together does not come together."""

LONGEST_REST = timedelta(hours=6)
"""A receiver that says when it wants to be asked again is waited for no longer."""

ROTATION = timedelta(hours=24)
"""After a secret was replaced, what is sent is signed with both for so long."""

_PATIENT_FAILURES = 3
_FIRST_REST = timedelta(seconds=30)
_MOST_REST = timedelta(hours=1)


def next_attempt(
    first: datetime,
    now: datetime,
    failures: int,
    chance: float,
    asked: timedelta | None = None,
) -> datetime | None:
    """When a delivery is tried again after so many failed attempts (1 or more), the first of which
    was at `first`; None: no more. The last attempt is made when `GIVE_UP_AFTER` is over, whatever
    the steps come to. `chance`: drawn, from 0 to below 1. `asked`: so long the receiver wants to be
    left alone, see `rest_asked_for`.
    """
    ends = first + GIVE_UP_AFTER
    if now >= ends:
        return None
    step = STEPS[min(failures, len(STEPS)) - 1] * (1 + JITTER * chance)
    return min(now + max(step, asked or timedelta()), ends)


def rest_asked_for(retry_after: str, now: datetime) -> timedelta | None:
    """What ``Retry-After`` asks for: seconds, or a date of HTTP's; None where it says nothing that
    can be read. Never more than `LONGEST_REST`, nor less than nothing."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:12]), LONGEST_REST.total_seconds()))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(timedelta(), min(until - now, LONGEST_REST))


def rest_after(failures: int) -> timedelta:
    """How long a receiver is left alone, whatever waits for it, after so many failures in a row: a
    receiver that is down is asked now and then, not once for each of ten thousand events."""
    if failures < _PATIENT_FAILURES:
        return timedelta()
    doubled: int = 2 ** min(failures - _PATIENT_FAILURES, 10)
    return min(_FIRST_REST * doubled, _MOST_REST)


def has_failed_for_good(failing_since: datetime | None, now: datetime) -> bool:
    """Whether a webhook is to be disabled: `failing_since` is when the first of the failures was,
    since which nothing has arrived."""
    return failing_since is not None and now - failing_since >= GIVE_UP_AFTER

"""When reminders go out, and to whom. Pure rules; instants are aware UTC.

A reminder is never planned in advance: it is due so many minutes before a session's start, or after
its end, as these are at the moment of asking, so that it moves with the session.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.answers import Answer
from app.domain.schedule import SessionStatus

LATE = timedelta(hours=1)
"""Later than this after it was due, a mail says that it comes late."""
FOLLOW_UP_WITHIN = timedelta(days=7)
"""So late a follow-up is still of use."""


class Anchor(StrEnum):
    """What a reminder's minutes are counted from."""

    START = "start"  # before the start
    END = "end"  # after the end


class Audience(StrEnum):
    """Whom a reminder is for. Nobody who has declined is ever among them."""

    ALL = "all"  # participants, and those with a part
    UNANSWERED = "unanswered"  # without an answer that still holds
    ACCEPTED = "accepted"
    SPEAKERS = "speakers"  # those with a part


class Verdict(StrEnum):
    """What to do about a reminder of a session now."""

    WAIT = "wait"  # it is not due, or the session is off and may come back
    SEND = "send"
    SEND_LATE = "send_late"
    MISSED = "missed"  # due, but of no use any more
    NONE = "none"  # dealt with, or due before there was such a reminder of such a session


@dataclass(frozen=True, slots=True)
class Rule:
    """So many minutes before the start, or after the end; as it is now since `since`."""

    anchor: Anchor
    minutes: int
    audience: Audience
    since: datetime


@dataclass(frozen=True, slots=True)
class Meeting:
    """What reminders need of a released session. `known_since`: its first release; `moved`: the
    release that brought it to this time, or back on, if that was a later one."""

    starts: datetime
    ends: datetime
    status: SessionStatus = SessionStatus.SCHEDULED
    known_since: datetime | None = None
    moved: datetime | None = None


DEFAULTS: tuple[tuple[Anchor, int, Audience], ...] = (
    (Anchor.START, 24 * 60, Audience.ALL),
    (Anchor.START, 60, Audience.ALL),
    (Anchor.END, 30, Audience.ALL),
)
"""A day and an hour before, thanks and materials half an hour after."""


def due(anchor: Anchor, minutes: int, starts: datetime, ends: datetime) -> datetime:
    """The instant at which a reminder is due: elapsed time, so that a day before is 24 hours before
    whatever the clocks do in between."""
    distance = timedelta(minutes=minutes)
    return starts - distance if anchor is Anchor.START else ends + distance


def meant_for(due_at: datetime, moved: datetime | None) -> datetime:
    """When a reminder that is due at an instant could go out at the earliest: nobody could remind
    of a session's time before it had it. What comes late is late after that."""
    return due_at if moved is None else max(due_at, moved)


def last_use(anchor: Anchor, due_at: datetime, ends: datetime) -> datetime:
    """From when on the mail is of no use: the session's end; of a follow-up, a week after it was
    due."""
    return ends if anchor is Anchor.START else due_at + FOLLOW_UP_WITHIN


def is_late(meant: datetime, at: datetime) -> bool:
    """Whether a mail that goes out now has to say that it comes late."""
    return at - meant > LATE


def decide(rule: Rule, meeting: Meeting, now: datetime, *, already: bool) -> Verdict:
    """What to do now. `already`: the reminder has been dealt with for this session at this time.

    What was due before the rule was made, or before the session was first published, is nobody's
    omission: it is not made up for. What is due at once because the session was moved nearer is.
    """
    if already:
        return Verdict.NONE
    due_at = due(rule.anchor, rule.minutes, meeting.starts, meeting.ends)
    if now < due_at or meeting.status is not SessionStatus.SCHEDULED:
        return Verdict.WAIT
    meant = meant_for(due_at, meeting.moved)
    if meant < max(rule.since, meeting.known_since or rule.since):
        return Verdict.NONE
    if now >= last_use(rule.anchor, due_at, meeting.ends):
        return Verdict.MISSED
    return Verdict.SEND_LATE if is_late(meant, now) else Verdict.SEND


def reaches(audience: Audience, *, answer: str, speaks: bool) -> bool:
    """Whether somebody is in an audience. `answer`: theirs, if it still holds, else empty;
    `speaks`: they have a part in the session that they did not decline."""
    if answer == Answer.DECLINED:
        return False
    match audience:
        case Audience.ALL:
            return True
        case Audience.UNANSWERED:
            return not answer
        case Audience.ACCEPTED:
            return answer == Answer.ACCEPTED
        case Audience.SPEAKERS:
            return speaks

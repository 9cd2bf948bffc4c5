"""Answers to invitations: which one counts, and whether it still holds."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Answer(StrEnum):
    """What somebody said to an invitation: PARTSTAT (RFC 5545, 3.2.12) in the house's words."""

    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"


class AnswerSource(StrEnum):
    """Which way an answer came."""

    LINK = "link"  # from the mail, by the page with a button
    PAGE = "page"  # the personal page
    MAIL = "mail"  # a REPLY of the calendar program (RFC 5546, 3.2.3)
    ORGANIZER = "organizer"


@dataclass(frozen=True, slots=True)
class Given:
    """An answer: when it was given (aware UTC; of a REPLY its DTSTAMP, no later than it was
    received) and the SEQUENCE that it answers. `sent`: the Date of the mail that brought it, for
    programs that write the same DTSTAMP again."""

    answer: Answer
    at: datetime
    sequence: int
    source: AnswerSource
    comment: str = ""
    sent: datetime | None = None


def newer(given: Given, held: Given | None, time_sequence: int) -> bool:
    """Whether `given` replaces `held`: an answer to the present time counts for more than one to
    an older time, then the later moment, then the later mail. (RFC 5546, 2.1.5, asks for the higher
    SEQUENCE first; but programs keep the one at which they saw the invitation, while pages answer
    to the last one, and both answer the same time.) Of two that are equal in all the one that is
    held stays, so a repeat changes nothing; of others the same one is left in whatever order they
    come.

    `time_sequence` is the SEQUENCE since which the session's time has been what it is.
    """
    return held is None or _rank(given, time_sequence) > _rank(held, time_sequence)


def _rank(given: Given, time_sequence: int) -> tuple[int, datetime, datetime]:
    return min(given.sequence, time_sequence), given.at, given.sent or given.at


def holds(answer_sequence: int, time_sequence: int) -> bool:
    """Whether an answer is to the present time; an older one is to be confirmed again.

    `time_sequence` is the SEQUENCE since which the session's time has been what it is.
    """
    return answer_sequence >= time_sequence


def partstat(answer: str, answer_sequence: int, time_sequence: int) -> str:
    """PARTSTAT to be written into the next REQUEST: what was answered while the time is the same,
    else NEEDS-ACTION (RFC 5546, 3.2.2.1)."""
    if answer and holds(answer_sequence, time_sequence):
        return answer.upper()
    return "NEEDS-ACTION"

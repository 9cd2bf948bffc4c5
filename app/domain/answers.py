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
    received) and the SEQUENCE that it answers."""

    answer: Answer
    at: datetime
    sequence: int
    source: AnswerSource
    comment: str = ""


def newer(given: Given, held: Given | None) -> bool:
    """Whether `given` replaces `held`: the higher SEQUENCE wins, then the later moment (RFC 5546,
    2.1.5). Of two that are equal in both the one that is held stays, so a repeat changes nothing.
    """
    return held is None or (given.sequence, given.at) > (held.sequence, held.at)


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

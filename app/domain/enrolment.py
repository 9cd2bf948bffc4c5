"""Enrolment: what its states are and which one a new enrolment gets."""

from enum import StrEnum


class EnrolmentStatus(StrEnum):
    """Where an enrolment stands."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    WITHDRAWN = "withdrawn"


TAKES_A_PLACE = frozenset({EnrolmentStatus.PENDING, EnrolmentStatus.CONFIRMED})


class Gender(StrEnum):
    """What somebody may answer where a cycle asks. Whoever answers nothing has none of these."""

    FEMALE = "female"
    MALE = "male"
    ANOTHER = "another"
    UNSAID = "unsaid"  # prefers not to say


def first_status(*, capacity: int | None, taken: int, approval: bool) -> EnrolmentStatus:
    """The status of a new enrolment: a full cycle has a waitlist, approval makes it wait."""
    if capacity is not None and taken >= capacity:
        return EnrolmentStatus.WAITLISTED
    return EnrolmentStatus.PENDING if approval else EnrolmentStatus.CONFIRMED

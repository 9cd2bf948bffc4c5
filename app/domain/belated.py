"""Who counts as absent from a session that they could not have been at."""

from datetime import datetime

from app.domain.attendance import Basis, Record
from app.domain.enrolment import EnrolmentStatus


def placed_afterwards(found: Record, status: str, since: datetime, ends: datetime) -> bool:
    """Whether somebody is absent only because nobody saw them, and has had their place only since
    the session was over. `status` of the enrolment and `since` when it has had that, `ends` of the
    session: aware instants. They may have enrolled long before, and waited, or have come back.
    """
    has_a_place = status == EnrolmentStatus.CONFIRMED
    return found.basis is Basis.CLOSING and has_a_place and since >= ends

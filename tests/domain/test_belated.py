"""Who is absent from a session that was over before they had their place."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.attendance import Basis, Record, Status
from app.domain.belated import placed_afterwards
from app.domain.enrolment import EnrolmentStatus

ENDS = datetime(2026, 12, 1, 16, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("status", EnrolmentStatus)
@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("after", [-SECOND, timedelta(), SECOND])
def test_who_was_not_seen_and_got_their_place_when_it_was_over(
    status: EnrolmentStatus, basis: Basis, after: timedelta
) -> None:
    found = Record(Status.ABSENT, basis)
    told = (status, basis) == ("confirmed", "closing") and after >= timedelta()
    assert placed_afterwards(found, status, ENDS + after, ENDS) == told

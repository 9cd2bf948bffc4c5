"""What has changed since a certificate was issued, in words."""

from collections.abc import Mapping

from app.domain.certificates import Change
from app.domain.errors import N_

CHANGES: Mapping[Change, str] = {
    Change.HOLDER: N_("the name"),
    Change.CYCLE: N_("the cycle’s title"),
    Change.DAYS: N_("the days"),
    Change.MINUTES: N_("the minutes"),
    Change.SESSIONS: N_("the sessions"),
    Change.EVIDENCE: N_("the attendance records"),
}

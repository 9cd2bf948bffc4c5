"""Where a provider's report stands, and what is known of each of its rows."""

from enum import StrEnum


class ReportStatus(StrEnum):
    """Where a report stands."""

    PREVIEW = "preview"  # read, and not applied yet
    APPLIED = "applied"  # its rows are evidence
    UNDONE = "undone"


class RowState(StrEnum):
    """What is known of a row, in the order in which rows are shown: what waits for a person first.
    Those that `domain.matching` finds are called as there."""

    AMBIGUOUS = "ambiguous"  # more than one may be meant
    SUGGESTED = "suggested"  # the name is like that of a participant
    UNMATCHED = "unmatched"
    NOT_ENROLLED = "not_enrolled"  # known, and not a participant
    NOBODY = "nobody"  # an organizer said so
    MATCHED = "matched"
    SET_ASIDE = "set_aside"  # read, and says nothing of who was in the meeting
    UNREADABLE = "unreadable"


WAITING = (RowState.AMBIGUOUS, RowState.SUGGESTED, RowState.UNMATCHED)
"""What somebody has to look at."""
MAY_BE_SOMEBODY = (*WAITING, RowState.NOT_ENROLLED, RowState.NOBODY, RowState.MATCHED)
"""What a person may be chosen for."""

"""What a conflict is, and what is said about each kind of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.domain.errors import N_
from app.domain.sentences import Params, Words


class Severity(StrEnum):
    """Errors keep a schedule from being published; warnings ask."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """Every kind of conflict."""

    PERSON_IN_TWO_SEGMENTS = "person_in_two_segments"
    PERSON_IN_TWO_SESSIONS = "person_in_two_sessions"
    PERSON_IN_TWO_CYCLES = "person_in_two_cycles"
    SEGMENT_OUTSIDE_SESSION = "segment_outside_session"
    SESSIONS_OVERLAP = "sessions_overlap"
    MEETING_LINK_SHARED = "meeting_link_shared"
    MEETING_LINK_SHARED_WITH_CYCLE = "meeting_link_shared_with_cycle"
    DUPLICATE_PART = "duplicate_part"
    PANEL_WITHOUT_MODERATOR = "panel_without_moderator"
    PANEL_TOO_SMALL = "panel_too_small"
    SESSION_WITHOUT_HOST = "session_without_host"
    OUTSIDE_WAKING_HOURS = "outside_waking_hours"
    HOLIDAY_OF_PERSON = "holiday_of_person"
    HOLIDAY_OF_ORGANIZER = "holiday_of_organizer"
    AGENDA_EMPTY = "agenda_empty"
    AGENDA_STARTS_LATE = "agenda_starts_late"
    AGENDA_GAP = "agenda_gap"
    AGENDA_ENDS_EARLY = "agenda_ends_early"
    LINK_MISSING = "link_missing"
    PART_DECLINED = "part_declined"
    PART_UNCONFIRMED = "part_unconfirmed"
    PERSON_UNAVAILABLE = "person_unavailable"


ERRORS = frozenset(
    {
        Code.PERSON_IN_TWO_SEGMENTS,
        Code.PERSON_IN_TWO_SESSIONS,
        Code.PERSON_IN_TWO_CYCLES,
        Code.SEGMENT_OUTSIDE_SESSION,
        Code.SESSIONS_OVERLAP,
        Code.MEETING_LINK_SHARED,
        Code.MEETING_LINK_SHARED_WITH_CYCLE,
    }
)
"""The codes that are errors; all others are warnings."""

SENTENCES: Mapping[Code, str] = {
    Code.PERSON_IN_TWO_SEGMENTS: N_(
        "%(person)s is in “%(a)s” and “%(b)s” at the same time, %(when)s."
    ),
    Code.PERSON_IN_TWO_SESSIONS: N_(
        "%(person)s is in “%(a)s” of session %(a_number)s and in “%(b)s” of session %(b_number)s "
        "at the same time, %(when)s."
    ),
    Code.PERSON_IN_TWO_CYCLES: N_(
        "%(person)s is in “%(a)s” of session %(a_number)s and, in the cycle “%(cycle)s”, in "
        "“%(b)s” of session %(b_number)s at the same time, %(when)s."
    ),
    Code.SEGMENT_OUTSIDE_SESSION: N_(
        "“%(segment)s” is planned for %(when)s, but session %(number)s only lasts %(session_when)s."
    ),
    Code.SESSIONS_OVERLAP: N_(
        "Session %(a_number)s and session %(b_number)s are at the same time, %(when)s."
    ),
    Code.MEETING_LINK_SHARED: N_(
        "Session %(a_number)s and session %(b_number)s use the same meeting link at the same time, "
        "%(when)s."
    ),
    Code.MEETING_LINK_SHARED_WITH_CYCLE: N_(
        "Session %(a_number)s and session %(b_number)s of the cycle “%(cycle)s” use the same "
        "meeting link at the same time, %(when)s."
    ),
    Code.DUPLICATE_PART: N_("%(person)s is in “%(segment)s” twice as %(role)s."),
    Code.PANEL_WITHOUT_MODERATOR: N_("The panel “%(segment)s” has no moderator."),
    Code.PANEL_TOO_SMALL: N_("The panel “%(segment)s” has fewer than two panelists."),
    Code.SESSION_WITHOUT_HOST: N_("Session %(number)s has no host."),
    Code.OUTSIDE_WAKING_HOURS: N_(
        "For %(person)s, “%(segment)s” is at %(local_when)s: outside 07:00–21:00."
    ),
    Code.HOLIDAY_OF_PERSON: N_(
        "%(date)s is a public holiday where %(person)s lives (%(holiday)s); session %(number)s is "
        "on that day."
    ),
    Code.HOLIDAY_OF_ORGANIZER: N_(
        "%(date)s is a public holiday where %(institution)s is (%(holiday)s); session %(number)s "
        "is on that day."
    ),
    Code.AGENDA_EMPTY: N_("Session %(number)s has no agenda yet."),
    Code.AGENDA_STARTS_LATE: N_("Nothing is planned at the start of session %(number)s, %(when)s."),
    Code.AGENDA_GAP: N_("Nothing is planned between “%(a)s” and “%(b)s”, %(when)s."),
    Code.AGENDA_ENDS_EARLY: N_("Nothing is planned at the end of session %(number)s, %(when)s."),
    Code.LINK_MISSING: N_("Session %(number)s begins soon, %(when)s, and has no meeting link."),
    Code.PART_DECLINED: N_("%(person)s declined their part in “%(segment)s” (%(role)s)."),
    Code.PART_UNCONFIRMED: N_(
        "%(person)s has not confirmed their part in “%(segment)s” (%(role)s), %(when)s."
    ),
    Code.PERSON_UNAVAILABLE: N_("%(person)s cannot at the time of “%(segment)s”, %(when)s."),
}
"""What is said, to be filled in with the conflict's `params`."""

HINTS: Mapping[Code, str] = {
    Code.PERSON_IN_TWO_SEGMENTS: N_(
        "Move or shorten one of the two, or give one of the parts to somebody else."
    ),
    Code.PERSON_IN_TWO_SESSIONS: N_(
        "Move one of the sessions or segments, or give one of the parts to somebody else."
    ),
    Code.PERSON_IN_TWO_CYCLES: N_(
        "Agree with the other cycle's organizers which of the two moves, or give this part to "
        "somebody else."
    ),
    Code.SEGMENT_OUTSIDE_SESSION: N_("Move or shorten the segment, or lengthen the session."),
    Code.SESSIONS_OVERLAP: N_("Move one of the two sessions."),
    Code.MEETING_LINK_SHARED: N_("Give one of the two sessions a meeting of its own."),
    Code.MEETING_LINK_SHARED_WITH_CYCLE: N_("Give this session a meeting of its own."),
    Code.DUPLICATE_PART: N_("Remove one of the two parts."),
    Code.PANEL_WITHOUT_MODERATOR: N_("Add a moderator to the panel."),
    Code.PANEL_TOO_SMALL: N_("Add a panelist, or make it a presentation."),
    Code.SESSION_WITHOUT_HOST: N_(
        "Give somebody the part of the host, for example in the opening."
    ),
    Code.OUTSIDE_WAKING_HOURS: N_(
        "Choose another hour or another place in the agenda, or ask whether it suits."
    ),
    Code.HOLIDAY_OF_PERSON: N_("Choose another day, or ask whether it suits."),
    Code.HOLIDAY_OF_ORGANIZER: N_("Choose another day, or make sure that somebody is on duty."),
    Code.AGENDA_EMPTY: N_("Add the segments of the session."),
    Code.AGENDA_STARTS_LATE: N_(
        "Begin the agenda with the session, or let the session begin later."
    ),
    Code.AGENDA_GAP: N_("Lengthen the segment before, move the one after, or add a break."),
    Code.AGENDA_ENDS_EARLY: N_("Lengthen or add a segment, or let the session end earlier."),
    Code.LINK_MISSING: N_("Enter the meeting link."),
    Code.PART_DECLINED: N_("Find somebody else, or take the part out."),
    Code.PART_UNCONFIRMED: N_("Remind or call them, and note the answer."),
    Code.PERSON_UNAVAILABLE: N_(
        "Choose another hour or another place in the agenda, or give the part to somebody else."
    ),
}
"""The way out, for each kind."""


class RefKind(StrEnum):
    """What a reference points to."""

    SESSION = "session"
    SEGMENT = "segment"
    PART = "part"
    PERSON = "person"
    INSTITUTION = "institution"


@dataclass(frozen=True, slots=True)
class Ref:
    """One of the things that clash, with what it takes to name it and to link to it.

    `label` is a session's title, a segment's title (its kind, a `SegmentKind`, where it has
    none), or a person's or institution's name.
    """

    kind: RefKind
    id: str
    label: str | Words
    cycle_id: str
    session_number: int | None = None
    segment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something in a schedule that clashes or is missing.

    `starts` and `ends` are when it clashes: the time in common, the gap, the segment, or else the
    session. `session_number` and `segment_id` say at which row of this cycle it is to be shown.
    """

    code: Code
    subject: Ref
    other: Ref | None
    session_number: int
    segment_id: str | None
    starts: datetime
    ends: datetime
    person_id: str = ""
    params: Params = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """Error or warning."""
        return Severity.ERROR if self.code in ERRORS else Severity.WARNING

    @property
    def message(self) -> str:
        """The sentence, English and not filled in: translate it, then fill in `params`."""
        return SENTENCES[self.code]

    @property
    def hint(self) -> str:
        """The way out, English, with nothing to fill in."""
        return HINTS[self.code]

    @property
    def order(self) -> tuple[datetime, bool, datetime, str, str, str, str, str]:
        """By time, then errors first; the rest settles ties the same way every time."""
        return (
            self.starts,
            self.severity is Severity.WARNING,
            self.ends,
            self.code,
            self.subject.kind,
            self.subject.id,
            self.other.id if self.other else "",
            self.person_id,
        )

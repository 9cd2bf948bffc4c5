"""What things are called that are one of a few: a word each, to be translated by whoever shows it.

Pages, files, calendars and briefs take them from here, so that nothing has two names. The order is
the one in which they are listed.
"""

from collections.abc import Mapping
from typing import Any

from app.domain.answers import Answer
from app.domain.attendance import Basis, Status
from app.domain.certificates import State
from app.domain.enrolment import EnrolmentStatus, Gender
from app.domain.errors import N_
from app.domain.matching import Match
from app.domain.permissions import AccountStanding, Role
from app.domain.schedule import PartRole, SegmentKind, SessionStatus

ATTENDANCE = {
    Status.PRESENT: N_("Present"),
    Status.LATE: N_("Late"),
    Status.PARTIAL: N_("Part of it"),
    Status.EXCUSED: N_("Excused"),
    Status.ABSENT: N_("Absent"),
    Status.UNKNOWN: N_("Not known"),
}
BASES = {
    Basis.INTERVALS: N_("Report of the meeting, with times"),
    Basis.TOTALS: N_("Report of the meeting, minutes only"),
    Basis.CHECK_IN: N_("Checked in"),
    Basis.MARK: N_("Marked by hand"),
    Basis.CLOSING: N_("Not seen; the session is closed"),
    Basis.NOTHING: "",
}
MATCHES = {
    Match.EMAIL: N_("by the e-mail address"),
    Match.ALIAS: N_("by a name that was confirmed before"),
    Match.NAME: N_("by the name"),
    Match.HAND: N_("by hand"),
}
ENROLMENTS = {
    EnrolmentStatus.PENDING: N_("To be confirmed"),
    EnrolmentStatus.CONFIRMED: N_("Enrolled"),
    EnrolmentStatus.WAITLISTED: N_("On the waiting list"),
    EnrolmentStatus.WITHDRAWN: N_("Withdrawn"),
}
GENDERS = {
    Gender.FEMALE: N_("Female"),
    Gender.MALE: N_("Male"),
    Gender.ANOTHER: N_("Another"),
    Gender.UNSAID: N_("Prefers not to say"),
}
ANSWERS = {
    Answer.ACCEPTED: N_("Coming"),
    Answer.TENTATIVE: N_("Perhaps"),
    Answer.DECLINED: N_("Not coming"),
}
CERTIFICATES = {
    State.LIVE: N_("Valid"),
    State.FLAGGED: N_("To be looked at"),
    State.REVOKED: N_("Revoked"),
    State.SUPERSEDED: N_("Replaced"),
}
TEAM_ROLES = {
    Role.OWNER: N_("Owner"),
    Role.EDITOR: N_("Editor"),
    Role.DESK: N_("Attendance desk"),
    Role.VIEWER: N_("Viewer"),
}
STANDINGS = {
    AccountStanding.ADMINISTRATOR: N_("Administrator"),
    AccountStanding.ORGANIZER: N_("Organizer"),
    AccountStanding.MEMBER: N_("Member"),
}
ROLES = {
    PartRole.HOST: N_("host"),
    PartRole.SPEAKER: N_("speaker"),
    PartRole.MODERATOR: N_("moderator"),
    PartRole.PANELIST: N_("panelist"),
    PartRole.INTERPRETER: N_("interpreter"),
}
SEGMENTS = {
    SegmentKind.OPENING: N_("Opening"),
    SegmentKind.PRESENTATION: N_("Presentation"),
    SegmentKind.PANEL: N_("Panel"),
    SegmentKind.DISCUSSION: N_("Discussion"),
    SegmentKind.BREAK: N_("Break"),
    SegmentKind.CLOSING: N_("Closing"),
}
SESSIONS = {
    SessionStatus.DRAFT: N_("Draft"),
    SessionStatus.SCHEDULED: N_("Scheduled"),
    SessionStatus.CANCELLED: N_("Cancelled"),
}

OF: Mapping[str, Mapping[Any, str]] = {
    "answer": ANSWERS,
    "attendance": ATTENDANCE,
    "basis": BASES,
    "certificate": CERTIFICATES,
    "enrolment": ENROLMENTS,
    "gender": GENDERS,
    "match": MATCHES,
    "role": ROLES,
    "segment": SEGMENTS,
    "session": SESSIONS,
    "standing": STANDINGS,
    "team_role": TEAM_ROLES,
}
"""The tables by the name under which templates ask for them."""

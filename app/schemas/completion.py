"""When a cycle counts as completed, and closing a session."""

from typing import Annotated

from pydantic import Field

from app.domain.attendance import Status as AttendanceStatus
from app.domain.completion import Lack, Standing
from app.schemas.types import (
    EXACT,
    Filled500,
    Instant,
    Line500,
    Out,
    Strict,
    Whole,
    YesNo,
    example,
)

Percent = Annotated[int, Field(strict=True, ge=0, le=100), EXACT]
SessionId = Annotated[str, Field(min_length=1, max_length=26, pattern="^[0-9a-z]+$")]
Minutes = Annotated[int, Field(strict=True, ge=0, le=1440), EXACT]


class CompletionRule(Strict):
    """At least so many of so many sessions, at least so much of each. It is kept whole: what is
    left out is as its default says."""

    model_config = example(min_sessions=6, of=8, min_percent_of_each=75, excused_counts=True)

    min_sessions: Whole = Field(ge=1, le=500)
    of: Whole = Field(ge=1, le=500)
    min_percent_of_each: Percent
    min_percent_of_whole: Percent = 0
    mandatory: list[SessionId] = Field(
        default_factory=list, max_length=500, description="Ids of sessions that nobody may miss."
    )
    excused_counts: YesNo = Field(default=False, description="An excused session counts in full.")
    unverified_counts: YesNo = Field(
        default=False, description="A check-in counts in full where no report says for how long."
    )
    late_after: Minutes | None = Field(
        default=15, description="Minutes after the start; null: nobody is late."
    )
    partial_below: Percent = Field(
        default=50, description="Percent of the session below which somebody was there in part."
    )
    warn: YesNo = Field(
        default=False, description="Participants are told what they lack while they can meet it."
    )


class CloseIn(Strict):
    """Says that nothing more is to come of a session."""

    model_config = example(note="Report of the provider read.")

    note: Line500 = ""


class ReopenIn(Strict):
    """Opens a session again, with the reason."""

    model_config = example(reason="A second report turned up.")

    reason: Filled500


class ClosingOut(Out):
    """A session was closed, or opened again."""

    session_id: str
    closed: bool
    at: Instant
    recorded_by: str
    reason: str
    counts: dict[str, int] = Field(description="How many had which status then.")


class StillOpenOut(Out):
    """What is not settled at a session. People by the ids of their enrolments, in order of their
    names, each in one group only."""

    reports: int = Field(description="Reports that were read and not applied.")
    rows: int = Field(description="Rows of applied reports that are nobody's so far.")
    nobody: list[str] = Field(description="Nothing is known: absent once it is closed.")
    outside: list[str] = Field(
        description="Reports show them at no moment of the session: absent once it is closed, also "
        "who checked in; those come first."
    )
    contradicted: list[str] = Field(
        description="One report shows when they were there, which counts, and another one tells of "
        "more minutes."
    )
    unverified: list[str] = Field(
        description="They checked in and stand in no report, where there is one: present, minutes "
        "not verified."
    )


class StandingOut(Out):
    """How one session stands for somebody."""

    session_id: str
    number: int
    standing: Standing
    status: AttendanceStatus
    minutes: int | None = Field(description="Verified minutes; null where nobody measured them.")


class MissingOut(Out):
    """One thing that is missing: so many sessions, the session of a number, so many percent."""

    what: Lack
    amount: int
    session_id: str | None = Field(description="The mandatory session that is missing.")


class CompletionOut(Out):
    """How far somebody is."""

    enrolment_id: str
    name: str
    rule_version: int
    state: str = Field(description="completed, at_risk, under_way or out_of_reach.")
    sessions_counted: int
    percent: int = Field(description="Of all the minutes of the cycle, rounded down.")
    sessions: list[StandingOut]
    missing: list[MissingOut]


class RuleOut(Out):
    """A version of a completion rule; `rule` null: from then on there was none."""

    version: int
    at: Instant
    recorded_by: str
    rule: CompletionRule | None

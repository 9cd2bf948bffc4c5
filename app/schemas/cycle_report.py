"""A cycle in numbers, out."""

from typing import Literal

from pydantic import Field

from app.schemas.types import Instant, Out


class TallyOut(Out):
    """Counts. `enrolled`, `gone`, `attended_once` and `completed` are of people; the others of
    attendances: one person at one session is one."""

    enrolled: int
    gone: int = Field(description="Without a place any more, and there is evidence of them.")
    attended_once: int = Field(description="People who were at one session or more.")
    attended: int
    statuses: dict[str, int]
    bases: dict[str, int] = Field(description="By what it is known that they attended.")
    answers: dict[str, int] = Field(description="To the invitations, to the time that holds.")
    minutes: int = Field(description="Verified minutes, of `measured` attendances.")
    measured: int
    unverified: int = Field(description="Attendances of which nobody knows how long they were.")
    mean_minutes: float | None = Field(description="minutes by measured; null: none measured.")
    completed: int | None = Field(description="By the rule; null where there is none.")
    counted: int | None = Field(description="Attendances that count for completion.")


class ReportFeedbackOut(Out):
    """What was answered after a session, in numbers. `withheld`: too few have answered an anonymous
    form for anything to be shown; a question that too few have rated is in neither `ratings` nor
    their `mean`."""

    answered: int
    anonymous: bool
    withheld: bool
    ratings: int
    mean: float | None


class SessionReportOut(Out):
    """A session in numbers. `settled`: it is closed, and no report waits."""

    session_id: str
    number: int
    title: dict[str, str]
    starts_at: Instant
    ends_at: Instant
    over: bool
    closed: bool
    settled: bool
    reports_waiting: int
    rows_unmatched: int
    tally: TallyOut
    feedback: ReportFeedbackOut | None


class GroupOut(Out):
    """People who gave the same; an empty name: who gave nothing. Countries are ISO 3166 codes."""

    name: str
    tally: TallyOut


class CycleReportOut(Out):
    """A cycle in numbers."""

    cycle_id: str
    at: Instant
    rule_version: int = Field(description="Of the completion rule; 0 where there is none.")
    state: Literal["final", "provisional"] = Field(
        description="final: every session is over, closed, and no report waits."
    )
    whole: TallyOut
    sessions: list[SessionReportOut]
    countries: list[GroupOut]
    institutions: list[GroupOut]
    initiatives: list[GroupOut]
    genders: list[GroupOut] | None = Field(description="null where the cycle does not ask.")

"""Providers' reports: answers to what they leave open, whose a row is, and what was found."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, PlainSerializer, field_validator
from pydantic_core import PydanticCustomError

from app.domain.errors import N_
from app.schemas.types import (
    EXACT,
    Change,
    Filled500,
    Id,
    Instant,
    Line200,
    Out,
    Strict,
    YesNo,
    Zone,
    example,
)

ColumnName = Literal[
    "name",
    "first_name",
    "last_name",
    "email",
    "joined",
    "left",
    "first_joined",
    "last_left",
    "duration",
    "minutes",
    "seconds",
    "action",
    "at",
]
"""What a person may say that a column is, see `app.meetings.values.Column`."""
Place = Annotated[int, Field(strict=True, ge=1, le=1_000_000), EXACT]
_FIRST_YEAR, _LAST_YEAR = 2000, 2100


def _a_year(value: datetime) -> datetime:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise PydanticCustomError("year", N_("Choose a date between 2000 and 2100."))
    return value


class ColumnsIn(Strict):
    """Which column means what. `header` is the number of the row with the headers."""

    header: Place
    sheet: Line200 = ""
    columns: list[ColumnName | None] = Field(
        min_length=1, max_length=200, description="From the left; null: not read."
    )


class AnswersIn(Change):
    """Answers to what a report leaves open. What is left out stays as it was answered."""

    model_config = example(date_order="day_first", zone="America/Bogota")

    date_order: Literal["day_first", "month_first"] | None = None
    zone: Zone | None = Field(default=None, description="Whose clock the file shows.")
    open_until: Annotated[AwareDatetime, PlainSerializer(lambda v: v.isoformat())] | None = Field(
        default=None,
        description="Until when somebody stayed who is not said to have left.",
    )
    leave_open_out: YesNo = Field(
        default=False, description="Stays without an end do not count at all."
    )
    columns: ColumnsIn | None = None

    @field_validator("open_until")
    @classmethod
    def _year(cls, value: datetime | None) -> datetime | None:
        return None if value is None else _a_year(value)


class DecisionIn(Strict):
    """Whose a row is. It holds for every row of the report with the same name and address."""

    row_id: Id
    enrolment_id: Id | None = Field(description="null: nobody's.")
    remember: YesNo = Field(
        default=True, description="The next report that shows them so is matched by itself."
    )


class DecisionsIn(Strict):
    """Whose rows are."""

    model_config = example(
        decisions=[
            {
                "row_id": "06cq3x1m8r7k2d5t9w4v0b6n1h",
                "enrolment_id": "06cq3x1m8r7k2d5t9w4v0b6n2j",
                "remember": True,
            }
        ]
    )

    decisions: list[DecisionIn] = Field(min_length=1, max_length=500)


class UndoIn(Strict):
    """Why a report does not count after all."""

    model_config = example(reason="It is the report of another meeting.")

    reason: Filled500


class RowCounts(Out):
    """How many rows are in which state."""

    matched: int = 0
    ambiguous: int = 0
    suggested: int = 0
    unmatched: int = 0
    not_enrolled: int = 0
    nobody: int = 0
    set_aside: int = 0
    unreadable: int = 0


class ReportOut(Out):
    """A report that was read. `status`: preview, applied, undone. `found`: what was found in the
    file or answered; while `found.questions` holds any, it cannot be applied."""

    id: str
    session_id: str
    created_at: Instant
    filename: str
    provider: str
    layout: str
    status: str
    recorded_by: str
    applied_at: Instant | None
    applied_by: str
    undone_at: Instant | None
    undone_by: str
    reason: str
    counts: RowCounts
    found: dict[str, Any]


class ReportRowOut(Out):
    """A row of a report. `candidates`: ids of the enrolments that may be meant, the likeliest
    first. `state`: matched, ambiguous, suggested, unmatched, not_enrolled, nobody, set_aside,
    unreadable."""

    id: str
    number: int
    name: str
    email: str
    joined_at: Instant | None
    left_at: Instant | None
    seconds: int | None
    state: str
    enrolment_id: str | None
    matched_by: str
    candidates: list[str]
    why: str = Field(description="Why it does not count, or could not be read.")

"""Certificates: what they look like, issuing, taking back."""

from datetime import date

from pydantic import Field

from app.domain.certificates import Change, State
from app.schemas.types import (
    Accent,
    Filled500,
    Id,
    Instant,
    Line200,
    Line500,
    Out,
    Prose,
    Strict,
    example,
)

__all__ = [
    "CertificateOut",
    "DesignIn",
    "IssueIn",
    "IssueRunOut",
    "LogoIn",
    "RevokeIn",
    "SignatoryIn",
    "SupersedeIn",
]


class LogoIn(Strict):
    """A logo that was uploaded, and whose it is, in words."""

    file: str = Field(max_length=64)
    alt: Line200


class SignatoryIn(Strict):
    """Somebody who signs. `signature`: a picture that was uploaded, empty: none."""

    name: Line200
    position: Prose = Field(default_factory=dict)
    signature: str = Field(default="", max_length=64)


class DesignIn(Strict):
    """What certificates look like. The rest is checked by `certificates.designs.check`."""

    template: str = Field(default="classic", max_length=20)
    title: Prose = Field(default_factory=dict)
    statement: Prose = Field(default_factory=dict)
    accent: Accent = ""
    logos: list[LogoIn] = Field(default_factory=list, max_length=20)
    signatories: list[SignatoryIn] = Field(default_factory=list, max_length=20)


class IssueIn(Strict):
    """Issues a certificate to one participant."""

    model_config = example(enrolment_id="01kb2r8d5n3q6v9x0c4e7h1m2t")

    enrolment_id: Id


class RevokeIn(Strict):
    """Takes a certificate back. The reason is for organizers; the page behind the code says only
    that it was revoked, and when."""

    model_config = example(reason="Issued to the wrong person.")

    reason: Filled500


class SupersedeIn(Strict):
    """Issues another certificate in place of one."""

    model_config = example(holder="Ana María Ruiz", reason="The name was misspelt.")

    holder: Line200 = Field(
        default="", description="The name as it is to stand there; empty: the participant's."
    )
    reason: Line500 = ""


class CertificateOut(Out):
    """What was certified, frozen, and how it stands today."""

    code: str
    state: State
    changed: list[Change] = Field(
        description="What it would say otherwise if it were issued today; empty if nothing."
    )
    cycle_id: str
    enrolment_id: str
    holder: str
    language: str
    cycle: str
    organizers: list[str]
    first_day: date
    last_day: date
    minutes: int | None = Field(description="null: nobody measured them.")
    sessions: int
    of: int
    rule: str = Field(description="In words, in the holder's language.")
    rule_version: int
    evidence_digest: str
    issued_at: Instant
    issued_by: str
    ended_at: Instant | None = Field(description="When it was revoked or superseded.")
    ended_by: str
    reason: str
    superseded_by: str | None = Field(description="The code of the one in its place.")
    verify_url: str
    badge_url: str


class IssueRunOut(Out):
    """How far issuing to everybody has got. `left_out`: have not completed the cycle, have a name
    that cannot be printed, or had a certificate revoked."""

    id: str
    total: int
    looked_at: int
    issued: int
    already: int
    left_out: int
    failures: int
    last_error: str = Field(
        description="Empty: none. `no_rule`: it ended before everybody was looked at, because the "
        "cycle had no completion rule any more, or nothing to complete. `unprintable`: it ended "
        "because no typeface has some of what certificates would say. Else what failed last."
    )
    finished_at: Instant | None

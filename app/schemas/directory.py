"""People, institutions and initiatives, in and out."""

from pydantic import Field

from app.schemas.types import (
    Country,
    Email,
    Filled200,
    Language,
    Line40,
    Line120,
    Line200,
    Out,
    Strict,
    Zone,
)


class InstitutionIn(Strict):
    """A new institution."""

    name: Filled200
    acronym: Line40 = ""
    country: Country = ""


class InstitutionChange(Strict):
    """What is left out stays as it is."""

    name: Filled200 = ""
    acronym: Line40 = ""
    country: Country = ""


class InstitutionOut(Out):
    """An institution."""

    id: str
    revision: int
    name: str
    acronym: str
    country: str


class InitiativeIn(Strict):
    """A new initiative."""

    name: Filled200
    country: Country = ""
    territory: Line120 = ""
    sector: Line120 = ""


class InitiativeChange(Strict):
    """What is left out stays as it is."""

    name: Filled200 = ""
    country: Country = ""
    territory: Line120 = ""
    sector: Line120 = ""


class InitiativeOut(Out):
    """An initiative."""

    id: str
    revision: int
    name: str
    country: str
    territory: str
    sector: str


class PersonIn(Strict):
    """A new person in the directory."""

    name: Filled200
    email: Email | None = None
    country: Country = ""
    zone: Zone | None = None
    language: Language | None = None
    position: Line200 = ""
    institution_id: str | None = Field(default=None, max_length=26)


class PersonChange(Strict):
    """What is left out stays as it is."""

    name: Filled200 = ""
    email: Email | None = None
    country: Country = ""
    zone: Zone | None = None
    language: Language | None = None
    position: Line200 = ""
    institution_id: str | None = Field(default=None, max_length=26)


class PersonOut(Out):
    """A person."""

    id: str
    revision: int
    name: str
    email: str | None
    country: str
    zone: str
    language: str
    position: str
    institution_id: str | None


class MergeIn(Strict):
    """Which other row is the same and goes; what referred to it refers to this one."""

    duplicate_id: str = Field(max_length=26)

"""People, institutions and initiatives, in and out."""

from pydantic import Field

from app.schemas.types import Country, Email, Language, Out, Strict, Zone, line


class InstitutionIn(Strict):
    """A new institution."""

    name: line(200, required=True)  # type: ignore[valid-type]
    acronym: line(40) = ""  # type: ignore[valid-type]
    country: Country = ""


class InstitutionChange(Strict):
    """What is left out stays as it is."""

    name: line(200, required=True) = ""  # type: ignore[valid-type]
    acronym: line(40) = ""  # type: ignore[valid-type]
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

    name: line(200, required=True)  # type: ignore[valid-type]
    country: Country = ""
    territory: line(120) = ""  # type: ignore[valid-type]
    sector: line(120) = ""  # type: ignore[valid-type]


class InitiativeChange(Strict):
    """What is left out stays as it is."""

    name: line(200, required=True) = ""  # type: ignore[valid-type]
    country: Country = ""
    territory: line(120) = ""  # type: ignore[valid-type]
    sector: line(120) = ""  # type: ignore[valid-type]


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

    name: line(200, required=True)  # type: ignore[valid-type]
    email: Email | None = None
    country: Country = ""
    zone: Zone | None = None
    language: Language | None = None
    position: line(200) = ""  # type: ignore[valid-type]
    institution_id: str | None = Field(default=None, max_length=26)


class PersonChange(Strict):
    """What is left out stays as it is."""

    name: line(200, required=True) = ""  # type: ignore[valid-type]
    email: Email | None = None
    country: Country = ""
    zone: Zone | None = None
    language: Language | None = None
    position: line(200) = ""  # type: ignore[valid-type]
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

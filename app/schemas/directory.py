"""People, institutions and initiatives, in and out."""

from app.schemas.types import (
    Change,
    Country,
    Email,
    Filled200,
    Id,
    Language,
    Line40,
    Line120,
    Line200,
    Out,
    Strict,
    Zone,
    example,
)


class InstitutionIn(Strict):
    """A new institution."""

    model_config = example(name="Ministerio de Comercio", acronym="MinCIT", country="CO")

    name: Filled200
    acronym: Line40 = ""
    country: Country = ""


class InstitutionChange(Change):
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

    model_config = example(
        name="Clúster del Café", country="CO", territory="Eje Cafetero", sector="Coffee"
    )

    name: Filled200
    country: Country = ""
    territory: Line120 = ""
    sector: Line120 = ""


class InitiativeChange(Change):
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

    model_config = example(
        name="Ana Pérez",
        email="ana@example.org",
        country="CO",
        zone="America/Bogota",
        language="es",
        position="Directora",
    )

    name: Filled200
    email: Email | None = None
    country: Country = ""
    zone: Zone | None = None
    language: Language | None = None
    position: Line200 = ""
    institution_id: Id | None = None


class PersonChange(Change):
    """What is left out stays as it is."""

    name: Filled200 = ""
    email: Email | None = None
    country: Country = ""
    zone: Zone | None = None
    language: Language | None = None
    position: Line200 = ""
    institution_id: Id | None = None


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

    model_config = example(duplicate_id="06cq3x1m8r7k2d5t9w4v0b6n1h")

    duplicate_id: Id

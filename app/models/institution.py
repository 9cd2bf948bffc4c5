"""The directory of institutions and of initiatives."""

from sqlmodel import Field

from app.models.base import Editable


class Institution(Editable, table=True):
    """An organization: carries cycles, and people work there."""

    __tablename__ = "institution"

    name: str = Field(max_length=200)
    acronym: str = Field(default="", max_length=40)
    country: str = Field(default="", max_length=2)
    search_key: str = Field(default="", index=True, max_length=600)


class Initiative(Editable, table=True):
    """A cluster initiative, or another territorial one, that a participant stands for."""

    __tablename__ = "initiative"

    name: str = Field(max_length=200)
    country: str = Field(default="", max_length=2)
    territory: str = Field(default="", max_length=120)
    sector: str = Field(default="", max_length=120)
    search_key: str = Field(default="", index=True, max_length=600)

"""People."""

from datetime import datetime

from sqlmodel import Field, Relationship, SQLModel

from app.models.base import NO_LAZY, Editable
from app.models.institution import Institution


class Person(Editable, table=True):
    """Somebody known to the system. `email_key` is the address as it is compared."""

    __tablename__ = "person"

    name: str = Field(max_length=200)
    email: str | None = Field(default=None, max_length=254)
    email_key: str | None = Field(default=None, unique=True, max_length=254)
    country: str = Field(default="", max_length=2)
    zone: str = Field(default="", max_length=64)
    language: str = Field(default="", max_length=2)
    position: str = Field(default="", max_length=200)
    bounced_at: datetime | None = Field(default=None)  # mail to the address came back
    bounce: str = Field(default="", max_length=300)  # what the other side said
    institution_id: str | None = Field(default=None, foreign_key="institution.id", index=True)
    search_key: str = Field(default="", index=True, max_length=900)
    # Stands for somebody whose data was erased: in one cycle, without name or address.
    erased_at: datetime | None = Field(default=None)

    institution: Institution | None = Relationship(sa_relationship_kwargs=NO_LAZY)


class PersonSight(SQLModel, table=True):
    """An account that wrote somebody down, and so knows them before they are in a cycle."""

    __tablename__ = "person_sight"

    person_id: str = Field(foreign_key="person.id", primary_key=True, ondelete="CASCADE")
    user_id: str = Field(
        foreign_key="user_account.id", primary_key=True, index=True, ondelete="CASCADE"
    )

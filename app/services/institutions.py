"""The directory of institutions and of initiatives."""

from typing import Any, TypeVar

from sqlmodel import col, select

from app.db import DbSession
from app.domain.errors import N_, Invalid
from app.models import Enrolment, Initiative, Institution
from app.schemas.directory import (
    InitiativeChange,
    InitiativeIn,
    InstitutionChange,
    InstitutionIn,
)
from app.services.access import refuse_unless_used_by_us
from app.services.actor import Actor
from app.services.paging import paginate
from app.services.rows import (
    find,
    found_by,
    hold,
    hold_enrolments,
    initiative_key,
    institution_key,
    renew_enrolment_keys,
    search_key,
)
from app.services.schedules import cycles_of_institutions, hold_cycles

__all__ = [
    "change_initiative",
    "change_institution",
    "create_initiative",
    "create_institution",
    "find_or_create_initiative",
    "get_initiative",
    "get_institution",
    "search_initiatives",
    "search_institutions",
]

EntryT = TypeVar("EntryT", Institution, Initiative)

_KEY = 600  # the columns' length


def create_institution(db: DbSession, actor: Actor, command: InstitutionIn) -> Institution:
    """Adds an institution.

    Raises:
        Invalid: at ``name``, code ``duplicate``: one of this name, whatever its case and
            accents, is in the directory for this country.
    """
    institution = Institution(**command.model_dump())
    return _add(db, Institution, institution, institution_key(institution))


def change_institution(
    db: DbSession,
    actor: Actor,
    institution_id: str,
    command: InstitutionChange,
    revision: int | None = None,
) -> Institution:
    """Changes what the command sets.

    Raises:
        NotFound: there is no such institution.
        Stale: `revision` is not the institution's.
        Invalid: as for `create_institution`.
    """
    refuse_unless_used_by_us(db, actor, Institution, institution_id)
    hold_cycles(db, (), cycles_of_institutions(db, [institution_id]))
    institution = hold(db, Institution, institution_id, revision=revision)
    _change(db, Institution, institution, command.model_dump(exclude_unset=True))
    institution.search_key = institution_key(institution)
    db.flush()
    return institution


def get_institution(db: DbSession, actor: Actor, institution_id: str) -> Institution:
    """The institution. Raises NotFound."""
    return find(db, Institution, institution_id)


def search_institutions(
    db: DbSession, actor: Actor, query: str = "", after: str | None = None, limit: int = 50
) -> tuple[list[Institution], str | None]:
    """Institutions by name, and the cursor after them; every word stands in name or acronym.

    Raises:
        Invalid: at ``after``.
    """
    return _search(db, Institution, query, after, limit)


def create_initiative(db: DbSession, actor: Actor, command: InitiativeIn) -> Initiative:
    """Adds an initiative.

    Raises:
        Invalid: at ``name``, code ``duplicate``: one of this name, whatever its case and
            accents, is in the directory for this country.
    """
    initiative = Initiative(**command.model_dump())
    return _add(db, Initiative, initiative, initiative_key(initiative))


def change_initiative(
    db: DbSession,
    actor: Actor,
    initiative_id: str,
    command: InitiativeChange,
    revision: int | None = None,
) -> Initiative:
    """Changes what the command sets.

    Raises:
        NotFound: there is no such initiative.
        Stale: `revision` is not the initiative's.
        Invalid: as for `create_initiative`.
    """
    refuse_unless_used_by_us(db, actor, Initiative, initiative_id)
    hold_enrolments(db, initiative_id)
    initiative = hold(db, Initiative, initiative_id, revision=revision)
    known_as = initiative.name
    _change(db, Initiative, initiative, command.model_dump(exclude_unset=True))
    initiative.search_key = initiative_key(initiative)
    db.flush()
    if initiative.name != known_as:
        renew_enrolment_keys(db, col(Enrolment.initiative_id) == initiative.id)
        db.flush()
    return initiative


def get_initiative(db: DbSession, actor: Actor, initiative_id: str) -> Initiative:
    """The initiative. Raises NotFound."""
    return find(db, Initiative, initiative_id)


def search_initiatives(
    db: DbSession, actor: Actor, query: str = "", after: str | None = None, limit: int = 50
) -> tuple[list[Initiative], str | None]:
    """Initiatives by name, and the cursor after them; every word stands in name, territory or
    sector.

    Raises:
        Invalid: at ``after``.
    """
    return _search(db, Initiative, query, after, limit)


def find_or_create_initiative(db: DbSession, name: str, country: str) -> Initiative:
    """The initiative that a participant wrote down, added where it is not known yet.

    Case, accents and white space do not make another one; a country does. Two who write a new
    one at the same instant may leave two, which can be merged.
    """
    known = _of_same_name(db, Initiative, name, country)
    if known is not None:
        return known
    initiative = Initiative(name=name, country=country)
    initiative.search_key = initiative_key(initiative)
    db.add(initiative)
    db.flush()
    return initiative


def _add(db: DbSession, model: type[EntryT], entry: EntryT, key: str) -> EntryT:
    if _of_same_name(db, model, entry.name, entry.country) is not None:
        raise _duplicate(entry.name)
    entry.search_key = key
    db.add(entry)
    db.flush()
    return entry


def _change(db: DbSession, model: type[EntryT], entry: EntryT, values: dict[str, Any]) -> None:
    was = entry.name, entry.country
    for name, value in values.items():
        setattr(entry, name, value)
    # Only a new name or country is looked at: two that were the same before can be told apart.
    if (entry.name, entry.country) == was:
        return
    if _of_same_name(db, model, entry.name, entry.country, but=entry.id) is not None:
        raise _duplicate(entry.name)


def _of_same_name(
    db: DbSession, model: type[EntryT], name: str, country: str, *, but: str = ""
) -> EntryT | None:
    """The oldest entry of the country whose name has the same key."""
    key = search_key(name, length=_KEY)
    query = (
        select(model)
        .where(
            model.country == country,
            model.id != but,
            col(model.search_key).startswith(key, autoescape=True),
        )
        .order_by(col(model.id))
    )
    with db.no_autoflush:
        candidates = db.exec(query).all()
    # The column holds more than the name, so the names are compared once more.
    return next((c for c in candidates if search_key(c.name, length=_KEY) == key), None)


def _duplicate(name: str) -> Invalid:
    return Invalid.one(
        "name",
        N_("%(known)s is in the directory already, for the same country."),
        code="duplicate",
        known=name,
    )


def _search(
    db: DbSession, model: type[EntryT], query: str, after: str | None, limit: int
) -> tuple[list[EntryT], str | None]:
    statement = select(model).where(*found_by(query, model.search_key))
    return paginate(db, statement, [model.search_key, model.id], after, limit)

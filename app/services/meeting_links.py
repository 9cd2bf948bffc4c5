"""Meeting links and materials: none may be the other, whoever sees the material.

A material with the link of a meeting would lead the public into it; participants it would lead past
their own join page, which opens in time and notes that they came. So both audiences are the same
here. Links are compared without what follows the path (`domain.conflict_sessions.meeting_place`): a
passcode left out, or somebody's name put in, leads to the same door. The price: of a service that
tells its meetings apart only behind the question mark, no other page at that path can be a material
either; the service's short links can.
"""

from collections.abc import Mapping

from sqlmodel import col, select

from app.db import DbSession
from app.domain.conflict_sessions import meeting_place
from app.domain.errors import N_, FieldError, Invalid
from app.models import Cycle, Material, Session
from app.services.rows import hold


def check_material(db: DbSession, cycle_id: str, url: str) -> None:
    """Whether a material may lead there. The cycle is held until the transaction ends.

    Raises Invalid at ``url`` (``meeting_link``): it is a meeting link of the cycle.
    """
    hold(db, Cycle, cycle_id)  # or both could be written at once, each unseen by the other
    rooms = select(Session.meeting_url, Session.backstage_url)
    for links in db.exec(rooms.where(Session.cycle_id == cycle_id)):
        if meeting_place(url) in {meeting_place(link) for link in links if link}:
            raise Invalid.one(
                "url",
                N_("This is the link of a meeting. Participants get it by themselves in time."),
                code="meeting_link",
            )


def check_meeting(db: DbSession, cycle_id: str, links: Mapping[str, str]) -> None:
    """Whether meetings may be there: links by the name of their field, empty ones aside. The cycle
    is held until the transaction ends. No query where there is no link.

    Raises Invalid at each field whose link is a material of the cycle (``material_link``).
    """
    places = {name: meeting_place(link) for name, link in links.items() if link}
    if not places:
        return
    hold(db, Cycle, cycle_id)
    query = (
        select(Material.url, Material.title, Session.number)
        .join(Session)
        .where(Session.cycle_id == cycle_id, Material.url != "")
        .order_by(col(Session.number), col(Material.position), col(Material.id))
    )
    found: dict[str, FieldError] = {}
    for url, title, number in db.exec(query):
        for name, place in places.items():
            if meeting_place(url) == place:
                found.setdefault(name, _is_material(name, title, number))
    if found:
        raise Invalid(*(found[name] for name in places if name in found))


def _is_material(field: str, title: str, number: int) -> FieldError:
    return FieldError(
        field,
        N_(
            "The material “%(title)s” of session %(number)s leads to this meeting. "
            "Remove it there first, or use another link."
        ),
        {"title": title, "number": number},
        "material_link",
    )

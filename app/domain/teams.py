"""Rules about teams."""

from collections.abc import Mapping
from datetime import timedelta

from app.domain.permissions import Role

INVITED_FOR = timedelta(days=14)
"""For so long somebody may accept."""


def leaves_no_owner(roles: Mapping[str, Role], user_id: str, becomes: Role | None) -> bool:
    """Whether a team (roles by account) would be without an owner if one of them became this
    (None: left it). One that has none anyway is not kept from anything."""
    owners = {each for each, role in roles.items() if role is Role.OWNER}
    return owners == {user_id} and becomes is not Role.OWNER

"""Who does something, and where they may."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.permissions import (
    OF_CYCLE,
    OF_ROLE,
    OF_STANDING,
    WITH_ANY_EDIT,
    AccountStanding,
    Permission,
    Role,
    Scope,
)

__all__ = ["SYSTEM", "AccountStanding", "Actor", "Role", "Scope", "Team"]


@dataclass(frozen=True, slots=True)
class Team:
    """A role in a cycle; the slug is the cycle's."""

    role: Role
    slug: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with an account in a browser, a program with a token, or the system itself (`id`
    empty). `teams`: their roles by the cycle's id. `only`: the one cycle that a token is for."""

    id: str
    name: str
    email: str = ""
    language: str = ""
    standing: AccountStanding = AccountStanding.MEMBER
    teams: Mapping[str, Team] = field(default_factory=dict)
    scopes: frozenset[Scope] = field(default_factory=lambda: frozenset(Scope))
    token_id: str = ""  # set for programs
    only: str = ""
    sending_held: bool = False  # nothing is sent since a restore (`services.sending`), to be shown

    @property
    def everywhere(self) -> bool:
        """Whether they may do everything in every cycle."""
        return self.standing is AccountStanding.ADMINISTRATOR and not self.only

    def knows(self, cycle_id: str) -> bool:
        """Whether the cycle is any of their business."""
        if self.only:
            return cycle_id == self.only and (
                self.standing is AccountStanding.ADMINISTRATOR or cycle_id in self.teams
            )
        return self.everywhere or cycle_id in self.teams

    def may(self, permission: Permission, cycle_id: str) -> bool:
        """Whether they may do this in that cycle."""
        if not self.knows(cycle_id):
            return False
        if self.standing is AccountStanding.ADMINISTRATOR:
            return permission in OF_CYCLE
        return permission in OF_ROLE[self.teams[cycle_id].role]

    def may_anywhere(self, permission: Permission) -> bool:
        """Whether they may do this at all: in some cycle, or by their standing."""
        if permission in OF_CYCLE:
            return self.everywhere or any(self.may(permission, each) for each in self._cycles())
        if self.only and permission is not Permission.ACCOUNT:
            # A token for one cycle begins no other, and is nobody's in the installation.
            return permission is Permission.DIRECTORY_READ or (
                permission in WITH_ANY_EDIT and self.may(Permission.SCHEDULE_EDIT, self.only)
            )
        if permission in WITH_ANY_EDIT and self.may_anywhere(Permission.SCHEDULE_EDIT):
            return True
        return permission in OF_STANDING[self.standing]

    def may_at(self, permission: Permission, slug: str) -> bool:
        """`may` in the cycle at this address, `may_anywhere` where it is none of a cycle's."""
        if permission not in OF_CYCLE or self.everywhere:
            return self.may_anywhere(permission)
        return any(
            team.slug == slug and self.may(permission, cycle_id)
            for cycle_id, team in self.teams.items()
        )

    def cycles_with(self, permission: Permission) -> frozenset[str] | None:
        """The cycles (their ids) in which they may do this; None: in every one."""
        if self.everywhere:
            return None
        return frozenset(each for each in self._cycles() if self.may(permission, each))

    def _cycles(self) -> frozenset[str]:
        return frozenset({self.only}) if self.only else frozenset(self.teams)


SYSTEM = Actor(id="", name="Convoca", standing=AccountStanding.ADMINISTRATOR)

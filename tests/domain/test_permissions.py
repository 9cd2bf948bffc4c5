"""What each role has, and that the page about it tells the truth."""

import re
from pathlib import Path

import pytest

from app.domain.permissions import (
    OF_CYCLE,
    OF_ROLE,
    OF_STANDING,
    OPEN,
    AccountStanding,
    Permission,
    Role,
    Scope,
    scope_for,
)
from app.domain.teams import leaves_no_owner
from app.services.actor import Actor, Team

DOCS = Path(__file__).parents[2] / "docs" / "roles.md"
ROW = re.compile(r"^\| `([a-z.]+)` \| [^|]+ \|(.*)\|$", re.M)


def test_the_page_says_what_each_role_may() -> None:
    told = {}
    for name, cells in ROW.findall(DOCS.read_text()):
        said = [cell.strip() for cell in cells.split("|")]
        told[name] = [role for role, yes in zip(Role, said, strict=True) if yes == "yes"]
    assert told == {
        permission: [role for role in Role if permission in OF_ROLE[role]]
        for permission in Permission
        if permission in OF_CYCLE
    }
    assert all(f"`{each}`" in DOCS.read_text() for each in Permission)


def test_every_permission_is_somebody_s() -> None:
    somebody = OPEN | OF_CYCLE | OF_STANDING[AccountStanding.ADMINISTRATOR]
    assert somebody == frozenset(Permission)


def test_an_owner_may_all_that_an_editor_may_and_an_editor_all_that_others_may() -> None:
    assert OF_ROLE[Role.OWNER] > OF_ROLE[Role.EDITOR]
    assert OF_ROLE[Role.EDITOR] > OF_ROLE[Role.VIEWER] | OF_ROLE[Role.DESK]


@pytest.mark.parametrize("permission", Permission)
def test_reading_needs_no_more_than_the_scope_to_read(permission: Permission) -> None:
    expected = Scope.READ if permission.endswith(".read") else Scope.WRITE
    if permission is Permission.ATTENDANCE_EDIT:
        expected = Scope.ATTENDANCE
    assert scope_for(permission) is expected


def test_a_token_for_one_cycle_is_its_owner_there_and_nobody_elsewhere() -> None:
    teams = {"one": Team(Role.EDITOR, "one"), "two": Team(Role.OWNER, "two")}
    actor = Actor("u", "Ana", teams=teams, only="one", token_id="t")
    assert actor.may(Permission.PUBLISH, "one")
    assert not actor.may(Permission.TEAM, "one")
    assert not actor.may(Permission.CYCLE_READ, "two")
    assert actor.cycles_with(Permission.CYCLE_READ) == frozenset({"one"})
    assert not actor.may_anywhere(Permission.CYCLE_CREATE)


def test_an_administrator_s_token_for_one_cycle_is_for_that_alone() -> None:
    actor = Actor("u", "Ana", standing=AccountStanding.ADMINISTRATOR, only="one", token_id="t")
    assert actor.may(Permission.TEAM, "one")
    assert not actor.knows("two")
    assert not actor.everywhere
    assert not actor.may_anywhere(Permission.INSTALLATION)
    assert actor.cycles_with(Permission.CYCLE_READ) == frozenset({"one"})


def test_a_role_that_is_gone_is_nothing_to_a_token() -> None:
    actor = Actor("u", "Ana", only="one", token_id="t")
    assert not actor.may(Permission.CYCLE_READ, "one")
    assert actor.cycles_with(Permission.CYCLE_READ) == frozenset()
    assert not actor.may_anywhere(Permission.CYCLE_READ)


@pytest.mark.parametrize(
    ("roles", "becomes", "none_left"),
    [
        ({"a": Role.OWNER}, Role.EDITOR, True),
        ({"a": Role.OWNER}, None, True),
        ({"a": Role.OWNER}, Role.OWNER, False),
        ({"a": Role.OWNER, "b": Role.OWNER}, None, False),
        ({"a": Role.EDITOR}, None, False),
        ({"a": Role.EDITOR, "b": Role.OWNER}, None, False),
    ],
)
def test_when_a_team_would_have_no_owner(
    roles: dict[str, Role], becomes: Role | None, none_left: bool
) -> None:
    assert leaves_no_owner(roles, "a", becomes) is none_left

"""Teams: who has which role, asking, joining, leaving; and the installation's accounts."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlmodel import select

from app.db import Database, DbSession
from app.domain.errors import Clash, DomainError, Gone, Invalid, NotAllowed, NotFound
from app.domain.permissions import AccountStanding, Role
from app.models import AuditEntry, Cycle, Message, TeamMember, User
from app.schemas.cycle import CycleIn
from app.schemas.team import AccountInvitationIn, TeamInvitationIn
from app.services import accounts, cycles, installation, team_invitations, teams, tokens
from app.services.actor import Actor
from app.services.links import Links, Purpose
from app.services.team_invitations import accept, invitation_of
from tests.factories import NOW, Make
from tests.services.at_once import in_the_midst


def account(
    db: DbSession, name: str, standing: AccountStanding = AccountStanding.MEMBER
) -> tuple[User, Actor]:
    user = accounts.add_user(db, name.title(), f"{name}@example.org", standing=standing)
    return user, accounts.actor_of_user(db, user)


def joined(db: DbSession, cycle: Cycle, user: User, role: Role) -> Actor:
    db.add(TeamMember(cycle_id=cycle.id, user_id=user.id, role=role))
    db.flush()
    return accounts.actor_of_user(db, user)


@pytest.fixture
def cycle(make: Make) -> Cycle:
    return make.cycle()


@pytest.fixture
def owner(db: DbSession, cycle: Cycle) -> Actor:
    return joined(db, cycle, account(db, "olga")[0], Role.OWNER)


def ask(db: DbSession, owner: Actor, cycle: Cycle, email: str = "ana@example.org") -> str:
    command = TeamInvitationIn(email=email, role=Role.EDITOR)
    return teams.invite(db, owner, cycle.id, command, NOW).id


def token(links: Links, invitation_id: str) -> str:
    return links.token(Purpose.TEAM, invitation_id)


def test_whoever_begins_a_cycle_owns_it(db: DbSession) -> None:
    user, organizer = account(db, "olga", AccountStanding.ORGANIZER)
    cycle = cycles.create_cycle(
        db, organizer, CycleIn(slug="one", title={"en": "One"}, language="en", zone="UTC")
    )
    actor = accounts.actor_of_user(db, user)
    assert {each: team.role for each, team in actor.teams.items()} == {cycle.id: Role.OWNER}
    [row] = teams.members(db, actor, cycle.id)
    assert (row.user.name, row.role) == ("Olga", Role.OWNER)


def test_a_member_begins_no_cycle(db: DbSession) -> None:
    _, member = account(db, "mia")
    with pytest.raises(NotAllowed):
        cycles.create_cycle(
            db, member, CycleIn(slug="one", title={"en": "One"}, language="en", zone="UTC")
        )


def test_an_invitation_makes_an_account_and_a_member(
    db: DbSession, links: Links, owner: Actor, cycle: Cycle
) -> None:
    asked = token(links, ask(db, owner, cycle, "Ana@Example.org"))
    [mail] = db.exec(select(Message)).all()
    assert (mail.kind, mail.to_address, mail.cycle_id) == (
        "team-invitation",
        "Ana@example.org",
        None,
    )
    found = invitation_of(db, links, asked, NOW)
    assert (found.row.role, found.account, found.title("en")) == (Role.EDITOR, None, "Cycle 1")
    user, made = accept(db, None, links, asked, "Ana Pérez", NOW)
    assert (user.name, user.standing, made) == ("Ana Pérez", AccountStanding.MEMBER, True)
    actor = accounts.actor_of_user(db, user)
    assert actor.teams[cycle.id].role == Role.EDITOR
    with pytest.raises(Gone) as once:
        accept(db, None, links, asked, "Ana Pérez", NOW)
    assert once.value.code == "used"


def test_a_new_account_needs_a_name_and_the_invitation_still_holds_then(
    db: DbSession, links: Links, owner: Actor, cycle: Cycle
) -> None:
    asked = token(links, ask(db, owner, cycle))
    db.commit()
    with pytest.raises(Invalid) as lacking:
        accept(db, None, links, asked, " ", NOW)
    db.rollback()
    assert [each.field for each in lacking.value.fields] == ["name"]
    assert invitation_of(db, links, asked, NOW).account is None


def test_an_invitation_is_for_the_account_with_its_address_only(
    db: DbSession, links: Links, owner: Actor, cycle: Cycle
) -> None:
    _, other = account(db, "bea")
    asked = token(links, ask(db, owner, cycle))
    with pytest.raises(Clash) as clash:
        accept(db, other, links, asked, "", NOW)
    assert clash.value.code == "other_account"
    ana, actor = account(db, "ana")
    user, made = accept(db, actor, links, asked, "", NOW)
    assert (user.id, made) == (ana.id, False)


def test_who_is_in_the_team_keeps_the_role(
    db: DbSession, links: Links, owner: Actor, cycle: Cycle
) -> None:
    asked = token(links, ask(db, owner, cycle))
    ana, _ = account(db, "ana")
    joined(db, cycle, ana, Role.VIEWER)
    accept(db, None, links, asked, "", NOW)
    assert accounts.actor_of_user(db, ana).teams[cycle.id].role == Role.VIEWER


@pytest.mark.parametrize("how", ["taken back", "asked again", "too late"])
def test_an_invitation_ends(
    db: DbSession, links: Links, owner: Actor, cycle: Cycle, how: str
) -> None:
    asked = ask(db, owner, cycle)
    later = NOW
    if how == "taken back":
        teams.take_back(db, owner, cycle.id, asked, NOW)
    elif how == "asked again":
        ask(db, owner, cycle)
    else:
        later += timedelta(days=14)
    with pytest.raises(Gone):
        accept(db, None, links, token(links, asked), "Ana", later)
    assert len(teams.open_invitations(db, owner, cycle.id, later)) == int(how == "asked again")


def test_a_token_for_something_else_is_nothing(
    db: DbSession, links: Links, owner: Actor, cycle: Cycle
) -> None:
    asked = ask(db, owner, cycle)
    for wrong in ("", "x", links.token(Purpose.SIGN_IN, asked), token(links, asked)[:-1]):
        with pytest.raises(NotFound):
            invitation_of(db, links, wrong, NOW)


def test_who_is_in_the_team_is_not_asked(db: DbSession, owner: Actor, cycle: Cycle) -> None:
    with pytest.raises(Invalid) as there:
        ask(db, owner, cycle, "OLGA@example.org")
    assert there.value.fields[0].code == "member"


def test_an_invitation_of_another_cycle_is_not_there(
    db: DbSession, make: Make, owner: Actor, cycle: Cycle
) -> None:
    asked = ask(db, owner, cycle)
    with pytest.raises(NotFound):
        teams.take_back(db, owner, make.cycle().id, asked, NOW)


def test_a_cycle_keeps_an_owner(db: DbSession, owner: Actor, cycle: Cycle) -> None:
    deeds: list[Callable[[], object]] = [
        lambda: teams.set_role(db, owner, cycle.id, owner.id, Role.EDITOR, NOW),
        lambda: teams.remove(db, owner, cycle.id, owner.id, NOW),
    ]
    for deed in deeds:
        with pytest.raises(Clash) as last:
            deed()
        assert last.value.code == "last_owner"
    bea, _ = account(db, "bea")
    joined(db, cycle, bea, Role.VIEWER)
    teams.set_role(db, owner, cycle.id, bea.id, Role.OWNER, NOW)
    teams.remove(db, owner, cycle.id, owner.id, NOW)
    assert [row.user.name for row in teams.members(db, owner, cycle.id)] == ["Bea"]


def test_an_editor_takes_out_nobody_but_themselves(
    db: DbSession, owner: Actor, cycle: Cycle
) -> None:
    eva = joined(db, cycle, account(db, "eva")[0], Role.EDITOR)
    with pytest.raises(NotAllowed):
        teams.remove(db, eva, cycle.id, owner.id, NOW)
    teams.remove(db, eva, cycle.id, eva.id, NOW)
    assert [row.user.name for row in teams.members(db, owner, cycle.id)] == ["Olga"]


def at_once(database: Database, deeds: list[Any]) -> list[str]:
    """What became of deeds that begin together."""
    outcomes, start = [], Barrier(len(deeds))

    def run(deed: Any) -> None:
        start.wait()
        try:
            with database.begin(writes=True) as db:
                deed(db)
            outcomes.append("done")
        except DomainError as error:
            outcomes.append(error.code)

    threads = [Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_two_owners_who_demote_each_other_leave_one(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        cycle = Make(db).cycle()
        one, other = (account(db, name)[0] for name in ("ana", "bea"))
        actors = [joined(db, cycle, user, Role.OWNER) for user in (one, other)]
    outcomes = at_once(
        real_database,
        [
            lambda db: teams.set_role(db, actors[0], cycle.id, other.id, Role.VIEWER, NOW),
            lambda db: teams.set_role(db, actors[1], cycle.id, one.id, Role.VIEWER, NOW),
        ],
    )
    assert outcomes == ["done", "last_owner"]


def test_two_administrators_who_demote_each_other_leave_one(real_database: Database) -> None:
    with real_database.begin(writes=True) as db:
        (one, first), (other, second) = (
            account(db, name, AccountStanding.ADMINISTRATOR) for name in ("ana", "bea")
        )
    member = AccountStanding.MEMBER
    outcomes = at_once(
        real_database,
        [
            lambda db: installation.set_standing(db, first, other.id, member, NOW),
            lambda db: installation.set_standing(db, second, one.id, member, NOW),
        ],
    )
    assert outcomes == ["done", "last_administrator"]


@pytest.mark.parametrize("deed", ["asks", "removes", "gives a role"])
def test_who_is_taken_out_at_this_moment_does_nothing_more(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    """They were let in, and wait for the cycle, which whoever takes them out holds."""
    with real_database.begin(writes=True) as db:
        cycle = Make(db).cycle()
        (_, boss), (other, _), (leaving, leaver) = (
            (user := account(db, name)[0], joined(db, cycle, user, Role.OWNER))
            for name in ("ana", "bea", "lea")
        )

    def takes_out(db: DbSession) -> str:
        teams.remove(db, boss, cycle.id, leaving.id, NOW)
        return "done"

    def goes_on(db: DbSession) -> object:
        if deed == "asks":
            return ask(db, leaver, cycle)
        if deed == "removes":
            return teams.remove(db, leaver, cycle.id, other.id, NOW)
        return teams.set_role(db, leaver, cycle.id, other.id, Role.VIEWER, NOW)

    found = in_the_midst(real_database, monkeypatch, (teams, "end_asked_by"), takes_out, goes_on)
    assert sorted(found) == ["done", "not_allowed"]
    with real_database.begin(writes=False) as db:
        assert [row.role for row in teams.members(db, boss, cycle.id)] == [Role.OWNER] * 2
        assert teams.open_invitations(db, boss, cycle.id, NOW) == []


@pytest.mark.parametrize("deed", ["asks", "asks into a team", "gives a standing"])
def test_nor_does_who_is_no_administrator_any_more(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    with real_database.begin(writes=True) as db:
        (_, boss), (other, _), (leaving, leaver) = (
            account(db, name, AccountStanding.ADMINISTRATOR) for name in ("ana", "bea", "lea")
        )
        cycle = Make(db).cycle()
    member = AccountStanding.MEMBER

    def demotes(db: DbSession) -> str:
        installation.set_standing(db, boss, leaving.id, member, NOW)
        return "done"

    def goes_on(db: DbSession) -> object:
        if deed == "gives a standing":
            return installation.set_standing(db, leaver, other.id, member, NOW)
        if deed == "asks into a team":
            return ask(db, leaver, cycle)
        command = AccountInvitationIn(
            email="again@example.org", standing=AccountStanding.ADMINISTRATOR
        )
        return installation.invite_account(db, leaver, command, NOW)

    found = in_the_midst(
        real_database, monkeypatch, (installation, "end_asked_by"), demotes, goes_on
    )
    assert sorted(found) == ["done", "not_allowed"]
    with real_database.begin(writes=False) as db:
        assert installation.open_invitations(db, boss, NOW) == []
        assert teams.open_invitations(db, boss, cycle.id, NOW) == []


def test_an_invitation_is_accepted_once_by_two_at_once(
    real_database: Database, links: Links
) -> None:
    with real_database.begin(writes=True) as db:
        cycle = Make(db).cycle()
        asked = token(links, ask(db, joined(db, cycle, account(db, "olga")[0], Role.OWNER), cycle))
    outcomes = at_once(real_database, [lambda db: accept(db, None, links, asked, "Ana", NOW)] * 2)
    assert outcomes == ["done", "used"]


def test_one_is_accepted_while_who_asked_loses_the_role(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, links: Links
) -> None:
    """Both hold the cycle before the invitation, so neither waits for the other for ever."""
    with real_database.begin(writes=True) as db:
        cycle = Make(db).cycle()
        boss, asker = (
            joined(db, cycle, account(db, name)[0], Role.OWNER) for name in ("ana", "bea")
        )
        asked = token(links, ask(db, asker, cycle, "eva@example.org"))

    def accepts(db: DbSession) -> str:
        return str(accept(db, None, links, asked, "Eva", NOW)[1])

    def demotes(db: DbSession) -> str:
        return teams.set_role(db, boss, cycle.id, asker.id, Role.VIEWER, NOW).role

    place = (team_invitations, "act_as")
    found = in_the_midst(real_database, monkeypatch, place, accepts, demotes)
    assert found == ["True", "viewer"]


def test_one_is_accepted_by_an_administrator_while_who_asked_is_one_no_more(
    real_database: Database, monkeypatch: pytest.MonkeyPatch, links: Links
) -> None:
    """Both hold the accounts before the invitation."""
    with real_database.begin(writes=True) as db:
        cycle = Make(db).cycle()
        (_, boss), (leaving, asker), _ = (
            account(db, name, AccountStanding.ADMINISTRATOR) for name in ("ana", "bea", "eva")
        )
        asked = token(links, ask(db, asker, cycle, "eva@example.org"))

    def accepts(db: DbSession) -> str:
        return str(accept(db, None, links, asked, "", NOW)[1])

    def demotes(db: DbSession) -> str:
        member = AccountStanding.MEMBER
        return installation.set_standing(db, boss, leaving.id, member, NOW).standing

    place = (team_invitations, "act_as")
    found = in_the_midst(real_database, monkeypatch, place, accepts, demotes)
    assert found == ["False", "member"]


def test_an_account_is_taken_away_once_by_two_at_once(
    real_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with real_database.begin(writes=True) as db:
        _, boss = account(db, "ana", AccountStanding.ADMINISTRATOR)
        goes, _ = account(db, "bea")

    def takes_away(db: DbSession) -> str:
        installation.remove_account(db, boss, goes.id, NOW)
        return "done"

    place = (installation, "end_asked_by")
    found = in_the_midst(real_database, monkeypatch, place, takes_away, takes_away)
    assert found == ["done", "not_found"]


def test_an_account_is_taken_away_with_what_it_could(db: DbSession, cycle: Cycle) -> None:
    _, admin = account(db, "ada", AccountStanding.ADMINISTRATOR)
    user, _ = account(db, "bea")
    joined(db, cycle, user, Role.OWNER)
    cookie = accounts.start_sign_in(db, user.id, NOW)
    with pytest.raises(Clash) as oneself:
        installation.remove_account(db, admin, admin.id, NOW)
    assert oneself.value.code == "last_administrator"
    installation.remove_account(db, admin, user.id, NOW)
    assert accounts.actor_of_cookie(db, cookie) is None
    assert teams.members(db, admin, cycle.id) == []


def test_accounts_are_listed_with_their_teams(
    db: DbSession, cycle: Cycle, owner: Actor, count_queries: Any
) -> None:
    _, admin = account(db, "ada", AccountStanding.ADMINISTRATOR)
    with count_queries() as queries:
        rows, counts, following = installation.list_accounts(db, admin)
    assert ([row.name for row in rows], following) == (["Ada", "Olga"], None)
    assert counts == {owner.id: 1}
    assert len(queries) == 2


def test_an_account_is_asked_for_by_mail(db: DbSession, links: Links) -> None:
    _, admin = account(db, "ada", AccountStanding.ADMINISTRATOR)
    command = AccountInvitationIn(email="new@example.org", standing=AccountStanding.ORGANIZER)
    asked = installation.invite_account(db, admin, command, NOW)
    user, made = accept(db, None, links, token(links, asked.id), "Nora", NOW)
    assert (user.standing, made) == (AccountStanding.ORGANIZER, True)
    with pytest.raises(Invalid):
        installation.invite_account(db, admin, command, NOW)


def test_an_account_that_is_taken_away_leaves_lines_in_the_trails_of_its_cycles(
    database: Database,
) -> None:
    with database.begin(writes=True) as db:
        _, admin = account(db, "ada", AccountStanding.ADMINISTRATOR)
        user, _ = account(db, "eva")
        cycles_of_eva = [Make(db).cycle(slug=slug).id for slug in ("one", "two")]
        for cycle_id in cycles_of_eva:
            db.add(TeamMember(cycle_id=cycle_id, user_id=user.id, role=Role.EDITOR))
        tokens.create_token(db, accounts.actor_of_user(db, user), "x", ["read"])
    with database.begin(writes=True) as db:
        installation.remove_account(db, admin, user.id, NOW)
    with database.begin(writes=False) as db:
        removed = select(AuditEntry).where(AuditEntry.change == "removed")
        lines = [(each.noun, each.cycle_id, each.before) for each in db.exec(removed)]
    members = [
        ("team_member", each, {"cycle_id": each, "user_id": user.id, "role": "editor"})
        for each in cycles_of_eva
    ]
    assert [each for each in lines if each[0] == "team_member"] == members
    assert sorted(noun for noun, _, _ in lines) == [
        *("api_token", "team_member", "team_member", "user_account"),
    ]


@pytest.mark.parametrize("how", ["removed", "demoted", "account gone"])
def test_what_an_owner_has_asked_ends_with_the_role(
    db: DbSession, links: Links, owner: Actor, cycle: Cycle, how: str
) -> None:
    """Else they would come back by another address of theirs."""
    boss = joined(db, cycle, account(db, "bea")[0], Role.OWNER)
    asked = ask(db, owner, cycle, "second@example.org")
    kept = ask(db, boss, cycle, "kept@example.org")
    if how == "removed":
        teams.remove(db, boss, cycle.id, owner.id, NOW)
    elif how == "demoted":
        teams.set_role(db, boss, cycle.id, owner.id, Role.EDITOR, NOW)
    else:
        _, ada = account(db, "ada", AccountStanding.ADMINISTRATOR)
        installation.remove_account(db, ada, owner.id, NOW)
    with pytest.raises(Gone):
        accept(db, None, links, token(links, asked), "Olga", NOW)
    assert [row.id for row in teams.open_invitations(db, boss, cycle.id, NOW)] == [kept]


def test_who_stays_an_owner_has_asked_all_the_same(
    db: DbSession, links: Links, owner: Actor, cycle: Cycle
) -> None:
    """Also where they leave another team, or see to it as an administrator."""
    asked = ask(db, owner, cycle)
    _, ada = account(db, "ada", AccountStanding.ADMINISTRATOR)
    by_ada = ask(db, ada, cycle, "kept@example.org")
    other = Make(db, 1_000).cycle()
    for each in (owner, ada):
        db.add(TeamMember(cycle_id=other.id, user_id=each.id, role=Role.EDITOR))
    db.flush()
    for each in (owner, ada):
        teams.set_role(db, ada, other.id, each.id, Role.OWNER, NOW)
    teams.set_role(db, ada, other.id, ada.id, Role.VIEWER, NOW)
    joined(db, other, account(db, "bea")[0], Role.OWNER)
    teams.remove(db, owner, other.id, owner.id, NOW)
    for invitation in (asked, by_ada):
        assert invitation_of(db, links, token(links, invitation), NOW).row.id == invitation


def test_what_an_administrator_has_asked_ends_with_the_standing(
    db: DbSession, links: Links, owner: Actor, cycle: Cycle
) -> None:
    _, ada = account(db, "ada", AccountStanding.ADMINISTRATOR)
    _, bob = account(db, "bob", AccountStanding.ADMINISTRATOR)
    command = AccountInvitationIn(
        email="second@example.org", standing=AccountStanding.ADMINISTRATOR
    )
    asked = [
        installation.invite_account(db, bob, command, NOW).id,
        ask(db, bob, cycle, "third@example.org"),
    ]
    installation.set_standing(db, ada, bob.id, AccountStanding.ORGANIZER, NOW)
    for each in asked:
        with pytest.raises(Gone):
            accept(db, None, links, token(links, each), "Bob", NOW)
    assert installation.open_invitations(db, ada, NOW) == []


def test_an_invitation_to_have_an_account_is_taken_back(
    db: DbSession, links: Links, owner: Actor, cycle: Cycle
) -> None:
    _, ada = account(db, "ada", AccountStanding.ADMINISTRATOR)
    command = AccountInvitationIn(email="wrong@example.org", standing=AccountStanding.ORGANIZER)
    asked = installation.invite_account(db, ada, command, NOW).id
    to_team = ask(db, owner, cycle)
    assert [row.id for row in installation.open_invitations(db, ada, NOW)] == [asked]
    with pytest.raises(NotFound):
        installation.take_back(db, ada, to_team, NOW)
    for _ in range(2):
        installation.take_back(db, ada, asked, NOW)
    assert installation.open_invitations(db, ada, NOW) == []
    with pytest.raises(Gone):
        accept(db, None, links, token(links, asked), "Wally", NOW)
    assert invitation_of(db, links, token(links, to_team), NOW).row.id == to_team

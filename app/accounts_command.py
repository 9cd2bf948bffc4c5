"""The commands ``convoca user`` and ``convoca token``: who may sign in, and which programs."""

from datetime import timedelta

import click

from app.command_line import fail, links_of, opened, read_settings
from app.db import DbSession
from app.models import User, now
from app.services import accounts, second_factor, tokens
from app.services.actor import AccountStanding, Scope
from app.services.sign_ins import end_others


@click.group()
def user() -> None:
    """Organizers' accounts."""


@user.command("add")
@click.argument("email")
@click.option("--name", required=True, help="The person's name.")
@click.option("--password", is_flag=True, help="Ask for a password; without, one-time links only.")
@click.option(
    "--as",
    "standing",
    type=click.Choice([s.value for s in AccountStanding]),
    help="What the account is: an administrator may do everything, an organizer begins cycles, a "
    "member works in those that others ask them into. Default: organizer; the first account is "
    "an administrator.",
)
def user_add(email: str, name: str, password: bool, standing: str | None) -> None:
    """Add an account and print a one-time sign-in link."""
    settings = read_settings()
    secret = (
        click.prompt("Password (15 characters or more)", hide_input=True, confirmation_prompt=True)
        if password
        else None
    )
    with opened(settings) as database, database.begin(writes=True) as db:
        usual = (
            AccountStanding.ORGANIZER if accounts.first_user(db) else AccountStanding.ADMINISTRATOR
        )
        added = accounts.add_user(
            db,
            name,
            email,
            password=secret,
            standing=AccountStanding(standing) if standing else usual,
        )
        click.echo(accounts.new_link(db, links_of(settings), added, now()))


@user.command("link")
@click.argument("email", default="")
def user_link(email: str) -> None:
    """Print a new one-time sign-in link (10 minutes). Without EMAIL: for the first account."""
    settings = read_settings()
    with opened(settings) as database, database.begin(writes=True) as db:
        found = _account(db, email, first=not email)
        click.echo(accounts.new_link(db, links_of(settings), found, now()))


def _account(db: DbSession, email: str, *, first: bool = False) -> User:
    """The account with this address, or the first one; ends where there is none."""
    found = accounts.first_user(db) if first else accounts.find_user(db, email)
    if found is None:
        fail("There is no such account. Add one:  convoca user add EMAIL --name NAME")
    return found


@user.command("list")
def user_list() -> None:
    """List the accounts: address, name, what they are, how they sign in, in how many browsers."""
    with opened(read_settings()) as database, database.begin(writes=False) as db:
        for found, browsers in accounts.all_users(db, now()):
            ways = ["password" if found.password_hash else "links"]
            ways += ["second step"] if second_factor.is_on(found) else []
            facts = (found.email, found.name, found.standing, " + ".join(ways), str(browsers))
            click.echo("\t".join(facts))


@user.command("sign-out")
@click.argument("email")
def user_sign_out(email: str) -> None:
    """Sign an account out in every browser, and end the links that were sent to it or for it."""
    with opened(read_settings()) as database, database.begin(writes=True) as db:
        found = _account(db, email)
        end_others(db, found.id)
    click.echo(f"{found.email} is signed out everywhere.")


@user.command("second-step-off")
@click.argument("email")
def user_second_step_off(email: str) -> None:
    """Turn the second step off for somebody who has lost the phone and the codes for paper.

    Make sure that it is they who ask. They are signed out everywhere.
    """
    with opened(read_settings()) as database, database.begin(writes=True) as db:
        found = _account(db, email)
        if not second_factor.is_on(found):
            fail(f"{found.email} has no second step.")
        second_factor.turn_off(db, found)
        end_others(db, found.id)
    click.echo(f"{found.email} signs in with one step from now on.")


@click.group()
def token() -> None:
    """Tokens for programs that use the API."""


@token.command("create")
@click.argument("email")
@click.option("--name", required=True, help="What the token is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([s.value for s in Scope]),
    help="What it may do; several times for several. Default: read.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=tokens.USUAL_DAYS,
    show_default=True,
    help="Days until it expires.",
)
@click.option("--no-end", is_flag=True, help="It never expires.")
@click.option("--cycle", "slug", default="", help="The one cycle that it is for: its short name.")
def token_create(
    email: str, name: str, scopes: tuple[str, ...], days: int, no_end: bool, slug: str
) -> None:
    """Create a token for the organizer with EMAIL and print it, once."""
    settings = read_settings()
    with opened(settings) as database, database.begin(writes=True) as db:
        owner = _account(db, email)
        actor = accounts.actor_of_user(db, owner)
        offered = {cycle.slug: cycle.id for cycle in tokens.cycles_for_tokens(db, actor)}
        if slug and slug not in offered:
            fail(f"There is no cycle {slug!r} in which {owner.name} has a role.")
        _, secret = tokens.create_token(
            db,
            actor,
            name,
            [Scope(s) for s in scopes] or [Scope.READ],
            expires_at=None if no_end else now() + timedelta(days=days),
            cycle_id=offered[slug] if slug else None,
        )
    click.echo(secret)

"""The commands ``convoca user`` and ``convoca token``: who may sign in, and which programs."""

from datetime import timedelta

import click

from app.command_line import fail, links_of, opened, read_settings
from app.models import now
from app.services import accounts, tokens
from app.services.actor import AccountStanding, Scope


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
        found = accounts.find_user(db, email) if email else accounts.first_user(db)
        if found is None:
            fail("There is no such account. Add one:  convoca user add EMAIL --name NAME")
        click.echo(accounts.new_link(db, links_of(settings), found, now()))


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
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires. Default: never.")
def token_create(email: str, name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Create a token for the organizer with EMAIL and print it, once."""
    settings = read_settings()
    with opened(settings) as database, database.begin(writes=True) as db:
        owner = accounts.find_user(db, email)
        if owner is None:
            fail("There is no such account. Add one:  convoca user add EMAIL --name NAME")
        _, secret = tokens.create_token(
            db,
            accounts.actor_of_user(db, owner),
            name,
            [Scope(s) for s in scopes] or [Scope.READ],
            expires_at=now() + timedelta(days=days) if days else None,
        )
    click.echo(secret)

"""The command ``convoca badge-key``: the keys that sign badges."""

import click

from app.command_line import read_settings


@click.group("badge-key")
def badge_key() -> None:
    """Keys that sign badges, in the folder CONVOCA_BADGE_KEYS."""


@badge_key.command()
def rotate() -> None:
    """Make a new key, which signs from now on. The old ones stay, so that old badges verify."""
    from app.services.badge_keys import add_key

    settings = read_settings()
    ring = add_key(settings.badge_keys_dir)
    click.echo(f"{settings.badge_keys_dir}: {len(ring.keys)} keys. This one signs from now on:")
    click.echo(f"  {ring.signing.id}")
    click.echo("Put the folder into the backup.")


@badge_key.command("list")
def list_keys() -> None:
    """List the keys, the newest first. The first is made if there is none."""
    from app.services.badge_keys import key_ring

    ring = key_ring(read_settings().badge_keys_dir)
    for key in ring.keys:
        click.echo(f"{key.id}  {'signs' if key == ring.signing else 'verifies'}")

"""A published cycle whose sessions the zone data has moved since, for the tests of the guard."""

from datetime import timedelta
from unittest.mock import patch

from app.db import DbSession
from app.models import Session, now
from app.services import zone_guard
from tests.services.mailing_world import World, world_ahead

HOUR = timedelta(hours=1)


def as_if_an_hour_earlier(row: Session) -> None:
    """As if the zone data had had another offset when its instants were written."""
    row.starts_at -= HOUR
    row.ends_at -= HOUR


def moved_world(db: DbSession, *, invited: bool = True) -> World:
    """One session, published while Bogotá was four hours behind; by today's zone data it is five,
    and the draft has followed. Whoever was invited has the mail."""
    world = world_ahead(db)
    as_if_an_hour_earlier(world.session)
    db.flush()
    # By the zone data of that day the instant is the clock's.
    with patch("app.services.ledger.by_the_clock", lambda schedule: schedule):
        world.publish(now(), invite=invited)
    world.new()
    zone_guard.read_zones_again(db, now())
    return world

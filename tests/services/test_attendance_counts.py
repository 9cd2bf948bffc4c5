"""How many have which status: the same numbers whether everybody's records are at hand or not."""

from collections import Counter
from datetime import timedelta

from app.db import DbSession
from app.domain.attendance import Kind, Status
from app.services.actor import SYSTEM
from app.services.attendance_counts import attendance_counts, counts_with
from app.services.completion import dry_run
from tests.services.attendance_world import OVER, Attended


def test_both_ways_agree(db: DbSession) -> None:
    world = Attended(db)
    ana, eva, gone, away = (
        world.participant(name, status=status)
        for name, status in (
            ("Ana", "confirmed"),
            ("Eva", "confirmed"),
            ("Gil", "withdrawn"),
            ("Pia", "withdrawn"),
        )
    )
    world.checked_in(ana, 1)
    world.seen(eva, 1, Kind.JOIN_CLICK, source="personal-page")
    world.there(gone, 1)
    world.seen(away, 1, Kind.JOIN_CLICK, source="personal-page")
    for who in (world.participant("Max"), away):  # to an earlier date of it
        world.checked_in(who, 1, -24 * 60)
    first, *rest = world.sessions
    others = {each.id: Counter({Status.UNKNOWN: 3}) for each in rest}
    for closed_at, eva_is in (
        (None, Status.UNKNOWN),
        (OVER - timedelta(hours=1), Status.ABSENT),
    ):
        wanted = {first.id: Counter({Status.PRESENT: 2, eva_is: 2})} | others
        first.closed_at = closed_at
        db.flush()
        run = dry_run(db, SYSTEM, world.cycle.id, OVER)
        assert len(run.far) == 3
        assert counts_with(db, world.sessions, run, 3) == wanted
        assert attendance_counts(db, world.sessions, 3) == wanted

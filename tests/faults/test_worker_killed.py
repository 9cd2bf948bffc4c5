"""Workers that are killed while they send to a real server."""

import random
import re
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, func, select

from app.db import Database
from app.models import Invitation, Message, Session
from app.services.actor import SYSTEM
from app.services.publishing import publish
from tests.faults.installation import Installation, of, until
from tests.faults.world import World, make_world
from tests.mail.smtp_peer import Behaviour, Peer, smtp_peer

PEOPLE = 600
"""So many are invited at most: as many as get a process that writes ahead."""
KILLS = 6
"""In each of three turns, at most."""


def _publish(database: Database, world: World, turn: int) -> None:
    """Invites everybody; then moves the session; then calls it off."""
    with database.begin(writes=True) as db:
        session = db.exec(select(Session).where(Session.id == world.coming_id)).one()
        session.title = {"en": f"Edition {turn}"}
        if turn == 1:
            session.wall_start += timedelta(days=1)
            session.starts_at += timedelta(days=1)
            session.ends_at += timedelta(days=1)
        if turn == 2:
            session.status = "cancelled"
        db.flush()
        at = datetime.now(UTC)
        publish(db, SYSTEM, world.cycle_id, accept_warnings=True, now=at, invite=True)


def _waiting(database: Database) -> int:
    with database.begin(writes=False) as db:
        query = select(func.count()).select_from(Message).where(Message.status == "queued")
        return db.exec(query).one()


def _time_passes(database: Database) -> None:
    """The leases of those who were killed have run out."""
    with database.begin(writes=True) as db:
        taken = update(Message).where(col(Message.leased_until).is_not(None))
        db.connection().execute(taken.values(leased_until=datetime.now(UTC) - timedelta(hours=1)))


def test_every_mail_arrives_and_a_kill_repeats_one_at_most(
    installation: Installation, did: Callable[[str], None]
) -> None:
    database, each, chance = installation.database, of(KILLS), random.Random(5)
    people = of(PEOPLE)
    world = make_world(database, people, open_now=False)
    with smtp_peer(Behaviour(pipelining=True)) as peer:
        installation.env["CONVOCA_SMTP_URL"] = f"smtp://127.0.0.1:{peer.port}"
        for turn in range(3):
            _publish(database, world, turn)
            for _ in range(each):
                worker = installation.worker()
                # So many that some are left after the last kill of the turn.
                more = len(peer.mails) + chance.randint(people // each // 3, people // each - 9)
                until(lambda: len(peer.mails) >= more, "mails")  # noqa: B023
                time.sleep(chance.random() * 0.01)  # in the midst of whatever it is doing
                worker.kill()
                _time_passes(database)
        assert _waiting(database)
        last = installation.worker()
        until(lambda: not _waiting(database), "all has gone", every=0.2)
        last.signal(15)
        assert last.ended() == 0
        repeated, superseded = _compare(database, peer)
    kills = 3 * each
    assert repeated <= kills
    installation.untroubled()
    installation.is_sound()
    did(
        f"{kills} kills of the worker during {len(peer.mails)} mails: none lost, {repeated} sent "
        f"twice with the same bytes, {superseded} replaced by newer ones; SEQUENCE never went back"
    )


def _sequence(source: bytes) -> int:
    found = re.search(rb"\nSEQUENCE:(\d+)", source)
    assert found is not None
    return int(found[1])


def _compare(database: Database, peer: Peer) -> tuple[int, int]:
    """How many mails came twice or were not written down, and how many had been replaced."""
    with database.begin(writes=False) as db:
        messages = list(db.exec(select(Message)))
        rows = list(db.exec(select(Invitation)))
    by_identity: dict[str, list[bytes]] = defaultdict(list)
    came: dict[tuple[str, str], list[int]] = defaultdict(list)
    for recipient, mail, source in zip(peer.recipients, peer.mails, peer.raw, strict=True):
        by_identity[mail["Message-ID"]].append(source)
        body = b"".join(
            part.get_payload(decode=True)  # type: ignore[misc]
            for part in mail.walk()
            if part.get_content_type() == "text/calendar"
        )
        uid = re.search(rb"\nUID:(\S+)", body)
        assert uid is not None
        came[recipient, uid[1].decode()].append(_sequence(body))
    assert {m.status for m in messages} <= {"sent", "superseded"}
    sent = {m.message_id for m in messages if m.status == "sent"}
    known = {m.message_id for m in messages if "@" in m.message_id}
    assert sent <= set(by_identity) <= known
    # Those that came and were replaced before anybody could write down that they are out.
    unnoted = len(set(by_identity) - sent)
    assert all(len(set(sources)) == 1 for sources in by_identity.values())
    assert all(found == sorted(found) for found in came.values())
    for row in rows:  # the last that everybody heard is what the ledger says
        heard = came.get((row.address, row.uid))
        # Nobody is told that what they have never heard of is called off.
        assert (heard[-1] if heard else row.method) == (row.sequence if heard else "CANCEL")
    repeated = len(peer.raw) - len(by_identity)
    return repeated + unnoted, sum(m.status == "superseded" for m in messages)

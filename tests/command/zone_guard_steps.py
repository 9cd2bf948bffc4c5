"""The steps of the test of the zone guard that need a process with zone data of its own."""

import json
import sys
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from app.db import Database, DbSession
from app.domain.zone_shifts import shifts
from app.models import Cycle, Message, Session, now
from app.services import publishing, zone_guard
from app.services.actor import SYSTEM
from app.services.ledger import plan
from tests.factories import Make


def publish(db: DbSession, cycle: Cycle) -> None:
    publishing.publish(db, SYSTEM, cycle.id, accept_warnings=True, now=now(), invite=True)


def make(db: DbSession) -> dict[str, Any]:
    """A participant, and a speaker in the second session, which is in Lima; the first is in
    Bogotá. Everybody is invited, and has the mail."""
    make = Make(db)
    cycle = make.cycle()
    wall = datetime(now().year + 1, 3, 2, 9)
    first = make.session(cycle, 1, wall_start=wall)
    make.part(make.segment(first, minutes=90), make.person(name="Bea"), "host")
    second = make.session(cycle, 2, wall_start=wall + timedelta(days=7), zone="America/Lima")
    make.part(make.segment(second, minutes=90), make.person(name="Luz"), "speaker")
    make.enrolment(cycle, make.person(name="Ana"))
    publish(db, cycle)
    db.execute(update(Message).values(status="sent"))
    return {"messages": messages(db)}


def messages(db: DbSession) -> list[list[Any]]:
    rows = db.exec(
        select(Message.kind, Message.to_name, Session.number)
        .join(Session, col(Session.id) == col(Message.session_id))
        .order_by(col(Message.kind), col(Message.to_name), col(Session.number))
    )
    return [list(row) for row in rows]


def look(db: DbSession) -> dict[str, Any]:
    """What the publish page goes by."""
    cycle = db.exec(select(Cycle)).one()
    found = publishing.preview(db, SYSTEM, cycle.id, now())
    moved = shifts(found.before, now())
    due = plan(db, cycle, found.next_schedule, now())
    return {
        "moved": [[s.number, int((s.now - s.was).total_seconds())] for s in moved],
        "due": sorted([due.readers[d.entry.guest_id].name, d.session.number] for d in due.due),
    }


def tell(db: DbSession) -> dict[str, Any]:
    """The one click."""
    zone_guard.publish_shifts(db, SYSTEM, db.exec(select(Cycle)).one().id, now=now())
    return {"messages": messages(db), **look(db)}


if __name__ == "__main__":
    database = Database(f"sqlite:///{sys.argv[2]}/convoca.db")
    with database.begin(writes=True) as session:
        print(json.dumps({"make": make, "look": look, "tell": tell}[sys.argv[1]](session)))
    database.close()

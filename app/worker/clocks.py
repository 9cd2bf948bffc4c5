"""What time it is by the clock that leases are judged by."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import select

from app.db import DbSession
from app.models import now


class Clock:
    """The database server's clock where there is one, since workers on several machines share it;
    this machine's beside SQLite, which is shared by its processes only.

    Called, it gives the present instant: this machine's clock, set right by what the server said
    last. `hear` takes what it says with each note, so that a machine that was suspended, or whose
    clock was set, knows of it before it sends another mail.
    """

    def __init__(self, machine: Callable[[], datetime] = now) -> None:
        self._machine = machine
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        """The present instant, aware."""
        return self._machine() + self._ahead

    def hear(self, told: datetime | None) -> None:
        """What the server says that time it is; None: it says nothing."""
        if told is not None:
            self._ahead = told - self._machine()

    def ask(self, db: DbSession) -> datetime:
        """The present instant, by asking."""
        if db.get_bind().dialect.name == "postgresql":
            self.hear(db.connection().execute(select(func.clock_timestamp())).scalar_one())
        return self()


class Told(Clock):
    """Says what its maker says; the server is not asked."""

    def hear(self, told: datetime | None) -> None:
        """Knows better."""

    def ask(self, db: DbSession) -> datetime:  # noqa: ARG002
        """As told."""
        return self()


def from_then_on(moment: datetime) -> Clock:
    """Begins at an aware instant and goes on from there."""
    begun = time.monotonic()
    return Told(lambda: moment + timedelta(seconds=time.monotonic() - begun))

"""What a worker keeps in memory from one mail to the next: made once from what never changes."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar

from sqlmodel import select

from app.db import DbSession
from app.domain.documents import from_document
from app.domain.schedule import Schedule, Session
from app.domain.zone_shifts import by_the_clock
from app.models import Release

KeyT = TypeVar("KeyT")
T = TypeVar("T")


class Released:
    """A release's schedule for its readers, with its sessions by id; `stored` has the instants with
    which it was published."""

    def __init__(self, stored: Schedule) -> None:
        self.stored = stored
        self.schedule = schedule = by_the_clock(stored)
        self.sessions: dict[str, Session] = {s.id: s for s in schedule.sessions}
        self.cast: dict[str, frozenset[str]] = {
            s.id: frozenset(p.person_id for g in s.segments for p in g.parts)
            for s in schedule.sessions
        }


class Kept:
    """Releases, and whatever else is made of them. Bounded: the oldest goes first."""

    MOST_RELEASES = 8
    MOST_THINGS = 1024  # about 15 kB each

    def __init__(self) -> None:
        self._releases: dict[tuple[str, int], tuple[Released, int | None]] = {}
        self._things: dict[Hashable, object] = {}
        self._lock = Lock()
        # For the mails at hand only, since they do change: guest, kind and language to the reader.
        self.readers: dict[tuple[str, str, str], object] = {}

    def release(
        self, db: DbSession, cycle_id: str, number: int, revision: int | None = None
    ) -> Released | None:
        """The release of this number, or None. One query the first time, and whenever the cycle's
        `revision`, where it is given, is another: two people in it may have become one."""
        found, seen = self._releases.get((cycle_id, number), (None, None))
        if found is None or revision not in (None, seen):
            statement = select(Release.document).where(
                Release.cycle_id == cycle_id, Release.number == number
            )
            document = db.exec(statement).one_or_none()
            if document is None:
                return None
            before, found = found, Released(from_document(document))
            if before is not None and before.schedule != found.schedule:
                self._things.clear()
            self._put(self._releases, (cycle_id, number), (found, revision), self.MOST_RELEASES)
        return found

    def once(self, key: Hashable, kind: type[T], make: Callable[[], T]) -> T:
        """What `make` gives, made once for a key that says all that it depends on."""
        found = self._things.get(key)
        if not isinstance(found, kind):
            found = make()
            self._put(self._things, key, found, self.MOST_THINGS)
        return found

    def _put(self, where: dict[KeyT, T], key: KeyT, thing: T, most: int) -> None:
        with self._lock:
            while len(where) >= most:
                del where[next(iter(where))]
            where[key] = thing

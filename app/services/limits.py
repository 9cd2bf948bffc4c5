"""Counts that hold across processes and restarts, so that nobody does something too often.

What is counted is committed by itself before the deed, so that a request that is refused, rolls
back or is cut off has been counted all the same, and of many at once none slips by. What turns out
to be no cause for counting (a right password) is given back.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from threading import Lock
from typing import Any

from sqlalchemy import and_, case, delete, not_, or_, update
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from app.db import Database, DbSession, insert_or_change
from app.domain.errors import TooOften
from app.domain.limits import Limit, is_live, seconds_left, too_often
from app.models import LimitCount

Asked = tuple[Limit, str]
"""A limit and who or what is counted by it: an address's key, a network, an id."""
Taken = tuple[tuple[str, datetime], ...]
"""What `Limiter.take` counted, for giving it back."""

REMEMBERED = 20_000
"""So many subjects a process keeps in mind; those heard of longest ago are forgotten first."""
_UNRECORDED = timedelta(seconds=5)


def limit_key(secret: bytes, name: str, subject: str) -> str:
    """Under which key it is counted. `secret`: without it the key tells nothing of the subject."""
    text = f"{name}\0{subject}".encode("utf-8", "surrogatepass")
    digest = hmac.digest(secret, text, hashlib.sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


class Limiter:
    """Counts in the database. `secret` makes its keys (`Purpose.LIMIT`)."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._secret = secret

    def take(self, now: datetime, *asked: Asked, count: int = 1) -> Taken:
        """Counts under each of the limits, or under none if one of them is reached. Must not be
        called within a transaction: on SQLite it would wait for that.

        Raises:
            TooOften: with the seconds to wait at ``seconds``.
        """
        keys = [(limit_key(self._secret, limit.name, of), limit) for limit, of in asked]
        keys.sort(key=itemgetter(0))  # in one order: two with the same keys never wait crosswise
        taken = []
        # A power cut may lose the last of these counts, a killed process does not.
        with self._database.begin(writes=True, durable=False) as db:
            for key, limit in keys:
                ends = _count(db, key, limit, now, count)
                if ends is None:
                    left = seconds_left(_ends(db, key), now)
                    raise too_often(limit.sentence, left)
                taken.append((key, ends))
        return tuple(taken)

    @staticmethod
    def give_back(db: DbSession, taken: Taken) -> None:
        """Takes back what was counted, each in its window, if that has not ended."""
        for key, ends in taken:
            db.connection().execute(
                update(LimitCount)
                .where(
                    col(LimitCount.key) == key,
                    col(LimitCount.ends_at) == ends,
                    col(LimitCount.count) > 0,
                )
                .values(count=col(LimitCount.count) - 1)
            )


def _count(db: DbSession, key: str, limit: Limit, now: datetime, count: int) -> datetime | None:
    """When the window ends; None if the limit is reached."""
    if count > limit.most:
        return None
    return bump(db, key, limit.window, now, count=count, most=limit.most)


def bump(
    db: DbSession,
    key: str,
    window: timedelta,
    now: datetime,
    *,
    count: int = 0,
    passed: int = 0,
    most: int | None = None,
) -> datetime | None:
    """Adds to what is counted under a key, in its window or, if that has ended, in a new one; gives
    the end of it. None if `count` would become more than `most`; then nothing changes. One
    statement, which holds the row: of several at once the database does one after the other."""

    def change(new: Any) -> tuple[dict[str, Any], Any]:
        row = LimitCount
        live = and_(col(row.ends_at) > now, col(row.ends_at) <= new.ends_at)  # as `is_live`
        values = {
            "count": case((live, col(row.count) + count), else_=count),
            "passed": case((live, col(row.passed) + passed), else_=passed),
            "ends_at": case((live, col(row.ends_at)), else_=new.ends_at),
        }
        return values, None if most is None else or_(not_(live), col(row.count) + count <= most)

    statement = insert_or_change(db, LimitCount, ["key"], change).values(
        key=key, ends_at=now + window, count=count, passed=passed
    )
    row = db.connection().execute(statement.returning(col(LimitCount.ends_at))).one_or_none()
    return None if row is None else row[0]


def _ends(db: DbSession, key: str) -> datetime:
    return db.exec(select(LimitCount.ends_at).where(LimitCount.key == key)).one()


def tidy_limits(db: DbSession, now: datetime) -> None:
    """Takes away what has ended. Rows that somebody is counting at are left for the next time."""
    ended = select(LimitCount.key).where(LimitCount.ends_at <= now).order_by(col(LimitCount.key))
    ended = ended.with_for_update(skip_locked=True)
    db.connection().execute(delete(LimitCount).where(col(LimitCount.key).in_(ended)))


@dataclass(slots=True)
class _Purse:
    """What a process may still spend for one subject, until when."""

    left: int
    ends: datetime
    empty: bool = False  # the limit itself is reached


class Slices:
    """A limit for what is done so often that a write for each would cost more than the deed: a
    process takes many at once from the common count, and spends them in memory. Together the
    processes never spend more than the limit; what one has taken and not spent when it ends, or
    when a window does, is lost.
    """

    def __init__(self, limiter: Limiter, limit: Limit, size: int) -> None:
        self.limit = limit
        self._limiter = limiter
        self._size = size
        self._lock = Lock()
        self._purses: OrderedDict[str, _Purse] = OrderedDict()

    def knows(self, subject: str) -> bool:
        """Whether something was spent for it here lately."""
        return subject in self._purses

    def spend(self, subject: str, now: datetime) -> bool:
        """Spends one, in memory; False: `refill` first. Takes microseconds.

        Raises:
            TooOften: the limit is reached.
        """
        with self._lock:
            purse = self._purses.get(subject)
            if purse is None or not is_live(purse.ends, now, self.limit.window):
                return False
            if purse.empty:
                raise too_often(self.limit.sentence, seconds_left(purse.ends, now))
            if purse.left < 1:
                return False
            purse.left -= 1
            return True

    def refill(self, subject: str, now: datetime) -> None:
        """Takes a slice from the common count and spends one of it. Where the database cannot be
        written, a slice is spent unrecorded: whoever only reads is not to suffer for that.

        Raises:
            TooOften: the limit is reached.
        """
        try:
            ((_, ends),) = self._limiter.take(now, (self.limit, subject), count=self._size)
        except OperationalError:
            self.lend(subject, now)
            return
        except TooOften as error:
            ends = now + min(
                self.limit.window, timedelta(seconds=int(str(error.params["seconds"])))
            )
            with self._lock:
                self._put(subject, _Purse(0, ends, empty=True))
            raise
        with self._lock:
            before = self._purses.get(subject)
            kept = before.left if before is not None and before.ends == ends else 0
            self._put(subject, _Purse(kept + self._size - 1, ends))

    def lend(self, subject: str, now: datetime) -> None:
        """Lets a slice be spent that is not recorded, within a few seconds."""
        with self._lock:
            self._put(subject, _Purse(self._size - 1, now + _UNRECORDED))

    def _put(self, subject: str, purse: _Purse) -> None:
        self._purses[subject] = purse
        self._purses.move_to_end(subject)
        while len(self._purses) > REMEMBERED:
            self._purses.popitem(last=False)

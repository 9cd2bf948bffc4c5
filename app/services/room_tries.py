"""Wrong words at the doors of rooms, counted so that nobody finds the right one by trying them all.

Who guesses is told apart by network address; the rule is `domain.limits.refused_tries`. It is
counted in the transaction of the check-in: whoever calls commits it also where the word was wrong.
"""

from datetime import datetime

from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import address_key
from app.domain.limits import (
    TOO_MANY_WORDS,
    WORDS_WINDOW,
    Tries,
    is_live,
    refused_tries,
    seconds_left,
    too_often,
)
from app.models import LimitCount, Session
from app.services.limits import bump, limit_key

_NAME = "room-word"


class RoomTries:
    """What is tried at one door from one network. `secret` makes the keys of the counts."""

    def __init__(self, db: DbSession, secret: bytes, session: Session, network: str) -> None:
        self._db = db
        # With another word a room begins anew: the one before may have been misspelt on the screen.
        door = f"{session.id} {session.check_in_word}"
        self._secret, self._where = secret, f"{door}\0{network}"
        self._everywhere = limit_key(secret, _NAME, door)
        self._here = limit_key(secret, _NAME, self._where)

    def tried(self, email: str, right: bool, now: datetime) -> None:
        """Somebody gave a word. It is looked at and counted in one step: of many at once none
        slips by. A right one is refused too where too many were wrong, else guessing would go on.

        Raises TooOften, with the seconds to wait at ``seconds``.
        """
        own = limit_key(self._secret, _NAME, f"{self._where}\0{address_key(email)}")
        bump(self._db, self._everywhere, WORDS_WINDOW, now)  # holds the door: one after the other
        rows = self._rows((own, self._here, self._everywhere), now)
        found = [Tries(r.count, r.passed) if r else Tries() for r in rows]
        refused = refused_tries(*found)
        if refused is not None:
            row = next(r for r, tries in zip(rows, found, strict=True) if tries is refused)
            assert row is not None
            raise too_often(TOO_MANY_WORDS, seconds_left(row.ends_at, now))
        if not right:
            for key in (own, self._here, self._everywhere):
                bump(self._db, key, WORDS_WINDOW, now, count=1)

    def came_in(self, now: datetime) -> None:
        """Somebody checked in who had not before."""
        for key in (self._everywhere, self._here):  # the door first, as above
            bump(self._db, key, WORDS_WINDOW, now, passed=1)

    def _rows(self, keys: tuple[str, ...], now: datetime) -> list[LimitCount | None]:
        query = select(LimitCount).where(col(LimitCount.key).in_(keys))
        rows = self._db.exec(query.execution_options(populate_existing=True))
        by_key = {row.key: row for row in rows if is_live(row.ends_at, now, WORDS_WINDOW)}
        return [by_key.get(key) for key in keys]

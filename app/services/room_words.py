"""The word that a room asks for: fixed, of the moment, or none."""

from datetime import datetime

from sqlmodel import select

from app.db import DbSession
from app.domain import room_words as rules
from app.models import Cycle, Session


def asks(session: Session) -> bool:
    """Whether whoever checks in at the room has to give a word."""
    return session.check_in_word_rotates or bool(session.check_in_word)


def shown(session: Session, language: str, now: datetime, key: bytes) -> str:
    """The word that the screen shows at `now` (aware), empty where none is asked for. `language` is
    the cycle's; words that rotate follow from `key`."""
    if session.check_in_word_rotates:
        return rules.word_at(key, session.id, now, language)
    return session.check_in_word


def taken(db: DbSession, session: Session, now: datetime, key: bytes | None) -> tuple[str, ...]:
    """The words that count at `now` (aware); none where none is asked for. One query where they
    rotate.

    Raises ValueError where they rotate and there is no key: nobody could check in.
    """
    if session.check_in_word_rotates:
        if key is None:
            raise ValueError("words that rotate follow from a key")
        language = db.exec(select(Cycle.language).where(Cycle.id == session.cycle_id)).one()
        return rules.words_taken(key, session.id, now, language)
    return (session.check_in_word,) if session.check_in_word else ()

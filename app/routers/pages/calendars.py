"""Calendars: a session as a file to import, a cycle as a feed or a file, everybody's own feed."""

from functools import lru_cache
from urllib.parse import parse_qs

from fastapi import APIRouter, FastAPI
from starlette.types import Scope

from app.calendar.render import MEDIA_TYPE
from app.db import DbSession
from app.domain.permissions import Permission
from app.domain.text import LANGUAGES
from app.models import now
from app.services.calendars import (
    Rendered,
    cycle_calendar,
    session_calendar,
)
from app.services.feed_calendars import feed_calendar
from app.services.feeds import read_token, subscriber_of, version_of_feed
from app.services.links import Links
from app.services.public import published
from app.services.versions import version_of_cycle
from app.web.access.gate import declares
from app.web.answers import Answer, Asked, answer
from app.web.representations import Fresh, Subject

router = APIRouter(dependencies=[declares(Permission.PUBLIC)])

_SHORT = 200
CACHE = "private, max-age=300"


def _wanted(query: bytes) -> tuple[str, bool]:
    """``?lang=`` where it is one of ours, else empty; ``?copy``: a file to import, not a feed."""
    # What is long nobody asks twice: a memo of it would only hold memory.
    return (_read if len(query) <= _SHORT else _read.__wrapped__)(query)


@lru_cache(maxsize=1024)
def _read(query: bytes) -> tuple[str, bool]:
    found = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    wanted = [each for each in found.get("lang", ()) if each][-1:]
    return wanted[0] if wanted and wanted[0] in LANGUAGES else "", "copy" in found


def _answer(found: Rendered, file_name: str = "", kind: str = "inline") -> Fresh[Answer]:
    disposition = [("content-disposition", f'{kind}; filename="{file_name}"')] if file_name else []
    made = answer(
        found.body,
        MEDIA_TYPE,
        cache_control=CACHE,
        modified=found.modified,
        extra=disposition,
    )
    return Fresh(made, made.size, found.until.timestamp() if found.until else None)


class _Calendar:
    """What the three have in common."""

    def __init__(self, app: FastAPI) -> None:
        self._links: Links = app.state.links


class SessionFile(_Calendar):
    """``/c/{slug}/{number}.ics``."""

    def key(self, scope: Scope, _wish: Asked) -> tuple[str, int, str]:
        """Slug, number, language."""
        params = scope["path_params"]
        return params["slug"], params["number"], _wanted(scope["query_string"])[0]

    def subject(self, key: tuple[str, int, str]) -> Subject:
        """The cycle."""
        return Subject(("cycle", key[0]), lambda db: version_of_cycle(db, key[0]))

    def build(self, db: DbSession, key: tuple[str, int, str]) -> Fresh[Answer]:
        """Raises NotFound."""
        slug, number, language = key
        cycle = published(db, slug)
        found = session_calendar(cycle, number, language, self._links)
        return _answer(found, f"{slug}-{number}.ics")


class CycleFile(_Calendar):
    """``/c/{slug}.ics``: a feed, and with ``?copy`` a file to import."""

    def key(self, scope: Scope, _wish: Asked) -> tuple[str, str, bool]:
        """Slug, language, whether a copy."""
        return scope["path_params"]["slug"], *_wanted(scope["query_string"])

    def subject(self, key: tuple[str, str, bool]) -> Subject:
        """The cycle."""
        return Subject(("cycle", key[0]), lambda db: version_of_cycle(db, key[0]))

    def build(self, db: DbSession, key: tuple[str, str, bool]) -> Fresh[Answer]:
        """Raises NotFound."""
        slug, language, copy = key
        found = cycle_calendar(published(db, slug), language, self._links, now(), copy=copy)
        return _answer(found, f"{slug}.ics", "attachment" if copy else "inline")


class Feed(_Calendar):
    """``/feed/{token}.ics``, of participants and of those with parts."""

    def key(self, scope: Scope, _wish: Asked) -> tuple[str, str]:
        """Token, language. A token is looked at once; afterwards its answer is found by it."""
        return scope["path_params"]["token"], _wanted(scope["query_string"])[0]

    def subject(self, key: tuple[str, str]) -> Subject:
        """The person in their cycle, and what was issued to them. Raises NotFound for a token that
        is not ours."""
        purpose, row_id = read_token(self._links, key[0])
        return Subject(("feed", row_id), lambda db: version_of_feed(db, purpose, row_id))

    def build(self, db: DbSession, key: tuple[str, str]) -> Fresh[Answer]:
        """Raises NotFound, and Gone for an address that was replaced."""
        token, language = key
        who = subscriber_of(db, self._links, token)
        return _answer(feed_calendar(db, self._links, who, language, now()))

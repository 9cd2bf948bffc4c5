"""The address that is asked for most: tried before all others, answered from what is kept."""

from datetime import UTC
from typing import NamedTuple

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as Request

from app.db import DbSession
from app.domain.errors import NotAllowed, NotFound, NotSignedIn
from app.domain.ids import ID_LENGTH
from app.domain.permissions import Permission
from app.models import now
from app.routers.api.present import session_out
from app.services.access import refuse_unless
from app.services.actor import Scope
from app.services.sessions import get_session
from app.services.tokens import digest, program_of
from app.services.versions import version_of_session
from app.web.answers import Answer, Asked, answer, asked
from app.web.api import PREFIX
from app.web.api_limits import ApiLimits
from app.web.kept import KeptEndpoint
from app.web.representations import Fresh, Subject
from app.web.security import bearer_of
from app.web.token_uses import TokenUses

_CACHE = "private, no-cache"
_VARY = "Authorization, Accept-Encoding"


class Wanted(NamedTuple):
    """A session, for the holder of a token (its digest: no secret is kept)."""

    token: str
    session_id: str


class SessionJson:
    """``/api/v1/sessions/{session_id}``, what `sessions.get_session` answers.

    It hangs on the token as much as on the session: the version of both is asked for after every
    commit, so a token that was revoked opens nothing, however warm the answer is.
    """

    def key(self, scope: Request, wish: Asked) -> Wanted:
        """Raises NotSignedIn where there is no bearer token, NotFound for what is far too long to
        be an id: what was asked for is kept in mind, also where there is nothing."""
        kind, _, secret = wish.authorization.partition(b" ")
        secret = secret.strip()
        if kind.lower() != b"bearer" or not secret:
            raise NotSignedIn
        session_id = scope["path_params"]["session_id"]
        if len(session_id) > ID_LENGTH:
            raise NotFound
        return Wanted(digest(secret.decode("latin-1")), session_id)

    def subject(self, key: Wanted) -> Subject:
        """The token and the session."""
        return Subject(
            key,
            lambda db: (program_of(db, key.token), _version(db, key.session_id)),
        )

    def build(self, db: DbSession, key: Wanted) -> Fresh[Answer]:
        """Raises NotSignedIn, NotAllowed, NotFound; none of them is kept."""
        found = program_of(db, key.token)
        if found is None:
            raise NotSignedIn
        actor, ends = found
        if Scope.READ not in actor.scopes:
            raise NotAllowed
        refuse_unless(db, actor, Permission.CYCLE_READ, {"session_id": key.session_id})
        row = get_session(db, actor, key.session_id)
        made = answer(
            session_out(row).model_dump_json().encode(),
            "application/json",
            cache_control=_CACHE,
            vary=_VARY,
            tag=f"r{row.revision}",
        )
        return Fresh(made, made.size, ends.astimezone(UTC).timestamp() if ends else None)


class CountedEndpoint(KeptEndpoint):
    """A kept answer is cheap, but a request all the same."""

    async def __call__(self, scope: Request, receive: Receive, send: Send) -> None:
        """One request."""
        limits: ApiLimits = scope["app"].state.api_limits
        await limits.count(bearer_of(asked(scope).authorization.decode("latin-1")))
        await super().__call__(scope, receive, send)
        # Whoever is nobody, or may not, was answered by an exception.
        uses: TokenUses = scope["app"].state.token_uses
        uses.note(digest(bearer_of(asked(scope).authorization.decode("latin-1"))), now())


def _version(db: DbSession, session_id: str) -> object:
    # PostgreSQL takes no NUL in text; no session has such an id.
    return None if "\0" in session_id else version_of_session(db, session_id)


def install_hot_routes(app: FastAPI) -> None:
    """Puts it on the application. What it keeps stands beside what the pages keep, in
    ``app.state.representations``."""
    endpoint = CountedEndpoint(SessionJson(), app.state.representations, Permission.CYCLE_READ)
    path = f"{PREFIX}/sessions/{{session_id}}"
    app.router.routes.append(Route(path, endpoint, methods=["GET"], include_in_schema=False))

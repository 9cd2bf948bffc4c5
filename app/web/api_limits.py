"""How often programs may come: each token so often in a minute, and each network so often with
tokens that are wrong. Why so: docs/adr/0029."""

from functools import partial

from anyio import move_on_after, to_thread
from fastapi import Request

from app.db import Database
from app.domain.errors import NotSignedIn, TooOften
from app.domain.limits import WRONG_TOKENS, for_token
from app.models import now
from app.services.limits import Limiter, Slices
from app.services.tokens import digest, program_of
from app.web.networks import network_here
from app.web.security import bearer_of

_PATIENCE = 0.5
"""Seconds that a request waits for being counted: where the database cannot be written for a while,
whoever only reads does not wait for that."""
_SLICES = 30
"""So many writes a window takes at the most."""


class ApiLimits:
    """What this process counts. `per_minute`: requests with one token; None: no limit."""

    def __init__(self, database: Database, limiter: Limiter, per_minute: int | None) -> None:
        self._database = database
        self._wrong = Slices(limiter, WRONG_TOKENS, WRONG_TOKENS.most // _SLICES)
        self._tokens: Slices | None = None
        if per_minute is not None:
            self._tokens = Slices(limiter, for_token(per_minute), max(1, per_minute // _SLICES))

    async def count(self, secret: str) -> None:
        """A request came with this secret.

        Raises:
            TooOften: too many with this one in a minute.
            NotSignedIn: it is nobody's, so that strangers never begin a transaction that writes.
        """
        if self._tokens is None or not secret:
            return
        token = digest(secret)
        if not self._tokens.spend(token, now()):
            with move_on_after(_PATIENCE) as waited:
                known = partial(self._known_or_refuse, self._tokens, token)
                await to_thread.run_sync(known, abandon_on_cancel=True)
            if waited.cancelled_caught:
                self._tokens.lend(token, now())

    async def count_before_body(self, secret: str) -> None:
        """The same for a request whose body is yet to be read: without a token it never is, nor
        with one that is nobody's where nothing is counted."""
        if not secret:
            raise NotSignedIn
        if self._tokens is None:
            await to_thread.run_sync(self._refuse_unknown, digest(secret))
        await self.count(secret)

    def _refuse_unknown(self, token: str) -> None:
        with self._database.begin(writes=False) as db:
            if program_of(db, token) is None:
                raise NotSignedIn

    def _known_or_refuse(self, tokens: Slices, token: str) -> None:
        if not tokens.knows(token):
            self._refuse_unknown(token)
        tokens.refill(token, now())

    async def wrong(self, network: str) -> TooOften | None:
        """A request came with a secret that is nobody's: what to answer if too many did."""
        try:
            if not self._wrong.spend(network, now()):
                refill = partial(self._wrong.refill, network, now())
                with move_on_after(_PATIENCE):
                    await to_thread.run_sync(refill, abandon_on_cancel=True)
        except TooOften as error:
            return error
        return None


def limits_of(request: Request) -> ApiLimits:
    """Those of the application."""
    limits: ApiLimits = request.app.state.api_limits
    return limits


async def count_request(request: Request) -> None:
    """For a router: counts each request before anything else is done for it."""
    if not getattr(request.state, "counted", False):
        await limits_of(request).count(bearer_of(request.headers.get("authorization", "")))


async def count_before_body(request: Request) -> None:
    """For a route with a body that is read on the event loop: two megabytes of JSON take a second
    of it, which strangers are not given. Raises NotSignedIn, TooOften."""
    secret = bearer_of(request.headers.get("authorization", ""))
    await limits_of(request).count_before_body(secret)
    request.state.counted = True


async def count_wrong_token(request: Request) -> TooOften | None:
    """`ApiLimits.wrong` for a request that was not let in, if it had a token at all."""
    if not bearer_of(request.headers.get("authorization", "")):
        return None
    return await limits_of(request).wrong(network_here(request))

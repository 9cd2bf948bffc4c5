"""What JSON endpoints share: revisions as ETags, stretches of lists, and POSTs that come again."""

import hashlib
import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel import select

from app.db import DbSession, insert_unless_there
from app.domain.errors import N_, Invalid
from app.domain.ids import new_id
from app.models import KeptAnswer, now
from app.services.actor import Actor
from app.web.dependencies import Db, Writes

_ETAG = re.compile(r'"r(\d{1,18})"\Z')


def etag(revision: int) -> str:
    """A revision as a strong ETag."""
    return f'"r{revision}"'


def _if_match(if_match: Annotated[str | None, Header(max_length=200)] = None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.match(if_match.strip())
    if match is None:
        raise Invalid.one("If-Match", N_('Give the ETag that you were answered, such as "r3".'))
    return int(match[1])


Revision = Annotated[int | None, Depends(_if_match)]
"""The revision that the program believes it is changing; None if it does not say."""

Limit = Annotated[int, Query(ge=1, le=200, description="How many items at the most.")]
After = Annotated[
    str | None, Query(max_length=1000, description="`next` of the stretch before.")
]
Search = Annotated[str, Query(max_length=200, description="Case and accents do not matter.")]


def answer(body: BaseModel, *, status: int = 200, revision: int | None = None) -> Response:
    """A JSON answer, with its ETag where it can be edited."""
    headers = {"etag": etag(revision)} if revision is not None else {}
    return Response(
        body.model_dump_json(), status, headers=headers, media_type="application/json"
    )


class Once:
    """Does a POST once for each Idempotency-Key and repeats its answer.

    The key's row is inserted before the work: a second request with the same key waits for the
    first one's commit at the unique index, then finds the answer. Errors are not kept, since they
    roll back; such a request may come again.
    """

    def __init__(self, db: DbSession, actor: Actor, key: str | None, digest: str) -> None:
        self._db = db
        self._owner = actor.token_id or actor.id
        self._key = key
        self._digest = digest

    def __call__(self, make: Callable[[], Response]) -> Response:
        """What `make` answers, or what it answered before.

        Raises:
            Invalid: the key was used for something else.
        """
        if self._key is None:
            return make()
        row_id = new_id()
        values: dict[str, Any] = {
            "id": row_id,
            "created_at": now(),
            "owner_id": self._owner,
            "key": self._key,
            "request_digest": self._digest,
            "status": 0,
            "headers": {},
            "body": b"",
        }
        statement = insert_unless_there(self._db, KeptAnswer).values(**values)
        self._db.connection().execute(statement)
        kept = self._db.exec(
            select(KeptAnswer).where(
                KeptAnswer.owner_id == self._owner, KeptAnswer.key == self._key
            )
        ).one()
        if kept.id != row_id:
            return self._again(kept)
        response = make()
        kept.status = response.status_code
        kept.headers = {k: v for k, v in response.headers.items() if k in ("etag", "location")}
        kept.body = bytes(response.body)
        self._db.add(kept)
        return response

    def _again(self, kept: KeptAnswer) -> Response:
        if kept.request_digest != self._digest:
            raise Invalid.one(
                "Idempotency-Key", N_("This key was used for another request."), code="key_reused"
            )
        return Response(
            kept.body, kept.status, headers=dict(kept.headers), media_type="application/json"
        )


async def _digest(request: Request) -> str:
    body = await request.body()
    head = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(head + body).hexdigest()


def _once(
    db: Db,
    actor: Writes,
    digest: Annotated[str, Depends(_digest)],
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Once:
    return Once(db, actor, idempotency_key, digest)


OnceDep = Annotated[Once, Depends(_once, scope="function")]

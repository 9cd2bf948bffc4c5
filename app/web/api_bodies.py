"""Bodies of API requests that are no JSON: a mail, a provider's report."""

import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from app.domain.errors import N_, Invalid
from app.mail.inbound import LIMIT


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that a program hands over: its beginning, which is all that is read, and how long it
    is in bytes."""

    raw: bytes
    size: int
    digest: str  # SHA-256 of all of it


async def streamed(request: Request) -> Mail:
    """The body of this request, of which no more is held than is read. Twice is once."""
    found: Mail | None = getattr(request.state, "mail", None)
    if found is None:
        kept, size, digest = bytearray(), 0, hashlib.sha256()
        async for piece in request.stream():
            kept += piece[: max(0, LIMIT + 1 - len(kept))]
            size += len(piece)
            digest.update(piece)
        found = request.state.mail = Mail(bytes(kept), size, digest.hexdigest())
    return found


async def _mail(request: Request) -> Mail:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MAIL:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    mail = await streamed(request)
    if not mail.size:
        raise Invalid.one("", N_("Send the mail as it came."), code="missing")
    return mail


MAIL = "message/rfc822"
REPORTS = (
    "text/csv",
    "text/plain",
    "text/tab-separated-values",
    "application/octet-stream",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
"""What a provider's report may be sent as. What it is, its bytes say."""
RawMail = Annotated[Mail, Depends(_mail)]
"""A body that is a mail, as it came."""

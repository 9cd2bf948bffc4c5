"""What JSON endpoints share: how they are described, revisions as ETags, stretches of lists, and
POSTs that come again."""

import hashlib
import re
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from inspect import cleandoc, signature
from typing import Annotated, Any, get_args

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from sqlmodel import select
from starlette.exceptions import HTTPException

from app.db import DbSession, insert_unless_there
from app.domain.errors import N_, Invalid
from app.domain.ids import new_id
from app.domain.permissions import Permission, scope_for
from app.models import KeptAnswer, now
from app.schemas.problem import Problem
from app.services.actor import Actor
from app.web import strict_json
from app.web.access.gate import Gate
from app.web.api_bodies import MAIL, RawMail, streamed
from app.web.api_limits import count_before_body
from app.web.dependencies import Db
from app.web.problems import TITLES
from app.web.sentences import Presenter
from app.web.templating import current_reader

PREFIX = "/api/v1"
_ETAG = re.compile(r'"r(\d{1,18})(-gz)?"\Z')  # compressed bytes have a tag of their own


def etag(revision: int) -> str:
    """A revision as a strong ETag."""
    return f'"r{revision}"'


def _if_match(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=200,
            description="The ETag that you were answered. Is it another by now, nothing is done.",
        ),
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.match(if_match.strip())
    if match is None:
        raise Invalid.one("If-Match", N_('Give the ETag that you were answered, such as "r3".'))
    return int(match[1])


Revision = Annotated[int | None, Depends(_if_match)]
"""The revision that the program believes it is changing; None if it does not say."""

Limit = Annotated[int, Query(ge=1, le=200, description="How many items at the most.")]
After = Annotated[str | None, Query(max_length=8000, description="`next` of the stretch before.")]
Search = Annotated[
    str, Query(max_length=200, description="Words to look for; case and accents do not matter.")
]


def _presenter(request: Request) -> Presenter:
    return Presenter(current_reader(request).language)


Sentences = Annotated[Presenter, Depends(_presenter)]
"""Puts conflicts and changes into sentences, in the language of Accept-Language."""


def answer(
    body: BaseModel, *, status: int = 200, revision: int | None = None, location: str = ""
) -> Response:
    """A JSON answer, with its ETag where it can be edited; `location` (within the API) where
    something was made."""
    headers = {"etag": etag(revision)} if revision is not None else {}
    if location:
        headers["location"] = f"{PREFIX}{location}"
    return Response(body.model_dump_json(), status, headers=headers, media_type="application/json")


# Routes that describe themselves.

_PROBLEMS: Mapping[int, str] = {
    401: "There is no bearer token, it is not known, has expired or was revoked.",
    403: "The token does not have the scope, or its owner may not do this.",
    404: "There is nothing at this address.",
    409: "It cannot be done as things stand; `code` says why.",
    412: "It was changed since: If-Match names another revision.",
    413: "The body is larger than 2 MiB.",
    415: "The body is not sent as application/json.",
    422: "Something given is not right; `errors` says what.",
    429: "The token, or with wrong tokens the network, came too often. Wait, as Retry-After says.",
    503: "The database is busy. Try again, as Retry-After says.",
}
_CODES = {
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    409: "conflict",
    412: "stale",
    413: "too_large",
    415: "unknown_format",
    422: "invalid",
    429: "too_many",
    503: "busy",
}


_TAG: Mapping[str, Any] = {"ETag": {"schema": {"type": "string"}, "description": "For If-Match."}}


_MAIL_BODY: Mapping[str, Any] = {
    "required": True,
    "content": {MAIL: {"schema": {"type": "string", "format": "binary", "minLength": 1}}},
}


_REPORT_BODY: Mapping[str, Any] = {
    "required": True,
    "content": {
        kind: {"schema": {"type": "string", "format": "binary", "minLength": 1}}
        for kind in ("text/csv", "application/octet-stream")
    },
}


def clash(codes: str) -> dict[int | str, dict[str, Any]]:
    """For ``responses=``: it can be refused for these reasons."""
    return {409: _problem(409, f"{_PROBLEMS[409]} {codes}")}


def tagged(status: int) -> dict[int | str, dict[str, Any]]:
    """For ``responses=``: the answer has an ETag that its model does not show."""
    return {status: {"description": HTTPStatus(status).phrase, "headers": _TAG}}


def _problem(status: int, description: str) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": f"urn:convoca:problem:{_CODES[status]}",
        "title": TITLES[status],
        "status": status,
        "detail": description,
        "code": _CODES[status],
    }
    if status == 422:
        example["errors"] = [
            {"field": "title.es", "code": "string_too_long", "message": "This is too long: …"}
        ]
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": description, "content": {"application/problem+json": content}}


class JsonRoute(APIRoute):
    """A route that says of itself what its handler's signature and docstring say already.

    Summary and description are the docstring's. The scope follows from the type of `actor`, 412
    from a `revision`, 413 and 415 from a body called `command`, 404 from an id in the path. Bodies
    that are not JSON are told apart from those that are wrong.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        summary, _, description = cleandoc(endpoint.__doc__ or "").partition("\n\n")
        takes = signature(endpoint).parameters
        self._takes_body = "command" in takes
        takes_report = "sent" in takes
        takes_mail = any(each.annotation == RawMail for each in takes.values())
        permission = _permission(takes["actor"].annotation)
        scope = scope_for(permission)
        statuses = [401, 403, 422, 429, 503]
        statuses += [404] if "{" in path else []
        statuses += [412] if "revision" in takes else []
        statuses += [413, 415] if self._takes_body or takes_mail else []
        problems = {s: _problem(s, _PROBLEMS[s]) for s in statuses}
        if takes_report:
            problems[413] = _problem(413, "The file is larger than 10 MB.")
            problems[415] = _problem(415, "The body is sent as something that no report is.")
        if takes_mail:
            problems[413] = _problem(413, "The mail is larger than 25 MiB.")
            problems[415] = _problem(415, f"The body is not sent as {MAIL}.")
        problems[403]["description"] = (
            f"The token does not have the scope `{scope.value}`, or its owner may not do this "
            f"(`{permission.value}`)."
        )
        status = kwargs.get("status_code") or 200
        kwargs |= {
            "summary": summary.rstrip("."),
            "description": (
                f"{description}\n\nScope: `{scope.value}`. Permission: `{permission.value}`."
            ).strip(),
            "responses": {
                status: _success(status, kwargs.get("response_model")),
                **problems,
                **(kwargs.get("responses") or {}),
            },
            "openapi_extra": {"security": [{"token": [scope.value]}]}
            | ({"requestBody": _MAIL_BODY} if takes_mail else {})
            | ({"requestBody": _REPORT_BODY} if takes_report else {}),
        }
        super().__init__(path, endpoint, **kwargs)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's, with 415 for another format and a clear word for broken JSON."""
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            if self._takes_body:
                await count_before_body(request)
            if self._takes_body and (body := await request.body()):
                if not _is_json(request):
                    raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
                strict_json.check(body)
            try:
                return await handle(request)
            except RequestValidationError as error:
                if error.errors()[0]["type"] != "json_invalid":
                    raise
            except HTTPException as error:  # bytes that are no text, nesting without end
                if error.status_code != HTTPStatus.BAD_REQUEST:
                    raise
            raise strict_json.not_json()

        return handle_json


def _permission(annotation: Any) -> Permission:
    """What a route has declared by the type of its `actor`."""
    gates = [each.dependency for each in get_args(annotation) if hasattr(each, "dependency")]
    (gate,) = [each for each in gates if isinstance(each, Gate)]
    return gate.permission


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def _success(status: int, model: Any) -> dict[str, Any]:
    headers = dict(_TAG) if "revision" in getattr(model, "model_fields", {}) else {}
    if status == HTTPStatus.CREATED:
        headers["Location"] = {"schema": {"type": "string"}, "description": "Where it is now."}
    return {"description": HTTPStatus(status).phrase, "headers": headers}


_ABOUT = """Everything that an organizer does on the pages of Convoca, for programs.

Every request carries a bearer token. Ids are opaque. Instants are RFC 3339 in UTC, and stand beside
the local time and its IANA zone. Lists are `{"items": […], "next": "…"}`, `next` null at the end;
`?after=` takes what `next` said. What can be edited has an ETag; with `If-Match` a change is only
made if nobody
else changed it since. A POST with an `Idempotency-Key` is done once, however often it comes.
Unknown fields are refused. Errors are RFC 9457 problem details, their sentences in the language of
`Accept-Language` (en, es, pt)."""


def describe(app: FastAPI) -> None:
    """Lets the application's OpenAPI document tell what FastAPI does not know by itself: the
    bearer token, and how errors look."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=_ABOUT,
                routes=app.routes,
                separate_input_output_schemas=app.separate_input_output_schemas,
            )
            _, problems = models_json_schema(
                [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
            )
            document["components"]["schemas"] |= problems["$defs"]
            document["components"]["securitySchemes"] = {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token made by `convoca token create` or on the organizers' "
                    "page, with the scopes read, write, attendance.",
                }
            }
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


# POSTs that come again.


class Once:
    """Does a POST once for each Idempotency-Key and repeats its answer.

    The key's row is inserted before the work: a second request with the same key waits for the
    first one's commit at the unique index, then finds the answer. Errors are not kept, since they
    roll back; such a request may come again.
    """

    def __init__(self, db: DbSession, request: Request, key: str | None, digest: str) -> None:
        self._db = db
        self._request = request
        self._owner = ""
        self._key = key
        self._digest = digest

    def __call__(self, make: Callable[[], Response]) -> Response:
        """What `make` answers, or what it answered before.

        Raises:
            Invalid: the key was used for something else.
        """
        if self._key is None:
            return make()
        actor: Actor = self._request.state.actor  # whom the route has let in
        self._owner = actor.token_id or actor.id
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
    if (report := getattr(request.state, "report", None)) is not None:  # read and gone
        body = hashlib.sha256(report).hexdigest().encode()
    elif request.headers.get("content-type", "").lower().startswith(MAIL):
        body = (await streamed(request)).digest.encode()
    else:
        body = await request.body()
    head = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(head + body).hexdigest()


_Digest = Annotated[str, Depends(_digest)]
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="Of your choice. The same key and body again: the same answer, done once.",
    ),
]


def _once(request: Request, db: Db, digest: _Digest, idempotency_key: _Key = None) -> Once:
    return Once(db, request, idempotency_key, digest)


OnceDep = Annotated[Once, Depends(_once, scope="function")]
"""For POSTs, beside the `actor` whose they are."""

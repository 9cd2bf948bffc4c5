"""Whether the process lives, whether it can do its work, and its figures."""

import hmac

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app.domain.permissions import Permission
from app.web.access.gate import declares
from app.web.errors import RETRY_AFTER
from app.web.metrics import CONTENT_TYPE, Metrics
from app.web.readiness import Readiness
from app.web.security import bearer_of

router = APIRouter(include_in_schema=False, dependencies=[declares(Permission.PUBLIC)])


@router.get("/healthz")
async def healthz() -> JSONResponse:
    """200 while the process answers. Asks nothing else: whoever starts a process anew for a
    database that is away makes it worse."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """200 while it can do its work; else 503, with the names of what fails and no more."""
    readiness: Readiness = request.app.state.readiness
    failing = readiness.failing()
    if failing:
        answer = {"status": "not ready", "failing": list(failing)}
        return JSONResponse(answer, 503, {"retry-after": RETRY_AFTER})
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Figures for Prometheus, for whoever has the token of the setting. Everybody else is answered
    as at an address that is none, also where there is no such setting."""
    wanted = str(request.app.state.metrics_token).encode()
    given = bearer_of(request.headers.get("authorization", ""))
    if not wanted or not hmac.compare_digest(given.encode(), wanted):
        raise HTTPException(404)
    figures: Metrics = request.app.state.metrics
    return Response(figures.text(), media_type=CONTENT_TYPE)

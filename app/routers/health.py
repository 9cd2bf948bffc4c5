"""Whether the process answers, and whether it can do its work."""

from fastapi import APIRouter, Request
from sqlalchemy import text
from starlette.responses import JSONResponse

from app.domain.permissions import Permission
from app.web.access.gate import declares

router = APIRouter(include_in_schema=False, dependencies=[declares(Permission.PUBLIC)])


@router.get("/healthz")
def healthz(request: Request) -> JSONResponse:
    """200 while the database can be read; 503 otherwise."""
    try:
        with request.app.state.database.begin(writes=False) as db:
            db.connection().execute(text("SELECT 1"))
    except Exception:
        return JSONResponse({"status": "database unreachable"}, 503, {"retry-after": "5"})
    return JSONResponse({"status": "ok"})

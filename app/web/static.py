"""Our own static files. Their addresses carry a digest, so they may be kept for ever."""

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.paths import STATIC


class _Kept(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        digest = b"v=" in scope.get("query_string", b"")
        age = "public, max-age=31536000, immutable" if digest else "public, max-age=300"
        response.headers["cache-control"] = age
        return response


def install_static(app: FastAPI) -> None:
    """Serves `app/static` at ``/static``."""
    app.mount("/static", _Kept(directory=STATIC), name="static")

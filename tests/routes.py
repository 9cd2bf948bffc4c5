"""Applications made at once: one for each test, but its routes, and the document that describes
them, are worked out only once."""

from typing import Any

from fastapi import FastAPI, routing

_known: dict[int, routing._IncludedRouter] = {}
_document: list[dict[str, Any]] = []


def with_known_routes(app: FastAPI) -> FastAPI:
    """The application, with the included routers of the first one that was made.

    FastAPI works out the parameters of an application's 200 routes at its first request, which
    takes a tenth of a second. They are the same for all, since routers are included without
    anything of the application's own; what is its own (state, what it keeps) stays its own. The
    OpenAPI document takes longer, and is asked for by whoever goes through all addresses.
    """
    routes = app.router.routes
    for place, route in enumerate(routes):
        if isinstance(route, routing._IncludedRouter):
            routes[place] = _known.setdefault(id(route.original_router), route)
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if not _document:
            _document.append(described())
        app.openapi_schema = _document[0]
        return _document[0]

    app.openapi = openapi  # type: ignore[method-assign]
    return app

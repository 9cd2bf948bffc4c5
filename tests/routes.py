"""Applications made at once: one for each test, but its routes are worked out only once."""

from fastapi import FastAPI, routing

_known: dict[int, routing._IncludedRouter] = {}


def with_known_routes(app: FastAPI) -> FastAPI:
    """The application, with the included routers of the first one that was made.

    FastAPI works out the parameters of an application's 200 routes at its first request, which
    takes a tenth of a second. They are the same for all, since routers are included without
    anything of the application's own; what is its own (state, what it keeps) stays its own.
    """
    routes = app.router.routes
    for place, route in enumerate(routes):
        if isinstance(route, routing._IncludedRouter):
            routes[place] = _known.setdefault(id(route.original_router), route)
    return app

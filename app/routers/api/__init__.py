"""JSON for programs."""

from fastapi import Depends, FastAPI

from app.routers.api import (
    attendance,
    certificates,
    closing,
    completion,
    cycles,
    enrolments,
    feedback,
    inbound,
    institutions,
    invitations,
    materials,
    people,
    publishing,
    report,
    reports,
    sessions,
)
from app.routers.api.hot import install_hot_routes
from app.web.api import PREFIX, describe
from app.web.api_limits import count_request

_PARTS = (
    sessions,
    materials,
    cycles,
    publishing,
    invitations,
    people,
    institutions,
    enrolments,
    attendance,
    closing,
    reports,
    completion,
    report,
    feedback,
    certificates,
    inbound,
)


def install_api(app: FastAPI) -> None:
    """Puts the API on the application: its hottest address before all others. Each part by itself:
    of a router within a router every route is looked at twice for each request."""
    install_hot_routes(app)
    for part in _PARTS:
        app.include_router(
            part.router,
            prefix=PREFIX,
            generate_unique_id_function=lambda route: route.name,
            dependencies=[Depends(count_request)],
        )
    describe(app)

"""JSON for programs."""

from fastapi import APIRouter, Depends, FastAPI

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

router = APIRouter(
    prefix=PREFIX,
    generate_unique_id_function=lambda route: route.name,
    dependencies=[Depends(count_request)],
)
for part in (
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
):
    router.include_router(part.router)


def install_api(app: FastAPI) -> None:
    """Puts the API on the application: its hottest address before all others."""
    install_hot_routes(app)
    app.include_router(router)
    describe(app)

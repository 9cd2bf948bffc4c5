"""JSON for programs."""

from fastapi import APIRouter

from app.routers.api import attendance, cycles, directory, enrolments, sessions

router = APIRouter(prefix="/api/v1")
for part in (sessions, cycles, directory, enrolments, attendance):
    router.include_router(part.router)

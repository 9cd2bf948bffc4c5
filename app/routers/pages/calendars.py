"""Pages: calendars."""

from fastapi import APIRouter

router = APIRouter()

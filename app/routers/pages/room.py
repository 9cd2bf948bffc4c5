"""Pages: room."""

from fastapi import APIRouter

router = APIRouter()

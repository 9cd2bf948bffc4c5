"""Pages: enrol."""

from fastapi import APIRouter

router = APIRouter()

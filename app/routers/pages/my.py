"""Pages: my."""

from fastapi import APIRouter

router = APIRouter()

"""Pages: cycles."""

from fastapi import APIRouter

router = APIRouter()

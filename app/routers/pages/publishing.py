"""Pages: publishing."""

from fastapi import APIRouter

router = APIRouter()

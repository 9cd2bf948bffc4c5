"""Pages: mail."""

from fastapi import APIRouter

router = APIRouter()

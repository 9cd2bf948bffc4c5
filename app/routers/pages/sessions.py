"""Pages: sessions."""

from fastapi import APIRouter

router = APIRouter()

"""JSON: sessions."""

from fastapi import APIRouter

router = APIRouter()

"""Pages: participants."""

from fastapi import APIRouter

router = APIRouter()

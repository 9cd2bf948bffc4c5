"""Pages: institutions."""

from fastapi import APIRouter

router = APIRouter()

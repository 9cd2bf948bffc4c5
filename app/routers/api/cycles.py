"""JSON: cycles."""

from fastapi import APIRouter

router = APIRouter()

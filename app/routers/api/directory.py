"""JSON: directory."""

from fastapi import APIRouter

router = APIRouter()

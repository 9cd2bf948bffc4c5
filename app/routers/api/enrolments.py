"""JSON: enrolments."""

from fastapi import APIRouter

router = APIRouter()

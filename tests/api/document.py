"""The OpenAPI document, for tests that walk it while they are collected."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings
from tests.conftest import BASE_URL


@cache
def plain_app() -> FastAPI:
    """An application that is only looked at: its database is never opened."""
    folder = Path(tempfile.gettempdir())
    return create_app(
        Settings(
            data_dir=folder,
            database_url=f"sqlite:///{folder}/never-opened.db",
            base_url=BASE_URL,
            secret_key="a key for tests",
            mail_from="convoca@example.org",
        )
    )


def document() -> dict[str, Any]:
    """The document."""
    return plain_app().openapi()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation: method in capitals, path, description."""
    return [
        (method.upper(), path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]

"""The gallery of components: for whoever develops, and nobody else."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.settings import Settings


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("development", "status"), [(True, 200), (False, 404)])
def test_only_while_developing(
    settings: Settings, database: Database, development: bool, status: int
) -> None:
    app = create_app(replace(settings, development=development), database=database)
    with TestClient(app, base_url=settings.base_url) as client:
        assert client.get("/organize/_components").status_code == status

"""The wheel carries everything: a page is rendered from an installed one."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys, warnings
import app
from starlette.testclient import TestClient
from app import schema_version
from app.certificates.designs import sample
from app.certificates.pdf import certificate_pdf
from app.certificates.values import Design
from app.db import Database
from app.main import create_app
from app.models import now
from app.services import demo
from app.settings import Settings
from app.web.templating import static_url

settings = Settings.from_environment({"CONVOCA_DATA_DIR": sys.argv[1]})
database = Database(settings.database_url)
schema_version.upgrade(database.engine)
with database.begin(writes=True) as db:
    demo.load(db, now(), organizer_email="organizer@example.org")
with TestClient(create_app(settings, database=database), base_url=settings.base_url) as client:
    page = client.get("/c/cluster-leaders/3?lang=pt")
    style = client.get(static_url("convoca.css"))
database.close()
certificate = certificate_pdf(
    sample("pt", cycle="Líderes"), Design(), "https://convoca.example.org/verify/0"
)
print(json.dumps({
    "from": app.__file__,
    "page": page.status_code,
    "portuguese": "Sessão 3" in page.text,
    "style": style.status_code,
    "certificate": certificate[:5].decode(),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_a_page_from_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path / "data")],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("CONVOCA_")}
        | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "from": str(installed / "app" / "__init__.py"),
        "page": 200,
        "portuguese": True,
        "style": 200,
        "certificate": "%PDF-",
    }


def test_the_wheel_has_every_file_that_is_not_python(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {
        *(f"app/bundled/{p.relative_to(ROOT)}" for p in (ROOT / "templates").rglob("*.*")),
        *(f"app/bundled/{p.relative_to(ROOT)}" for p in (ROOT / "migrations").rglob("*.py*")
          if "__pycache__" not in p.parts),
        *(str(p.relative_to(ROOT)) for p in (ROOT / "app/static").rglob("*.*")),
        *(str(p.relative_to(ROOT)) for p in (ROOT / "app/locale").rglob("*.po")),
        "app/demo/cycle.json",
    }  # fmt: skip
    assert sorted(wanted - names) == []

"""Where the files are that are not Python: beside the package in a checkout, in it in a wheel."""

from pathlib import Path

PACKAGE = Path(__file__).parent
_BUNDLED = PACKAGE / "bundled"
_BASE = _BUNDLED if _BUNDLED.is_dir() else PACKAGE.parent

TEMPLATES = _BASE / "templates"
MIGRATIONS = _BASE / "migrations"
DEMO_DATA = PACKAGE / "demo"
STATIC = PACKAGE / "static"

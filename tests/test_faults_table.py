"""docs/faults.md names every fault that is tested, and none that is not."""

import ast
import re

from tests.conftest import FAULTS
from tests.forks import ROOT


def there_are() -> set[str]:
    """The names of all tests of faults."""
    return {
        f"{path.name}::{item.name}"
        for path in FAULTS.glob("test_*.py")
        for item in ast.parse(path.read_text()).body
        if isinstance(item, ast.FunctionDef) and item.name.startswith("test_")
    }


def test_the_table_is_complete() -> None:
    rows = [row for row in (ROOT / "docs/faults.md").read_text().splitlines() if row[:2] == "| "]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
    assert [len(row) for row in cells] == [3] * len(cells)
    assert all(cell for row in cells for cell in row)
    named = [name for row in cells for name in re.findall(r"`(\w+\.py::\w+)`", row[2])]
    assert sorted(named) == sorted(there_are())


def test_each_says_what_it_did() -> None:
    for path in FAULTS.glob("test_*.py"):
        for item in ast.parse(path.read_text()).body:
            if isinstance(item, ast.FunctionDef) and item.name.startswith("test_"):
                calls = [n.func for n in ast.walk(item) if isinstance(n, ast.Call)]
                said = [c for c in calls if isinstance(c, ast.Name) and c.id == "did"]
                assert said, f"{path.name}::{item.name} says nothing"

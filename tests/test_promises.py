"""docs/security.md names tests; they are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = re.findall(
    r"^\| (?!promise|---)(.+?) \| (.+) \|$", (ROOT / "docs/security.md").read_text(), re.M
)


def test_there_are_promises() -> None:
    assert len(ROWS) > 50
    assert len({promise for promise, _ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("promise", "kept_by"), ROWS, ids=[row[0][:60] for row in ROWS])
def test_each_is_kept_by_a_test_that_is_there(promise: str, kept_by: str) -> None:
    named = re.findall(r"`(tests/[\w/.:]+)`", kept_by)
    assert named, promise
    for each in named:
        path, _, name = each.partition("::")
        text = (ROOT / path).read_text()
        assert f"def {name or 'test_'}" in text or (path.startswith("tests/checks/") and not name)

"""``convoca badge-key``: a new key signs, old ones stay."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from app.services.badge_keys import key_ring


def test_rotating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVOCA_DATA_DIR", str(tmp_path))
    run = CliRunner().invoke
    first = run(main, ["badge-key", "list"]).output.split()
    assert first[1:] == ["signs"]
    said = run(main, ["badge-key", "rotate"])
    assert said.exit_code == 0
    ring = key_ring(tmp_path / "badge-keys")
    assert f"  {ring.signing.id}\n" in said.output
    listed = run(main, ["badge-key", "list"]).output.splitlines()
    assert listed == [f"{ring.signing.id}  signs", f"{first[0]}  verifies"]


def test_a_setting_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVOCA_BASE_URL", "nonsense")
    said = CliRunner().invoke(main, ["badge-key", "list"])
    assert (said.exit_code, "CONVOCA_BASE_URL" in said.output) == (1, True)

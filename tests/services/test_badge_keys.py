"""The folder with keys: two processes agree, old keys stay, nobody else reads them."""

import threading
from pathlib import Path

import pytest

from app.certificates.keys import UnusableKey, new_key, read_key
from app.services import badge_keys
from app.services.badge_keys import add_key, key_ring
from app.settings import Settings


def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "badge-keys"
    made = key_ring(folder)
    assert [each.name for each in folder.iterdir()] == ["0001.pem"]
    assert key_ring(folder) == made
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "0001.pem").stat().st_mode & 0o777 == 0o600


def test_the_newest_signs_and_the_old_one_stays(tmp_path: Path) -> None:
    [first] = key_ring(tmp_path).keys
    ring = add_key(tmp_path)
    second, kept = ring.keys
    assert kept == first
    assert ring.signing == second
    assert second.id != first.id
    assert key_ring(tmp_path) == ring


def test_a_key_that_must_not_sign_again_is_still_published(tmp_path: Path) -> None:
    key_ring(tmp_path)
    second, first = add_key(tmp_path).keys
    path = tmp_path / "0002.pem"
    path.write_bytes(second.rsa.as_pem(private=False))
    ring = key_ring(tmp_path)
    assert [key.id for key in ring.keys] == [second.id, first.id]
    assert ring.signing.id == first.id


def test_a_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "0001.pem").write_text("hello")
    with pytest.raises(UnusableKey, match=r"0001\.pem"):
        key_ring(tmp_path)


def test_what_a_killed_process_left_is_no_key(tmp_path: Path) -> None:
    (tmp_path / ".0001.0123456789abcdef").write_text("half a k")
    [made] = key_ring(tmp_path).keys
    assert made.signs


def test_two_that_start_together_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=30)

    def together() -> bytes:
        pem = new_key()
        both.wait()  # each has seen that there is none, and has made one
        return pem

    monkeypatch.setattr(badge_keys, "new_key", together)
    rings: list[str] = []
    threads = [
        threading.Thread(target=lambda: rings.append(key_ring(tmp_path).signing.id))
        for _ in range(2)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    kept = read_key((tmp_path / "0001.pem").read_bytes())
    assert rings == [kept.id, kept.id]
    assert [each.name for each in tmp_path.iterdir()] == ["0001.pem"]


def test_where_they_are(tmp_path: Path) -> None:
    data = {"CONVOCA_DATA_DIR": str(tmp_path)}
    assert Settings.from_environment(data).badge_keys_dir == tmp_path / "badge-keys"
    other = data | {"CONVOCA_BADGE_KEYS": str(tmp_path / "elsewhere")}
    assert Settings.from_environment(other).badge_keys_dir == tmp_path / "elsewhere"

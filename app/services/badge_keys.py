"""The folder with the keys that sign badges: one file a key, numbered in the order of their making.

The newest private key signs. The public halves of all stay published, so that badges signed with
older ones can be verified: a file goes only when no badge of its key matters any more. Of a key
that must not sign again, because somebody may have got hold of it, the public half (`BEGIN PUBLIC
KEY`) may take the place of the private one in the same file.
"""

import os
import secrets
from pathlib import Path

from app.certificates.keys import BadgeKey, KeyRing, UnusableKey, new_key, read_key

_PATTERN = "[0-9]" * 4 + ".pem"


def key_ring(folder: Path) -> KeyRing:
    """The keys, the newest first. Where there is none, one is made with mode 0600; two processes
    that start together agree on it, since only one of them can create the file.

    Raises:
        UnusableKey: a file in it holds no key that we can use, or none of them signs.
    """
    if not _files(folder):
        _make(folder, 1)
    return KeyRing(tuple(_read(path) for path in reversed(_files(folder))))


def add_key(folder: Path) -> KeyRing:
    """A new key, which signs from now on, beside those that there are."""
    last = _files(folder)[-1:]
    _make(folder, int(last[0].stem) + 1 if last else 1)
    return key_ring(folder)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(_PATTERN))


def _read(path: Path) -> BadgeKey:
    try:
        return read_key(path.read_bytes())
    except UnusableKey as error:
        raise UnusableKey(f"{path}: {error}") from error


def _make(folder: Path, number: int) -> None:
    """Writes a key under this number, unless another process was faster; then theirs counts. It is
    on the disk before anything is signed with it: a badge cannot be signed again alike."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{number:04}.{secrets.token_hex(8)}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(new_key())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, folder / f"{number:04}.pem")
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    if os.name == "posix":  # elsewhere a folder cannot be opened
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


class Keys:
    """The folder as a process that serves it sees it: read anew when a file has come or changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: tuple[object, KeyRing] | None = None

    def ring(self) -> KeyRing:
        """The keys, as `key_ring`, and raises what that raises."""
        known = self._known
        seen = self._seen()
        if known is None or not seen or known[0] != seen:
            ring = key_ring(self._folder)
            self._known = known = (self._seen(), ring)
        return known[1]

    def _seen(self) -> tuple[object, ...]:
        found = ((path, path.stat()) for path in _files(self._folder))
        return tuple((path.name, each.st_mtime_ns, each.st_size) for path, each in found)

"""A small disk that is filled and emptied."""

import contextlib
import errno
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class SmallDisk:
    """A file system in memory, of some megabytes."""

    folder: Path

    @property
    def _ballast(self) -> Path:
        return self.folder / ".ballast"

    def fill(self, leave: int = 0) -> None:
        """Until no more than so many bytes are left: none at all, or as many."""
        room = shutil.disk_usage(self.folder).free - leave
        handle = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            while room > 0:
                room -= os.write(handle, bytes(min(room, 1 << 20)))
        except OSError as error:  # others write as well
            if error.errno != errno.ENOSPC:
                raise
        finally:
            os.close(handle)
        assert leave or shutil.disk_usage(self.folder).free == 0

    def empty(self) -> None:
        """There is room again."""
        self._ballast.unlink()

    def read_only(self, yes: bool) -> None:
        """Nothing can be written to it, or it can again."""
        how = "ro" if yes else "rw"
        command = ["mount", "-o", f"remount,{how}", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)

    def give_to(self, user: str) -> Path:
        """A folder on it that belongs to this user."""
        folder = self.folder / "theirs"
        folder.mkdir()
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        return folder


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mounts it at a folder. Only root can: elsewhere the test is left out, loudly."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small disk, which only root can mount ({done.stderr.strip()})")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)

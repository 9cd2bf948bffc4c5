"""The key that signs links: from the setting, else made once and kept beside the data."""

import os
import secrets
from pathlib import Path

from app.domain.errors import DomainError

SHORTEST = 16
"""Characters. What is shorter has been cut off, and could be guessed."""


class UnusableKey(DomainError):
    """The file of the key is not as we made it. The text says what to do; it is for whoever runs
    the command."""

    code = "unusable_key"


def path_of_key(data_dir: Path) -> Path:
    """Where it is kept."""
    return data_dir / "secret.key"


def secret_key(setting: str, data_dir: Path) -> str:
    """The key. Made with mode 0600 where there is none; two processes that start together agree,
    since only one of them can create the file, which is there whole or not at all.

    Raises UnusableKey: it cannot be made or read, or is none.
    """
    if setting:
        return setting
    path = path_of_key(data_dir)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        key = path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        key = ""
    except OSError as error:
        raise UnusableKey(
            f"{path}, which signs the links in mails, cannot be used ({error.strerror}). Give it "
            "to the user that runs Convoca, or make room on its disk."
        ) from error
    if len(key) < SHORTEST or not key.isprintable():
        raise UnusableKey(
            f"{path}, which signs the links in mails, is damaged. Put back the copy from your "
            "backup. Without one delete it: a new one is made, and all links that were mailed "
            "stop working."
        )
    return key


def _make(path: Path) -> None:
    draft = path.with_name(f".secret.key.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())  # a power cut must not leave an empty one
        os.link(draft, path)  # fails if another was faster; then theirs counts
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)

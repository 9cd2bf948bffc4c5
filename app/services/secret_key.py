"""The key that signs links: from the setting, else made once and kept beside the data."""

import os
import secrets
from pathlib import Path


def secret_key(setting: str, data_dir: Path) -> str:
    """The key. Made with mode 0600 where there is none; two processes that start together agree,
    since only one of them can create the file."""
    if setting:
        return setting
    path = data_dir / "secret.key"
    data_dir.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = data_dir / f".secret.key.{os.getpid()}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # fails if another was faster; then theirs counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()

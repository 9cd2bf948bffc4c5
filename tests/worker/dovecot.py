"""A real IMAP server for tests: Dovecot of this machine, whose users have a Maildir each."""

import base64
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from urllib.parse import quote

BINARY = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
USERS = 64
PASSWORD = 'p@ss: "wörd\\'
_numbers = count()


@dataclass
class Dovecot:
    """The server, for one of its users. `deliver` puts a mail into the mailbox as a mail server
    would."""

    port: int
    tls_port: int
    folder: Path
    owner: tuple[int, int]
    number: int = 0

    @property
    def user(self) -> str:
        """Who reads the mailbox."""
        return f"convoca{self.number}@example.org"

    @property
    def maildir(self) -> Path:
        """The mailbox."""
        return self.folder / f"mail{self.number}"

    def another(self) -> "Dovecot":
        """The same server for the next user, whose mailbox is empty."""
        found = replace(self, number=self.number + 1)
        found.make_mailbox()
        return found

    def make_mailbox(self) -> None:
        """An empty one."""
        for path in (self.maildir, *(self.maildir / n for n in ("cur", "new", "tmp"))):
            path.mkdir(mode=0o700)
            self._give(path)

    def url(self, scheme: str = "imap", password: str = PASSWORD, folder: str = "") -> str:
        port = self.tls_port if scheme == "imaps" else self.port
        host = "localhost" if scheme != "imap" else "127.0.0.1"
        secret = f"{quote(self.user, safe='')}:{quote(password, safe='')}"
        return f"{scheme}://{secret}@{host}:{port}" + (f"/{quote(folder)}" if folder else "")

    def deliver(self, raw: bytes) -> None:
        name = f"{int(time.time())}.M{next(_numbers):06}P{os.getpid()}.test"
        draft, new = self.maildir / "tmp" / name, self.maildir / "new" / name
        draft.write_bytes(raw)
        self._give(draft)
        draft.rename(new)

    def seen(self) -> list[bool]:
        """Of each mail in the order in which they came, whether it is marked as seen."""
        files = [*(self.maildir / "cur").iterdir(), *(self.maildir / "new").iterdir()]
        named = sorted(path.name.partition(":2,")[::2] for path in files)
        return ["S" in flags for _, flags in named]

    def _give(self, path: Path) -> None:
        if os.getuid() == 0:
            os.chown(path, *self.owner)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _config(folder: Path, server: Dovecot, tls: tuple[Path, Path] | None) -> str:
    me = pwd.getpwuid(os.getuid()).pw_name
    # As root it gives up its rights by itself, to users that its package has made.
    internal, login = ("dovecot", "dovenull") if os.getuid() == 0 else (me, me)
    group = "" if os.getuid() == 0 else f"default_internal_group = {os.getgid()}"
    uid, gid = server.owner
    encryption = (
        f"ssl = yes\nssl_cert = <{tls[0]}\nssl_key = <{tls[1]}\nssl_dh =" if tls else "ssl = no"
    )
    users = folder / "users"
    coded = base64.b64encode(PASSWORD.encode()).decode()
    everybody = [replace(server, number=n) for n in range(USERS)]
    rows = (f"{u.user}:{{PLAIN.b64}}{coded}:{uid}:{gid}::{u.maildir}::\n" for u in everybody)
    users.write_text("".join(rows))
    users.chmod(0o644)
    return f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
disable_plaintext_auth = no
auth_mechanisms = plain
default_internal_user = {internal}
default_login_user = {login}
{group}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:%h
{encryption}
passdb {{
  driver = passwd-file
  args = username_format=%u {users}
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {users}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {server.port}
  }}
  inet_listener imaps {{
    port = {server.tls_port if tls else 0}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@contextmanager
def dovecot(tls: tuple[Path, Path] | None = None) -> Iterator[Dovecot]:
    """The server, as long as this is open. `tls`: certificate and key."""
    assert BINARY
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True)
    assert re.match(r"2\.3\.", version.stdout), f"its settings are for 2.3, not {version.stdout}"
    with tempfile.TemporaryDirectory(prefix="convoca-imap-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, it reads mails as another user
        nobody = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        server = Dovecot(_free_port(), _free_port(), folder, (nobody.pw_uid, nobody.pw_gid))
        server.make_mailbox()
        config = folder / "dovecot.conf"
        config.write_text(_config(folder, server, tls))
        process = subprocess.Popen(
            [BINARY, "-F", "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            _wait(server.port, process, folder)
            yield server
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _wait(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as line:
                line.settimeout(5)
                if line.recv(100).startswith(b"* OK"):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    process.kill()
    said = process.communicate()[0].decode()
    log = folder / "dovecot.log"
    raise RuntimeError(f"Dovecot did not start: {said} {log.read_text() if log.exists() else ''}")

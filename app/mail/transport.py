"""Ways for a mail to go: to an SMTP server, or into a folder where no server is set."""

import contextlib
import os
import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from app.mail.addresses import ascii_domain
from app.mail.conversation import Conversation, Refusal
from app.mail.dialling import Server, dial
from app.mail.failures import Reason, SendError
from app.mail.values import Mail
from app.mail.wire import Hook, never, nothing

TIMEOUT = 20.0  # seconds for each step of the conversation
_TOGETHER = 2  # so many times that for one mail as a whole, and for making a connection
_PATIENCE = 2.0  # seconds after which an answer is late
_PORTS: Mapping[str, int] = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_OUR_FAULT = frozenset({530, 534, 535, 538})  # RFC 4954: we are not, or not rightly, signed in
_FINAL = 500
_GOODBYE = 421
_TOO_LARGE = 552  # RFC 1870, to MAIL; to RCPT and after the text it is a mailbox that is full
_IS_TOO_LARGE = re.compile(r"5\d\d 5\.(3\.4|2\.3)\b")
_STATUS = re.compile(r"5\d\d 5\.(\d{1,3})\.\d{1,3}\b")
_LONGEST_DETAIL = 300


class Transport(Protocol):
    """A way for mails to go. Used by one thread at a time."""

    def send(
        self,
        mail: Mail,
        *,
        name: str,
        sender: str,
        recipient: str,
        meanwhile: Hook = nothing,
        slow: Hook = nothing,
    ) -> None:
        """Sends one mail from one address to one. `name` is its row's id. Raises SendError.

        `meanwhile` may be called once while the answer is awaited, `slow` when it is late.
        """

    def announce(self, mail: Mail, *, sender: str, recipient: str) -> None:
        """Says what the next `send` is going to be, if that saves time. If it is another one after
        all, or none, nothing of this mail has gone."""

    def open(self, stopped: Callable[[], bool] = never) -> None:
        """Makes the connection if there is none; `send` would do so too. `stopped` is asked while
        that takes its time, and ends it. Raises SendError."""

    def close(self) -> None:
        """Lets go of the connection; the next `send` makes a new one."""


def transport_for(
    smtp_url: str, mail_dir: Path, *, hello: str = "localhost", timeout: float = TIMEOUT
) -> Transport:
    """SMTP for ``smtp://``, ``smtps://`` and ``smtp+starttls://`` (``user:password@host:port``),
    files in `mail_dir` where the address is empty. `hello` is the name we greet with, `timeout`
    counts for each answer, in seconds."""
    if not smtp_url:
        return FileTransport(mail_dir)
    return SmtpTransport(smtp_url, hello=hello, timeout=timeout)


def server_of(smtp_url: str) -> str:
    """Host and port, which limits of pace count for; empty where mails become files."""
    parts = urlsplit(smtp_url)
    return f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}" if smtp_url else ""


class FileTransport:
    """Writes each mail to ``<id>.eml`` in a folder, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def announce(self, mail: Mail, *, sender: str, recipient: str) -> None:
        """Saves no time."""

    def open(self, stopped: Callable[[], bool] = never) -> None:
        """Nothing is held."""

    def send(
        self,
        mail: Mail,
        *,
        name: str,
        sender: str,  # noqa: ARG002
        recipient: str,  # noqa: ARG002
        meanwhile: Hook = nothing,  # noqa: ARG002
        slow: Hook = nothing,  # noqa: ARG002
    ) -> None:
        """Writes the file; the same name again replaces it."""
        draft = self.folder / f".{name}.{secrets.token_hex(4)}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(mail.raw)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.folder / f"{name}.eml")
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise SendError(Reason.FILE, error.strerror or "", connection=True) from error

    def close(self) -> None:
        """Nothing is held."""


class SmtpTransport:
    """Speaks to one SMTP server and keeps the connection while there is more to send."""

    def __init__(
        self,
        url: str,
        *,
        hello: str = "localhost",
        timeout: float = TIMEOUT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("the address of the mail server must be like smtps://host:port")
        self._server = Server(
            scheme=parts.scheme,
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            hello=hello,
            tls=tls or ssl.create_default_context(),
        )
        self._timeout = timeout
        self._line: Conversation | None = None

    def send(
        self,
        mail: Mail,
        *,
        name: str,  # noqa: ARG002
        sender: str,
        recipient: str,
        meanwhile: Hook = nothing,
        slow: Hook = nothing,
    ) -> None:
        """Hands one mail over. What the server takes it answers for.

        Raises SendError: ``connection`` where the server cannot be spoken to, ``final`` where it
        refuses this mail for good (5xx); everything else may be tried again.
        """
        sender, recipient = _envelope(sender), _envelope(recipient)
        line = self._line
        if line is None or line.announced != (mail, sender, recipient):
            line = self._ready()
        if not line.smtputf8 and not _is_plain(mail, recipient):
            raise SendError(Reason.ADDRESS, final=True)
        try:
            line.deliver(mail, sender, recipient, meanwhile=meanwhile, slow=slow)
        except Refusal as error:
            raise self._answer(error) from error
        except OSError as error:
            self.close()
            reason = Reason.TIMEOUT if isinstance(error, TimeoutError) else Reason.DROPPED
            raise SendError(reason, connection=True) from error

    def announce(self, mail: Mail, *, sender: str, recipient: str) -> None:
        """Begins the next mail where the server takes commands ahead; nothing is raised."""
        line = self._line
        with contextlib.suppress(SendError):
            sender, recipient = _envelope(sender), _envelope(recipient)
            if line is not None and line.open and (line.smtputf8 or _is_plain(mail, recipient)):
                line.announce(mail, sender, recipient)

    def greet(self) -> None:
        """Connects and signs in, for whoever asks whether that works. Raises SendError."""
        self.open()
        self.close()

    def open(self, stopped: Callable[[], bool] = never) -> None:
        """Connects, greets, encrypts and signs in, unless that has been done."""
        if self._line is None or not self._line.announced:
            self._ready(stopped)

    def _ready(self, stopped: Callable[[], bool] = never) -> Conversation:
        if self._line is None or self._line.announced or not self._line.idle():
            self.close()
            wire, extensions = dial(
                self._server,
                timeout=self._timeout,
                together=self._timeout * _TOGETHER,
                said=self._said,
                stopped=stopped,
            )
            self._line = Conversation(
                wire,
                extensions=extensions,
                together=self._timeout * _TOGETHER,
                patience=_PATIENCE,
            )
        return self._line

    def _answer(self, refusal: Refusal) -> SendError:
        code, said = refusal.code, self._said(refusal.code, refusal.text)
        if code in _OUR_FAULT:
            return SendError(Reason.LOGIN, str(code))
        if code < _FINAL:
            # Goodbye is said to us, and not because of this mail.
            return SendError(Reason.DELAYED, said, connection=code == _GOODBYE)
        if (code == _TOO_LARGE and refusal.sender) or _IS_TOO_LARGE.match(said):
            return SendError(Reason.SIZE, said, final=True)
        if refusal.sender:
            # Of the settings, not of this mail: so no mail is lost by it.
            return SendError(Reason.SENDER, said)
        return SendError(Reason.REFUSED, said, final=True, general=_is_general(refusal, said))

    def _said(self, code: int, text: bytes) -> str:
        """A reply as one line, without our password should the server repeat it."""
        words = text.decode("utf-8", "replace")
        line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
        if self._server.password:
            line = line.replace(self._server.password, "…")
        return f"{code} {line}"[:_LONGEST_DETAIL].strip()

    def close(self) -> None:
        """Says goodbye, if there is somebody to say it to."""
        line, self._line = self._line, None
        if line is not None:
            line.quit()


def _is_plain(mail: Mail, recipient: str) -> bool:
    """Whether every server can take it."""
    return not mail.utf8 and recipient.isascii()


def _is_general(refusal: Refusal, said: str) -> bool:
    """Whether it need not be about this recipient: a quota, a rule, a fault of the server's (RFC
    3463: 1 is about addresses, 2 about mailboxes)."""
    status = _STATUS.match(said)
    return status[1] not in "12" if status else not refusal.recipient


def _envelope(address: str) -> str:
    """The address as it goes over the wire: domain in ASCII, no control characters."""
    try:
        return ascii_domain(address)
    except ValueError as error:
        raise SendError(Reason.ADDRESS, final=True) from error

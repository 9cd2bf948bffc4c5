"""The mailbox that answers arrive in, over IMAP (RFC 9051): reads, marks, never deletes.

What was read has a keyword of ours where the folder takes keywords, so that it is no loss if
somebody has opened an answer in a mail program before; else being seen has to do.
"""

import base64
import contextlib
import imaplib
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from app.mail.inbound import LIMIT

TIMEOUT = 20.0  # seconds for each answer of the server
_PORTS: Mapping[str, int] = {"imap": 143, "imaps": 993, "imap+starttls": 143}
_LONGEST_DETAIL = 200
_KEYWORD = "$Convoca"
_LOOK_BACK = timedelta(days=30)  # what was seen before and has no keyword is an archive's
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class MailboxError(RuntimeError):
    """The mailbox cannot be read; the words hold nothing secret."""


class Refused(MailboxError):
    """The server does not do one thing, and the conversation goes on."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail in the mailbox: all of it, or its beginning where it is larger than we read."""

    uid: int
    size: int
    raw: bytes


class Mailbox:
    """One conversation with the mailbox at ``imaps://user:password@host:port/Folder`` (also
    ``imap://``, ``imap+starttls://``; the folder is INBOX unless it is said).

    Every method raises MailboxError.
    """

    def __init__(
        self, url: str, *, timeout: float = TIMEOUT, tls: ssl.SSLContext | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("the address of the mailbox must be like imaps://user:password@host")
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._folder = unquote(parts.path.strip("/")) or "INBOX"
        self._timeout = timeout
        self._tls = tls
        self._imap: imaplib.IMAP4 | None = None
        self.read_only = False
        """Whether nothing can be marked in the folder, known once it is open."""
        self._keyword = False
        self._folder_said: dict[str, list[Any]] = {}

    def __enter__(self) -> "Mailbox":
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, *, readonly: bool = False) -> None:
        """Connects, signs in and opens the folder; `readonly` changes nothing there."""
        try:
            self._connect()
            self._sign_in()
            self._select(readonly)
        except MailboxError:
            self.close()
            raise

    @property
    def identity(self) -> str:
        """What UIDs belong to: the folder, and its UIDVALIDITY (RFC 9051, 2.3.1.1)."""
        return f"{self._host}/{self._folder}:{self._told('UIDVALIDITY')}"

    @property
    def marks(self) -> str:
        """How a mail that was read is told from one that was not."""
        return f"the keyword {_KEYWORD}" if self._keyword else r"\Seen"

    def unseen(self) -> list[int]:
        """The UIDs of the mails that were not read here, in the order in which they came. Where
        there are keywords, also of those that somebody has seen in the last 30 days."""
        wanted = "UNSEEN"
        if self._keyword:
            since = datetime.now(UTC) - _LOOK_BACK
            day = f"{since.day}-{_MONTHS[since.month - 1]}-{since.year}"
            wanted = f"UNKEYWORD {_KEYWORD} OR UNSEEN SINCE {day}"
        [found, *_] = self._do(lambda imap: imap.uid("SEARCH", wanted)) or [b""]
        return sorted(int(uid) for uid in (found or b"").split() if uid.isdigit())

    def fetch(self, uid: int) -> Arrived | None:
        """One mail, which stays as it is; None if it has gone in the meantime. Raises Refused too,
        if the server cannot hand it over."""
        answer = self._do(lambda imap: imap.uid("FETCH", str(uid), "(RFC822.SIZE)"))
        sizes = [re.search(rb"RFC822\.SIZE (\d+)", _line(each)) for each in answer]
        size = next((int(match[1]) for match in sizes if match), None)
        if size is None:
            return None
        what = f"BODY.PEEK[]<0.{LIMIT + 1}>"
        answer = self._do(lambda imap: imap.uid("FETCH", str(uid), f"({what})"))
        raw = next((each[1] for each in answer if isinstance(each, tuple)), None)
        if raw is None:
            raise Refused("the server says nothing of it")
        return Arrived(uid, max(size, len(raw)), raw)

    def mark_seen(self, uid: int) -> None:
        """So that it is not read again. Raises Refused too, where that cannot be marked."""
        flags = rf"({_KEYWORD} \Seen)" if self._keyword else r"(\Seen)"
        self._do(lambda imap: imap.uid("STORE", str(uid), "+FLAGS.SILENT", flags))

    def close(self) -> None:
        """Says goodbye. Raises nothing."""
        imap, self._imap = self._imap, None
        if imap is not None:
            with contextlib.suppress(Exception):
                imap.logout()
            with contextlib.suppress(Exception):
                imap.shutdown()

    def _select(self, readonly: bool) -> None:
        name = _quoted(self._folder)
        try:
            self._do(lambda imap: imap.select(name, readonly))
        except MailboxError as error:
            if not isinstance(error.__cause__, imaplib.IMAP4.readonly):
                raise
            self.read_only = True
            self._do(lambda imap: imap.select(name, readonly=True))
        taken = self._told("PERMANENTFLAGS")
        self._keyword = not self.read_only and (r"\*" in taken or _KEYWORD in taken)

    def _told(self, what: str) -> str:
        """What the server has said of the folder when it was opened."""
        if self._imap is None:
            return ""
        found = self._folder_said.setdefault(what, self._imap.response(what)[1] or [b""])
        return _line(found[-1]).decode("ascii", "replace")

    def _connect(self) -> None:
        tls = None
        if self._scheme != "imap":
            tls = self._tls or ssl.create_default_context()
        try:
            if self._scheme == "imaps":
                self._imap = imaplib.IMAP4_SSL(
                    self._host, self._port, ssl_context=tls, timeout=self._timeout
                )
            else:
                self._imap = imaplib.IMAP4(self._host, self._port, timeout=self._timeout)
            if self._scheme == "imap+starttls":
                self._imap.starttls(tls)
        except ssl.SSLCertVerificationError as error:
            raise MailboxError(f"its certificate is not right: {error.verify_message}") from error
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxError(f"it cannot be reached: {self._said(error)}") from error

    def _sign_in(self) -> None:
        """By AUTHENTICATE PLAIN where the server has it: it takes every character."""
        assert self._imap is not None
        secret = f"\0{self._user}\0{self._password}".encode()
        try:
            if "AUTH=PLAIN" in self._imap.capabilities:
                self._imap.authenticate("PLAIN", lambda _: secret)
            else:
                self._imap._simple_command(  # its `login` quotes half
                    "LOGIN", _quoted(self._user), _quoted(self._password)
                )
                self._imap.state = "AUTH"
        except Exception as error:
            # What the server says here may repeat what it was given.
            raise MailboxError("it does not accept our user and password") from error

    def _do(self, command: Callable[[imaplib.IMAP4], tuple[str, Any]]) -> list[Any]:
        assert self._imap is not None
        try:
            status, answer = command(self._imap)
        except Exception as error:  # imaplib lets through what its own parsing stumbles over
            # BAD, or what it does not understand; `abort` says that the line is lost.
            goes_on = isinstance(error, imaplib.IMAP4.error)
            goes_on = goes_on and not isinstance(error, imaplib.IMAP4.abort)
            raise (Refused if goes_on else MailboxError)(self._said(error)) from error
        if status != "OK":
            raise Refused(self._said(_line(answer[0] if answer else b"")))
        return list(answer or [])

    def _said(self, words: object) -> str:
        text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        for secret in (self._password, base64.b64encode(self._password.encode()).decode()):
            line = line.replace(secret, "…") if secret else line
        return line[:_LONGEST_DETAIL] or type(words).__name__


def _line(answer: Any) -> bytes:
    found = answer[0] if isinstance(answer, tuple) else answer
    return found if isinstance(found, bytes) else b""


def _quoted(text: str) -> str:
    """A quoted string, in IMAP's own UTF-7 where it goes beyond ASCII (RFC 3501, 5.1.3)."""
    if not text.isascii():
        text = re.sub(r"[^\x20-\x7e]+|&", _utf_7, text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _utf_7(match: re.Match[str]) -> str:
    if match[0] == "&":
        return "&-"
    coded = base64.b64encode(match[0].encode("utf-16-be")).decode()
    return f"&{coded.rstrip('=').replace('/', ',')}-"

"""Ways for a mail to go: to an SMTP server, or into a folder where no server is set."""

import contextlib
import os
import secrets
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from app.mail.addresses import ascii_domain
from app.mail.failures import Reason, SendError

TIMEOUT = 30.0  # seconds for each step of the conversation
_PORTS: Mapping[str, int] = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_OUR_FAULT = frozenset({530, 534, 535, 538})  # RFC 4954: we are not, or not rightly, signed in
_FINAL = 500
_LONGEST_DETAIL = 300


class Transport(Protocol):
    """A way for mails to go. Used by one thread at a time."""

    def send(self, message: EmailMessage, *, name: str, sender: str, recipient: str) -> None:
        """Sends one mail from one address to one. `name` is its row's id. Raises SendError."""

    def close(self) -> None:
        """Lets go of the connection; the next `send` makes a new one."""


def transport_for(smtp_url: str, mail_dir: Path, *, hello: str = "localhost") -> Transport:
    """SMTP for ``smtp://``, ``smtps://`` and ``smtp+starttls://`` (``user:password@host:port``),
    files in `mail_dir` where the address is empty. `hello` is the name we greet with."""
    return SmtpTransport(smtp_url, hello=hello) if smtp_url else FileTransport(mail_dir)


class FileTransport:
    """Writes each mail to ``<id>.eml`` in a folder, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, message: EmailMessage, *, name: str, sender: str, recipient: str) -> None:  # noqa: ARG002
        """Writes the file; the same name again replaces it."""
        draft = self.folder / f".{name}.{secrets.token_hex(4)}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(message.as_bytes())
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
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._hello = hello
        self._timeout = timeout
        self._tls = tls or ssl.create_default_context()
        self._smtp: smtplib.SMTP | None = None

    def send(self, message: EmailMessage, *, name: str, sender: str, recipient: str) -> None:  # noqa: ARG002
        """Hands one mail over. What the server takes it answers for.

        Raises SendError: ``connection`` where the server cannot be spoken to, ``final`` where it
        refuses this mail for good (5xx); everything else may be tried again.
        """
        smtp = self._connection()
        try:
            self._hand_over(smtp, message, sender, recipient)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise self._answer(code, text) from error
        except smtplib.SMTPSenderRefused as error:
            # Of the settings, not of this mail: so no mail is lost by it.
            raise SendError(Reason.SENDER, self._said(error.smtp_code, error.smtp_error)) from error
        except smtplib.SMTPDataError as error:
            raise self._answer(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            reason = Reason.TIMEOUT if _took_too_long(error) else Reason.DROPPED
            raise SendError(reason, connection=True) from error

    def greet(self) -> None:
        """Connects and signs in, for whoever asks whether that works. Raises SendError."""
        self._connection()
        self.close()

    def _hand_over(
        self, smtp: smtplib.SMTP, message: EmailMessage, sender: str, recipient: str
    ) -> None:
        options = []
        sender, recipient = _envelope(sender), _envelope(recipient)
        if not recipient.isascii():
            if not smtp.has_extn("smtputf8"):
                raise SendError(Reason.ADDRESS, final=True)
            options = ["SMTPUTF8", "BODY=8BITMIME"]
        smtp.sendmail(sender, [recipient], message.as_bytes(), mail_options=options)

    def _connection(self) -> smtplib.SMTP:
        if self._smtp is not None:
            try:
                if self._smtp.noop()[0] == 250:
                    return self._smtp
            except (OSError, smtplib.SMTPException):
                pass  # it has ended in the meantime: a new one
            self.close()
        self._smtp = self._connect()
        return self._smtp

    def _connect(self) -> smtplib.SMTP:
        smtp: smtplib.SMTP | None = None
        try:
            if self._scheme == "smtps":
                smtp = smtplib.SMTP_SSL(
                    self._host,
                    self._port,
                    local_hostname=self._hello,
                    timeout=self._timeout,
                    context=self._tls,
                )
            else:
                smtp = smtplib.SMTP(
                    self._host, self._port, local_hostname=self._hello, timeout=self._timeout
                )
            smtp.ehlo_or_helo_if_needed()
            if self._scheme == "smtp+starttls":
                smtp.starttls(context=self._tls)
                smtp.ehlo_or_helo_if_needed()
            if self._user:
                smtp.login(self._user, self._password)
        except Exception as error:
            if smtp is not None:
                smtp.close()
            raise self._no_connection(error) from error
        return smtp

    def _no_connection(self, error: Exception) -> SendError:
        match error:
            case smtplib.SMTPAuthenticationError():
                # What the server says here may repeat what it was given.
                return SendError(Reason.LOGIN, str(error.smtp_code), connection=True)
            case ssl.SSLCertVerificationError():
                return SendError(Reason.NO_TLS, error.verify_message, connection=True)
            case ssl.SSLError() | smtplib.SMTPNotSupportedError():
                return SendError(Reason.NO_TLS, connection=True)
            case smtplib.SMTPResponseException():
                said = self._said(error.smtp_code, error.smtp_error)
                return SendError(Reason.UNREACHABLE, said, connection=True)
            case _ if _took_too_long(error):
                return SendError(Reason.TIMEOUT, connection=True)
            case OSError() | smtplib.SMTPException():
                detail = (error.strerror or "") if isinstance(error, OSError) else ""
                return SendError(Reason.UNREACHABLE, detail, connection=True)
        raise error

    def _answer(self, code: int, text: bytes | str) -> SendError:
        said = self._said(code, text)
        if code in _OUR_FAULT:
            return SendError(Reason.LOGIN, str(code))
        if code < _FINAL:
            return SendError(Reason.DELAYED, said)
        return SendError(Reason.REFUSED, said, final=True)

    def _said(self, code: int, text: bytes | str) -> str:
        """A reply as one line, without our password should the server repeat it."""
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
        if self._password:
            line = line.replace(self._password, "…")
        return f"{code} {line}"[:_LONGEST_DETAIL].strip()

    def close(self) -> None:
        """Says goodbye, if there is somebody to say it to."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        try:
            if smtp.sock is not None:
                smtp.sock.settimeout(min(2.0, self._timeout))
            smtp.quit()
        except (OSError, smtplib.SMTPException, ValueError):
            smtp.close()


def _took_too_long(error: Exception) -> bool:
    """smtplib says "disconnected" for that too; what happened stands behind it."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _envelope(address: str) -> str:
    """The address as it goes over the wire: domain in ASCII, no control characters."""
    try:
        return ascii_domain(address)
    except ValueError as error:
        raise SendError(Reason.ADDRESS, final=True) from error

"""Making a connection to an SMTP server that is ready for mails: connecting, greeting, encrypting,
signing in; all within one deadline, and until somebody says stop.

After RFC 5321 (greeting), RFC 3207 (STARTTLS), RFC 4954 (AUTH) with PLAIN (RFC 4616), LOGIN and
CRAM-MD5 (RFC 2195). Names and passwords go as UTF-8.
"""

import base64
import errno
import hmac
import os
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.mail.failures import Reason, SendError
from app.mail.wire import Stopped, Wire, never

_READY, _DONE, _SIGNED_IN, _ALREADY, _TELL_ME = 220, 250, 235, 503, 334
_GOODBYE = 421
_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)

Extensions = dict[str, str]
"""What follows each keyword of the answer to EHLO, both in small letters."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect to and as whom. `scheme`: smtp, smtps or smtp+starttls."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    hello: str  # the name that we greet with
    tls: ssl.SSLContext


class _Said(Exception):
    """A reply that is not the one that was hoped for."""

    def __init__(self, code: int, lines: list[bytes]) -> None:
        super().__init__(code, lines)
        self.code = code
        self.text = b" ".join(lines)


class _NotSignedIn(_Said):
    """What was said to user and password."""


class _NoTls(Exception):
    """The server offers no encryption, or no way to sign in without."""


def dial(
    server: Server,
    *,
    timeout: float,
    together: float,
    said: Callable[[int, bytes], str],
    stopped: Callable[[], bool] = never,
) -> tuple[Wire, frozenset[str]]:
    """A connection that is ready for mails, and the keywords of the server's extensions in small
    letters. `timeout`: seconds for each answer; `together`: for all. `said` makes a line that may
    be shown of a reply.

    Raises SendError with ``connection``.
    """
    ends = time.monotonic() + together
    try:
        wire = _connected(server, timeout, ends, stopped)
        try:
            return wire, frozenset(_made_ready(wire, server))
        except BaseException:
            wire.close()
            raise
    except Exception as error:
        raise _in_words(error, said) from error


def _connected(server: Server, timeout: float, ends: float, stopped: Callable[[], bool]) -> Wire:
    """The first of the host's addresses that answers."""
    found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    failed: OSError = TimeoutError()
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        wire = Wire(sock, timeout=timeout)
        wire.begin(ends - time.monotonic(), stopped=stopped)
        try:
            code = sock.connect_ex(address)
            if code not in _UNDER_WAY:
                raise OSError(code, os.strerror(code))
            wire.connected()
        except Stopped:
            wire.close()
            raise
        except OSError as error:
            wire.close()
            failed = error
        else:
            return wire
    raise failed


def _made_ready(wire: Wire, server: Server) -> Extensions:
    if server.scheme == "smtps":
        wire.encrypt(server.tls, server.host)
    _expect(wire, _READY)
    offers = _greet(wire, server.hello)
    if server.scheme == "smtp+starttls":
        if "starttls" not in offers:
            raise _NoTls
        _ask(wire, b"STARTTLS", _READY)
        wire.encrypt(server.tls, server.host)
        offers = _greet(wire, server.hello)
    if server.user:
        _sign_in(wire, server, offers)
    return offers


def _greet(wire: Wire, hello: str) -> Extensions:
    wire.write(f"ehlo {hello}\r\n".encode())
    code, lines = wire.reply()
    if code == _GOODBYE:
        raise _Said(code, lines)
    if code != _DONE:
        _ask(wire, f"helo {hello}".encode(), _DONE)
        return {}
    offers: Extensions = {}
    for line in lines[1:]:
        # Old servers write AUTH=LOGIN too.
        words = line.decode("ascii", "replace").lower().replace("auth=", "auth ").split()
        if words:
            before = offers.get(words[0], "")
            offers[words[0]] = " ".join([before, *words[1:]]).strip()
    return offers


def _sign_in(wire: Wire, server: Server, offers: Extensions) -> None:
    """In one of the ways that the server offers; where it refuses one, the next."""
    if "auth" not in offers:
        raise _NoTls
    ways = {"plain": _plain, "login": _login, "cram-md5": _cram_md5}
    order = list(ways) if wire.encrypted else ["cram-md5", "plain", "login"]
    refused: _NotSignedIn | None = None
    for way in order:
        if way in offers["auth"].split():
            try:
                ways[way](wire, server.user.encode(), server.password.encode())
            except _NotSignedIn as error:
                refused = error
            else:
                return
    raise refused or _NoTls


def _plain(wire: Wire, user: bytes, password: bytes) -> None:
    _signed_in(_say(wire, b"AUTH PLAIN " + base64.b64encode(b"\0" + user + b"\0" + password)))


def _login(wire: Wire, user: bytes, password: bytes) -> None:
    code, lines = _say(wire, b"AUTH LOGIN " + base64.b64encode(user))
    if code == _TELL_ME:
        code, lines = _say(wire, base64.b64encode(password))
    _signed_in((code, lines))


def _cram_md5(wire: Wire, user: bytes, password: bytes) -> None:
    code, lines = _say(wire, b"AUTH CRAM-MD5")
    if code == _TELL_ME:
        challenge = base64.b64decode(b"".join(lines))
        digest = hmac.digest(password, challenge, "md5").hex().encode()
        code, lines = _say(wire, base64.b64encode(user + b" " + digest))
    _signed_in((code, lines))


def _signed_in(reply: tuple[int, list[bytes]]) -> None:
    if reply[0] not in (_SIGNED_IN, _ALREADY):
        raise _NotSignedIn(*reply)


def _say(wire: Wire, command: bytes) -> tuple[int, list[bytes]]:
    wire.write(command + b"\r\n")
    return wire.reply()


def _ask(wire: Wire, command: bytes, code: int) -> None:
    wire.write(command + b"\r\n")
    _expect(wire, code)


def _expect(wire: Wire, code: int) -> None:
    got, lines = wire.reply()
    if got != code:
        raise _Said(got, lines)


def _in_words(error: Exception, said: Callable[[int, bytes], str]) -> SendError:
    match error:
        case _NotSignedIn():
            # What the server says here may repeat what it was given.
            return SendError(Reason.LOGIN, str(error.code), connection=True)
        case _Said():
            return SendError(Reason.UNREACHABLE, said(error.code, error.text), connection=True)
        case ssl.SSLCertVerificationError():
            return SendError(Reason.NO_TLS, error.verify_message, connection=True)
        case _NoTls() | ssl.SSLError():
            return SendError(Reason.NO_TLS, connection=True)
        case TimeoutError():
            return SendError(Reason.TIMEOUT, connection=True)
        case OSError():
            return SendError(Reason.UNREACHABLE, error.strerror or "", connection=True)
        case ValueError():
            # UnicodeError: a name that no host can have. Else a challenge that is none.
            detail = "not a host name" if isinstance(error, UnicodeError) else ""
            return SendError(Reason.UNREACHABLE, detail, connection=True)
    raise error

"""Making a connection: as whom, how long it may take, and what is said where it cannot be made."""

import base64
import hmac
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from app.mail.failures import Reason, SendError
from app.mail.transport import SmtpTransport
from app.mail.wire import never
from tests.mail.smtp_peer import smtp_peer

PASSWORD = "contraseña clave"
QUOTED = "contrase%C3%B1a%20clave"

Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk) -> Iterator[int]:
    """Somebody who talks to each that comes; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                connection.settimeout(10)
                with connection, suppress(OSError):
                    talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _replies(*answers: bytes, heard: list[bytes] | None = None) -> Talk:
    """The greeting, then one answer for each line."""

    def talk(connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        for answer in answers:
            connection.sendall(answer + b"\r\n")
            said = lines.readline()
            if heard is not None:
                heard.append(said.rstrip())

    return talk


def _failure(transport: SmtpTransport, stopped: Callable[[], bool] = never) -> SendError:
    with pytest.raises(SendError) as caught:
        transport.open(stopped)
    assert caught.value.connection
    assert not caught.value.final
    return caught.value


def test_a_password_beyond_ascii() -> None:
    with smtp_peer(auth=True, auth_required=True) as peer:
        transport = SmtpTransport(f"smtp://usuária:{QUOTED}@127.0.0.1:{peer.port}")
        assert _failure(transport).reason == Reason.LOGIN  # the server knows another
    assert peer.logins[0] == ("usuária".encode(), PASSWORD.encode())


@pytest.mark.parametrize(
    ("offered", "heard"),
    [
        (b"AUTH PLAIN LOGIN", [b"AUTH PLAIN " + base64.b64encode(f"\0ana\0{PASSWORD}".encode())]),
        (
            b"AUTH=LOGIN",
            [
                b"AUTH LOGIN " + base64.b64encode(b"ana"),
                base64.b64encode(PASSWORD.encode()),
            ],
        ),
        (
            b"AUTH PLAIN CRAM-MD5",  # better in the clear
            [
                b"AUTH CRAM-MD5",
                base64.b64encode(
                    b"ana " + hmac.digest(PASSWORD.encode(), b"<1@x>", "md5").hex().encode()
                ),
            ],
        ),
    ],
)
def test_ways_to_sign_in(offered: bytes, heard: list[bytes]) -> None:
    said: list[bytes] = []
    challenge = b"334 " + base64.b64encode(b"<1@x>")
    answers = [
        b"220 x",
        b"250-x\r\n250 " + offered,
        *[challenge] * (len(heard) - 1),
        b"235 welcome",
    ]
    with server(_replies(*answers, b"221 bye", heard=said)) as port:
        transport = SmtpTransport(f"smtp://ana:{QUOTED}@127.0.0.1:{port}", hello="x.org")
        transport.open()
        transport.close()
    assert said == [b"ehlo x.org", *heard, b"QUIT", b""]


def test_one_way_is_refused_and_another_is_not() -> None:
    said: list[bytes] = []
    talk = _replies(
        b"220 x",
        b"250-x\r\n250 AUTH PLAIN LOGIN",
        b"504 not that one",
        b"334 VXNlcg==",
        b"235 welcome",
        b"221 bye",
        heard=said,
    )
    with server(talk) as port:
        transport = SmtpTransport(f"smtp://ana:x@127.0.0.1:{port}")
        transport.open()
        transport.close()
    assert [line.split()[:2] for line in said[1:3]] == [[b"AUTH", b"PLAIN"], [b"AUTH", b"LOGIN"]]


@pytest.mark.parametrize(
    ("answers", "reason", "detail"),
    [
        ([b"554 go away"], Reason.UNREACHABLE, "554 go away"),
        ([b"\xff\xfe"], Reason.UNREACHABLE, ""),
        ([b"220 x", b"554 no", b"502 neither"], Reason.UNREACHABLE, "502 neither"),
        ([b"220 x", b"421 too many"], Reason.UNREACHABLE, "421 too many"),
        ([b"220 x", b"250 x"], Reason.NO_TLS, ""),  # nothing to sign in with
        ([b"220 x", b"250-x\r\n250 AUTH XOAUTH2"], Reason.NO_TLS, ""),
        ([b"220 x", b"250-x\r\n250 AUTH PLAIN", b"535 secret?"], Reason.LOGIN, "535"),
    ],
)
def test_what_stands_in_the_way(answers: list[bytes], reason: Reason, detail: str) -> None:
    with server(_replies(*answers)) as port:
        error = _failure(SmtpTransport(f"smtp://ana:secret@127.0.0.1:{port}", timeout=5))
    assert (error.reason, error.detail) == (reason, detail)


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".org"])
def test_a_name_that_no_host_has(host: str) -> None:
    error = _failure(SmtpTransport(f"smtp://{host}:2525"))
    assert (error.reason, error.detail) == (Reason.UNREACHABLE, "not a host name")


def test_what_was_said_before_it_was_encrypted_does_not_count() -> None:
    answers = [b"220 x", b"250-x\r\n250 STARTTLS", b"220 go on\r\n250-x\r\n250 AUTH PLAIN"]
    with server(_replies(*answers)) as port:
        error = _failure(SmtpTransport(f"smtp+starttls://127.0.0.1:{port}", timeout=5))
    assert error.reason == Reason.UNREACHABLE


def _byte_by_byte(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"2")
        time.sleep(0.05)


def test_a_greeting_byte_by_byte_has_an_end() -> None:
    with server(_byte_by_byte) as port:
        begun = time.monotonic()
        error = _failure(SmtpTransport(f"smtp://127.0.0.1:{port}", timeout=0.3))
        assert 0.5 < time.monotonic() - begun < 30
    assert error.reason == Reason.TIMEOUT


def test_who_connects_can_be_stopped() -> None:
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 2

    with socket.create_server(("127.0.0.1", 0)) as silent:
        transport = SmtpTransport(f"smtp://127.0.0.1:{silent.getsockname()[1]}", timeout=40)
        begun = time.monotonic()
        _failure(transport, stopped)
        assert time.monotonic() - begun < 30  # of 40
    assert len(asked) == 3

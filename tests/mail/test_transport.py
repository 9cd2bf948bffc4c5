"""Handing mails to a real SMTP server, which behaves well or badly."""

import shutil
import socket
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from app.mail.building import build, to_mail
from app.mail.failures import Reason, SendError
from app.mail.transport import FileTransport, SmtpTransport, transport_for
from app.mail.values import Content, Mail, Sender
from tests.mail.smtp_peer import Behaviour, Peer, certificate, smtp_peer

ANA = "ana@example.org"
SENDER = Sender("convoca@example.org", "Convoca")


def _mail(to: str = ANA, text: str = "Hola,\n\nsesión a las 9.\n.\n") -> Mail:
    message = build(
        Content("Sesión", text, "<p>Hola</p>\n"),
        sender=SENDER,
        to_name="Ana",
        to_address=to,
        message_id="<1@example.org>",
        date=datetime(2026, 11, 23, 15, tzinfo=UTC),
        language="es",
    )
    return to_mail(message)


def _send(transport: SmtpTransport, to: str = ANA) -> None:
    transport.send(_mail(to), name="1", sender=SENDER.address, recipient=to)


def _transport(peer: Peer, *, timeout: float = 10, user: str = "") -> SmtpTransport:
    return SmtpTransport(f"smtp://{user}127.0.0.1:{peer.port}", hello="x.org", timeout=timeout)


def _failure(transport: SmtpTransport, to: str = ANA) -> tuple[Reason, str, bool, bool]:
    with pytest.raises(SendError) as caught:
        _send(transport, to)
    error = caught.value
    return error.reason, error.detail, error.final, error.connection


def test_what_arrives_is_what_was_sent() -> None:
    with smtp_peer() as peer:
        transport = _transport(peer)
        _send(transport)
        transport.close()
    [mail] = peer.mails
    assert peer.recipients == [ANA]
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content() == "Hola,\r\n\r\nsesión a las 9.\r\n.\r\n"
    assert mail["Message-ID"] == "<1@example.org>"
    assert peer.raw[0].isascii()
    assert max(len(line) for line in peer.raw[0].split(b"\r\n")) <= 78
    assert peer.raw[0].count(b"\n") == peer.raw[0].count(b"\r\n")


def test_one_connection_serves_many_mails() -> None:
    with smtp_peer() as peer:
        transport = _transport(peer)
        for n in range(5):
            _send(transport, f"p{n}@example.org")
        transport.close()
        _send(transport)
        transport.close()
        transport.close()
    assert (len(peer.mails), peer.connections) == (6, 2)


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [
        (
            Behaviour(rcpt={ANA: "550 5.1.1 no such user"}),
            (Reason.REFUSED, "550 5.1.1 no such user", True, False),
        ),
        (
            Behaviour(rcpt={ANA: "451 4.7.1 greylisted"}),
            (Reason.DELAYED, "451 4.7.1 greylisted", False, False),
        ),
        (
            Behaviour(rcpt={ANA: "530 5.7.0 sign in first"}),
            (Reason.LOGIN, "530", False, False),
        ),
        (
            Behaviour(data={ANA: "554 5.7.1 looks like spam"}),
            (Reason.REFUSED, "554 5.7.1 looks like spam", True, False),
        ),
        (
            Behaviour(data={ANA: "452 4.3.1 disk full"}),
            (Reason.DELAYED, "452 4.3.1 disk full", False, False),
        ),
        (
            Behaviour(mail="553 5.7.1 not your address"),
            (Reason.SENDER, "553 5.7.1 not your address", False, False),
        ),
        (
            Behaviour(connect="554 go away"),
            (Reason.UNREACHABLE, "554 go away", False, True),
        ),
        (
            Behaviour(connect="421 too busy"),
            (Reason.UNREACHABLE, "421 too busy", False, True),
        ),
        (Behaviour(drop_in_data=frozenset({ANA})), (Reason.DROPPED, "", False, True)),
        (Behaviour(drop_before_data=frozenset({ANA})), (Reason.DROPPED, "", False, True)),
    ],
)
def test_what_the_server_says_is_understood(
    behaviour: Behaviour, failure: tuple[Reason, str, bool, bool]
) -> None:
    with smtp_peer(behaviour) as peer:
        transport = _transport(peer)
        assert _failure(transport) == failure
        transport.close()


def test_a_refusal_does_not_spoil_the_connection() -> None:
    behaviour = Behaviour(rcpt={ANA: "550 no"}, data={"b@example.org": "554 no"})
    with smtp_peer(behaviour) as peer:
        transport = _transport(peer)
        assert _failure(transport)[0] == Reason.REFUSED
        assert _failure(transport, "b@example.org")[0] == Reason.REFUSED
        _send(transport, "c@example.org")
        transport.close()
    assert (peer.recipients, peer.connections) == (["c@example.org"], 1)


def test_after_421_the_next_mail_has_a_new_connection() -> None:
    with smtp_peer(Behaviour(rcpt={ANA: "421 closing"})) as peer:
        transport = _transport(peer)
        assert _failure(transport) == (Reason.DELAYED, "421 closing", False, True)
        _send(transport, "b@example.org")
        transport.close()
    assert (peer.recipients, peer.connections) == (["b@example.org"], 2)


def test_after_a_dropped_line_the_next_mail_has_a_new_connection() -> None:
    with smtp_peer(Behaviour(drop_in_data=frozenset({ANA}))) as peer:
        transport = _transport(peer)
        assert _failure(transport)[0] == Reason.DROPPED
        _send(transport, "b@example.org")
        transport.close()
    assert (peer.recipients, peer.connections) == ([ANA, "b@example.org"], 2)


def test_a_server_that_hangs_is_given_up() -> None:
    with smtp_peer(Behaviour(hang_in_data=frozenset({ANA}))) as peer:
        transport = _transport(peer, timeout=0.3)
        assert _failure(transport) == (Reason.TIMEOUT, "", False, True)
        transport.close()


def test_a_server_that_never_greets_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        transport = SmtpTransport(f"smtp://127.0.0.1:{port}", timeout=0.3)
        assert _failure(transport) == (Reason.TIMEOUT, "", False, True)
        encrypted = SmtpTransport(f"smtps://127.0.0.1:{port}", timeout=0.3)
        assert _failure(encrypted) == (Reason.TIMEOUT, "", False, True)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    reason, detail, final, connection = _failure(SmtpTransport(f"smtp://127.0.0.1:{port}"))
    assert (reason, detail, final, connection) == (
        Reason.UNREACHABLE,
        "Connection refused",
        False,
        True,
    )


def test_signing_in_to_the_server() -> None:
    with smtp_peer(auth=True, auth_required=True) as peer:
        transport = _transport(peer, user="us%40er:p%40ss%3Aword@")
        _send(transport)
        transport.close()
    assert peer.logins == [(b"us@er", b"p@ss:word")]
    assert len(peer.mails) == 1


def test_a_wrong_password_is_not_repeated_in_the_error() -> None:
    with smtp_peer(auth=True, auth_required=True) as peer:
        transport = _transport(peer, user="user:hunter2-secret@")
        assert _failure(transport) == (Reason.LOGIN, "535", False, True)


def test_a_server_that_repeats_the_password_does_not_get_it_into_the_error() -> None:
    behaviour = Behaviour(rcpt={ANA: "550 p@ss:word is no good"})
    with smtp_peer(behaviour, auth=True) as peer:
        transport = _transport(peer, user="user:p%40ss%3Aword@")
        assert _failure(transport) == (Reason.REFUSED, "550 … is no good", True, False)
        transport.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")
class TestTls:
    def test_smtps(self, tmp_path: Path) -> None:
        server, client = certificate(tmp_path, "localhost")
        with smtp_peer(smtps=server) as peer:
            transport = SmtpTransport(f"smtps://localhost:{peer.port}", tls=client)
            _send(transport)
            transport.close()
        assert len(peer.mails) == 1

    def test_starttls(self, tmp_path: Path) -> None:
        server, client = certificate(tmp_path, "localhost")
        with smtp_peer(tls_context=server, require_starttls=True) as peer:
            transport = SmtpTransport(f"smtp+starttls://localhost:{peer.port}", tls=client)
            _send(transport)
            transport.close()
        assert len(peer.mails) == 1

    @pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
    def test_an_unknown_certificate_is_refused(self, tmp_path: Path, scheme: str) -> None:
        server, _ = certificate(tmp_path, "localhost")
        smtps, starttls = (server, None) if scheme == "smtps" else (None, server)
        with smtp_peer(smtps=smtps, tls_context=starttls) as peer:
            transport = SmtpTransport(f"{scheme}://localhost:{peer.port}")
            assert _failure(transport) == (Reason.NO_TLS, "self-signed certificate", False, True)

    def test_a_certificate_for_another_host_is_refused(self, tmp_path: Path) -> None:
        server, client = certificate(tmp_path, "mail.example.org")
        with smtp_peer(smtps=server) as peer:
            transport = SmtpTransport(f"smtps://localhost:{peer.port}", tls=client)
            reason, detail, _, connection = _failure(transport)
        assert (reason, connection) == (Reason.NO_TLS, True)
        assert detail.startswith("Hostname mismatch")

    def test_no_encryption_no_mail(self) -> None:
        with smtp_peer() as peer:
            transport = SmtpTransport(f"smtp+starttls://localhost:{peer.port}")
            assert _failure(transport) == (Reason.NO_TLS, "", False, True)
        assert peer.mails == []


def test_an_address_beyond_ascii() -> None:
    with smtp_peer(enable_SMTPUTF8=True) as peer:
        transport = _transport(peer)
        _send(transport, "josé@example.org")
        _send(transport, "ana@ñandú.example.com")
        transport.close()
    assert peer.recipients == ["josé@example.org", "ana@xn--and-6ma2c.example.com"]
    assert b'To: "Ana" <jos\xc3\xa9@example.org>\r\n' in peer.raw[0]
    with smtp_peer(enable_SMTPUTF8=False) as peer:
        transport = _transport(peer)
        assert _failure(transport, "josé@example.org") == (Reason.ADDRESS, "", True, False)
        transport.close()


@pytest.mark.parametrize("address", ["a@b.c> SIZE=1\r\nRCPT TO:<x@y.z", "a b@c.d", "@", "x", ""])
def test_an_address_cannot_add_a_command(address: str) -> None:
    with smtp_peer() as peer:
        transport = _transport(peer)
        with pytest.raises(SendError) as caught:
            transport.send(_mail(), name="1", sender=SENDER.address, recipient=address)
        transport.close()
    assert (caught.value.reason, caught.value.final) == (Reason.ADDRESS, True)
    assert peer.mails == []


def test_files(tmp_path: Path) -> None:
    transport = transport_for("", tmp_path / "var" / "mail")
    for _ in range(2):  # a repeat replaces
        transport.send(_mail(), name="01abc", sender=SENDER.address, recipient=ANA)
    transport.close()
    [path] = (tmp_path / "var" / "mail").iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("01abc.eml", 0o600)
    mail = message_from_bytes(path.read_bytes(), EmailMessage, policy=default)
    assert mail["Subject"] == "Sesión"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file, not a folder")
    transport = FileTransport(tmp_path / "mail")
    with pytest.raises(SendError) as caught:
        transport.send(_mail(), name="1", sender=SENDER.address, recipient=ANA)
    error = caught.value
    assert (error.reason, error.final, error.connection) == (Reason.FILE, False, True)


@pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp", "smtps://:25"])
def test_an_address_that_is_no_mail_server(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mail server"):
        transport_for(url, tmp_path)

"""Requests against a receiver of ours: who is asked, and that everything has an end."""

import datetime
import gzip
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.outgoing.failures import PostError, Reason
from app.outgoing.guard import Guard
from app.outgoing.posting import MOST_BYTES, post
from app.outgoing.targets import Target
from tests.outgoing.receiver import Behave, Got, Receiver, Step, receiver, says

NAME = "hooks.example.org"


def target(port: int, scheme: str = "http", host: str = NAME) -> Target:
    return Target(scheme, host, port, "/in?from=convoca")


def failed(at: Receiver, guard: Guard | None = None, together: float = 10.0) -> Reason:
    with pytest.raises(PostError) as raised:
        post(target(at.port), b"{}", {}, guard or at.guard(), together=together)
    return raised.value.reason


def test_what_is_sent_and_what_comes_back() -> None:
    with receiver(says(202, "Retry-After: 7", body=b"thanks")) as at:
        answer = post(target(at.port), b'{"a":1}', {"webhook-id": "evt_1"}, at.guard())
    assert (answer.status, answer.retry_after) == (202, "7")
    assert 0 <= answer.milliseconds < 10_000
    (got,) = at.got
    assert (got.line, got.body) == ("POST /in?from=convoca HTTP/1.1", b'{"a":1}')
    assert got.headers == {
        "host": f"{NAME}:{at.port}",
        "user-agent": "Convoca-Webhooks/1",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": "7",
        "connection": "close",
        "webhook-id": "evt_1",
    }


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["169.254.169.254"],
        ["fe80::1%lo"],
        ["93.184.216.34", "127.0.0.1"],
        ["127.0.0.1", "93.184.216.34"],
        ["not an address"],
    ],
)
def test_no_connection_is_made_to_a_host_within(addresses: list[str]) -> None:
    """The guard as it is in production, but for what names lead to. It is asked when connecting,
    whatever was looked at when the address was kept: taken out there, this would connect."""
    with receiver() as at:
        reason = failed(at, Guard(resolve=lambda _host, _port: addresses))
    assert (reason, at.connections) == (Reason.NOT_PUBLIC, 0)


def test_an_address_is_looked_at_as_a_name_is() -> None:
    with receiver() as at, pytest.raises(PostError) as raised:
        post(target(at.port, host="127.0.0.1"), b"", {}, Guard())
    assert (raised.value.reason, at.connections) == (Reason.NOT_PUBLIC, 0)


def test_a_name_that_leads_elsewhere_the_second_time_gains_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is asked once for each connection, and the connection goes to what was looked at."""
    asked: list[str] = []
    gone_to: list[object] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    def connect(address: object, timeout: float) -> socket.socket:
        gone_to.append(address)
        raise ConnectionRefusedError

    with receiver() as at:
        monkeypatch.setattr(socket, "create_connection", connect)
        assert failed(at, Guard(resolve=rebinding)) == Reason.UNREACHABLE
        assert failed(at, Guard(resolve=rebinding)) == Reason.NOT_PUBLIC
    assert asked == [NAME, NAME]
    assert gone_to == [("93.184.216.34", at.port)]


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    with receiver() as at:
        guard = Guard(lambda _host, _port: ["127.0.0.2", "127.0.0.1"], lambda _: True)
        assert post(target(at.port), b"", {}, guard).status == 204


def test_names_that_nobody_knows() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with receiver() as at:
        assert failed(at, Guard(resolve=unknown)) == Reason.NAME
        assert failed(at, Guard(resolve=lambda _host, _port: [])) == Reason.NAME


def test_names_that_take_too_long() -> None:
    answer = threading.Event()

    def slow(_host: str, _port: int) -> list[str]:
        answer.wait(10)
        return []

    with receiver() as at:
        assert failed(at, Guard(resolve=slow), together=0.2) == Reason.TIMEOUT
    answer.set()


def test_nobody_listens() -> None:
    with receiver() as at:
        pass
    assert failed(at) == Reason.UNREACHABLE


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with receiver() as other, receiver() as at:
        at.behave = says(307, f"Location: http://{NAME}:{other.port}/")
        assert post(target(at.port), b"", {}, at.guard()).status == 307
    assert (at.connections, other.connections) == (1, 0)


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy, receiver() as at:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert post(target(at.port), b"", {}, at.guard()).status == 204
    assert (proxy.connections, at.connections) == (0, 1)


def hangs(_: Got) -> Iterable[Step]:
    yield 30.0


def drips_headers(_: Got) -> Iterable[Step]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X: y\r\n"
        yield 0.05


def only_promises(_: Got) -> Iterable[Step]:
    while True:
        yield b"HTTP/1.1 102 Processing\r\n\r\n"
        yield 0.05


@pytest.mark.parametrize("behave", [hangs, drips_headers, only_promises])
def test_a_receiver_that_never_gets_there_is_left(behave: Behave) -> None:
    with receiver(behave) as at:
        began = time.monotonic()
        assert failed(at, together=0.5) == Reason.TIMEOUT
        assert 0.4 < time.monotonic() - began < 20


def test_a_body_that_drips_ends_and_the_answer_counts() -> None:
    def drips(_: Got) -> Iterable[Step]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
        while True:
            yield b"."
            yield 0.05

    with receiver(drips) as at:
        began = time.monotonic()
        assert post(target(at.port), b"", {}, at.guard(), together=0.5).status == 200
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("coding", ["", "Content-Encoding: gzip\r\n"])
def test_no_more_is_read_than_so_much(coding: str) -> None:
    """Also of a bomb: nothing is unpacked."""
    sent: list[int] = []
    bomb = gzip.compress(bytes(10_000_000)) if coding else b""

    def floods(_: Got) -> Iterable[Step]:
        yield f"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n{coding}\r\n".encode() + bomb
        for _block in range(2000):
            yield b"." * 65536
            sent.append(65536)

    with receiver(floods) as at:
        assert post(target(at.port), b"", {}, at.guard()).status == 200
    assert sum(sent) < 20 * MOST_BYTES + 6_000_000  # what systems hold on the way is not read


def test_headers_without_end_are_no_answer() -> None:
    def floods(_: Got) -> Iterable[Step]:
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            yield b"X: " + b"y" * 8000 + b"\r\n"

    with receiver(floods) as at:
        assert failed(at) == Reason.NO_HTTP


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", Reason.DROPPED),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Reason.NO_HTTP),
        (b"HTTP/1.1 2000 OK\r\n\r\n", Reason.NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nA\x00: b\r\n\r\n", Reason.NO_HTTP),
    ],
)
def test_what_is_no_answer(sent: bytes, reason: Reason) -> None:
    with receiver(lambda _: [sent]) as at:
        assert failed(at) == reason


# TLS: a certificate for the name, made here.


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The receiver's side, and that of whoever believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    at = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(at - datetime.timedelta(days=1))
        .not_valid_after(at + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    path = folder / "both.pem"
    path.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)

    def note(stream: ssl.SSLObject, asked_for: str | None, _: object) -> None:
        setattr(stream, "asked_for", asked_for)  # noqa: B010

    server.sni_callback = note
    return server, ssl.create_default_context(cadata=pem.decode())


def test_tls_goes_by_the_name_though_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    server, believes = certificate(tmp_path, NAME)
    with receiver(tls=server) as at:
        answer = post(target(at.port, "https"), b"", {}, at.guard(), tls=believes)
    assert answer.status == 204
    assert [got.sni for got in at.got] == [NAME]
    assert [got.headers["host"] for got in at.got] == [f"{NAME}:{at.port}"]


@pytest.mark.parametrize("believed", [True, False])
def test_a_certificate_of_another_or_of_nobody_is_not_believed(
    tmp_path: Path, believed: bool
) -> None:
    server, believes = certificate(tmp_path, "another.example.org" if believed else NAME)
    with receiver(tls=server) as at, pytest.raises(PostError) as raised:
        post(target(at.port, "https"), b"", {}, at.guard(), tls=believes if believed else None)
    assert (raised.value.reason, at.got) == (Reason.TLS, [])


def test_a_handshake_that_never_ends_is_left() -> None:
    with receiver(hangs) as at, pytest.raises(PostError) as raised:
        post(target(at.port, "https"), os.urandom(9), {}, at.guard(), together=0.4)
    assert raised.value.reason == Reason.TIMEOUT

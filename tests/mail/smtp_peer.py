"""An SMTP server for tests, aiosmtpd in a thread, that can be told how to behave."""

import asyncio
import ssl
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class Behaviour:
    """How the server answers. What maps an address to a reply counts for that recipient only."""

    connect: str = ""  # instead of the greeting
    mail: str = ""
    rcpt: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    hang_in_data: frozenset[str] = frozenset()
    drop_in_data: frozenset[str] = frozenset()  # the mail is kept, then the line goes dead
    drop_before_data: frozenset[str] = frozenset()
    hang_after_data: frozenset[str] = frozenset()  # the mail is kept, and nothing is said of it
    # The first mail to such an address waits for the event, then it is answered so.
    held: dict[str, tuple[threading.Event, str]] = field(default_factory=dict)
    slow: float = 0.0  # seconds before each answer
    pipelining: bool = False  # it takes commands ahead anyway; whether it says so


class Peer:
    """What the server saw. `mails` holds what it took, with the envelope's recipients."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[str] = []
        self.connections = 0
        self.logins: list[tuple[bytes, bytes]] = []
        self.port = 0
        self.arrived = threading.Event()
        self.holding = threading.Event()  # a mail that is held

    async def handle_EHLO(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        return [*(["250-PIPELINING"] if self.behaviour.pipelining else []), *responses]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self.behaviour.slow)
        if self.behaviour.mail:
            return self.behaviour.mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self.behaviour.slow)
        if address in self.behaviour.rcpt:
            return self.behaviour.rcpt[address]
        if address in self.behaviour.drop_before_data:
            assert server.transport is not None
            server.transport.close()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        [address] = envelope.rcpt_tos
        await asyncio.sleep(self.behaviour.slow)
        if address in self.behaviour.held:
            event, reply = self.behaviour.held.pop(address)
            self.holding.set()
            while not event.is_set():
                await asyncio.sleep(0.005)
            if reply:
                return reply
        if address in self.behaviour.hang_in_data:
            await asyncio.Event().wait()
        if address in self.behaviour.data:
            return self.behaviour.data[address]
        content = envelope.original_content
        assert content is not None
        self.raw.append(content)
        self.mails.append(message_from_bytes(content, EmailMessage, policy=default))
        self.recipients.append(address)
        self.arrived.set()
        if address in self.behaviour.hang_after_data:
            await asyncio.Event().wait()
        if address in self.behaviour.drop_in_data:
            assert server.transport is not None
            server.transport.close()
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss:word", handled=False)


class _Server(SMTP):
    def __init__(self, peer: Peer, **options: Any) -> None:
        super().__init__(peer, hostname="peer.example", **options)
        self._peer = peer

    def connection_made(self, transport: Any) -> None:
        self._peer.connections += 1
        super().connection_made(transport)

    async def _handle_client(self) -> None:
        if self._peer.behaviour.connect:
            await self.push(self._peer.behaviour.connect)
            assert self.transport is not None
            self.transport.close()
            return
        await super()._handle_client()


@contextmanager
def smtp_peer(
    behaviour: Behaviour | None = None, *, smtps: ssl.SSLContext | None = None, **options: Any
) -> Iterator[Peer]:
    """A server on a free port of this machine, as long as this is open."""
    peer = Peer(behaviour or Behaviour())
    loop = asyncio.new_event_loop()
    port = options.pop("port", 0)
    if options.pop("auth", False):
        options |= {"authenticator": peer.authenticate, "auth_require_tls": False}

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about logins without TLS
            return _Server(peer, loop=loop, **options)

    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", port, ssl=smtps))
    peer.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def end() -> None:
        server.close()
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    try:
        yield peer
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for `name`, and a client's that trusts it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-keyout {key} -out {cert} -subj /CN={name} -addext subjectAltName=DNS:{name}".split(),
        check=True,
        capture_output=True,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    return server, ssl.create_default_context(cafile=str(cert))

"""The part of SMTP that is repeated: commands ahead, answers that are late or strange."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from app.mail.conversation import on_the_wire
from app.mail.failures import Reason, SendError
from app.mail.transport import SmtpTransport
from app.mail.values import Mail

MAIL = Mail(b"Subject: x\r\n\r\n.hello\r\n")
FROM, ANA, BEA = "convoca@example.org", "ana@example.org", "bea@example.org"


@dataclass
class Script:
    """A server that takes commands ahead. `answers`: for a command that begins like this, what to
    say instead of the usual; called once it has been said."""

    answers: dict[str, str] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8")
    pause_before_end: float = 0.0
    commands: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)  # commands that came in one piece
    mails: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def talk(self, connection: socket.socket) -> None:
        connection.sendall(b"220 script\r\n")
        buffer, in_data = b"", False
        while True:
            piece = connection.recv(65_536)
            if not piece:
                return
            buffer += piece
            said, count = b"", 0
            while True:
                end = b"\r\n.\r\n" if in_data else b"\r\n"
                if in_data and buffer.startswith(b".\r\n"):
                    buffer = b"\r\n" + buffer
                if end not in buffer:
                    break
                text, buffer = buffer.split(end, 1)
                if in_data:
                    in_data = False
                    time.sleep(self.pause_before_end)
                    if text:
                        self.mails.append(text + b"\r\n")
                    said += self._end().encode() + b"\r\n"
                    continue
                count += 1
                command = text.decode()
                self.commands.append(command)
                answer = self._answer(command)
                in_data = answer.startswith("354")
                said += answer.encode() + b"\r\n"
                if command == "QUIT":
                    connection.sendall(said)
                    return
            if count:
                self.groups.append(count)
            if said:
                connection.sendall(said)

    def _end(self) -> str:
        return self.answers.get(".", "250 taken")

    def _answer(self, command: str) -> str:
        for start, answer in self.answers.items():
            if command.startswith(start):
                return answer
        if command.startswith("ehlo"):
            return "\r\n".join(["250-script", *(f"250-{e}" for e in self.extensions), "250 HELP"])
        return {"DATA": "354 go on", "QUIT": "221 bye"}.get(command, "250 OK")


@contextmanager
def scripted(script: Script) -> Iterator[SmtpTransport]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        script.port = server.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                script.connections += 1
                with connection, suppress(OSError):
                    script.talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        transport = SmtpTransport(f"smtp://127.0.0.1:{script.port}", hello="x.org", timeout=5)
        try:
            yield transport
        finally:
            transport.close()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _send(
    transport: SmtpTransport, to: str = ANA, mail: Mail = MAIL, **hooks: Callable[[], None]
) -> None:
    transport.send(mail, name="1", sender=FROM, recipient=to, **hooks)


def _failure(transport: SmtpTransport, to: str = ANA) -> tuple[Reason, str, bool]:
    with pytest.raises(SendError) as caught:
        _send(transport, to)
    return caught.value.reason, caught.value.detail, caught.value.final


def _envelope(to: str) -> list[str]:
    return [f"MAIL FROM:<{FROM}> SIZE=26", f"RCPT TO:<{to}>", "DATA"]


def test_the_envelope_goes_in_one_piece() -> None:
    script = Script()
    with scripted(script) as transport:
        _send(transport)
        _send(transport, BEA)
    assert script.commands == ["ehlo x.org", *_envelope(ANA), *_envelope(BEA), "QUIT"]
    assert script.groups == [1, 3, 3]
    assert script.mails == [b"Subject: x\r\n\r\n..hello\r\n"] * 2
    assert script.connections == 1


def test_a_server_that_takes_nothing_ahead() -> None:
    script = Script(extensions=())
    with scripted(script) as transport:
        _send(transport)
        transport.announce(MAIL, sender=FROM, recipient=BEA)
        _send(transport, BEA)
    assert script.groups == [1] * 7
    assert script.commands[1] == f"MAIL FROM:<{FROM}>"
    assert len(script.mails) == 2


def test_what_was_announced_is_sent_without_saying_it_again() -> None:
    script = Script()
    with scripted(script) as transport:
        _send(transport)
        transport.announce(MAIL, sender=FROM, recipient=BEA)
        _send(transport, BEA)
        transport.announce(MAIL, sender=FROM, recipient=ANA)
        _send(transport, ANA)
    assert script.commands == [
        *["ehlo x.org", *_envelope(ANA), *_envelope(BEA), *_envelope(ANA)],
        "QUIT",
    ]
    assert (len(script.mails), script.connections) == (3, 1)


def test_what_was_announced_and_is_not_sent_leaves_nothing_behind() -> None:
    script = Script()
    with scripted(script) as transport:
        _send(transport)
        transport.announce(MAIL, sender=FROM, recipient=BEA)
        _send(transport, ANA)
        transport.announce(MAIL, sender=FROM, recipient=BEA)
        transport.close()
        transport.announce(MAIL, sender=FROM, recipient=BEA)
        _send(transport, ANA)
    assert len(script.mails) == 3
    assert script.connections == 3


def test_an_announced_recipient_who_is_refused() -> None:
    script = Script(answers={f"RCPT TO:<{BEA}>": "550 no"})
    with scripted(script) as transport:
        _send(transport)
        transport.announce(MAIL, sender=FROM, recipient=BEA)
        assert _failure(transport, BEA) == (Reason.REFUSED, "550 no", True)
        _send(transport, ANA)
    assert (len(script.mails), script.connections) == (2, 1)


@pytest.mark.parametrize("data", ["354 go on", "503 nobody to send it to"])
@pytest.mark.parametrize(
    ("answers", "failure"),
    [
        ({"RCPT": "550 no such user"}, (Reason.REFUSED, "550 no such user", True)),
        ({"RCPT": "451 later"}, (Reason.DELAYED, "451 later", False)),
        ({"MAIL": "553 not you"}, (Reason.SENDER, "553 not you", False)),
        ({"MAIL": "451 not now"}, (Reason.DELAYED, "451 not now", False)),
        ({"MAIL": "530 sign in"}, (Reason.LOGIN, "530", False)),
        ({"MAIL": "552 too big"}, (Reason.SIZE, "552 too big", True)),
        ({"MAIL": "552 5.3.4 too big"}, (Reason.SIZE, "552 5.3.4 too big", True)),
        ({"RCPT": "552 mailbox full"}, (Reason.REFUSED, "552 mailbox full", True)),
    ],
)
def test_a_refusal_among_commands_ahead(
    data: str, answers: dict[str, str], failure: tuple[Reason, str, bool]
) -> None:
    """The server may answer DATA with "go on" nevertheless; then it gets an empty mail."""
    script = Script(answers={**answers, "DATA": data})
    with scripted(script) as transport:
        assert _failure(transport) == failure
        script.answers.clear()
        _send(transport)
    assert script.mails == [b"Subject: x\r\n\r\n..hello\r\n"]
    assert script.connections == 1
    assert ("RSET" in script.commands) == (not data.startswith("354"))


def test_the_mail_itself_is_refused() -> None:
    script = Script(answers={".": "554 5.7.1 spam"})
    with scripted(script) as transport:
        assert _failure(transport) == (Reason.REFUSED, "554 5.7.1 spam", True)
        script.answers.clear()
        _send(transport)
    assert script.connections == 1


@pytest.mark.parametrize(
    ("command", "said", "general"),
    [
        ("RCPT", "550 no such user", False),
        (".", "550 no", True),
        (".", "554 5.7.1 spam", True),
        (".", "550 5.4.5 quota", True),
        ("RCPT", "550 5.7.1 you may not", True),
        ("RCPT", "550 5.1.1 no such user", False),
        (".", "552 5.2.2 mailbox full", False),
    ],
)
def test_whether_it_is_about_the_recipient(command: str, said: str, general: bool) -> None:
    with scripted(Script(answers={command: said})) as transport:
        with pytest.raises(SendError) as caught:
            _send(transport)
        assert (caught.value.reason, caught.value.general) == (Reason.REFUSED, general)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "."])
def test_421_is_about_all_of_us(command: str) -> None:
    script = Script(answers={command: "421 4.7.0 slow down"})
    with scripted(script) as transport, pytest.raises(SendError) as caught:
        _send(transport)
    error = caught.value
    assert (error.reason, error.detail) == (Reason.DELAYED, "421 4.7.0 slow down")
    assert (error.final, error.connection) == (False, True)


@pytest.mark.parametrize("answer", ["nonsense", "25", "250-a" * 8000])
def test_an_answer_that_is_none(answer: str) -> None:
    script = Script(answers={".": answer})
    with scripted(script) as transport:
        assert _failure(transport)[0] == Reason.DROPPED
        script.answers.clear()
        _send(transport)
    assert script.connections == 2


def test_an_answer_of_several_lines() -> None:
    script = Script(answers={"RCPT": "550-no\r\n550-really\r\n550 not"})
    with scripted(script) as transport:
        assert _failure(transport) == (Reason.REFUSED, "550 no really not", True)


def test_who_waits_is_told() -> None:
    script = Script(pause_before_end=0.5)
    called: list[str] = []
    with scripted(script) as transport:
        transport.open()
        assert transport._line is not None
        transport._line._patience = 0.2
        _send(
            transport,
            meanwhile=lambda: called.append("meanwhile"),
            slow=lambda: called.append("slow"),
        )
        script.pause_before_end = 0
        _send(transport, slow=lambda: called.append("never"))
    assert called == ["meanwhile", "slow"]
    assert len(script.mails) == 2


def test_all_steps_together_have_an_end() -> None:
    """Each answer comes in time, and all of them too late."""
    script = Script(extensions=(), pause_before_end=0.25)
    with scripted(script) as transport:
        transport.open()
        assert transport._line is not None
        transport._line._together = 0.2
        assert _failure(transport)[0] == Reason.TIMEOUT


def test_an_answer_that_is_there_counts_however_late_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process was suspended for longer than one waits, the server was not."""
    script, late = Script(), [0.0]
    monotonic = time.monotonic
    monkeypatch.setattr("app.mail.wire.time.monotonic", lambda: monotonic() + late[0])

    def suspended() -> None:
        assert transport._line is not None
        ready = transport._line._wire._can_read
        assert ready.poll(5000)
        late[0] = 1000

    with scripted(script) as transport:
        _send(transport, meanwhile=suspended)
    assert len(script.mails) == 1


def test_an_address_beyond_ascii_says_so() -> None:
    script = Script()
    with scripted(script) as transport:
        _send(transport, "josé@example.org")
        _send(transport, ANA, Mail("To: é\r\n\r\n".encode(), utf8=True))
        _send(transport, ANA, Mail("To: x\r\n\r\né\r\n".encode()))
        script.extensions = ()
        transport.close()
        with pytest.raises(SendError) as caught:
            _send(transport, ANA, Mail(b"x", utf8=True))
    assert caught.value.reason == Reason.ADDRESS
    mails = [c for c in script.commands if c.startswith("MAIL")]
    assert [c.partition("> ")[2] for c in mails] == [
        "SIZE=26 BODY=8BITMIME SMTPUTF8",
        "SIZE=13 BODY=8BITMIME SMTPUTF8",
        "SIZE=16 BODY=8BITMIME",
    ]


def test_a_large_mail_goes_through_a_narrow_door() -> None:
    script = Script()
    with scripted(script) as transport:
        _send(transport, ANA, Mail(b"x" * 70 + b"\r\n" + b"y\r\n" * 5_000_000))
    assert [len(m) for m in script.mails] == [72 + 15_000_000]


@pytest.mark.parametrize(
    ("raw", "wire"),
    [
        (b"", b"\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"a\r\n.\r\nMAIL FROM:<x>\r\n", b"a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\rb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n.\rb\n\r\n", b"a\r\n..\r\nb\r\n\r\n.\r\n"),
        (b"a\n\r.\r\n", b"a\r\n\r\n..\r\n.\r\n"),
        (b"a\r\r\n\nb", b"a\r\n\r\n\r\nb\r\n.\r\n"),
    ],
)
def test_nothing_in_a_mail_ends_it(raw: bytes, wire: bytes) -> None:
    assert on_the_wire(raw) == wire

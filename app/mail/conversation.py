"""The part of SMTP that is repeated for each mail (RFC 5321, pipelined after RFC 2920)."""

import contextlib
import re
from collections.abc import Sequence

from app.mail.values import Mail
from app.mail.wire import Hook, Wire, nothing

_SERVICE_ENDS = 421
_GO_ON = 354
_LINE_END = re.compile(rb"\r\n|\r|\n")
_GOODBYE = 2.0  # seconds for it


class Refusal(Exception):
    """The server said no. `sender`: to who it is from; `recipient`: to whom it is for; neither: to
    the mail."""

    def __init__(
        self, code: int, text: bytes, *, sender: bool = False, recipient: bool = False
    ) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.sender = sender
        self.recipient = recipient


class Conversation:
    """One connection that is ready for mails. `together`: seconds for all of one mail; `patience`:
    seconds after which an answer is late."""

    def __init__(
        self, wire: Wire, *, extensions: frozenset[str], together: float, patience: float
    ) -> None:
        self._wire = wire
        self._pipelining = "pipelining" in extensions
        self._size = "size" in extensions
        self._eight_bit = "8bitmime" in extensions
        self.smtputf8 = "smtputf8" in extensions
        self._together = together
        self._patience = patience
        self._half_done = False  # a mail was begun and not ended
        self.announced: tuple[Mail, str, str] | None = None
        self._announced_body = b""
        self.open = True

    def deliver(
        self,
        mail: Mail,
        sender: str,
        recipient: str,
        *,
        meanwhile: Hook = nothing,
        slow: Hook = nothing,
    ) -> None:
        """Hands over one mail; the addresses as they go over the wire.

        `meanwhile` is called once, when all has been said and the answer is awaited; `slow` where
        an answer takes longer than patience lasts. Neither may raise.

        Raises:
            Refusal: what the server said.
            OSError: the connection is of no use any more; TimeoutError: for want of an answer.
        """
        self._wire.begin(self._together, patience=self._patience, slow=slow)
        try:
            self._deliver(mail, sender, recipient, meanwhile)
        except Refusal as refusal:
            if refusal.code == _SERVICE_ENDS:
                self.open = False
            raise
        except OSError:
            self.open = False
            raise

    def _deliver(self, mail: Mail, sender: str, recipient: str, meanwhile: Hook) -> None:
        body = self._announced_body or on_the_wire(mail.raw)
        replies = self._say(self._envelope(mail, sender, recipient, len(body)))
        for step, (code, text) in enumerate(replies):
            if code != _GO_ON if step == 2 else not _fine(code):
                if step < 2 and replies[-1][0] == _GO_ON:
                    self._take_back()
                raise Refusal(code, text, sender=step == 0, recipient=step == 1)
        self._wire.write(body)
        meanwhile()
        code, text = self._reply()
        self._half_done = False
        if not _fine(code):
            raise Refusal(code, text)

    def announce(self, mail: Mail, sender: str, recipient: str) -> None:
        """Says who the next mail is from and for, without waiting for an answer, where the server
        lets us; `deliver` of the same goes on from there. Until its text comes, and it comes
        whole or not at all, there is nothing that the server could take for a mail."""
        if self._pipelining and not self._half_done:
            self._wire.begin(self._together)
            self._announced_body = body = on_the_wire(mail.raw)
            with contextlib.suppress(OSError):  # whoever reads will notice
                self._wire.write(b"".join(self._envelope(mail, sender, recipient, len(body))))
            self.announced = (mail, sender, recipient)

    def _envelope(self, mail: Mail, sender: str, recipient: str, size: int) -> list[bytes]:
        return [
            f"MAIL FROM:<{sender}>{self._options(mail, recipient, size)}\r\n".encode(),
            f"RCPT TO:<{recipient}>\r\n".encode(),
            b"DATA\r\n",
        ]

    def _options(self, mail: Mail, recipient: str, size: int) -> str:
        options = f" SIZE={size}" if self._size else ""
        if self.smtputf8 and (mail.utf8 or not recipient.isascii()):
            return options + " BODY=8BITMIME SMTPUTF8"
        return options + (" BODY=8BITMIME" if self._eight_bit and not mail.raw.isascii() else "")

    def _say(self, commands: Sequence[bytes]) -> list[tuple[int, bytes]]:
        """The replies, one for each command; without pipelining up to the first refusal."""
        announced, self.announced, self._announced_body = self.announced, None, b""
        ahead = [b"RSET\r\n"] if self._half_done else []
        self._half_done = True
        if self._pipelining:
            if announced is None:
                self._wire.write(b"".join([*ahead, *commands]))
            # To RSET there is nothing that can be wrong with it.
            return [self._reply() for _ in (*ahead, *commands)][len(ahead) :]
        replies = []
        for command in (*ahead, *commands):
            self._wire.write(command)
            replies.append(self._reply())
            if replies[-1][0] >= 400:
                break
        return replies[len(ahead) :] or replies

    def _take_back(self) -> None:
        """Nobody is to get it, but the server waits for a mail: an empty one (RFC 2920, 3.1)."""
        self._wire.write(b".\r\n")
        self._reply()
        self._half_done = False

    def _reply(self) -> tuple[int, bytes]:
        code, lines = self._wire.reply()
        return code, b" ".join(lines)

    def quit(self) -> None:
        """Says goodbye, if there is somebody to say it to."""
        try:
            if self.open and self.announced is None:
                self._wire.begin(_GOODBYE)
                self._wire.write(b"QUIT\r\n")
                self._reply()
        except OSError:
            pass
        finally:
            self.open = False
            self._wire.close()

    def idle(self) -> bool:
        """Whether nothing has come in that nobody asked for: a goodbye, or the end."""
        return self.open and self._wire.idle()


def _fine(code: int) -> bool:
    return 200 <= code < 300


def on_the_wire(raw: bytes) -> bytes:
    """A mail as DATA takes it: every line ends in CRLF and nothing else, so that no part of it can
    pass for its end (RFC 5321, 4.1.1.4); a leading dot is doubled; a line with a dot ends it."""
    if not raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n"):
        raw = _LINE_END.sub(b"\r\n", raw)
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    if raw.startswith(b"."):
        raw = b"." + raw
    return raw.replace(b"\r\n.", b"\r\n..") + b".\r\n"

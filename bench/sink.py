"""An SMTP server that takes every mail and keeps none: ``python -m bench.sink``.

It says no more than it must, so that what is measured is the sender. Prints its port; for each line
on its standard input, how many mails it has taken and their bytes.
"""

import asyncio
import sys

_DONE = b"\r\n.\r\n"
_HELLO = b"250-sink\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250 8BITMIME\r\n"
_ANSWERS = {
    b"EHLO": _HELLO,
    b"HELO": b"250 sink\r\n",
    b"MAIL": b"250 OK\r\n",
    b"RCPT": b"250 OK\r\n",
    b"RSET": b"250 OK\r\n",
    b"NOOP": b"250 OK\r\n",
    b"DATA": b"354 go on\r\n",
}


class Taken:
    """What has come in."""

    mails = 0
    bytes = 0


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken
        self._buffer = bytearray()
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answers every command and every mail that is complete."""
        looked_at = max(0, len(self._buffer) - len(_DONE))
        self._buffer += data
        answers = []
        while True:
            end = _DONE if self._in_data else b"\r\n"
            at = self._buffer.find(end, looked_at)
            if at < 0:
                break
            looked_at = 0
            command = bytes(self._buffer[:4]).upper()
            del self._buffer[: at + len(end)]
            if self._in_data:
                self._in_data = False
                self._taken.mails += 1
                self._taken.bytes += at
                answers.append(b"250 taken\r\n")
            elif command == b"QUIT":
                self._transport.write(b"".join(answers) + b"221 bye\r\n")
                self._transport.close()
                return
            else:
                self._in_data = command == b"DATA"
                answers.append(_ANSWERS.get(command, b"502 what?\r\n"))
        if answers:
            self._transport.write(b"".join(answers))


async def main() -> None:
    """Serves until its standard input ends."""
    loop = asyncio.get_running_loop()
    taken = Taken()
    server = await loop.create_server(lambda: Sink(taken), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(taken.mails, taken.bytes, flush=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())

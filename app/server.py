"""The web server as it is run here: uvicorn, which would wait for streams that never end, for the
rest of requests that never comes, and for answers that nobody reads."""

import asyncio
import fcntl
import socket
import struct
import termios
from contextlib import suppress
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn

STOPS_WITHIN = 20
"""Seconds that requests may take to be answered once the server is to stop; compose.yaml waits
longer than that."""
REST_WITHIN = 2.0
"""Seconds that the rest of a request may take to come then."""
READ_WITHIN = 3.0
"""Seconds for which an answer may lie there unread then, with not a byte of it taken."""
_ROUNDS = 10
"""Of the loop, in which what lies there is taken: one accepts a connection, a few more pass until
it is listened to, one reads what was sent on it."""
_LOOK_EVERY = 0.25
_BEFORE_THE_END = 1.0  # uvicorn ends what is left then with an error for each


class WebServer(uvicorn.Server):
    """Before it waits for what is being answered, it ends what is watched live."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: whoever asks whether to send people here is told no from now on."""
        self.config.app.state.readiness.stopping = True  # type: ignore[union-attr]
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called once, when the server is to stop. Browsers come back to whoever listens then."""
        self.config.app.state.readiness.stopping = True  # type: ignore[union-attr]
        self.config.app.state.live.close()  # type: ignore[union-attr]
        # Whoever asked before it was to stop is answered, also if it had no time to look.
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
        hanging_up = [
            asyncio.create_task(each) for each in (self._hang_up(), self._leave_unread_answers())
        ]
        await super().shutdown(sockets)
        for task in hanging_up:
            task.cancel()

    async def _hang_up(self) -> None:
        """Of whoever has not sent all of a request by then nothing was written, and nothing is:
        they are cut off as if they had gone, so that nobody waits for them."""
        await asyncio.sleep(REST_WITHIN)
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and cycle.more_body and not cycle.response_started:
                connection.transport.close()

    def _say_that_they_went(self, transport: Any) -> None:
        """To whatever answers on this line, before it learns that it may write again. Of requests
        that were sent in a row uvicorn itself says so to the last only."""
        for task in self.server_state.tasks:
            frame = getattr(task.get_coro(), "cr_frame", None)  # of run_asgi, None where it is done
            cycle: Any = frame.f_locals.get("self") if frame else None
            if getattr(cycle, "transport", None) is transport:
                cycle.disconnected = True

    async def _leave_unread_answers(self) -> None:
        """Whoever does not read what they are answered is cut off as if they had gone, and what
        was done for them stays done. Who reads slowly may go on, nearly until the end."""
        begun = monotonic()
        unread: dict[Any, tuple[int, float]] = {}  # how much, and since when it is as much
        while True:
            now = monotonic()
            seen, unread = unread, {}
            for connection in list(self.server_state.connections):
                transport = connection.transport
                if not transport.get_write_buffer_size():
                    continue  # it is being worked on, or the system has all of it
                size = _untaken(transport)
                before, since = seen.get(connection, (size, now))
                unread[connection] = size, since if size == before else now
                late = now - begun >= STOPS_WITHIN - _BEFORE_THE_END
                if late or now - unread[connection][1] >= READ_WITHIN:
                    self._say_that_they_went(transport)
                    transport.abort()  # to close it would wait for them to read
            await asyncio.sleep(_LOOK_EVERY)


def _untaken(transport: Any) -> int:
    """Bytes of answers that the other side has not taken: ours, and those that the system keeps
    for it, which is much. Where it does not tell how much (Linux does), slow looks like idle."""
    kept, ours = bytes(4), int(transport.get_write_buffer_size())
    with suppress(OSError):
        kept = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, kept)
    return ours + int(struct.unpack("i", kept)[0])

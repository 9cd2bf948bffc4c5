"""People who come when they come: ``python -m bench.arrivals URL PATHS PER_SECOND SECONDS``.

POSTs each path of a file once, at random instants of this rate, over connections that are kept:
nobody's coming depends on whether those before have been answered, and whoever finds no connection
free waits, which counts. Prints, as JSON, how many asked, the statuses, and how long they waited:
those who came after the first half second, in which the server reads again what was cleared.
"""

import asyncio
import gc
import json
import random
import re
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop

CONNECTIONS = 256
WARM_UP = 0.5
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Arrivals:
    """Those who have come and wait for a connection, and what they were answered."""

    def __init__(self) -> None:
        self.free: list[Connection] = []
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.counts_from = 0.0
        self.took: list[float] = []  # seconds
        self.statuses: Counter[str] = Counter()

    def come(self, due: float, request: bytes) -> None:
        """Somebody comes who was due at this moment of the clock."""
        if self.free:
            self.free.pop().ask(due, request)
        else:
            self.waiting.append((due, request))

    def answered(self, connection: "Connection", due: float, status: str) -> None:
        """A connection is free again."""
        if due >= self.counts_from:
            self.took.append(time.perf_counter() - due)
        self.statuses[status] += 1
        if self.waiting:
            connection.ask(*self.waiting.popleft())
        else:
            self.free.append(connection)


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._read = b""
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self._transport = cast(asyncio.Transport, transport)
        self._arrivals.free.append(self)

    def ask(self, due: float, request: bytes) -> None:
        """Sends."""
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Looks for the end of the answer."""
        self._read += data
        head = self._read.find(_END)
        if head < 0:
            return
        length = _LENGTH.search(self._read, 0, head)
        if len(self._read) < head + len(_END) + (int(length[1]) if length else 0):
            return
        status, self._read = self._read[9:12].decode(), b""
        self._arrivals.answered(self, self._due, status)


async def main(url: str, paths: list[str], per_second: float, seconds: float) -> None:
    """Lets them come."""
    host = urlsplit(url).netloc
    name, port = host.split(":")
    arrivals = Arrivals()
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Connection(arrivals), name, int(port))
    head = f" HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"
    begun = due = time.perf_counter()
    arrivals.counts_from = begun + WARM_UP
    asked = 0
    for path in paths:
        due += random.expovariate(per_second)
        if due > begun + WARM_UP + seconds:
            break
        while (left := due - time.perf_counter()) > 0:
            await asyncio.sleep(left)
        arrivals.come(due, f"POST {path}{head}".encode())
        asked += 1
    while arrivals.statuses.total() < asked and time.perf_counter() < begun + seconds + 30:
        await asyncio.sleep(0.01)
    took = sorted(arrivals.took)
    print(
        json.dumps(
            {
                "asked": asked,
                "statuses": arrivals.statuses,
                "p50": took[len(took) // 2] * 1e3,
                "p99": took[len(took) * 99 // 100] * 1e3,
            }
        )
    )


if __name__ == "__main__":
    url, listed, per_second, seconds = sys.argv[1:]
    paths = Path(listed).read_text().split()
    gc.disable()  # whoever comes does not wait for that
    uvloop.run(main(url, paths, float(per_second), float(seconds)))

"""Connections that send a request now and read what is answered later."""

import asyncio
from dataclasses import dataclass

from tests.faults.load import Deed


@dataclass
class Line:
    """A connection to a server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def to(cls, port: int) -> "Line":
        """A new one."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, deed: Deed) -> None:
        """All of a request."""
        request = deed.request("http://127.0.0.1", 0)
        rows = [f"{deed.method} {deed.path} HTTP/1.1", "Host: here"]
        rows += [f"{name}: {value}" for name, value in request.headers.items() if name != "host"]
        self.writer.write("\r\n".join([*rows, "", ""]).encode() + request.read())

    def ask(self, path: str, headers: dict[str, str] | None = None) -> None:
        """For a page."""
        self.send(Deed("asked", path, "GET", path, 200, headers=headers or {}))

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and the headers of the answer that comes next."""
        first, *rows = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        pairs = (row.partition(": ") for row in rows if row)
        return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}

    async def answer(self) -> tuple[int, bytes]:
        """The status and the body of the answer that comes next."""
        status, headers = await self.head()
        return status, await self.reader.readexactly(int(headers.get("content-length", "0")))

    async def ends(self) -> bytes:
        """What still comes until the other side ends."""
        return await self.reader.read()

    def close(self) -> None:
        """Goes away."""
        self.writer.close()

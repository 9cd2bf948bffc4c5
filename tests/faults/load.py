"""People and programs who do things at servers that may be killed meanwhile.

Whoever has no answer, or is told that it is busy, does the same again, as a person does who presses
the button once more and a program that repeats with its key. What was acknowledged is written down
here; what the database holds afterwards is compared with it.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import httpx

from tests.faults.installation import PATIENCE

SITE = {"sec-fetch-site": "same-origin"}


@dataclass(frozen=True)
class Deed:
    """A request that may come again, and how it is acknowledged. `who` stands for an address of
    its own, as that of a proxy's client."""

    kind: str
    name: str
    method: str
    path: str
    status: int
    form: dict[str, str] | None = None
    json: dict[str, object] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    then: "Deed | None" = None  # done after it, by the same

    def request(self, base: str, who: int) -> httpx.Request:
        """Addressed to one of the servers."""
        headers = SITE | self.headers | {"x-forwarded-for": f"10.1.{who // 250 % 250}.{who % 250}"}
        url = base + self.path
        return httpx.Request(self.method, url, data=self.form, json=self.json, headers=headers)


@dataclass
class Load:
    """Those who do deeds, at any of some servers."""

    ports: list[int]
    acknowledged: dict[str, dict[str, httpx.Response]] = field(default_factory=dict)
    broken: int = 0  # requests that nobody answered
    busy: int = 0  # such as were told to come again
    done: int = 0
    allowed: int | None = None  # so many deeds may be begun for now; None: all
    _begun: int = 0
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def reaches(self, number: int) -> None:
        """Waits until so many deeds have been acknowledged."""
        async with self._moved:
            await asyncio.wait_for(self._moved.wait_for(lambda: self.done >= number), PATIENCE)

    async def allow(self, number: int | None) -> None:
        """So many may be begun from now on, those included that were."""
        async with self._moved:
            self.allowed = number
            self._moved.notify_all()

    async def _begin(self) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self.allowed is None or self._begun < self.allowed)
            self._begun += 1

    async def do(self, deeds: Sequence[Deed], at_once: int = 24) -> None:
        """Until each is acknowledged."""
        waiting = iter(deeds)
        people = (self._browser(waiting, number) for number in range(at_once))
        await asyncio.gather(*people)

    async def _browser(self, waiting: Iterator[Deed], number: int) -> None:
        ports = itertools.cycle(self.ports[number % len(self.ports) :] + self.ports[:number])
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            port = next(ports)
            for deed in waiting:
                following: Deed | None = deed
                while following is not None:
                    await self._begin()
                    port = await self._until_acknowledged(client, following, port, ports)
                    following = following.then

    async def _until_acknowledged(
        self, client: httpx.AsyncClient, deed: Deed, port: int, ports: Iterator[int]
    ) -> int:
        """The port of the server that acknowledged it."""
        who = sum(deed.name.encode()) * 31 + len(deed.name)
        while True:
            try:
                answer = await client.send(deed.request(f"http://127.0.0.1:{port}", who))
            except httpx.TransportError:
                self.broken += 1
                port = next(ports)
                await asyncio.sleep(0.01)
                continue
            if answer.status_code == 503:
                assert answer.headers["retry-after"]
                self.busy += 1
                await asyncio.sleep(0.05)
                continue
            assert answer.status_code == deed.status, (deed, answer.status_code, answer.text[:500])
            self.acknowledged.setdefault(deed.kind, {})[deed.name] = answer
            async with self._moved:
                self.done += 1
                self._moved.notify_all()
            return port

    def counts(self) -> Counter[str]:
        """How many of each kind were acknowledged."""
        return Counter({kind: len(found) for kind, found in self.acknowledged.items()})

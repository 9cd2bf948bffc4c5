"""The web server as it is run here: uvicorn, which would wait for streams that never end, and for
the rest of requests that never comes."""

import asyncio
import socket

import uvicorn

STOPS_WITHIN = 20
"""Seconds that requests may take to be answered once the server is to stop; compose.yaml waits
longer than that."""
REST_WITHIN = 2.0
"""Seconds that the rest of a request may take to come then."""


class WebServer(uvicorn.Server):
    """Before it waits for what is being answered, it ends what is watched live."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called once, when the server is to stop. Browsers come back to whoever listens then."""
        self.config.app.state.live.close()  # type: ignore[union-attr]
        hanging_up = asyncio.create_task(self._hang_up())
        await super().shutdown(sockets)
        hanging_up.cancel()

    async def _hang_up(self) -> None:
        """Of whoever has not sent all of a request by then nothing was written, and nothing is:
        they are cut off as if they had gone, so that nobody waits for them."""
        await asyncio.sleep(REST_WITHIN)
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and cycle.more_body and not cycle.response_started:
                connection.transport.close()

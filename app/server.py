"""The web server as it is run here: uvicorn, which would wait for streams that never end."""

import socket

import uvicorn


class WebServer(uvicorn.Server):
    """Before it waits for what is being answered, it ends what is watched live."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called once, when the server is to stop. Browsers come back to whoever listens then."""
        self.config.app.state.live.close()  # type: ignore[union-attr]
        await super().shutdown(sockets)

"""The application on a port, in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from app.db import Database
from app.main import create_app
from app.settings import Settings


@contextmanager
def served(settings: Settings, database: Database, port: int) -> Iterator[str]:
    """Its address. It is gone afterwards."""
    app = create_app(settings, database=database)
    config = uvicorn.Config(app, "127.0.0.1", port, log_level="critical", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started:
            thread.join(0.02)
            assert thread.is_alive()
        yield settings.base_url
    finally:
        server.should_exit = True
        thread.join()

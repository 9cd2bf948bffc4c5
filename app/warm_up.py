"""What the first requests would wait for, done before there are any."""

import asyncio
import gc
import logging
from concurrent.futures import ThreadPoolExecutor

import httpx
from fastapi import FastAPI

from app.domain.text import LANGUAGES

logger = logging.getLogger("convoca")


def warm_up(app: FastAPI) -> None:
    """Asks for a page in each language, and for an address that is looked for among all others, as
    if from outside: routes are worked out, tables mapped, words and templates read. What is in
    memory then stays, and is left out of garbage collection from here on: to look at all of it
    again takes a tenth of a second, in which nobody is answered, and it comes when most is to do.

    What goes wrong is for the first who asks to see.
    """
    with ThreadPoolExecutor(1) as elsewhere:  # an event loop may be running here
        try:
            elsewhere.submit(asyncio.run, _ask(app)).result()
        except Exception:
            logger.warning("could not be warmed up", exc_info=True)
    gc.collect()
    gc.freeze()


async def _ask(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/healthz", *(f"/?lang={language}" for language in LANGUAGES)):
            await client.get(path)

"""Everything that a person types, hostile, on every page, in a real browser: nothing of it runs.

With the policy that pages are sent with, and without it, so that escaping alone has to hold.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from app.main import create_app
from app.services.links import Links
from app.settings import Settings
from app.web.security import COOKIE
from tests.access.test_routes import address, ask
from tests.access.world import World, ways_of
from tests.command.test_start import free_port
from tests.databases import fresh_sqlite
from tests.hardening.typed import build_hostile

MADE = """() => [
  ...[...document.querySelectorAll('*')].filter(e => e.localName.startsWith('zq')
    || [...e.attributes].some(a => a.name.startsWith('zq') || a.name.startsWith('on'))
    || /^\\s*(javascript|data|vbscript):/i.test(e.getAttribute('href') || '')
    || (e.localName === 'img' && e.src.includes('zq'))).map(e => e.outerHTML.slice(0, 200)),
  ...(window.zq ? ['zq was called'] : []),
]"""


@contextmanager
def served(settings: Settings, database: Any, port: int) -> Iterator[str]:
    """The application in a thread of its own."""
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


def pages_of(settings: Settings, database: Any, world: World) -> list[str]:
    """The addresses of all pages of the world, and of some that say that something is wrong."""
    app = create_app(settings, database=database)
    found = ["/nothing", "/my/nonsense", "/verify/nonsense", "/organize/c/nothing"]
    with TestClient(app, base_url=settings.base_url, follow_redirects=False) as client:
        for way in ways_of(app):
            if way.method != "GET" or way.path.endswith("/events") or way.is_api:
                continue
            path = address(way, world.values())
            response = ask(client, way, path, world, "administrator")
            if response.headers.get("content-type", "").startswith("text/html"):
                found.append(path)
    return found


@pytest.mark.parametrize("policy", [True, False], ids=["with the policy", "without it"])
def test_nothing_typed_does_anything(
    browser: Browser, template: Path, tmp_path: Path, policy: bool
) -> None:
    port = free_port()
    settings = Settings(
        data_dir=tmp_path,
        database_url="sqlite:///:memory:",
        base_url=f"http://127.0.0.1:{port}",
        secret_key="a key for tests",
        mail_from="convoca@example.org",
    )
    wrong: list[str] = []
    with fresh_sqlite(template) as database:
        world = build_hostile(database, Links(settings.secret_key, settings.base_url))
        with served(settings, database, port) as home:
            # The addresses come from a browser too: no other event loop may run in this thread.
            paths: list[str] = []
            asking = threading.Thread(
                target=lambda: paths.extend(pages_of(settings, database, world))
            )
            asking.start()
            asking.join()
            assert len(paths) > 110
            context = browser.new_context(bypass_csp=not policy, locale="en-GB")
            cookie = {"name": COOKIE, "value": world.cookies["administrator"], "url": home}
            context.add_cookies([cookie])  # type: ignore[list-item]
            page = context.new_page()
            page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
            page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
            page.on(
                "console",
                lambda said: (
                    wrong.append(f"{page.url}: {said.text}")
                    if said.type == "error" and "Failed to load resource" not in said.text
                    else None
                ),
            )
            page.on(
                "request",
                lambda asked: (
                    wrong.append(f"{page.url}: asked for {asked.url}")
                    if not asked.url.startswith((home, "data:", "about:"))
                    else None
                ),
            )
            for path in paths:
                page.goto(home + path, wait_until="load")
                for frame in page.frames:
                    wrong += [f"{path}: {made}" for made in frame.evaluate(MADE)]
            context.close()
    assert not wrong, "\n".join(wrong)

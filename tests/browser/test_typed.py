"""Everything that a person types, hostile, on every page, in a real browser: nothing of it runs.

With the policy that pages are sent with, and without it, so that escaping alone has to hold.
"""

import threading
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request
from starlette.testclient import TestClient

from app.main import create_app
from app.services.links import Links
from app.settings import Settings
from app.web.security import COOKIE
from tests.access.test_routes import address, ask
from tests.access.world import World, ways_of
from tests.command.test_start import free_port
from tests.databases import fresh_sqlite
from tests.hardening.serving import served
from tests.hardening.typed import build_hostile

MADE = """() => [
  ...[...document.querySelectorAll('*')].filter(e => e.localName.startsWith('zq')
    || [...e.attributes].some(a => a.name.startsWith('zq') || a.name.startsWith('on'))
    || /^\\s*(javascript|data|vbscript):/i.test(e.getAttribute('href') || '')
    || (e.localName === 'img' && e.src.includes('zq'))).map(e => e.outerHTML.slice(0, 200)),
  ...(window.zq ? ['zq was called'] : []),
]"""


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


def watch(page: Page, home: str, wrong: list[str]) -> None:
    """Notes what a page does that no page of ours does."""

    def dialog(shown: Dialog) -> None:
        wrong.append(f"{page.url}: {shown.message}")
        shown.dismiss()

    def said(message: ConsoleMessage) -> None:
        # A status that a page is answered with on purpose is no mistake.
        if message.type == "error" and "Failed to load resource" not in message.text:
            wrong.append(f"{page.url}: {message.text}")

    def asked(request: Request) -> None:
        if not request.url.startswith((home, "data:", "about:")):
            wrong.append(f"{page.url}: asked for {request.url}")

    page.on("dialog", dialog)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("console", said)
    page.on("request", asked)


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
            watch(page, home, wrong)
            for path in paths:
                page.goto(home + path, wait_until="load")
                for frame in page.frames:
                    wrong += [f"{path}: {made}" for made in frame.evaluate(MADE)]
            context.close()
    assert not wrong, "\n".join(wrong)

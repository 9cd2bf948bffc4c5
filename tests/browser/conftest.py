"""A real Chromium, driven through Playwright, against the application in a process of its own.

Where there is no Chromium the tests are skipped, and one line says so; with
``CONVOCA_SKIP_IS_FAILURE`` set (as CI does) they fail instead.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.command.test_start import free_port, started

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium() -> str:
    """Where Chromium is; skips or fails without one."""
    found = os.environ.get("CONVOCA_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
    if not found:
        said = (
            "CHROMIUM IS MISSING: the browser tests did not run. Install Debian's package chromium."
        )
        if os.environ.get("CONVOCA_SKIP_IS_FAILURE"):
            pytest.fail(said)
        pytest.skip(said)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window. As root it has no sandbox of its own.

    For a module at the most: while Playwright runs, no other event loop can in this thread.
    """
    path = chromium()
    arguments = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Site:
    """A running installation with the demonstration cycle."""

    url: str
    data: Path
    sign_in: str


@pytest.fixture(scope="session")
def fresh_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation that has just been started for the first time. Made once for
    all test processes: whoever comes first makes it, the others wait."""
    base = tmp_path_factory.getbasetemp()
    common = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    made = common / "fresh-site"
    with (common / "fresh-site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            making = common / "fresh-site.part"
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            with started(making, free_port()):
                pass
            making.rename(made)
    return made


@pytest.fixture
def site(browser: Browser, fresh_site: Path, tmp_path: Path) -> Iterator[Site]:
    """What ``make run`` starts."""
    port = free_port()
    shutil.copytree(fresh_site, tmp_path, dirs_exist_ok=True)
    with started(tmp_path, port) as printed:
        link = printed.split("Sign in with")[1].split()[0]
        yield Site(f"http://127.0.0.1:{port}", tmp_path, link)


class Person:
    """Somebody with a browser of their own."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.context = context
        self.site = site
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: object) -> None:
        kind, text = message.type, message.text  # type: ignore[attr-defined]
        # A status that a page is answered with on purpose is not a complaint.
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.complaints.append(text)

    def go(self, path: str) -> Page:
        """Opens a page."""
        self.page.goto(path if "://" in path else self.site.url + path)
        return self.page


@pytest.fixture
def organizer(browser: Browser, site: Site) -> Iterator[Person]:
    """An organizer in Bogotá, signed in by the link that was printed."""
    context = browser.new_context(locale="en-GB", timezone_id="America/Bogota")
    person = Person(context, site)
    person.go(site.sign_in)
    person.page.get_by_role("main").get_by_role("button").click()
    yield person
    context.close()
    assert person.complaints == []


@pytest.fixture
def participant(browser: Browser, site: Site) -> Iterator[Person]:
    """Somebody in Santiago with a telephone."""
    context = browser.new_context(
        locale="es-CL", timezone_id="America/Santiago", viewport={"width": 390, "height": 844},
        has_touch=True,
    )  # fmt: skip
    person = Person(context, site)
    yield person
    context.close()
    assert person.complaints == []

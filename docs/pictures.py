"""Takes the pictures in the README from the demonstration cycle: ``make pictures``.

Needs Chromium. The hours in them are those of the moment, since the demonstration is.
"""

import re
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import QUIET, chromium
from tests.command.test_start import free_port, started

FOLDER = Path(__file__).parent / "pictures"
CYCLE = "/organize/c/cluster-leaders"
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 390, "height": 860}


def main() -> None:
    """Starts an installation of its own, takes the pictures, and stops it."""
    FOLDER.mkdir(exist_ok=True)
    port = free_port()
    with tempfile.TemporaryDirectory() as data, started(Path(data), port) as printed:
        link = re.search(r"Sign in with +(\S+)", printed)
        assert link is not None
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), args=[*QUIET, "--no-sandbox"]
            )
            take(browser, f"http://127.0.0.1:{port}", link[1])
            browser.close()


def take(browser: Browser, site: str, link: str) -> None:
    """The pictures, each as wide as it is shown."""
    desk = page(browser, WIDE)
    desk.goto(link)
    desk.get_by_role("main").get_by_role("button").click()
    for name, path in [
        ("overview", CYCLE),
        ("run-of-show", f"{CYCLE}/sessions/3"),
        ("attendance", f"{CYCLE}/sessions/2/attendance"),
    ]:
        desk.goto(site + path)
        desk.wait_for_load_state("networkidle")
        desk.screenshot(path=FOLDER / f"{name}.png")
    wide, narrow = page(browser, WIDE), page(browser, NARROW)
    for each, name in ((wide, "session"), (narrow, "session-telephone")):
        each.goto(f"{site}/c/cluster-leaders/3")
        each.wait_for_load_state("networkidle")
        each.screenshot(path=FOLDER / f"{name}.png")


def page(browser: Browser, viewport: dict[str, int]) -> Page:
    """A browser in Bogotá, in English."""
    context = browser.new_context(
        viewport=viewport,  # type: ignore[arg-type]
        locale="en-GB",
        timezone_id="America/Bogota",
    )
    return context.new_page()


if __name__ == "__main__":
    main()

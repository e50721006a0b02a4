"""Debian's Chromium for tests: the browser, a person's pages, pictures for the docs, and axe."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CHROMIUM = Path("/usr/bin/chromium")
ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / ".cache" / "screenshots"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@contextlib.contextmanager
def browser(program: Path = CHROMIUM, *more: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *more])
        yield found
        found.close()


@contextlib.contextmanager
def people(chromium: Browser, hub: str) -> Iterator[Callable[[str], Page]]:
    """Gives a page of a logged-in person; each has a browser context of their own, kept to the end."""
    contexts: dict[str, BrowserContext] = {}

    def log_in(name: str) -> Page:
        if name not in contexts:
            contexts[name] = chromium.new_context(accept_downloads=True, viewport={"width": 1200, "height": 900})
            page = contexts[name].new_page()
            page.goto(f"{hub}/hub/login")
            page.get_by_label("User name").fill(name)
            page.get_by_label("Password").fill(f"{name}-demo-password")
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/hub/home")
            return page
        return contexts[name].new_page()

    yield log_in
    for context in contexts.values():
        context.close()


def take_picture(page: Page, name: str) -> None:
    """A screenshot; `make screenshots` puts the kept ones into the docs."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


def check_accessible(page: Page) -> None:
    """Axe finds nothing on this page. Run in a world of its own, so the page's content policy stays as it is."""
    session = page.context.new_cdp_session(page)
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    world = session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})["executionContextId"]
    session.send("Runtime.evaluate", {"expression": AXE.read_text(), "contextId": world})
    run = f"axe.run(document, {{runOnly: {json.dumps(AXE_TAGS)}}}).then(found => JSON.stringify(found.violations))"
    answer = session.send(
        "Runtime.evaluate",
        {"expression": run, "contextId": world, "awaitPromise": True, "returnByValue": True},
    )
    assert "exceptionDetails" not in answer, answer
    violations = json.loads(answer["result"]["value"])
    told = [f"{v['id']}: {v['help']} at {[node['target'] for node in v['nodes']]}" for v in violations]
    assert told == [], page.url
    session.detach()

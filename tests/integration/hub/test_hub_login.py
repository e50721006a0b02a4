"""Logging in to a real hub through the real proxy, and what its pages give away."""

import re

import pytest

import hub_kit
from tidegate.identity import set_disabled
from tidegate.ledger import Event
from tidegate.model import utc_now

REFUSED = "The name or the password is wrong."


def test_right_password_leads_to_the_start_page(up: hub_kit.Up) -> None:
    client = up.client()
    answer = client.log_in("rosa")
    assert answer.status_code == 200
    assert client.trail[-1].endswith("/hub/home")
    assert "Welcome, Rosa" in answer.text


@pytest.mark.parametrize(
    ("name", "password"), [("cleo", "not the password"), ("nobody", hub_kit.PASSWORD), ("hub", "a word or two")]
)
def test_wrong_name_and_wrong_password_get_the_same_answer(up: hub_kit.Up, name: str, password: str) -> None:
    client = up.client()
    answer = client.log_in(name, password)
    assert answer.status_code == 403
    assert REFUSED in answer.text
    assert password not in answer.text
    assert "Welcome" not in client.get("/hub/home").text


def test_logins_are_in_the_ledger_and_passwords_nowhere(up: hub_kit.Up, world: hub_kit.World) -> None:
    up.client().log_in("ravi", "a secret typed wrongly")
    up.client().log_in("a-secret-typed-as-name", "anything at all")
    up.client().log_in("ravi")
    failed = [record.subject for record in world.events(Event.LOGIN_FAILED)]
    assert "account/ravi" in failed
    assert "account/a-secret-typed-as-name" not in failed
    assert "account/ravi" in [record.subject for record in world.events(Event.LOGIN_SUCCEEDED)]
    everything = "".join(entry.model_dump_json() for entry in world.store.entries("workspace")) + up.logs()
    assert "a secret typed wrongly" not in everything
    assert hub_kit.PASSWORD not in everything


def test_guessing_has_to_wait(up: hub_kit.Up) -> None:
    for _ in range(5):
        assert REFUSED in up.client().log_in("gwen", "guess after guess").text
    answer = up.client().log_in("gwen")
    assert answer.status_code == 403
    assert "Too many wrong passwords" in answer.text


def test_an_open_login_ends_when_the_account_is_disabled(up: hub_kit.Up, world: hub_kit.World) -> None:
    client = up.client()
    client.log_in("olga")
    assert "Welcome, Olga" in client.get("/hub/home").text
    set_disabled(world.store, "olga", True, hub_kit.SERVICE, utc_now())
    hub_kit.until(lambda: "Welcome" not in client.get("/hub/home").text, 15)
    assert REFUSED in up.client().log_in("olga").text


def test_a_form_posted_from_elsewhere_is_refused(up: hub_kit.Up) -> None:
    form = {"username": "rosa", "password": hub_kit.PASSWORD}
    assert up.client().post("/hub/login", data=form).status_code == 403


@pytest.mark.parametrize("path", ["/hub/login", "/hub/home", "/hub/nothing-here", "/hub/token", "/hub/spawn"])
def test_pages_load_nothing_from_outside_and_no_script_but_ours(rosa: hub_kit.Client, path: str) -> None:
    answer = rosa.get(path)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="(https?://[^"]*)"', answer.text)
    assert [url for url in loaded if f".{hub_kit.DOMAIN}:" not in url.replace("//", "//.")] == []
    assert "<script>" not in answer.text


def test_no_file_of_jupyterhubs_own_is_served(rosa: hub_kit.Client) -> None:
    assert rosa.get("/hub/static/tidegate.css").status_code == 200
    assert rosa.get("/hub/static/components/jquery/dist/jquery.min.js").status_code == 404


def test_a_person_has_no_rights_beyond_their_own_servers(rosa: hub_kit.Client) -> None:
    assert rosa.api("GET", "users").status_code == 403
    assert rosa.api("GET", "users/ravi").status_code in {403, 404}
    assert rosa.api("POST", "users/rosa/tokens", json={"note": "mine"}).status_code in {403, 404}
    assert rosa.api("POST", "shares/rosa/breast-density", json={"user": "ravi"}).status_code in {403, 404}
    assert rosa.get("/hub/admin").status_code == 403


def test_the_login_cookie_goes_to_the_hub_alone(rosa: hub_kit.Client) -> None:
    """Neither review nor another person's workspace ever sees it."""
    domains = {domain for domain, name in rosa.cookies if name == "jupyterhub-hub-login"}
    assert domains == {hub_kit.DOMAIN}

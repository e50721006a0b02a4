"""The review pages beside the hub: their own host, their own cookies, one login for both."""

from collections.abc import Iterator

import pytest

import hub_kit


@pytest.fixture(scope="module")
def up(world: hub_kit.World) -> Iterator[hub_kit.Up]:
    with hub_kit.running(world.state, ("egress",)) as up:
        yield up


def test_review_is_entered_with_the_hubs_login_and_keeps_its_cookies_to_itself(
    up: hub_kit.Up, rosa: hub_kit.Client
) -> None:
    host = f"review.{hub_kit.DOMAIN}"
    before = set(rosa.cookies)
    answer = rosa.get(f"http://{host}:{up.settings.port}/")
    assert answer.status_code == 200, answer.text
    assert rosa.trail[-1].startswith(f"http://{host}:")
    assert any("code_challenge_method=S256" in url for url in rosa.trail)
    added = set(rosa.cookies) - before
    assert added
    assert {domain for domain, _ in added} == {host}, "a cookie with a Domain would reach every workspace"


def test_review_without_a_login_shows_the_login(up: hub_kit.Up) -> None:
    answer = up.client().get(f"http://review.{hub_kit.DOMAIN}:{up.settings.port}/")
    assert "<h1>Log in</h1>" in answer.text

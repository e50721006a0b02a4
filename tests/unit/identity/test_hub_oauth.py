"""The login of a web service through the hub, against a hub that answers whatever it likes."""

import base64
import hashlib
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tidegate.identity import HubOAuthSettings, authorize_url, exchange, new_challenge, new_state, whoami
from tidegate.model import PersonRef, TidegateError

SETTINGS = HubOAuthSettings(
    public_url="http://tidegate.localhost:8000/hub/",
    api_url="http://127.0.0.1:8001/hub/api",
    client_id="service-egress",
    client_secret="the client's secret",
    redirect_url="http://review.tidegate.localhost:8000/oauth/callback",
)


def client(answer: Callable[[httpx2.Request], httpx2.Response]) -> httpx2.Client:
    return httpx2.Client(transport=httpx2.MockTransport(answer))


def test_the_browser_is_sent_with_a_challenge_and_never_the_verifier() -> None:
    pair = new_challenge()
    url = urlsplit(authorize_url(SETTINGS, "the-state", pair.challenge))
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert f"{url.scheme}://{url.netloc}{url.path}" == "http://tidegate.localhost:8000/hub/api/oauth2/authorize"
    assert query["code_challenge_method"] == "S256"
    assert query["state"] == "the-state"
    assert query["redirect_uri"] == SETTINGS.redirect_url
    assert pair.verifier not in url.query
    assert SETTINGS.client_secret not in url.query


def test_the_challenge_is_the_verifiers_hash() -> None:
    pair = new_challenge()
    digest = hashlib.sha256(pair.verifier.encode()).digest()
    assert base64.urlsafe_b64decode(pair.challenge + "=") == digest
    assert 43 <= len(pair.verifier) <= 128


def test_states_and_verifiers_are_never_the_same() -> None:
    assert len({new_state() for _ in range(50)} | {new_challenge().verifier for _ in range(50)}) == 100


def test_a_code_is_exchanged_with_its_verifier() -> None:
    def hub(request: httpx2.Request) -> httpx2.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        assert request.url.path == "/hub/api/oauth2/token"
        assert (form["code"], form["code_verifier"]) == ("the-code", "the-verifier")
        assert form["client_secret"] == SETTINGS.client_secret
        return httpx2.Response(200, json={"access_token": "token"})

    assert exchange(SETTINGS, "the-code", "the-verifier", client(hub)) == "token"


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(400, json={"error": "invalid_grant"}),
        httpx2.Response(200, json={}),
        httpx2.Response(200, json={"access_token": 7}),
        httpx2.Response(200, json=["access_token"]),
        httpx2.Response(200, text="<html>log in</html>"),
        httpx2.Response(302, headers={"location": "http://elsewhere.example/"}),
    ],
)
def test_a_code_the_hub_does_not_know_is_refused(answer: httpx2.Response) -> None:
    with pytest.raises(TidegateError, match="oauth_code_refused"):
        exchange(SETTINGS, "code", "verifier", client(lambda _: answer))


def test_whoami_names_the_person() -> None:
    def hub(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["authorization"] == "token t"
        return httpx2.Response(200, json={"kind": "user", "name": "rosa", "admin": True})

    assert whoami(SETTINGS, "t", client(hub)) == PersonRef(subject="rosa")


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(403, json={"message": "no"}),
        httpx2.Response(200, json={"kind": "service", "name": "provisioner"}),
        httpx2.Response(200, json={"kind": "user"}),
        httpx2.Response(200, json={"kind": "user", "name": None}),
        httpx2.Response(200, text="not json"),
    ],
)
def test_whoami_takes_nothing_for_a_person_that_is_none(answer: httpx2.Response) -> None:
    with pytest.raises(TidegateError, match="oauth_token_refused"):
        whoami(SETTINGS, "t", client(lambda _: answer))


def test_a_hub_that_is_down_is_said_so() -> None:
    def down(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    with pytest.raises(TidegateError, match="hub_unreachable"):
        whoami(SETTINGS, "t", client(down))


def test_the_secret_is_not_printed() -> None:
    assert SETTINGS.client_secret not in repr(SETTINGS)

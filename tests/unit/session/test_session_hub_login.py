"""A hub that is away neither lets anybody in nor ends a login, and the page says so without addresses."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.services import auth
from tornado.web import HTTPError

from workspace.session.hub_login import CODE, SILENT, PatientHubOAuth

ADDRESS = "http://192.0.2.1:8081/hub/api"


def answering(status: int) -> Any:
    async def text() -> str:
        return '{"error": "no"}'

    async def fetch(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(status=status, text=text)

    return fetch


async def silent(*_: Any, **__: Any) -> Any:
    raise OSError(ADDRESS)


def asked(monkeypatch: pytest.MonkeyPatch, fetch: Any) -> Any:
    monkeypatch.setattr(auth, "fetch", fetch)
    hub = PatientHubOAuth(api_url=ADDRESS, api_token="a token", oauth_client_id="jupyterhub-user-rosa")
    return asyncio.run(hub._api_request("GET", f"{ADDRESS}/user", allow_403=True))


@pytest.mark.parametrize("fetch", [silent, answering(500), answering(503), answering(404)])
def test_a_hub_that_does_not_answer_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch, fetch: Any) -> None:
    with pytest.raises(HTTPError) as caught:
        asked(monkeypatch, fetch)
    assert (caught.value.status_code, caught.value.reason, caught.value.log_message) == (503, CODE, SILENT)
    assert ADDRESS not in str(caught.value)


def test_a_login_the_hub_does_not_know_is_still_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, answering(403)) is None

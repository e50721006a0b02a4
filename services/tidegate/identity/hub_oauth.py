"""Logging in to a web service of ours through the hub: OAuth authorization code with PKCE and state.

Called by the review pages. Knows no web framework: the service keeps `state` and `verifier` in its own session
between the two requests, and calls `exchange` and `whoami` when the browser comes back.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx2

from tidegate.model import PersonRef, TidegateError

SECONDS: Final = 10.0


@dataclass(frozen=True)
class HubOAuthSettings:
    """`public_url` is the hub as the browser reaches it (ends in ``/hub/``), `api_url` as this service does."""

    public_url: str
    api_url: str
    client_id: str
    client_secret: str
    redirect_url: str

    def __repr__(self) -> str:
        return f"HubOAuthSettings(client_id={self.client_id!r}, redirect_url={self.redirect_url!r})"


@dataclass(frozen=True)
class Challenge:
    """PKCE: the hash goes out with the browser, the verifier comes back from the service alone."""

    verifier: str
    challenge: str


def new_state() -> str:
    """Ties the answer to the browser that asked."""
    return secrets.token_urlsafe(32)


def new_challenge() -> Challenge:
    verifier = secrets.token_urlsafe(64)
    digest = hashlib.sha256(verifier.encode()).digest()
    return Challenge(verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


def authorize_url(settings: HubOAuthSettings, state: str, challenge: str) -> str:
    """Where to send the browser."""
    query = {
        "client_id": settings.client_id,
        "redirect_uri": settings.redirect_url,
        "response_type": "code",
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{settings.public_url.rstrip('/')}/api/oauth2/authorize?{urlencode(query)}"


def exchange(settings: HubOAuthSettings, code: str, verifier: str, client: httpx2.Client | None = None) -> str:
    """The access token for a code.

    Raises:
        TidegateError: ``oauth_code_refused`` or ``hub_unreachable``.
    """
    form = {
        "grant_type": "authorization_code",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": settings.redirect_url,
    }
    answer = _send("POST", f"{settings.api_url.rstrip('/')}/oauth2/token", client, data=form)
    token = _json(answer).get("access_token") if answer.status_code == httpx2.codes.OK else None
    if not isinstance(token, str):
        raise TidegateError("oauth_code_refused", "The hub did not accept this login.", "Start the login again.")
    return token


def whoami(settings: HubOAuthSettings, token: str, client: httpx2.Client | None = None) -> PersonRef:
    """Whose token it is; asked afresh, so a person removed from the hub is refused.

    Raises:
        TidegateError: ``oauth_token_refused`` or ``hub_unreachable``.
    """
    headers = {"Authorization": f"token {token}"}
    answer = _send("GET", f"{settings.api_url.rstrip('/')}/user", client, headers=headers)
    found = _json(answer) if answer.status_code == httpx2.codes.OK else {}
    if found.get("kind") != "user" or not isinstance(found.get("name"), str):
        raise TidegateError("oauth_token_refused", "The hub no longer knows this login.", "Log in again.")
    return PersonRef(subject=found["name"])


def _send(method: str, url: str, client: httpx2.Client | None, **options: Any) -> httpx2.Response:  # noqa: ANN401
    try:
        if client is not None:
            return client.request(method, url, **options)
        # The hub is on this machine or this cluster: no proxy of the environment lies between.
        with httpx2.Client(timeout=SECONDS, trust_env=False, follow_redirects=False) as own:
            return own.request(method, url, **options)
    except httpx2.HTTPError as error:
        raise TidegateError("hub_unreachable", "The hub does not answer.", "Try again in a minute.") from error


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

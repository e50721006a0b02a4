"""Signing in through the hub, for every web service of ours: authorization code, PKCE and state, kept in the session.

The person in the session is whom the hub said; what they may do is looked up in the grants at each act. The session
lasts while the hub's own does in this browser: the hub's cookie for all its hosts says which one that is, and is gone
once the person logs out there.
"""

import hmac
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from tidegate.identity import HubOAuthSettings, authorize_url, exchange, new_challenge, new_state, whoami
from tidegate.model import PersonRef, TidegateError

PERSON: Final = "person"
PENDING: Final = "login"
HUB_SESSION: Final = "hub_session"
HUB_SESSION_COOKIE: Final = "jupyterhub-session-id"
Page = Callable[[HttpRequest], HttpResponse]


def person_of(request: HttpRequest) -> PersonRef | None:
    """Who is signed in here, if anybody is, and still is at the hub."""
    if request.session.get(HUB_SESSION, "") != request.COOKIES.get(HUB_SESSION_COOKIE, ""):
        return None
    found = request.session.get(PERSON)
    return PersonRef.model_validate(found) if found else None


@require_GET
def login(request: HttpRequest) -> HttpResponse:
    """Send the browser to the hub, remembering where it wanted to go."""
    state, challenge = new_state(), new_challenge()
    request.session[PENDING] = {
        "state": state,
        "verifier": challenge.verifier,
        "next": safe_path(request.GET.get("next", "/")),
    }
    return HttpResponseRedirect(authorize_url(_settings(), state, challenge.challenge))


@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """The browser comes back with a code, once, for the state we gave it."""
    pending = request.session.pop(PENDING, None)
    if not pending or not hmac.compare_digest(pending["state"].encode(), request.GET.get("state", "").encode()):
        return _failed(request, "login_state", "This sign-in was not started here, or it was used before.")
    try:
        token = exchange(_settings(), request.GET.get("code", ""), pending["verifier"])
        person = whoami(_settings(), token)
    except TidegateError as error:
        return _failed(request, error.code, error.sentence)
    # A new session, so that a key planted before the sign-in is worth nothing after it.
    request.session.flush()
    request.session[PERSON] = person.model_dump(mode="json")
    request.session[HUB_SESSION] = request.COOKIES.get(HUB_SESSION_COOKIE, "")
    return HttpResponseRedirect(pending["next"])


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return HttpResponseRedirect("/")


def safe_path(target: str) -> str:
    """A path of this service; anything that could lead elsewhere becomes the first page."""
    local = target.startswith("/") and url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if local else "/"


def _settings() -> HubOAuthSettings:
    found = settings.TIDEGATE_LOGIN
    if not isinstance(found, HubOAuthSettings):  # pragma: no cover - a wiring mistake
        raise TypeError
    return found


def _failed(request: HttpRequest, code: str, sentence: str) -> HttpResponse:
    context = {"code": code, "sentence": sentence, "fix": "Sign in again."}
    return render(request, "tidegate/refused.html", context, status=403)

"""`ports.Hub`: asks JupyterHub whose workspace a token belongs to. The answer alone says who and which project."""

import re
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from pydantic import ValidationError

from egress_review.domain.refusals import refused
from egress_review.ports import WorkspaceIdentity
from tidegate.model import PersonRef

SERVER_SCOPE: Final = re.compile(r"access:servers!server=(?P<user>[^/]+)/(?P<project>[a-z][a-z0-9-]{1,28})")
SECONDS: Final = 5.0
UNKNOWN: Final = frozenset({httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN, httpx2.codes.NOT_FOUND})
TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{8,200}")


@dataclass(frozen=True)
class HubIdentities:
    """`api_url` is the hub's API as this service reaches it."""

    api_url: str

    def workspace_of(self, token: str) -> WorkspaceIdentity | None:
        if not TOKEN.fullmatch(token):
            return None
        try:
            with httpx2.Client(timeout=SECONDS, trust_env=False, follow_redirects=False) as client:
                answer = client.get(f"{self.api_url}/user", headers={"Authorization": f"token {token}"})
        except httpx2.HTTPError as error:
            raise refused("hub_unavailable") from error
        if answer.status_code in UNKNOWN:
            return None
        if answer.status_code != httpx2.codes.OK:
            raise refused("hub_unavailable")
        return identity_of(_json(answer))


def identity_of(model: dict[str, Any]) -> WorkspaceIdentity | None:
    """The one server a token opens, if it opens exactly one and that one is its user's own."""
    scopes = model.get("scopes")
    matches = [SERVER_SCOPE.fullmatch(str(scope)) for scope in scopes] if isinstance(scopes, list) else []
    servers = {(match["user"], match["project"]) for match in matches if match}
    if model.get("kind") != "user" or len(servers) != 1:
        return None
    user, project = servers.pop()
    try:
        return WorkspaceIdentity(PersonRef(subject=user), project) if user == model.get("name") else None
    except ValidationError:
        return None


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError as error:
        raise refused("hub_unavailable") from error
    return found if isinstance(found, dict) else {}

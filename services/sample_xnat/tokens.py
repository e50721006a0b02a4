"""Alias tokens as XNAT gives them out: a name and a secret that stand for a user until they end or are taken back.

Below ``/data/services/tokens/``: ``issue``, ``show``, ``validate/ALIAS/SECRET``, ``invalidate/ALIAS`` with the secret
or without. Taking a token back ends no session that was begun with it.
"""

import hmac
import json
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

PLACE: Final = "/data/services/tokens/"
TWO_DAYS: Final = 48 * 3600.0
Answered = tuple[HTTPStatus, str]


@dataclass(frozen=True, slots=True)
class AliasToken:
    """`created` and `ends` are seconds since 1970."""

    number: int
    alias: str
    secret: str
    user: str
    created: float
    ends: float

    def __repr__(self) -> str:
        return f"AliasToken({self.number})"

    def shown(self) -> dict[str, Any]:
        """As XNAT shows it to its owner."""
        return {
            "id": self.number,
            "alias": self.alias,
            "secret": self.secret,
            "xdatUserId": self.user,
            "singleUse": False,
            "enabled": True,
            "disabled": 0,
            "created": int(self.created * 1000),
            "timestamp": int(self.created * 1000),
            "estimatedExpirationTime": int(self.ends * 1000),
        }


class AliasTokens:
    """The tokens of one server; `given` are there from the start. Safe in any thread."""

    def __init__(self, given: Mapping[str, str], user: str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, AliasToken] = {}
        self.issued = 0
        for alias, secret in given.items():
            self._keep(alias, secret, user)

    def issue(self, user: str) -> AliasToken:
        self.issued += 1
        return self._keep(str(uuid.uuid4()), secrets.token_urlsafe(48), user)

    def of(self, user: str) -> list[AliasToken]:
        return [token for token in self._live() if token.user == user]

    def user_of(self, alias: str, secret: str) -> str | None:
        """Whom they stand for now."""
        found = self.find(alias)
        return found.user if found and hmac.compare_digest(found.secret.encode(), secret.encode()) else None

    def find(self, alias: str) -> AliasToken | None:
        return next((token for token in self._live() if alias in {token.alias, str(token.number)}), None)

    def drop(self, token: AliasToken) -> None:
        with self._lock:
            self._tokens.pop(token.alias, None)

    def _live(self) -> list[AliasToken]:
        now = self._clock()
        with self._lock:
            return [token for token in self._tokens.values() if token.ends > now]

    def _keep(self, alias: str, secret: str, user: str) -> AliasToken:
        now = self._clock()
        with self._lock:
            made = AliasToken(len(self._tokens) + 1, alias, secret, user, now, now + TWO_DAYS)
            self._tokens[alias] = made
        return made


def answer(tokens: AliasTokens, place: str, user: str) -> Answered:
    """Status and JSON for a path below `PLACE`, asked by a user who is logged in and is no administrator."""
    match place.split("/"):
        case ["issue"]:
            return _ok(tokens.issue(user).shown())
        case ["issue", "user", name]:
            own = name == user
            return _ok(tokens.issue(user).shown()) if own else (HTTPStatus.FORBIDDEN, "Only admins may do this.")
        case ["show"]:
            return _ok([token.shown() for token in tokens.of(user)])
        case ["validate", alias, secret]:
            return _known(tokens, alias, user, lambda token: _validity(tokens, token, secret))
        case ["invalidate", alias, *rest] if len(rest) < 2:  # noqa: PLR2004 - the secret, which XNAT does not look at
            return _known(tokens, alias, user, lambda token: _taken_back(tokens, token))
    return HTTPStatus.NOT_FOUND, "There is no such address."


def _known(tokens: AliasTokens, alias: str, user: str, then: Callable[[AliasToken], Answered]) -> Answered:
    found = tokens.find(alias)
    if found is None:
        return HTTPStatus.NOT_FOUND, "There is no such alias token."
    return then(found) if found.user == user else (HTTPStatus.FORBIDDEN, "It is somebody else's token.")


def _validity(tokens: AliasTokens, token: AliasToken, secret: str) -> Answered:
    return _ok({"valid": tokens.user_of(token.alias, secret)})


def _taken_back(tokens: AliasTokens, token: AliasToken) -> Answered:
    tokens.drop(token)
    return _ok({"result": "OK"})


def _ok(value: object) -> Answered:
    return HTTPStatus.OK, json.dumps(value)

"""Asks the Open Policy Agent server beside a service; the only place that imports its client.

Called by the fail-closed wrapper where services run on Kubernetes. Of the client only `query_rule` and `check_health`
are used, on constant paths: its other calls rewrite policies, drop empty inputs or paste JSON into queries.
"""

import importlib
import logging
import re
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tidegate.model import TidegateError
from tidegate.policy.codes import Code
from tidegate.policy.port import ENTRY, Point, Refused
from tidegate.policy.stamp import is_fresh

TRIES: Final = 2
WAIT_SECONDS: Final = 0.25
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
TOKEN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{31,255}")
BUNDLE: Final = "tidegate"
# A server left to itself makes an undefined value of a failing built-in; and provenance names the bundle's revision.
ASKED: Final = {"strict-builtin-errors": True, "provenance": True}
READY: Final = {"bundle": True, "plugins": True}
SERVER_ERROR: Final = 500
log = logging.getLogger(__name__)


class ServerEngine:
    """An `Engine` that asks over HTTP on the loopback interface."""

    def __init__(self, url: str, token_file: Path, stale_after: timedelta) -> None:
        self._address = _address(url)
        self._token_file = token_file
        self._stale_after = stale_after
        self._own = threading.local()
        self._client()

    def evaluate(self, point: Point, payload: Mapping[str, Any]) -> object:
        reply = self._reply(point, payload)
        if not isinstance(reply, dict):
            raise Refused(Code.POLICY_ERROR)
        revision = _revision(reply)
        if revision is None:  # no bundle yet
            raise Refused(Code.POLICY_UNAVAILABLE)
        if not is_fresh(revision, datetime.fromisoformat(payload["now"]), self._stale_after):
            raise Refused(Code.POLICY_STALE)
        if "result" not in reply:  # undefined
            raise Refused(Code.POLICY_ERROR)
        return reply["result"]

    def ready(self) -> bool:
        """Whether the server has a bundle and all its parts run. For health pages; no decision depends on it."""
        return self._client().check_health(READY) is True

    def _reply(self, point: Point, payload: Mapping[str, Any]) -> object:
        package, _, rule = ENTRY[point].rpartition(".")
        why = Code.POLICY_UNAVAILABLE
        for _ in range(TRIES):
            try:
                answer: object = self._client().query_rule(dict(payload), package, rule, ASKED)
            except OSError as error:  # what the client's library raises is one
                log.warning("policy server did not answer: %s", type(error).__name__)
                why = _meaning(error)
            except TidegateError as error:
                log.warning("policy server cannot be asked: %s", error)
            else:
                return answer
        raise Refused(why)

    def _client(self) -> Any:  # noqa: ANN401 - the client has no types
        """This thread's connection; a new one when the token was replaced."""
        token = _token(self._token_file)
        if getattr(self._own, "token", None) != token:
            self._own.client = _connect(*self._address, token)
            self._own.token = token
        return self._own.client


def _meaning(error: OSError) -> Code:
    """What cannot be read, or says that the question failed, is an error; all else is no server that answers us."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return Code.POLICY_ERROR if isinstance(error, ValueError) or status == SERVER_ERROR else Code.POLICY_UNAVAILABLE


def _revision(reply: Mapping[str, Any]) -> object:
    """Of the bundle the answer came from; None before the server has one."""
    place: object = reply
    for step in ("provenance", "bundles", BUNDLE, "revision"):
        place = place.get(step) if isinstance(place, Mapping) else None
    return place


def _connect(host: str, port: int, token: str) -> Any:  # noqa: ANN401 - the client has no types
    try:
        library = importlib.import_module("opa_client.opa")
    except ImportError as error:
        raise TidegateError(
            "policy_client_missing",
            "The policy server cannot be asked: the Python package opa-python-client is missing.",
            "Install Tidegate with its extra 'kubernetes'; nothing is allowed without it.",
        ) from error
    client = library.OpaClient(host=host, port=port, token=token, retries=0, timeout=WAIT_SECONDS)
    session = client._session  # noqa: SLF001 - the client offers no other way to say so
    session.trust_env = False  # no proxy from the environment, no other login from a .netrc
    session.max_redirects = 0
    return client


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname in LOOPBACK and parts.port and parts.path in {"", "/"}:
            return parts.hostname, parts.port
    except ValueError:  # a port that is no number
        pass
    raise TidegateError(
        "policy_server_address",
        f"The policy server's address {url!r} is not one on this host's loopback interface.",
        "Give it as http://127.0.0.1:8181; the server runs beside each service.",
    )


def _token(file: Path) -> str:
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        token = ""
    if TOKEN.fullmatch(token) is None:
        raise TidegateError(
            "policy_token_missing",
            f"{file} holds no token for the policy server.",
            "Put one there: 32 to 256 letters, digits, '-' or '_', beginning with a letter.",
        )
    return token

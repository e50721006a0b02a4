"""Sends one request to the API server: time limits, the pace of writes, waiting when told to. Used by `client`."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from kubernetes.client.rest import RESTResponse
from urllib3.exceptions import HTTPError, ProtocolError

from tidegate.cluster.failures import failure, unreachable
from tidegate.cluster.pace import Pace
from tidegate.cluster.port import Manifest

READ: Final = "GET"
JSON: Final = "application/json"
TIMEOUT: Final = (3.05, 15.0)  # seconds to connect, and without a byte
TRIES: Final = 4
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 10.0
BUSY: Final = frozenset({429, 503})
NOT_FOUND: Final = 404


@dataclass(frozen=True)
class Call:
    """One request. `what` is said in errors, for example ``apply Pod tg-a/x``; `kind` keeps Secrets out of them."""

    method: str
    path: str
    what: str
    kind: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Manifest | None = None
    content: str = JSON
    timeout: tuple[float, float] = TIMEOUT
    headers: Mapping[str, str] = field(default_factory=dict)


def _let_pass(_call: Call) -> None:
    """Most processes may write whenever they can."""


class Sender:
    """Safe in any thread. A read on a broken connection is sent once more; a write never: it may have landed."""

    def __init__(
        self,
        api: ApiClient,
        pace: Pace | None = None,
        sleep: Callable[[float], None] = time.sleep,
        before_write: Callable[[Call], None] = _let_pass,
    ) -> None:
        """`before_write` may refuse a write by raising TidegateError, for example where a process no longer leads."""
        self._api = api
        self._pace = pace or Pace()
        self._sleep = sleep
        self._before_write = before_write

    def stream(self, call: Call) -> RESTResponse:
        """The answer with its body still to come.

        Raises:
            TidegateError: as `port.ClusterApi` says.
        """
        response = self._patiently(call)
        if response.status < 300:  # noqa: PLR2004 - HTTP's own line between yes and no
            return response
        raise failure(response.status, response.read() or b"", call.kind, call.what)

    def json(self, call: Call) -> Manifest:
        """The whole answer; errors as of `stream`."""
        return _decoded(self.stream(call), call)

    def json_or_none(self, call: Call) -> Manifest | None:
        """None where there is no such object."""
        response = self._patiently(call)
        if response.status == NOT_FOUND:
            response.read()
            return None
        if response.status < 300:  # noqa: PLR2004 - HTTP's own line between yes and no
            return _decoded(response, call)
        raise failure(response.status, response.read() or b"", call.kind, call.what)

    def _patiently(self, call: Call) -> RESTResponse:
        """A server that says it is busy has not done it: wait as long as it says, and ask again."""
        for number in range(1, TRIES + 1):
            response = self._once_more_if_read(call)
            wait = _wait(response, number)
            if wait is None or number == TRIES:
                break
            response.read()
            self._sleep(wait)
        return response

    def _once_more_if_read(self, call: Call) -> RESTResponse:
        try:
            return self._request(call)
        except ProtocolError as error:
            if call.method != READ:
                raise unreachable(error, call.what) from error
        except (HTTPError, ApiException) as error:
            raise unreachable(error, call.what) from error
        try:
            return self._request(call)
        except (HTTPError, ApiException) as error:
            raise unreachable(error, call.what) from error

    def _request(self, call: Call) -> RESTResponse:
        if call.method != READ:
            self._pace.wait()
            self._before_write(call)
        request = self._api.param_serialize(
            method=call.method,
            resource_path=call.path,
            query_params=list(call.query.items()),
            header_params={"Accept": JSON, "Content-Type": call.content, **call.headers},
            body=call.body,
            auth_settings=["BearerToken"],
        )
        return self._api.call_api(*request, _request_timeout=call.timeout)


def _wait(response: RESTResponse, number: int) -> float | None:
    """Seconds until the next try, None where the answer is final."""
    if response.status not in BUSY:
        return None
    said = response.headers.get("Retry-After", "")
    if response.status != 429 and not said:  # noqa: PLR2004 - 503 is final unless it says when to come back
        return None
    return min(float(said) if said.isdigit() else FIRST_WAIT * 2 ** (number - 1), LONGEST_WAIT)


def _decoded(response: RESTResponse, call: Call) -> Manifest:
    try:
        answer: Manifest = json.loads(response.read())
    except (HTTPError, ValueError) as error:
        raise unreachable(error, call.what) from error
    return answer

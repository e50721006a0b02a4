"""Every HTTP answer passes here on its way out: the policy headers go on, and metered bodies are counted.

A Tornado output transform sees each answer whatever handler wrote it, errors and redirects included, so no handler can
forget either. `app` puts it first, before any compression: the ledger counts what the browser can read.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from tornado.web import OutputTransform

if TYPE_CHECKING:
    from tornado.httputil import HTTPHeaders, HTTPServerRequest

    from workspace.session.budget import Budget, Kind, Refusal

NOT_REFUSED: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Outgoing(OutputTransform):
    """Built by `outgoing` with the server's budget and headers; one instance an answer."""

    budget: ClassVar["Budget"]
    headers: ClassVar[Mapping[str, str]]

    def __init__(self, request: "HTTPServerRequest") -> None:
        self._meter: Kind | None = getattr(request, "tidegate_meter", None)
        # An answer to a change is small and of fixed shape; refusing it would hide that the change was made.
        self._essential = request.method in NOT_REFUSED
        self._refused = False

    def transform_first_chunk(
        self,
        status_code: int,
        headers: "HTTPHeaders",
        chunk: bytes,
        finishing: bool,  # noqa: ARG002, FBT001 - Tornado's
    ) -> tuple[int, "HTTPHeaders", bytes]:
        for name, value in self.headers.items():
            headers[name] = value
        refusal = self._draw(chunk)
        if refusal is None:
            return status_code, headers, chunk
        self._refused = True
        body = json.dumps({"code": refusal.value, "message": refusal.sentence}).encode()
        headers["Content-Type"] = "application/json"
        headers["Content-Length"] = str(len(body))
        return 403, headers, body

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:  # noqa: ARG002, FBT001 - Tornado's
        if self._refused or self._draw(chunk) is not None:
            return b""
        return chunk

    def _draw(self, chunk: bytes) -> "Refusal | None":
        if self._meter is None:
            return None
        return self.budget.draw(self._meter, len(chunk), essential=self._essential)


def outgoing(budget: "Budget", headers: Mapping[str, str]) -> type[Outgoing]:
    """The transform class of one server."""
    return type("ServerOutgoing", (Outgoing,), {"budget": budget, "headers": dict(headers)})

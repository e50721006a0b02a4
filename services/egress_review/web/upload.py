"""Uploads: a byte goes to quarantine as it arrives, and a body that grows too large is refused on the way.

`UploadGate` stands in front of the Django application, which would read a whole body before a view sees any of it, and
takes exactly one kind of address. Everywhere else a body may be as large as a form, and no larger.
"""

import io
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import unquote

from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async
from django.db import connections

from egress_review.application.acts import By
from egress_review.application.drafts import Upload, add_file
from egress_review.application.workspaces import workspace_actor
from egress_review.domain.refusals import refused
from egress_review.web.desk import desk
from egress_review.web.intake import token_of
from egress_review.web.problems import TROUBLE, body_of, status_of, told
from tidegate.model.names import SHA256

PATH: Final = re.compile(rb"/intake/v1/drafts/(?P<id>[0-9a-f]{1,40})/files/(?P<name>.+)", re.DOTALL)
CREATED: Final = 201
TOO_LARGE: Final = 413
MOST_OF_A_FORM: Final = 512 * 1024
# The largest file a session server sends.
MOST_DRAINED: Final = 512 * 1024 * 1024
Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class UploadGate:
    """Takes ``PUT /intake/v1/drafts/{id}/files/{path}``; hands on everything else."""

    def __init__(self, application: Any) -> None:  # noqa: ANN401 - any ASGI application
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = PATH.fullmatch(scope.get("raw_path") or b"") if scope["type"] == "http" else None
        if match is None or scope["method"] != "PUT":
            await self._hand_on(scope, receive, send)
            return
        stream = Body(receive)
        async with ThreadSensitiveContext():
            status, body = await sync_to_async(_put)(scope, match, stream)
        if status == TOO_LARGE:
            await stream.drain(min(_declared(scope), MOST_DRAINED))
        await _reply(send, status, body)

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        limited = Limited(receive)
        await self._application(scope, limited, send)
        if limited.exceeded:
            error = refused("body_too_large")
            await _reply(send, status_of(error), body_of(error))


class Limited:
    """Hands on a body up to the limit; then it is to the application as if the sender had hung up, so it stops."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = MOST_OF_A_FORM
        self.exceeded = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        self.exceeded = self._left < 0
        return {"type": "http.disconnect"} if self.exceeded else message


class Body(io.RawIOBase):
    """The request's body as a stream that a thread reads; holds one message at a time."""

    def __init__(self, receive: Receive) -> None:
        super().__init__()
        self._next = receive
        self._receive = async_to_sync(receive)
        self._rest = b""
        self._more = True
        self._seen = 0

    async def drain(self, most: int) -> None:
        """Let go by what is still to come of `most` bytes: a sender cut off in mid-body never hears the answer."""
        while self._more and self._seen < most:
            message = await self._next()
            self._seen += len(message.get("body", b""))
            self._more = message["type"] != "http.disconnect" and message.get("more_body", False)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._rest and self._more:
            message = self._receive()
            if message["type"] == "http.disconnect":
                self._more = False
                raise refused("hash_mismatch", "The sender hung up.")
            self._rest, self._more = message.get("body", b""), message.get("more_body", False)
            self._seen += len(self._rest)
        end = len(self._rest) if size < 0 else size
        part, self._rest = self._rest[:end], self._rest[end:]
        return part


def _put(scope: Scope, match: re.Match[bytes], body: Body) -> tuple[int, dict[str, Any]]:
    try:
        return CREATED, _add(scope, match, body)
    except TROUBLE as error:
        return status_of(told(error)), body_of(told(error))
    finally:
        connections.close_all()


def _add(scope: Scope, match: re.Match[bytes], body: Body) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in scope["headers"]}
    actor = workspace_actor(desk().ports, token_of(headers.get(b"authorization", b"").decode("latin-1")))
    sha256 = headers.get(b"x-content-sha256", b"").decode("latin-1")
    if not re.fullmatch(SHA256, sha256):
        raise refused("hash_missing")
    if not headers.get(b"content-length", b"").isdigit():
        raise refused("length_missing")
    upload = Upload(name=_name(match["name"]), stream=body, sha256=sha256)  # type: ignore[arg-type]  # read() is all
    file = add_file(desk().ports, match["id"].decode(), By(actor, desk().clock()), upload)
    return {"sha256": file.sha256, "size": file.size}


def _declared(scope: Scope) -> int:
    """The length the sender says; a body that goes on beyond it is not let go by."""
    lengths = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


def _name(raw: bytes) -> str:
    try:
        return unquote(raw.decode("ascii"), errors="strict")
    except UnicodeDecodeError as error:
        raise refused("name_refused", "It is not UTF-8.") from error


async def _reply(send: Send, status: int, body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    # Whatever of the body has not been read is not wanted any more.
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    headers += [(b"connection", b"close")] if status != CREATED else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})

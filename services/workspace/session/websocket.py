"""The kernel connection of the session server: what a kernel sends passes the guard and the budget, or goes nowhere.

Jupyter Server builds one of these for each browser connection (`ServerApp.kernel_websocket_connection_class`).
"""

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import uuid4

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketClosedError
from traitlets import Unicode

from tidegate.model import to_text, utc_now
from workspace.session.budget import Budget, Kind, Refusal
from workspace.session.cuts import CutWatch
from workspace.session.guard import Rebuilt, bare_reply, notice, rebuild
from workspace.session.text import clipped, fields

PROTOCOL: Final = "5.3"
SETTLE_SECONDS: Final = 2.0
MAX_REQUESTS: Final = 500
MAX_HEADER_TEXT: Final = 128
HEADER_FIELDS: Final = ("msg_id", "msg_type", "session", "username", "version", "date")

# How much one request (a cell, in most cases) may draw, by kind; the project's budget lies above all of them.
REQUEST_CAPS: Final = {Kind.STREAM: 1_000_000, Kind.ERROR: 200_000, Kind.DISPLAY: 20_000_000, Kind.REPLY: 500_000}
TOO_MUCH: Final = "This cell printed more than is shown for one cell; the rest is dropped. Write it to a file instead."
LOST: Final = (
    "Some output did not arrive: one piece of it was too large, or the kernel restarted. Write large results to a file."
)


@dataclass
class Request:
    """One message of the browser, and what has been sent in answer to it."""

    header: dict[str, str]
    drawn: dict[Kind, int] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    idle: bool = False

    def within_cap(self, kind: Kind, size: int) -> bool:
        self.drawn[kind] = self.drawn.get(kind, 0) + size
        return self.drawn[kind] <= REQUEST_CAPS.get(kind, REQUEST_CAPS[Kind.DISPLAY])

    def first(self, what: str) -> bool:
        """Whether this is said for the first time in answer to this request."""
        new = what not in self.said
        self.said.add(what)
        return new


class GuardedConnection(ZMQChannelsWebsocketConnection):  # type: ignore[misc] # Jupyter carries no types
    """Rebuilds each outgoing message; remembers what the browser asked, because only that may be a parent."""

    # The newer framing passes messages on unread: their signatures would never be checked.
    kernel_ws_protocol = Unicode("", allow_none=True)

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - traits
        super().__init__(**kwargs)
        self._requests: OrderedDict[str, Request] = OrderedDict()
        # What belongs to no request of this browser is answered once for the connection.
        self._unasked = Request({})
        self._watches: dict[str, CutWatch] = {}

    @property
    def budget(self) -> Budget:
        budget: Budget = self.websocket_handler.settings["tidegate_budget"]
        return budget

    def create_stream(self) -> None:
        super().create_stream()
        for channel, stream in self.channels.items():
            self._watches[channel] = CutWatch(stream, partial(self._connect_again, channel))

    def _connect_again(self, channel: str) -> None:
        """ZeroMQ cut a stream off, most likely for an oversized frame: keep what came before, and listen again."""
        self._watches.pop(channel).close()
        self.channels[channel].flush()
        self.channels[channel].close()
        stream = getattr(self.kernel_manager, f"connect_{channel}")(identity=self.session.bsession)
        stream.channel = channel
        stream.on_recv_stream(self.handle_outgoing_message)
        self.channels[channel] = stream
        self._watches[channel] = CutWatch(stream, partial(self._connect_again, channel))
        for request in list(self._requests.values()):
            if not request.idle and request.header["msg_type"] == "execute_request":
                self._instead(LOST, notice(LOST), request)

    def disconnect(self) -> None:
        while self._watches:
            self._watches.popitem()[1].close()
        super().disconnect()

    def _finish_kernel_info(self, info: object) -> None:  # noqa: ARG002 - Jupyter's signature
        """What a kernel says of its protocol decides nothing here."""
        super()._finish_kernel_info({})

    def handle_incoming_message(self, incoming_msg: str | bytes) -> None:
        """Text only, well formed, of a listed type; remembered so that answers may name it."""
        header = _header_of(incoming_msg)
        if header is None:
            self.log.warning("Dropped a malformed message of the browser")
            return
        self._requests[header["msg_id"]] = Request(header)
        if len(self._requests) > MAX_REQUESTS:
            self._requests.popitem(last=False)
        super().handle_incoming_message(incoming_msg)

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:  # noqa: ANN401 - a ZMQ stream
        """Check the signature, rebuild, count, send. The stock path is not called: it forwards what it was given."""
        try:
            _, parts = self.session.feed_identities(outgoing_msg)
            message = self.session.deserialize(parts)
        except Exception:  # noqa: BLE001 - whatever a kernel's bytes break, the connection lives on
            self.log.warning("Dropped a malformed message of kernel %s", self.kernel_id)
            return
        channel = getattr(stream, "channel", None)
        rebuilt = rebuild(channel, fields(message.get("header")).get("msg_type"), message.get("content"))
        if rebuilt is not None:
            self._deliver(str(channel), rebuilt, self._request_of(message))

    def _request_of(self, message: dict[str, Any]) -> Request:
        asked = fields(message.get("parent_header")).get("msg_id")
        return self._requests.get(asked, self._unasked) if isinstance(asked, str) else self._unasked

    def _deliver(self, channel: str, message: Rebuilt, request: Request) -> None:
        text = self._serialise(channel, message, request)
        request.idle |= message.content.get("execution_state") == "idle"
        if message.msg_type == "execute_reply":
            IOLoop.current().call_later(SETTLE_SECONDS, self._settle, "iopub", request)
        if message.essential:
            self._send_essential(message, text, request)
        elif not request.within_cap(message.kind, len(text)):
            self._instead(TOO_MUCH, message, request)
        else:
            refusal = self.budget.draw(message.kind, len(text))
            if refusal is None:
                self._write(text)
            else:
                self._refuse(channel, refusal, message, request)

    def _send_essential(self, message: Rebuilt, text: str, request: Request) -> None:
        """Always sent within the budget; beyond it once for each request, so that it is the browser that bounds it."""
        refusal = self.budget.draw(message.kind, len(text))
        if refusal is not None:
            if not request.first(f"{message.msg_type} {message.content.get('execution_state')}"):
                return
            self.budget.draw(message.kind, len(text), essential=True)
        self._write(text)

    def _settle(self, channel: str, request: Request) -> None:
        """A cell whose idle state was lost with an oversized frame is ended for the page, and told so."""
        if not request.idle and self.websocket_handler.ws_connection is not None:
            self._instead(LOST, notice(LOST), request)
            self._deliver(channel, Rebuilt("status", Kind.STATUS, {"execution_state": "idle"}, essential=True), request)

    def _refuse(self, channel: str, refusal: Refusal, message: Rebuilt, request: Request) -> None:
        self._instead(refusal.sentence, message, request)
        if message.msg_type == "execute_reply":
            bare = bare_reply(message)
            self._send_essential(bare, self._serialise(channel, bare, request), request)

    def _instead(self, sentence: str, message: Rebuilt, request: Request) -> None:
        if request.first(sentence):
            told = notice(sentence)
            text = self._serialise("iopub", told, request)
            self.budget.draw(message.kind, len(text), essential=True)
            self._write(text)

    def _serialise(self, channel: str, message: Rebuilt, request: Request) -> str:
        header = {
            "msg_id": uuid4().hex,
            "msg_type": message.msg_type,
            "username": "kernel",
            "session": self.kernel_id,
            "date": to_text(utc_now()),
            "version": PROTOCOL,
        }
        whole = {
            "header": header,
            "msg_id": header["msg_id"],
            "msg_type": message.msg_type,
            "parent_header": request.header,
            "metadata": {},
            "content": message.content,
            "buffers": [],
            "channel": channel,
        }
        return json.dumps(whole)

    def _write(self, text: str) -> None:
        try:
            self.write_message(text)
        except WebSocketClosedError:
            self.log.debug("The browser left before an answer was sent")

    def _send_status_message(self, status: str) -> None:
        """Jupyter calls this when a kernel restarts or is lost; those states are the server's own words."""
        rebuilt = Rebuilt("status", Kind.STATUS, {"execution_state": status}, essential=True)
        text = self._serialise("iopub", rebuilt, self._unasked)
        self.budget.draw(Kind.STATUS, len(text), essential=True)
        self._write(text)

    def write_stderr(self, error_message: str, parent_header: object) -> None:  # noqa: ARG002 - Jupyter's signature
        """Jupyter's rate limits speak through this; ours replace them."""
        self.log.warning(error_message)


def _header_of(incoming: str | bytes) -> dict[str, str] | None:
    """What an answer may repeat of the browser's header; None for anything but a well-formed text message."""
    if not isinstance(incoming, str):
        return None
    try:
        message = fields(json.loads(incoming))
    except (ValueError, RecursionError):
        return None
    given = fields(message.get("header"))
    header = {name: clipped(given.get(name), MAX_HEADER_TEXT) for name in HEADER_FIELDS}
    return header if header["msg_id"] and header["msg_type"] else None

"""The control socket: one JSON line in, one out, then closed. One thread serves all, and none can hold it up."""

import contextlib
import json
import os
import secrets
import selectors
import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .kernels import Kernels, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

SOCKET_NAME = "launcher.sock"
MOST_BYTES = 4096
MOST_CALLERS = 32
# Those not accepted yet. A full queue refuses the next caller at once, so silent ones must not fill it.
MOST_WAITING = 256
CALLER_SECONDS = 5.0

Answer = dict[str, Any]


def answer(kernels: Kernels, line: bytes) -> Answer:
    """What a request is answered with; refusals carry a name, never a text of the caller's."""
    operations: dict[str, Callable[[dict[str, Any]], Answer]] = {
        "start": kernels.start,
        "poll": kernels.poll,
        "signal": kernels.signal,
        "stop": kernels.stop,
    }
    try:
        request = json.loads(line)
        operation = operations[request["op"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"ok": False, "code": "bad_request"}
    try:
        return {"ok": True, **operation(request)}
    except RefusedError as refusal:
        return {"ok": False, "code": str(refusal)}
    except OSError:
        return {"ok": False, "code": "could_not_start"}


@dataclass
class Caller:
    connection: socket.socket
    deadline: float
    received: bytes = b""


@dataclass
class Control:
    """Serves the socket until told to end."""

    kernels: Kernels
    listener: socket.socket
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    callers: list[Caller] = field(default_factory=list)
    ending: bool = False

    def serve(self) -> None:
        """Until SIGTERM. A signal wakes the loop through a pipe, since a handler may not do much."""
        wake, wake_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGTERM, self._end)
        # Python would end on it, and kernels may send it to process 1.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.selector.register(wake, selectors.EVENT_READ)
        self.selector.register(self.listener, selectors.EVENT_READ)
        while not self.ending:
            for key, _ in self.selector.select(self._seconds_to_deadline()):
                self._serve(key, wake)
            self.kernels.collect()
            self._drop_late()

    def _end(self, _number: int, _frame: object) -> None:
        self.ending = True

    def _serve(self, key: selectors.SelectorKey, wake: int) -> None:
        if key.fileobj == wake:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, MOST_BYTES)
        elif key.fileobj is self.listener:
            self._accept()
        elif key.data in self.callers:
            self._hear(key.data)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self.listener.accept()
            connection.setblocking(False)
            if len(self.callers) >= MOST_CALLERS:
                self._drop(self.callers[0])
            caller = Caller(connection, time.monotonic() + CALLER_SECONDS)
            self.callers.append(caller)
            self.selector.register(connection, selectors.EVENT_READ, caller)

    def _hear(self, caller: Caller) -> None:
        try:
            part = caller.connection.recv(MOST_BYTES)
        except OSError:
            part = b""
        caller.received += part
        line, newline, _ = caller.received.partition(b"\n")
        if newline and len(line) <= MOST_BYTES:
            self._reply(caller, answer(self.kernels, line))
        elif not part or len(caller.received) > MOST_BYTES:
            self._drop(caller)

    def _reply(self, caller: Caller, reply: Answer) -> None:
        # A reply is far below what a socket holds, so it goes out at once or the caller is not worth waiting for.
        with contextlib.suppress(OSError):
            caller.connection.send(json.dumps(reply).encode() + b"\n")
        self._drop(caller)

    def _drop(self, caller: Caller) -> None:
        self.selector.unregister(caller.connection)
        caller.connection.close()
        self.callers.remove(caller)

    def _drop_late(self) -> None:
        now = time.monotonic()
        for caller in [caller for caller in self.callers if caller.deadline <= now]:
            self._drop(caller)

    def _seconds_to_deadline(self) -> float | None:
        if not self.callers:
            return None
        return max(0.0, min(caller.deadline for caller in self.callers) - time.monotonic())


def listen(folder: Path) -> socket.socket:
    """The listening socket, in the place of whatever an earlier kernel may have left there."""
    path = folder / SOCKET_NAME
    if path.is_dir() and not path.is_symlink():
        path.rename(folder / f"old-{secrets.token_hex(4)}")  # nothing can be moved onto a folder
    # Bound under another name and moved, so that whoever sees the name can already connect.
    fresh = folder / f".{secrets.token_hex(4)}"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(fresh))
    listener.listen(MOST_WAITING)
    listener.setblocking(False)
    fresh.rename(path)
    return listener

"""Asks the launcher, over its control socket, to start and end kernels; used by `provisioner`.

Kernels run as the launcher's user and can put anything in its place, so nothing from there is believed: what is
connected to is a socket and not a link, what comes back is one short line, in time, of a shape known here, and its
words are names from a table here. It never names a path.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.model import TidegateError
from workspace.session.kernel_sockets import NotASocketError, name_of, open_socket

SOCKET_NAME = "launcher.sock"
MOST_BYTES = 64 * 1024
REPLY_SECONDS = 5.0
RESTART = "Stop the workspace and start it again."

# What the launcher may say when it refuses, in our words.
REFUSALS: Mapping[str, str] = {
    "unknown_kernel": "it has no kernel of that kind",
    "too_many_kernels": "too many kernels are running; shut one down first",
    "already_running": "a kernel of that name is running already",
    "no_such_kernel": "it knows no such kernel",
    "could_not_start": "the kernel's program could not be run",
}


def launcher_socket(folder: Path) -> Path:
    return folder / SOCKET_NAME


async def ask(folder: Path, request: Mapping[str, Any], *, seconds: float = REPLY_SECONDS) -> dict[str, Any]:
    """Send one request and give the checked answer.

    Raises:
        TidegateError: ``launcher_missing``, ``launcher_not_a_socket``, ``launcher_silent``, ``launcher_bad_reply`` or
            ``launcher_refused``.
    """
    path = launcher_socket(folder)
    try:
        async with asyncio.timeout(seconds):
            line = await _exchange(path, json.dumps(dict(request)).encode() + b"\n")
    except TimeoutError as error:
        raise _error("launcher_silent", f"did not answer within {seconds:g} seconds") from error
    except OSError as error:
        raise _error("launcher_missing", "does not answer") from error
    except ValueError as error:
        raise _error("launcher_bad_reply", f"answered with more than {MOST_BYTES} bytes") from error
    return read_reply(line)


def read_reply(line: bytes) -> dict[str, Any]:
    """The one shape of an answer; every other is refused."""
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _error("launcher_bad_reply", "answered with something that is not JSON") from error
    if not isinstance(reply, dict) or not isinstance(reply.get("ok"), bool):
        raise _error("launcher_bad_reply", "answered in a form it should not")
    if not reply["ok"]:
        why = REFUSALS.get(str(reply.get("code")), "it gave no known reason")
        raise TidegateError("launcher_refused", f"The kernel launcher refused: {why}.", RESTART)
    return {"status": _status(reply)}


def _status(reply: Mapping[str, Any]) -> int | None:
    """The exit status of an ended kernel, None of a running one."""
    status = reply.get("status")
    if status is None:
        return None
    if type(status) is not int or not -64 <= status <= 255:  # noqa: PLR2004  # a signal's number, or an exit status
        raise _error("launcher_bad_reply", "answered with a status that cannot be")
    return status


async def _exchange(path: Path, request: bytes) -> bytes:
    try:
        handle = open_socket(path)
    except NotASocketError:
        raise _error("launcher_not_a_socket", "has been replaced by something that is not a socket") from None
    try:
        # Through the descriptor: between the look and the connection nobody can put a link in its place.
        reader, writer = await asyncio.open_unix_connection(name_of(handle), limit=MOST_BYTES)
    finally:
        os.close(handle)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.readline()
    finally:
        # Not `wait_closed`: the other side has no say in when this ends.
        writer.transport.abort()


def _error(code: str, what: str) -> TidegateError:
    return TidegateError(code, f"The kernel launcher of this workspace {what}.", RESTART)

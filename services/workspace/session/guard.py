"""The rules for what a kernel may say to the browser. Pure functions, called by `websocket` for every message.

A message is rebuilt, never filtered: only what a rule below names is copied, each piece bounded by type. Buffers,
metadata, payloads, comms, debug traffic and unknown types have no rule, so they do not exist here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from workspace.session.budget import Kind
from workspace.session.display import MAX_RICH, clean_bundle, clean_sizes
from workspace.session.text import clipped, count, fields, identifier, items

Content = dict[str, Any]
Rule = Callable[[Mapping[str, object]], Content]

MAX_STREAM: Final = 100_000
MAX_NAME: Final = 200
MAX_VALUE: Final = 4_000
MAX_TRACE_LINES: Final = 60
MAX_TRACE_LINE: Final = 2_000
MAX_PROMPT: Final = 300
MAX_MATCHES: Final = 200
MAX_MATCH: Final = 200
MAX_INDENT: Final = 40

STATES: Final = frozenset({"busy", "idle", "starting"})
OUTCOMES: Final = frozenset({"ok", "error", "aborted"})
COMPLETENESS: Final = frozenset({"complete", "incomplete", "invalid", "unknown"})

# Sent whatever the kernel answers: a banner or a version is a place to hide text in.
KERNEL_INFO: Final[Mapping[str, Any]] = {
    "status": "ok",
    "protocol_version": "5.3",
    "implementation": "ipython",
    "implementation_version": "",
    "banner": "",
    "debugger": False,
    "help_links": [],
    "supported_features": [],
    "language_info": {
        "name": "python",
        "version": "3",
        "mimetype": "text/x-python",
        "file_extension": ".py",
        "pygments_lexer": "ipython3",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "nbconvert_exporter": "python",
    },
}

# What the browser may ask of a kernel; the rest (comms, debugging, subshells) is dropped on the way in.
INCOMING: Final = (
    "execute_request",
    "complete_request",
    "inspect_request",
    "is_complete_request",
    "history_request",
    "kernel_info_request",
    "interrupt_request",
    "shutdown_request",
    "input_reply",
)


@dataclass(frozen=True)
class Rebuilt:
    """A message the browser may have, as far as its content goes; header and parent are the connection's work."""

    msg_type: str
    kind: Kind
    content: Content
    # States and acknowledgements: the page hangs without them, and they carry next to nothing.
    essential: bool = False


def stream(content: Mapping[str, object]) -> Content:
    name = "stderr" if content.get("name") == "stderr" else "stdout"
    return {"name": name, "text": clipped(content.get("text"), MAX_STREAM)}


def display(content: Mapping[str, object]) -> Content:
    name = identifier(fields(content.get("transient")).get("display_id"))
    return {
        "data": clean_bundle(content.get("data")),
        "metadata": clean_sizes(content.get("metadata")),
        "transient": {"display_id": name} if name else {},
    }


def result(content: Mapping[str, object]) -> Content:
    return {**display(content), "execution_count": count(content.get("execution_count"))}


def error(content: Mapping[str, object]) -> Content:
    lines = items(content.get("traceback"))
    kept = [clipped(line, MAX_TRACE_LINE) for line in lines[-MAX_TRACE_LINES:]]
    if len(lines) > MAX_TRACE_LINES:
        kept.insert(0, f"[Tidegate: {len(lines) - MAX_TRACE_LINES} earlier lines are not shown]")
    return {**_exception(content), "traceback": kept}


def _exception(content: Mapping[str, object]) -> Content:
    return {
        "ename": clipped(content.get("ename"), MAX_NAME),
        "evalue": clipped(content.get("evalue"), MAX_VALUE),
    }


def status(content: Mapping[str, object]) -> Content:
    state = content.get("execution_state")
    return {"execution_state": state if isinstance(state, str) and state in STATES else "busy"}


def execute_input(content: Mapping[str, object]) -> Content:
    # The browser knows the code it sent; what the kernel says it was is not repeated.
    return {"code": "", "execution_count": count(content.get("execution_count"))}


def clear_output(content: Mapping[str, object]) -> Content:
    return {"wait": content.get("wait") is True}


def input_request(content: Mapping[str, object]) -> Content:
    return {"prompt": clipped(content.get("prompt"), MAX_PROMPT), "password": content.get("password") is True}


def _outcome(content: Mapping[str, object]) -> Content:
    given = content.get("status")
    return {"status": given if isinstance(given, str) and given in OUTCOMES else "error"}


def execute_reply(content: Mapping[str, object]) -> Content:
    outcome = _outcome(content)
    reply = {**outcome, "execution_count": count(content.get("execution_count")), "user_expressions": {}, "payload": []}
    return {**reply, **_exception(content), "traceback": []} if outcome["status"] == "error" else reply


def complete_reply(content: Mapping[str, object]) -> Content:
    matches = [clipped(match, MAX_MATCH) for match in items(content.get("matches"))[:MAX_MATCHES]]
    return {
        **_outcome(content),
        "matches": matches,
        "cursor_start": count(content.get("cursor_start")) or 0,
        "cursor_end": count(content.get("cursor_end")) or 0,
        "metadata": {},
    }


def inspect_reply(content: Mapping[str, object]) -> Content:
    found = content.get("found") is True
    return {
        **_outcome(content),
        "found": found,
        "data": clean_bundle(content.get("data")) if found else {},
        "metadata": {},
    }


def is_complete_reply(content: Mapping[str, object]) -> Content:
    given = content.get("status")
    state = given if isinstance(given, str) and given in COMPLETENESS else "unknown"
    indent = content.get("indent")
    width = len(indent) if isinstance(indent, str) and not indent.strip() else 0
    return {"status": state, "indent": " " * min(width, MAX_INDENT)}


def history_reply(_content: Mapping[str, object]) -> Content:
    return {"status": "ok", "history": []}


def kernel_info_reply(_content: Mapping[str, object]) -> Content:
    return dict(KERNEL_INFO)


def shutdown_reply(content: Mapping[str, object]) -> Content:
    return {**_outcome(content), "restart": content.get("restart") is True}


@dataclass(frozen=True)
class Row:
    """One kind of message: the channels it may come on, what it is counted as, and its rule."""

    channels: tuple[str, ...]
    kind: Kind
    rule: Rule
    essential: bool = False


_IOPUB: Final = ("iopub",)
_REPLY: Final = ("shell", "control")

OUTGOING: Final[Mapping[str, Row]] = {
    "stream": Row(_IOPUB, Kind.STREAM, stream),
    "display_data": Row(_IOPUB, Kind.DISPLAY, display),
    "update_display_data": Row(_IOPUB, Kind.DISPLAY, display),
    "execute_result": Row(_IOPUB, Kind.DISPLAY, result),
    "error": Row(_IOPUB, Kind.ERROR, error),
    "status": Row(_IOPUB, Kind.STATUS, status, essential=True),
    "execute_input": Row(_IOPUB, Kind.STATUS, execute_input, essential=True),
    "clear_output": Row(_IOPUB, Kind.STATUS, clear_output),
    "input_request": Row(("stdin",), Kind.REPLY, input_request),
    "execute_reply": Row(_REPLY, Kind.REPLY, execute_reply),
    "complete_reply": Row(_REPLY, Kind.REPLY, complete_reply),
    "inspect_reply": Row(_REPLY, Kind.REPLY, inspect_reply),
    "is_complete_reply": Row(_REPLY, Kind.REPLY, is_complete_reply),
    "history_reply": Row(_REPLY, Kind.REPLY, history_reply, essential=True),
    "kernel_info_reply": Row(_REPLY, Kind.REPLY, kernel_info_reply, essential=True),
    "interrupt_reply": Row(_REPLY, Kind.REPLY, _outcome, essential=True),
    "shutdown_reply": Row(_REPLY, Kind.REPLY, shutdown_reply, essential=True),
}


def rebuild(channel: str | None, msg_type: object, content: object) -> Rebuilt | None:
    """The message as the browser may have it, or None where no rule names it."""
    row = OUTGOING.get(msg_type) if isinstance(msg_type, str) else None
    if row is None or channel not in row.channels:
        return None
    return Rebuilt(str(msg_type), row.kind, row.rule(fields(content)), row.essential)


def bare_reply(message: Rebuilt) -> Rebuilt:
    """An execute_reply without a word of the kernel's: what still passes when the budget is spent."""
    outcome = message.content["status"]
    content: Content = {"status": outcome, "execution_count": None, "user_expressions": {}, "payload": []}
    if outcome == "error":
        content |= {"ename": "", "evalue": "", "traceback": []}
    return Rebuilt(message.msg_type, message.kind, content, essential=True)


def notice(text: str) -> Rebuilt:
    """Words of Tidegate's own, shown where output would have been."""
    return Rebuilt("stream", Kind.STREAM, {"name": "stderr", "text": f"[Tidegate] {text}\n"}, essential=True)


__all__ = ["INCOMING", "KERNEL_INFO", "MAX_RICH", "OUTGOING", "Rebuilt", "Row", "bare_reply", "notice", "rebuild"]

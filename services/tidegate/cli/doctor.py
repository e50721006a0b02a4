"""`tidegate doctor`: what is right and wrong on this machine, before anything is started."""

import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tidegate import sandbox
from tidegate.cli.console import Output, OutputOption, say, show
from tidegate.cli.session import DEFAULT_STATE, StateOption
from tidegate.embedded.settings import Settings
from tidegate.embedded.tools import check_node, check_proxy, find_workspace_env
from tidegate.model import ExitCode, TidegateError
from tidegate.model.names import Frozen
from tidegate.policy.local import check_engine

GIBIBYTE = 1024**3
ROOM_NEEDED = 2 * GIBIBYTE
NO_QUOTA = "not held: homes share the state folder's file system, so give it one of its own"


class Finding(Frozen):
    """One thing looked at. `needed` is false for what only narrows a limit."""

    what: str
    right: bool
    seen: str
    needed: bool = True


def doctor_command(
    state: StateOption = DEFAULT_STATE,
    port: Annotated[int, typer.Option("--port", help="The public port that `up` would take.")] = 8000,
    output: OutputOption = Output.TABLE,
) -> int:
    """Look at this machine: what is right, what is wrong, and what to do. Exit 1 where something needed is wrong."""
    findings = [*_facts(), *(_asked(what, question) for what, question in _questions(state, port))]
    rows = [{"what": f.what, "state": _state(f), "seen": f.seen} for f in findings]
    show(rows, ("what", "state", "seen"), output)
    wrong = [finding.what for finding in findings if finding.needed and not finding.right]
    say(f"Wrong: {', '.join(wrong)}." if wrong else "Everything that Tidegate needs is here.")
    return ExitCode.FAILED if wrong else ExitCode.DONE


def _state(finding: Finding) -> str:
    if finding.right:
        return "right"
    return "WRONG" if finding.needed else "weaker"


def _facts() -> list[Finding]:
    """What the sandbox says of itself: a limit that no cgroup holds is weaker, not wrong."""
    held = [
        Finding(what=name, right="no cgroup" not in seen, seen=seen, needed=False)
        for name, seen in sandbox.describe().items()
        if name.startswith("limit") or name in {"cgroups", "user"}
    ]
    return [_python(), *held, Finding(what="limit storage", right=False, seen=NO_QUOTA, needed=False)]


def _python() -> Finding:
    base = Path(sys.base_prefix)
    seen = f"{sys.version.split()[0]} in {base}"
    return Finding(what="python", right=sys.version_info >= (3, 11), seen=seen)


def _questions(state: Path, port: int) -> list[tuple[str, Callable[[], str | None]]]:
    return [
        ("sandbox", _said(sandbox.check_possible, "a bubblewrap sandbox starts")),
        ("policy engine", _said(check_engine, "OPA answers in process")),
        ("node", check_node),
        ("proxy", check_proxy),
        ("workspace environment", lambda: str(find_workspace_env())),
        ("port", lambda: _ports(Settings(state=state, port=port))),
        ("room", lambda: _room(state)),
    ]


def _said(check: Callable[[], None], sentence: str) -> Callable[[], str]:
    def ask() -> str:
        check()
        return sentence

    return ask


def _asked(what: str, question: Callable[[], str | None]) -> Finding:
    try:
        return Finding(what=what, right=True, seen=question() or "")
    except TidegateError as error:
        return Finding(what=what, right=False, seen=str(error))


def _ports(settings: Settings) -> str:
    """The public port and those behind it that `up` would take."""
    settings.check()
    for name, port in settings.ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise TidegateError(
                    "port_taken", f"Port {port}, for the {name}, is in use.", "Choose others with --port."
                ) from error
    return f"{', '.join(str(port) for port in settings.ports.values())} are free"


def _room(state: Path) -> str:
    folder = next(path for path in (state, *state.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if free < ROOM_NEEDED:
        raise TidegateError("disk_low", f"{free / GIBIBYTE:.1f} GiB are free for {state}.", "2 GiB or more are needed.")
    return f"{free / GIBIBYTE:.0f} GiB free"

"""Pictures drawn anew in a sandbox, so that no byte that arrived reaches a browser or leaves. Called by the scanner."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidegate.sandbox import Bind, Limits, SandboxSpec, python_binds, run

SCRIPT: Final = Path(__file__).with_name("reencode.py")
INSIDE: Final = "/opt/tidegate/reencode.py"
ENVIRONMENT: Final = Path(sys.prefix)
LIMITS: Final = Limits(memory_bytes=1024**3, pids=16, cpus=1.0, tmp_bytes=16 * 1024**2)
SECONDS: Final = 30.0
MOST_OUTPUT: Final = 200 * 1024**2


@dataclass(frozen=True)
class Redrawn:
    """`copy` is what leaves, in the format it came in; `picture` a PNG of the copy."""

    copy: bytes
    picture: bytes


@dataclass(frozen=True)
class SandboxUser:
    """The host's numbers for a sandbox where the caller is root; None where it is a plain user."""

    uid: int | None
    gid: int | None


def redraw(original: bytes, user: SandboxUser) -> Redrawn | None:
    """None where the picture cannot be drawn within the limits."""
    finished = run(_spec(user), stdin=original, timeout=SECONDS, max_output=MOST_OUTPUT)
    if finished.returncode != 0 or finished.reason != "done":
        return None
    return read_redrawn(finished.stdout)


def _spec(user: SandboxUser) -> SandboxSpec:
    return SandboxSpec(
        name="egress-picture",
        argv=(str(ENVIRONMENT / "bin" / "python"), "-I", INSIDE),
        binds=(Bind(SCRIPT, INSIDE), *python_binds(ENVIRONMENT, str(ENVIRONMENT))),
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        limits=LIMITS,
        uid=user.uid,
        gid=user.gid,
        pid_1=False,
    )


def read_redrawn(output: bytes) -> Redrawn | None:
    """The sandbox is not trusted: what it says of its own output must fit."""
    head, _newline, rest = output.partition(b"\n")
    try:
        copied, pictured = json.loads(head)
    except (ValueError, TypeError):
        return None
    fits = isinstance(copied, int) and isinstance(pictured, int) and min(copied, pictured) > 0
    if not fits or copied + pictured != len(rest):
        return None
    return Redrawn(rest[:copied], rest[copied:])

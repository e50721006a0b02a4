"""What a caller asks of a sandbox and what it gets back; plain records, written to JSON by those who re-attach."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Self

Reason = Literal["done", "timeout", "output_limit", "memory"]

INSIDE_UID = 1000
INSIDE_GID = 1000


@dataclass(frozen=True)
class Bind:
    """A file or folder of the host and where the sandbox sees it."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Limits:
    """The most a sandbox may use; `describe()` says which of them this machine can hold."""

    memory_bytes: int
    pids: int
    cpus: float
    tmp_bytes: int


@dataclass(frozen=True)
class SandboxSpec:
    """One sandbox: a program, what it sees and what it may use.

    Attributes:
        uid: the host's number for it when the caller is root; None when the caller is a plain user.
        gid: as uid.
        network: True shares the host's network. For the trusted session server only.
        pid_1: the program is process 1 and reaps its children itself.
    """

    name: str
    argv: tuple[str, ...]
    binds: tuple[Bind, ...]
    env: Mapping[str, str]
    limits: Limits
    uid: int | None = None
    gid: int | None = None
    network: bool = False
    pid_1: bool = True
    cwd: str = "/"


@dataclass(frozen=True)
class Running:
    """Where a started sandbox is. A number alone may be reused by the system, so each goes with its start time.

    Attributes:
        boot: the boot these numbers belong to; after a reboot they mean nothing.
        pid: bubblewrap, which waits outside for the sandbox to end.
        child_pid: process 1 of the sandbox, as the host numbers it; when it dies, all inside die.
    """

    pid: int
    started: int
    child_pid: int
    child_started: int
    cgroups: tuple[str, ...] = field(default=())
    boot: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        raw = json.loads(text)
        return cls(**{**raw, "cgroups": tuple(raw["cgroups"])})


@dataclass(frozen=True)
class Finished:
    """How a short run ended. `stdout` and `stderr` are cut at the caller's limit."""

    returncode: int
    stdout: bytes
    stderr: bytes
    reason: Reason

"""The kernels this launcher runs: starts, signals, ends and collects them; called by `control` for each request."""

import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .table import HOME, KERNELS

ID = re.compile(r"[a-z][a-z0-9]{0,23}")
KEY = re.compile(r"[0-9a-f-]{16,128}")
MOST_KERNELS = 16
MOST_FOLDER = 1000

# Sockets of a kernel are PREFIX-1 to PREFIX-5, in this order.
PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "hb_port": 4, "control_port": 5}

SIGNALS = {"INT": signal.SIGINT, "TERM": signal.SIGTERM, "KILL": signal.SIGKILL}

# Python ignores these for itself, and a started program would inherit that.
RESET_SIGNALS = (signal.SIGPIPE, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class RefusedError(Exception):
    """A request that cannot be met; the text is one of a few fixed names."""


@dataclass
class Kernel:
    pid: int
    connection: Path
    status: int | None = None


@dataclass
class Kernels:
    """All kernels by the id their starter chose."""

    sockets: Path
    private: Path
    known: dict[str, Kernel] = field(default_factory=dict)

    def start(self, request: dict[str, Any]) -> dict[str, Any]:
        name, key = self._free_id(request), _text(request, "key", KEY)
        row = KERNELS.get(str(request.get("kernel")))
        if row is None:
            raise RefusedError("unknown_kernel")
        if sum(kernel.status is None for kernel in self.known.values()) >= MOST_KERNELS:
            raise RefusedError("too_many_kernels")
        self._remove_sockets(name)
        connection = self._write_connection(name, key)
        with inside(start_folder(request.get("folder"))):
            pid = self._spawn([*row.argv, str(connection)], row.environment(), self.private / f"{name}.log")
        self.known[name] = Kernel(pid, connection)
        return {"pid": pid}

    def poll(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"status": self._find(request).status}

    def signal(self, request: dict[str, Any]) -> dict[str, Any]:
        number = SIGNALS.get(str(request.get("signal")))
        if number is None:
            raise RefusedError("unknown_signal")
        _signal_group(self._find(request), number)
        return {}

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        """End a kernel's whole process group; once no kernel is left, all that kernels left behind."""
        _signal_group(self._find(request), signal.SIGKILL)
        return {}

    def collect(self) -> None:
        """Take note of every process that ended: the launcher is process 1, so all of them come here."""
        while (ended := _next_ended()) is not None:
            kernel = next((k for k in self.known.values() if k.status is None and k.pid == ended), None)
            if kernel is not None:
                # Before the number is given back, so that the group can be no other's.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(kernel.pid, signal.SIGKILL)
            _, status = os.waitpid(ended, 0)
            if kernel is not None:
                self._ended(kernel, os.waitstatus_to_exitcode(status))

    def _ended(self, kernel: Kernel, code: int) -> None:
        kernel.status = code
        kernel.connection.unlink(missing_ok=True)
        if all(k.status is not None for k in self.known.values()):
            end_all_others()

    def _free_id(self, request: dict[str, Any]) -> str:
        name = _text(request, "id", ID)
        if name in self.known and self.known[name].status is None:
            raise RefusedError("already_running")
        return name

    def _find(self, request: dict[str, Any]) -> Kernel:
        kernel = self.known.get(_text(request, "id", ID))
        if kernel is None:
            raise RefusedError("no_such_kernel")
        return kernel

    def _remove_sockets(self, name: str) -> None:
        for port in PORTS.values():
            with contextlib.suppress(OSError):
                (self.sockets / f"{name}-{port}").unlink()

    def _write_connection(self, name: str, key: str) -> Path:
        """The key that signs messages stays in the launcher's own tmpfs; the socket folder is seen from outside."""
        path = self.private / f"{name}.json"
        content = {
            "transport": "ipc",
            "ip": str(self.sockets / name),
            "key": key,
            "signature_scheme": "hmac-sha256",
            **PORTS,
        }
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660), "w") as file:  # noqa: PTH123  # by descriptor
            json.dump(content, file)
        return path

    def _spawn(self, argv: list[str], env: dict[str, str], log: Path) -> int:
        return os.posix_spawn(
            argv[0],
            argv,
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o660),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=RESET_SIGNALS,
        )


def start_folder(wanted: object, home: str = HOME) -> str:
    """Where a kernel starts: the nearest folder there is on the way up from what was asked for, and home at the top.

    This keeps mistakes out, not kernels: a kernel may go wherever the sandbox lets it.
    """
    top = os.path.realpath(home)
    if not isinstance(wanted, str) or len(wanted) > MOST_FOLDER or not wanted.isprintable():
        return top
    path = Path(os.path.realpath(Path(top, wanted)))
    below = (folder for folder in (path, *path.parents) if folder.is_relative_to(top))
    return next((str(folder) for folder in below if os.path.isdir(folder)), top)  # noqa: PTH112  # never raises


@contextlib.contextmanager
def inside(folder: str) -> Iterator[None]:
    """Work there for a moment; one that cannot be entered is left out. There is one thread, so nobody else notices."""
    back = os.open(".", os.O_PATH | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.chdir(folder)
        yield
    finally:
        os.chdir(back)
        os.close(back)


def end_all_others() -> None:
    """End every process of this sandbox but the launcher itself; nothing but process 1 may call this."""
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)


def _signal_group(kernel: Kernel, number: signal.Signals) -> None:
    if kernel.status is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(kernel.pid, number)


def _next_ended() -> int | None:
    """The number of a process that ended, left to be collected."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return found.si_pid if found is not None else None


def _text(request: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise RefusedError(f"bad_{name}")
    return value

"""Starts, stops and freezes the long-running programs of the test cluster; used by `cluster` and by the tests' kit.

A program is known by its pid file, which also holds when the process started, so that a number the system has given to
another process is never signalled. Nothing is ever found by its name.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tidegate.model import TidegateError

STANDARD_ERROR: Final = 2

REAP_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Program:
    """What is started. `folder` gets its log and pid file; `network` is a namespace or, empty, the machine's.

    What is `tied` ends with the process that started it, however that ended.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    network: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    cgroup: Path | None = None
    tied: bool = False

    @property
    def log(self) -> Path:
        return self.folder / "logs" / f"{self.name}.log"


def start(program: Program) -> None:
    """Start it unless it runs."""
    if is_running(program.folder, program.name):
        return
    program.log.parent.mkdir(parents=True, exist_ok=True)
    command = _wrapped(program)
    _keep_files()
    pid = os.posix_spawnp(
        command[0],
        command,
        {**_inherited(), **program.environment},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(program.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    _pid_file(program.folder, program.name).write_text(f"{pid} {_born(pid)}\n")


def stop(folder: Path, name: str, seconds: float = 20.0, how: signal.Signals = signal.SIGTERM) -> None:
    """Ask it to end, then make it; returns when it is gone. Nothing happens where none runs."""
    pid = pid_of(folder, name)
    if pid is not None:
        os.kill(pid, how)
        os.kill(pid, signal.SIGCONT)
        if not _gone_within(folder, name, seconds):
            os.kill(pid, signal.SIGKILL)
            _gone_within(folder, name, seconds)
        _reap(pid)
    _pid_file(folder, name).unlink(missing_ok=True)


def is_older(folder: Path, name: str, code: Path) -> bool:
    """Whether it was started before something in the folder of its code changed."""
    started = _pid_file(folder, name)
    changed = max(file.stat().st_mtime for file in code.rglob("*.py"))
    return started.exists() and started.stat().st_mtime < changed


def freeze(folder: Path, name: str) -> None:
    os.kill(_must_run(folder, name), signal.SIGSTOP)


def thaw(folder: Path, name: str) -> None:
    os.kill(_must_run(folder, name), signal.SIGCONT)


def pid_of(folder: Path, name: str) -> int | None:
    """The process, if it is the one that was started."""
    try:
        pid, born = _pid_file(folder, name).read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if _born(int(pid)) == born else None


def is_running(folder: Path, name: str) -> bool:
    return pid_of(folder, name) is not None


def names_of(folder: Path) -> tuple[str, ...]:
    """Programs that were started here and not stopped, the newest first."""
    files = sorted((folder / "pids").glob("*"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    return tuple(file.name for file in files)


def wait_for(what: str, look: Callable[[], object], seconds: float, program: Program | None = None) -> None:
    """Look until it is so. A program that ended meanwhile, or time, is an error that shows the end of its log."""
    deadline = time.monotonic() + seconds
    while not look():
        ended = program is not None and not is_running(program.folder, program.name)
        if ended or time.monotonic() > deadline:
            said = _tail(program) if program else ""
            why = "it ended" if ended else f"not so after {seconds:.0f} s"
            raise TidegateError("cluster_wait", f"Waited for {what}: {why}. {said}".strip())
        time.sleep(0.2)


def _wrapped(program: Program) -> list[str]:
    command = list(program.command)
    if program.user:
        command = ["setpriv", f"--reuid={program.user}", f"--regid={program.user}", "--clear-groups", *command]
    if program.tied:
        command = ["setpriv", "--pdeathsig=KILL", *command]
    if program.network:
        command = ["nsenter", f"--net=/run/netns/{program.network}", "--", *command]
    if program.cgroup:
        command = ["sh", "-c", f'echo $$ >"{program.cgroup}/cgroup.procs" && exec "$@"', "sh", *command]
    return command


def _inherited() -> dict[str, str]:
    """Programs of the cluster get no proxy settings and no secrets that the caller's environment may hold."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


def _pid_file(folder: Path, name: str) -> Path:
    place = folder / "pids"
    place.mkdir(parents=True, exist_ok=True)
    return place / name


def _keep_files() -> None:
    """What the caller was handed open, a lock for one, is not handed on: a program outlives its caller."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers, not paths
        with contextlib.suppress(OSError):
            if int(name) > STANDARD_ERROR:
                os.set_inheritable(int(name), False)


def _born(pid: int) -> str:
    """When the process started, in ticks since the machine did; empty when it is gone or only waited for."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state == "Z" else rest[18]


def _gone_within(folder: Path, name: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while is_running(folder, name):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _reap(pid: int) -> None:
    """What ended is a zombie until its parent, we or another, has waited for it; its number counts as taken so long."""
    deadline = time.monotonic() + REAP_SECONDS
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.02)


def _must_run(folder: Path, name: str) -> int:
    pid = pid_of(folder, name)
    if pid is None:
        raise TidegateError("not_running", f"{name} does not run, so there is nothing to signal.")
    return pid


def _tail(program: Program) -> str:
    lines = program.log.read_text(errors="replace").splitlines() if program.log.exists() else []
    return f"The end of {program.log}:\n" + "\n".join(lines[-8:])

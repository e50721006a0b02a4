"""Starts sandboxes that outlive their starter, and ends them; used by the spawner.

There is no tie to the caller's life: the hub may restart while people work. What `start` returns is enough to find the
sandbox again, in another process, and to end exactly it.
"""

import hashlib
import json
import os
import re
import select
import subprocess
import time
from pathlib import Path

from tidegate.model import TidegateError
from tidegate.sandbox import cgroups, processes
from tidegate.sandbox.plan import prepared
from tidegate.sandbox.rlimits import limited
from tidegate.sandbox.spec import Running, SandboxSpec

# Bubblewrap needs milliseconds; a machine that is very busy, seconds.
START_SECONDS = 30.0
LOG_TAIL = 2000
# Process 1 bears bubblewrap's name until it becomes the program.
BUBBLEWRAP = "bwrap"
COMPLAINT = f"{BUBBLEWRAP}: "


def start(spec: SandboxSpec, *, log: Path) -> Running:
    """Start a sandbox whose output goes to `log`, and return once its process 1 is on record.

    A sandbox of the same name and log that an earlier, killed caller left behind unrecorded is ended first.
    """
    groups = cgroups.find()
    key = group_name(spec.name, str(log.resolve()))
    cgroups.remove(groups.folders(key))
    folders = groups.make(key, spec.limits)
    try:
        return _launch(limited(spec, groups.holds), folders, log)
    except BaseException:
        cgroups.remove(folders)
        raise


def alive(running: Running) -> bool:
    """Whether process 1 of this very sandbox still runs."""
    return running.boot == processes.boot_id() and processes.is_alive(running.child_pid, running.child_started)


def stop(running: Running, *, grace: float) -> None:
    """End the sandbox and everything in it: asked first, made to after `grace` seconds. Safe to repeat."""
    if running.boot == processes.boot_id():
        processes.end(running.child_pid, running.child_started, grace=grace)
        # Bubblewrap leaves by itself once process 1 has; it is ended only if it does not.
        processes.end(running.pid, running.started, grace=1.0)
    cgroups.remove(running.cgroups)


def group_name(name: str, where: str) -> str:
    """A folder name that two installations on one machine do not share."""
    readable = re.sub(r"[^a-zA-Z0-9-]", "-", name)[:48]
    return f"{readable}-{hashlib.sha256(f'{name} {where}'.encode()).hexdigest()[:12]}"


def _launch(spec: SandboxSpec, folders: tuple[str, ...], log: Path) -> Running:
    info, info_end = os.pipe()
    gate_end, gate = os.pipe()
    with os.fdopen(info, "rb") as told, os.fdopen(gate, "wb") as opened, log.open("ab") as output:
        log_start = output.tell()
        try:
            extra = (("--info-fd", info_end), ("--block-fd", gate_end))
            with prepared(spec, cgroups.procs_files(folders), extra=extra, detach=True) as launch:
                _run_stage(launch.command, launch.fds, output.fileno())
        finally:
            os.close(info_end)
            os.close(gate_end)
        child = _read_child(told.fileno())
        if child is None:
            raise _did_not_start(spec, _complaint(log, log_start))
        running = _record(child, folders)
        # Only now may the program run: from here on there is a record to end it by.
        opened.write(b"1")
        opened.flush()
        if not _got_going(spec, running) and (reason := _complaint(log, log_start)).startswith(COMPLAINT):
            raise _did_not_start(spec, reason)
        return running


def _run_stage(command: list[str], fds: tuple[int, ...], output: int) -> None:
    """The stage leaves as soon as the sandbox is on its own, so nothing here is left to collect."""
    subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=fds,
        env={},
        cwd="/",
        check=False,
        timeout=START_SECONDS,
    )


def _read_child(fd: int) -> int | None:
    """Bubblewrap's one JSON answer; None when it closed without one."""
    deadline = time.monotonic() + START_SECONDS
    text = b""
    while select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
        part = os.read(fd, 4096)
        text += part
        if not part:
            break
    try:
        return int(json.loads(text)["child-pid"])
    except ValueError:
        return None


def _record(child: int, folders: tuple[str, ...]) -> Running:
    stat = processes.read_stat(child)
    outer = processes.read_stat(stat.parent) if stat else None
    if stat is None or outer is None:
        raise TidegateError("sandbox_failed", "The sandbox ended while it was being started.", "Try again.")
    return Running(
        pid=stat.parent,
        started=outer.started,
        child_pid=child,
        child_started=stat.started,
        cgroups=folders,
        boot=processes.boot_id(),
    )


def _got_going(spec: SandboxSpec, running: Running) -> bool:
    """Wait until process 1 has become the program, or has ended before."""
    if not spec.pid_1:
        return True  # bubblewrap itself stays process 1
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and alive(running):
        stat = processes.read_stat(running.child_pid)
        if stat is not None and stat.name != BUBBLEWRAP:
            return True
        time.sleep(0.002)
    return False


def _complaint(log: Path, log_start: int) -> str:
    with log.open("rb") as file:
        file.seek(log_start)
        lines = file.read(LOG_TAIL).decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it gave no reason")


def _did_not_start(spec: SandboxSpec, reason: str) -> TidegateError:
    return TidegateError(
        "sandbox_failed",
        f"Sandbox {spec.name} did not start: {reason}.",
        "`tidegate doctor` tells what this machine lacks.",
    )

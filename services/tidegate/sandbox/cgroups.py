"""Control groups, version 1 or 2, whichever this machine has; used by `life`, `short` and `doctor`.

Chosen when asked, not when installed: a machine may have version 2 mounted without a memory controller, and a plain
user may own a delegated group or none. What cannot be had is left out and said, never pretended.
"""

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tidegate.sandbox import processes
from tidegate.sandbox.spec import Limits

MOUNT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
FOLDER = "tidegate"
CONTROLLERS = ("memory", "cpu", "pids")
PERIOD = 100_000

Version = Literal["v1", "v2", "none"]


@dataclass(frozen=True)
class Cgroups:
    """Where groups can be made: for each controller that works, the folder to make them in."""

    version: Version
    parents: Mapping[str, Path] = field(default_factory=dict)

    @property
    def holds(self) -> tuple[str, ...]:
        return tuple(name for name in CONTROLLERS if name in self.parents)

    def folders(self, name: str) -> tuple[str, ...]:
        """Where the groups of that name are or would be; version 2 has one folder for all controllers."""
        return tuple(dict.fromkeys(str(self.parents[controller] / name) for controller in self.holds))

    def make(self, name: str, limits: Limits) -> tuple[str, ...]:
        """Make one sandbox's groups with their limits set, and give their folders."""
        for controller in self.holds:
            folder = self.parents[controller] / name
            folder.mkdir(parents=True, exist_ok=True)
            for file, value, needed in settings(self.version, controller, limits):
                _write(folder / file, value, needed=needed)
        return self.folders(name)


def settings(version: Version, controller: str, limits: Limits) -> tuple[tuple[str, str, bool], ...]:
    """The files of one controller: name, value, and whether the limit is void without it (swap may not exist)."""
    memory, quota, pids = str(limits.memory_bytes), str(int(limits.cpus * PERIOD)), str(limits.pids)
    table: dict[tuple[str, str], tuple[tuple[str, str, bool], ...]] = {
        ("v1", "memory"): (("memory.limit_in_bytes", memory, True), ("memory.memsw.limit_in_bytes", memory, False)),
        ("v1", "cpu"): (("cpu.cfs_period_us", str(PERIOD), True), ("cpu.cfs_quota_us", quota, True)),
        ("v1", "pids"): (("pids.max", pids, True),),
        ("v2", "memory"): (("memory.max", memory, True), ("memory.swap.max", "0", False)),
        ("v2", "cpu"): (("cpu.max", f"{quota} {PERIOD}", True),),
        ("v2", "pids"): (("pids.max", pids, True),),
    }
    return table[version, controller]


def find(mount: Path = MOUNT, own: Path = OWN) -> Cgroups:
    """What this machine lets this process do."""
    if (mount / "cgroup.controllers").exists():
        return _find_v2(mount, own)
    parents = {name: mount / name / FOLDER for name in CONTROLLERS if _can_make_in(mount / name)}
    return Cgroups("v1", parents) if parents else Cgroups("none")


def _find_v2(mount: Path, own: Path) -> Cgroups:
    """The first place from the top that a group with all controllers can be made in, else the best there is."""
    best = Cgroups("none")
    for base in _v2_bases(mount, own):
        found = _enable(base)
        if len(found) > len(best.holds):
            best = Cgroups("v2", dict.fromkeys(found, base / FOLDER))
        if len(best.holds) == len(CONTROLLERS):
            break
    return best


def _v2_bases(mount: Path, own: Path) -> list[Path]:
    line = next((line for line in own.read_text().splitlines() if line.startswith("0::")), "0::/")
    mine = mount / line.removeprefix("0::").strip("/")
    chain = [mine, *mine.parents]
    below_mount = chain[: chain.index(mount) + 1]
    return [base for base in reversed(below_mount) if _can_make_in(base)]


def _enable(base: Path) -> tuple[str, ...]:
    """Hand the controllers down to our folder and its children; a group with processes of its own cannot."""
    folder = base / FOLDER
    made = not folder.exists()
    folder.mkdir(exist_ok=True)
    for control in (base / "cgroup.subtree_control", folder / "cgroup.subtree_control"):
        for name in CONTROLLERS:
            _write(control, f"+{name}", needed=False)
    found = _words(folder / "cgroup.subtree_control")
    if made and not found:
        folder.rmdir()
    return tuple(name for name in CONTROLLERS if name in found)


def _can_make_in(folder: Path) -> bool:
    return (folder / "cgroup.procs").exists() and os.access(folder, os.W_OK)


def _words(path: Path) -> set[str]:
    try:
        return set(path.read_text().split())
    except OSError:
        return set()


def _write(path: Path, value: str, *, needed: bool) -> None:
    if needed:
        path.write_text(value)
        return
    with contextlib.suppress(OSError):
        path.write_text(value)


def procs_files(folders: tuple[str, ...]) -> list[str]:
    """Writing "0" into each of these joins the writer."""
    return [str(Path(folder) / "cgroup.procs") for folder in folders]


def members(folder: str) -> list[int]:
    return [int(word) for word in _words(Path(folder) / "cgroup.procs")]


def kills_for_memory(folders: tuple[str, ...]) -> int:
    """How many processes of the group were killed because its memory was spent."""
    for folder in folders:
        for file in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                pairs = (line.split() for line in (Path(folder) / file).read_text().splitlines())
                return int(next((pair[1] for pair in pairs if pair[0] == "oom_kill"), 0))
    return 0


def remove(folders: tuple[str, ...], *, seconds: float = 10.0) -> None:
    """End what is still inside and remove the groups. A group that is already gone is no error."""
    deadline = time.monotonic() + seconds
    for folder in folders:
        while not _removed(folder) and time.monotonic() < deadline:
            _kill_members(folder)
            time.sleep(0.01)


def _removed(folder: str) -> bool:
    try:
        Path(folder).rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _kill_members(folder: str) -> None:
    for pid in members(folder):
        stat = processes.read_stat(pid)
        # Membership is read again after the start time, so the number still means a member.
        if stat is not None and pid in members(folder):
            with processes.held(pid, stat.started) as pidfd:
                if pidfd is not None:
                    processes.send(pidfd, signal.SIGKILL)

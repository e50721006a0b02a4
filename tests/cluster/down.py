"""Takes the test cluster down and leaves nothing: no process, mount, namespace or control group; safe to repeat.

Only what this cluster started is touched: programs by pid file, container shims by the socket they were started for,
what runs in pods by the cluster's own control group.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cluster import images, network, node, programs, volumes
from cluster.places import CONTAINERD, LOGS, NODE, RUN, SOCKETS, WORLD
from cluster.shell import run
from tidegate.model import TidegateError

# The kubelet goes first, so that nothing is started again; the runtime is needed until the pods are gone.
LAST: Final = ("containerd", "kube-apiserver", "etcd")
FOREIGN_LOGS: Final = Path("/var/log/containers")


def down() -> None:
    """Everything of a running or half-started cluster; logs stay until the next start.

    Raises:
        TidegateError: ``cluster_left``, with what could not be removed.
    """
    for name in programs.names_of(RUN):
        if name not in LAST:
            programs.stop(RUN, name, how=signal.SIGINT if name == "postgres" else signal.SIGTERM)
    _end_pods()
    for name in LAST:
        programs.stop(RUN, name)
    _kill_shims()
    volumes.remove_volumes()
    _unmount()
    network.remove_networks()
    remove_cgroups(node.cgroups())
    _remove_files()
    if left := left_behind():
        raise TidegateError("cluster_left", f"Taking down left behind: {', '.join(left)}.")


def _end_pods() -> None:
    """Containers are ended and forgotten; images stay for the next start."""
    kill_pods(node.cgroups())
    if programs.is_running(RUN, "containerd"):
        with contextlib.suppress(TidegateError):
            for container in images.ctr("containers", "list", "-q").split():
                images.forget(container)


def kill_pods(groups: tuple[Path, ...]) -> None:
    """What runs below the groups; the node's own programs are in the groups themselves."""
    for group in groups:
        for file in group.rglob("cgroup.procs"):
            if file.parent != group:
                _kill_all(file)


def _kill_shims() -> None:
    for pid in _shims():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _shims() -> Iterator[int]:
    """Those that were started for our runtime's socket."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"containerd-shim-runc-v2") and os.fsencode(CONTAINERD) in words:
                yield int(process.name)


def _kill_all(file: Path) -> None:
    with contextlib.suppress(OSError):
        for pid in file.read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def _unmount() -> None:
    """The innermost first."""
    own = tuple(f"{folder}/" for folder in (RUN, SOCKETS, node.CONTAINERD_ROOT))
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in reversed([place for place in places if place.startswith(own)]):
        run("umount", "--lazy", place)


def remove_cgroups(groups: tuple[Path, ...]) -> None:
    """A group can be removed once the last of its processes is gone."""
    for group in groups:
        inner = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True) if group.exists() else []
        for folder in (*inner, *([group] if group.exists() else [])):
            _remove_group(folder)


def _remove_group(folder: Path) -> None:
    deadline = time.monotonic() + 10
    while folder.exists():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _remove_files() -> None:
    for place in RUN.glob("*"):
        if place == LOGS:
            continue
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()
    shutil.rmtree(SOCKETS, ignore_errors=True)
    for link in FOREIGN_LOGS.glob("*.log"):
        if str(link.readlink()).startswith(str(RUN)):
            link.unlink()


def left_behind() -> list[str]:
    """What should have been removed; empty when it was."""
    mounts = Path("/proc/self/mountinfo").read_text()
    found = [f"mount under {place}" for place in (RUN, SOCKETS) if f" {place}/" in mounts]
    found += [f"network namespace {name}" for name in (NODE, WORLD) if network.exists(name)]
    found += [f"control group {group}" for group in node.cgroups() if group.exists()]
    found += [f"shim {pid}" for pid in _shims()]
    found += [f"program {name}" for name in programs.names_of(RUN)]
    return found

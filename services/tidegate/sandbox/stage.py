"""A program of its own, run by `plan` between the caller and bubblewrap; standard library only.

It joins the control groups, so that nothing the sandbox does is uncounted, and, for a root caller, makes every folder
to be shown reachable for the lesser user that bubblewrap then runs as: the sources may lie below folders only root may
enter, so they are bound below a root-made tmpfs in a mount namespace that ends with the sandbox. It reads its plan from
a descriptor because a command line can be read by everyone on the machine.
"""

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

# The place that the plan's bind sources appear at; the real folder is only covered in this private namespace.
COVERED = "/tmp"  # noqa: S108
STAGE = f"{COVERED}/stage"

CLONE_NEWNS = 0x00020000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x40000

_libc = ctypes.CDLL(None, use_errno=True)


def main(plan_fd: int) -> NoReturn:
    with os.fdopen(plan_fd, "rb") as file:
        plan: dict[str, Any] = json.load(file)
    os.umask(0o007)
    for procs in plan["cgroup_procs"]:
        Path(procs).write_text("0")
    if plan["staged"] is not None:
        stage(plan["staged"])
    if plan["detach"]:
        detach()
    os.execv(plan["argv"][0], plan["argv"])  # noqa: S606  # no shell, by design


def stage(sources: list[str]) -> None:
    """Bind each source to STAGE/<its number>, where every user can reach it by name."""
    _check(_libc.unshare(CLONE_NEWNS), "unshare the mount namespace")
    _check(_libc.mount(None, b"/", None, _flags(MS_REC, MS_PRIVATE), None), "make mounts private")
    # Opened before COVERED is covered, since a source may lie below it.
    opened = [os.open(source, os.O_PATH) for source in sources]
    cover = _libc.mount(b"tmpfs", COVERED.encode(), b"tmpfs", _flags(MS_NOSUID, MS_NODEV), b"mode=0755,size=1m")
    _check(cover, f"cover {COVERED} with a tmpfs")
    Path(STAGE).mkdir()
    Path(STAGE).chmod(0o755)
    for number, fd in enumerate(opened):
        _stage_one(fd, Path(STAGE) / str(number), sources[number])


def _stage_one(fd: int, place: Path, source: str) -> None:
    link = f"/proc/self/fd/{fd}"
    if Path(link).is_dir():
        place.mkdir()
    else:
        place.touch()
    bound = _libc.mount(link.encode(), str(place).encode(), None, _flags(MS_BIND, MS_REC), None)
    _check(bound, f"bind {source}")
    os.close(fd)


def detach() -> None:
    """Let the system's first process adopt the sandbox, so that it outlives the caller and leaves no zombie there."""
    if os.fork():
        os._exit(0)
    os.setsid()


def _flags(*flags: int) -> ctypes.c_ulong:
    return ctypes.c_ulong(sum(flags))


def _check(result: int, what: str) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, f"could not {what}: {os.strerror(code)}")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except OSError as error:
        sys.exit(f"stage: {error}")

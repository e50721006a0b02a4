"""Ends a whole Tidegate as a power cut would, and finds every process it left; used by the tests that kill everything.

While `adopting` holds, this process inherits what its children leave behind, so nothing can get away by detaching.
"""

import contextlib
import ctypes
import time
from collections.abc import Iterator

import psutil

PR_SET_CHILD_SUBREAPER = 36
END_SECONDS = 15


@contextlib.contextmanager
def adopting() -> Iterator[frozenset[psutil.Process]]:
    """Yields the children there were before; they are none of ours."""
    _adopt(yes=True)
    try:
        yield frozenset(psutil.Process().children(recursive=True))
    finally:
        _adopt(yes=False)


def _adopt(*, yes: bool) -> None:
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0) == 0


def family(before: frozenset[psutil.Process]) -> list[psutil.Process]:
    """Every process below this one that was not there before and is not merely waiting to be collected."""
    return [
        process for process in psutil.Process().children(recursive=True) if process not in before and _runs(process)
    ]


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def kill_everything(before: frozenset[psutil.Process]) -> list[psutil.Process]:
    """All at one moment: frozen first, so that no part sees another end. What was killed."""
    killed: list[psutil.Process] = []
    deadline = time.monotonic() + END_SECONDS
    while found := family(before):
        assert time.monotonic() < deadline, f"cannot be killed: {found}"
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        killed += found
        psutil.wait_procs(found, timeout=5)
    return killed


def wait_until_alone(before: frozenset[psutil.Process], seconds: float) -> list[psutil.Process]:
    """What still runs once everything had time to end."""
    deadline = time.monotonic() + seconds
    while (left := family(before)) and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=0.2)
    return left

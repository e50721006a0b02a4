"""Names a process by number and start time, and signals only that one; used by `life` and `short`."""

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stat:
    name: str
    state: str
    parent: int
    started: int


def read_stat(pid: int) -> Stat | None:
    """What the system says of a process, or None when there is none of that number."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in brackets and may itself hold spaces and brackets.
    head, _, rest = text.rpartition(")")
    fields = rest.split()
    return Stat(head.partition("(")[2], state=fields[0], parent=int(fields[1]), started=int(fields[19]))


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_alive(pid: int, started: int) -> bool:
    """Whether this very process still runs; one that ended and waits to be collected does not."""
    stat = read_stat(pid)
    return stat is not None and stat.started == started and stat.state not in "ZX"


@contextlib.contextmanager
def held(pid: int, started: int) -> Iterator[int | None]:
    """A descriptor of this very process, which cannot come to mean another one; None when it is gone."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        # The number was taken before the descriptor, so the start time is compared after it.
        yield fd if is_alive(pid, started) else None
    finally:
        os.close(fd)


def send(pidfd: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)


def wait_gone(pidfd: int, seconds: float) -> bool:
    """Whether the process ended within the time; it need not be our child."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(max(0, seconds * 1000)))


def end(pid: int, started: int, *, grace: float) -> None:
    """Ask the process to end, then make it. Does nothing to another process of the same number."""
    with held(pid, started) as pidfd:
        if pidfd is None:
            return
        if grace > 0:
            send(pidfd, signal.SIGTERM)
            if wait_gone(pidfd, grace):
                return
        send(pidfd, signal.SIGKILL)
        wait_gone(pidfd, KILL_SECONDS)


# A killed process may still have pages to give back; longer than this means the machine is in trouble.
KILL_SECONDS = 10.0

"""Runs one function on hostile bytes in a process that can do nothing but compute; called by the scan worker.

A pod without privileges cannot make sandboxes, so a cell is a fork with limits of its own under a seccomp filter that
names the few calls computing needs: no file is opened, no socket made, no process started, none signalled. What a task
imports late must have been imported before the fork.
"""

import ctypes
import errno
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NoReturn

from egress_review.checks.child import OUT_OF_MEMORY
from tidegate.sandbox.families import library

Reason = Literal["done", "timeout", "memory", "output_limit", "crashed"]
Task = Callable[[], bytes]
CHUNK: Final = 65536
END: Final = b"\x00"
HIGHEST_FD: Final = 65536
PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
# What computing on memory and writing to an open pipe needs. Everything else answers EPERM.
ALLOWED: Final = (
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "exit",
    "exit_group",
    "fstat",
    "futex",
    "getpid",
    "getrandom",
    "gettid",
    "gettimeofday",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "read",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "sigaltstack",
    "write",
)


@dataclass(frozen=True)
class CellLimits:
    """Seconds of wall clock and of processor each; bytes of new memory and of what is told."""

    seconds: float
    memory_bytes: int
    output_bytes: int


@dataclass(frozen=True)
class Told:
    """How a task ended, and what it told if it is ``done``."""

    reason: Reason
    output: bytes = b""


def run(task: Task, limits: CellLimits) -> Told:
    """The bytes a task returns. Call it from a process with one thread: a fork has no other."""
    library()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _in_the_cell(task, limits, writing)
    os.close(writing)
    try:
        reason, output = _listen(reading, limits)
    finally:
        os.close(reading)
        os.kill(pid, signal.SIGKILL)
        _pid, status = os.waitpid(pid, 0)
    return _told(reason, output, status)


def _listen(reading: int, limits: CellLimits) -> tuple[Reason, bytes]:
    deadline, output = time.monotonic() + limits.seconds, bytearray()
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return "timeout", b""
        part = os.read(reading, CHUNK)
        if not part:
            return "done", bytes(output)
        output += part
        if len(output) > limits.output_bytes + 1:
            return "output_limit", b""


def _told(reason: Reason, output: bytes, status: int) -> Told:
    """The last byte says that the task came to its end: a cell that was killed while telling did not say it."""
    if reason != "done":
        return Told(reason)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return Told("timeout")
    if output == bytes([OUT_OF_MEMORY]):
        return Told("memory")
    return Told("done", output[:-1]) if output[-1:] == END else Told("crashed")


def _in_the_cell(task: Task, limits: CellLimits, writing: int) -> NoReturn:
    """Never returns to the code of the parent, whatever happens."""
    try:
        in_use = _addresses()
        _close_all_but(writing)
        _limit(limits, in_use)
        _shut()
        _write(writing, task() + END)
    except MemoryError:
        _write(writing, bytes([OUT_OF_MEMORY]))
    finally:
        # Whatever happened, nothing unwinds into the parent's stack.
        os._exit(0)


def _close_all_but(writing: int) -> None:
    """No file of the parent is left open, its standard streams included."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.closerange(3, writing)
    os.closerange(writing + 1, HIGHEST_FD)


def _addresses() -> int:
    """Bytes of address space this process has; the limit counts them."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def _limit(limits: CellLimits, in_use: int) -> None:
    seconds = int(limits.seconds) + 1
    for what, most in (
        (resource.RLIMIT_AS, in_use + limits.memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(what, (most, most))
    # The first of the two is a signal of its own, so that it can be told from our own kill.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def _shut() -> None:
    """From here on only `ALLOWED`. A cell dies with its parent and cannot be looked into."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    seccomp = library()
    rules = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
    rules.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    for call in ALLOWED:
        rules.add_rule(seccomp.ALLOW, call)
    rules.load()


def _write(writing: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(writing, view[:CHUNK]) :]

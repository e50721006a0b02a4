"""Runs one short program in a sandbox and waits for it; used by the egress scan and the canary.

Unlike a workspace it must not outlive its caller, and what it prints is untrusted and bounded.
"""

import os
import secrets
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import IO

from tidegate.sandbox import cgroups, life
from tidegate.sandbox.plan import prepared
from tidegate.sandbox.rlimits import limited
from tidegate.sandbox.spec import Finished, Reason, SandboxSpec

CHUNK = 65536


def run(spec: SandboxSpec, *, stdin: bytes, timeout: float, max_output: int) -> Finished:
    """Run to the end, or to the first limit met. `max_output` bounds stdout and stderr together."""
    groups = cgroups.find()
    folders = groups.make(life.group_name(spec.name, secrets.token_hex(8)), spec.limits)
    try:
        with prepared(limited(spec, groups.holds), cgroups.procs_files(folders), extra=(), detach=False) as launch:
            process = subprocess.Popen(
                launch.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=launch.fds,
                env={},
                cwd="/",
                start_new_session=True,
            )
        with process:
            talk = _Talk(process, stdin, time.monotonic() + timeout, max_output)
            try:
                reason = talk.until_done()
            finally:
                # Bubblewrap takes the sandbox with it (--die-with-parent).
                _kill(process)
        if cgroups.kills_for_memory(folders):
            reason = "memory"
        return Finished(process.returncode, bytes(talk.out[1]), bytes(talk.out[2]), reason)
    finally:
        cgroups.remove(folders)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)


@dataclass
class _Talk:
    """Feeds and drains one process without waiting on any one of its three pipes."""

    process: subprocess.Popen[bytes]
    stdin: bytes
    deadline: float
    room: int
    out: dict[int, bytearray] = field(default_factory=lambda: {1: bytearray(), 2: bytearray()})

    def until_done(self) -> Reason:
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while selector.get_map():
                left = self.deadline - time.monotonic()
                if left <= 0:
                    return "timeout"
                for key, _ in selector.select(left):
                    if not self._serve(selector, key):
                        return "output_limit"
        return self._wait()

    def _register(self, selector: selectors.BaseSelector) -> None:
        pipes = ((self.process.stdin, 0), (self.process.stdout, 1), (self.process.stderr, 2))
        for pipe, number in pipes:
            if pipe is None:  # pragma: no cover  # all three are pipes
                continue
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ if number else selectors.EVENT_WRITE, number)

    def _serve(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> bool:
        """Move some bytes; False once there was more than the caller takes."""
        pipe: IO[bytes] = key.fileobj  # type: ignore[assignment]  # only pipes are registered
        done = self._feed(pipe.fileno()) if key.data == 0 else self._drain(pipe.fileno(), key.data)
        if done:
            selector.unregister(pipe)
            pipe.close()
        return self.room >= 0

    def _feed(self, fd: int) -> bool:
        try:
            self.stdin = self.stdin[os.write(fd, self.stdin[:CHUNK]) :]
        except BrokenPipeError:
            return True
        return not self.stdin

    def _drain(self, fd: int, number: int) -> bool:
        part = os.read(fd, CHUNK)
        self.out[number] += part[: max(0, self.room)]
        self.room -= len(part)
        return not part

    def _wait(self) -> Reason:
        """It closed its pipes; it may still run."""
        try:
            self.process.wait(max(0.0, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return "timeout"
        return "done"

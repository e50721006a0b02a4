"""Handles of the unix sockets in the folder that is shared with kernels; used by `launcher_client` and `provisioner`.

Whoever runs as the kernel's user can move anything there at any time, a link to another socket among it. So a name is
looked at once, without following links, and what was found to be a socket is from then on reached through a descriptor:
ZeroMQ, which connects again by itself whenever it is cut off, can only come back to that very socket.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# A place where nothing is and nothing can be put.
NOWHERE = "ipc:///proc/self/fd/none"


class NotASocketError(Exception):
    """Something else stands where a socket should."""


def open_socket(path: Path) -> int:
    """A handle of the socket itself; opening this way reads nothing and follows no link."""
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    if not stat.S_ISSOCK(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotASocketError
    return handle


def name_of(handle: int) -> str:
    """A path that leads to the handle's socket and to nothing else."""
    return f"/proc/self/fd/{handle}"


@dataclass
class KernelSockets:
    """The handles of one kernel's sockets. Each keeps its number when a restarted kernel has made new ones."""

    handles: dict[int, int] = field(default_factory=dict)

    def take(self, paths: Mapping[int, Path]) -> bool:
        """Hold what is at these paths now. False, and nothing changed, while one of them is missing.

        Raises:
            NotASocketError: one of them is something else.
        """
        found: dict[int, int] = {}
        try:
            for number, path in paths.items():
                found[number] = open_socket(path)
        except FileNotFoundError:
            return False
        else:
            for number, handle in found.items():
                self._keep(number, handle)
            return True
        finally:
            for handle in found.values():
                os.close(handle)

    def _keep(self, number: int, handle: int) -> None:
        """Under the number of the one before, which open ZeroMQ connections go by."""
        if number in self.handles:
            os.dup2(handle, self.handles[number], inheritable=False)
        else:
            self.handles[number] = os.dup(handle)

    def address(self, number: int) -> str:
        """What ZeroMQ connects to; nowhere while no socket is held."""
        return f"ipc://{name_of(self.handles[number])}" if number in self.handles else NOWHERE

    def close(self) -> None:
        while self.handles:
            os.close(self.handles.popitem()[1])

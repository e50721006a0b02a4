"""Process 1 of a kernel sandbox: locks itself down for good, then starts kernels on request.

Run by the spawner as `python /opt/tidegate/launcher/main.py --sockets FOLDER`. Everything it starts inherits the lock.
"""

import argparse
import ctypes
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

if not __package__:  # run as a file: make the folder around this one importable, and this one a package of it
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    __package__ = "launcher"  # what the import system reads
    __import__(__package__)

from . import filters
from .control import Control, listen
from .kernels import Kernels
from .table import HOME

PR_SET_DUMPABLE = 4


def main(argv: Sequence[str], load_filter: Callable[[str], None] = filters.load) -> None:
    """Lock down and serve.

    Args:
        argv: the arguments of the command line.
        load_filter: lock 1. Only a test that shows what the lock is for passes another, from a program of its own.
    """
    options = _options(argv)
    close_inherited()
    check_single_thread()
    os.umask(0o007)
    hide_from_kernels()
    load_filter(options.network)
    if os.access(HOME, os.X_OK):
        os.chdir(HOME)
    private = Path(tempfile.mkdtemp(prefix="launcher-"))
    Control(Kernels(options.sockets, private), listen(options.sockets)).serve()


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="launcher", description="Starts kernels that have no network.")
    parser.add_argument("--sockets", type=Path, required=True, help="folder for the control and the kernels' sockets")
    parser.add_argument("--network", choices=filters.NETWORKS, default="none", help="what kernels may connect to")
    return parser.parse_args(argv)


def close_inherited() -> None:
    """An open socket that came with us would get round the filter."""
    os.closerange(3, max(3, *(int(name) + 1 for name in os.listdir("/proc/self/fd"))))  # noqa: PTH208  # names only


def check_single_thread() -> None:
    """The filter binds one thread: another would stay free, and so would its children."""
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208  # counted only
        sys.exit("launcher: more than one thread before the filter; refusing to start")


def hide_from_kernels() -> None:
    """Kernels have the same user number; this keeps them from tracing the launcher or using its descriptors."""
    if ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        sys.exit("launcher: cannot hide from the kernels; refusing to start")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1:])

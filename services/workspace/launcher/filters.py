"""Lock 1: the seccomp filter that every kernel inherits; loaded by `main` before anything else happens.

It binds the calling thread and its children for good, so it must be loaded while there is one thread.
"""

import ctypes.util
import errno
import importlib
import socket
from typing import Any

UNIX, INET = int(socket.AF_UNIX), int(socket.AF_INET)

# The kernel takes 32 bits of a family and the filter compares 64, so every rule refuses what is not named: a family
# with stray high bits matches no allowed one. EOPNOTSUPP, since libzmq aborts on EAFNOSUPPORT and carries on with this.
NOT_UNIX: tuple[tuple[str, int], ...] = (("NE", UNIX),)

# `loopback` drops the AF_INET rule only; the empty network namespace alone then keeps the kernel from the world.
# NETLINK stays refused: torchrun, gloo and Dask find 127.0.0.1 without it, and it opens much of Linux to the caller.
# IPv6 stays refused: one loopback address is enough.
NOT_UNIX_OR_INET: tuple[tuple[str, int], ...] = (("EQ", 0), ("GT", INET))

SOCKET_RULES = {"none": NOT_UNIX, "loopback": NOT_UNIX_OR_INET}

# Calls refused whole, with what they answer.
REFUSED_CALLS = {
    "io_uring_setup": errno.ENOSYS,  # it can make sockets without socket()
    "io_uring_enter": errno.ENOSYS,
    "io_uring_register": errno.ENOSYS,
    "keyctl": errno.EPERM,  # keyrings follow the user number, not the sandbox
    "add_key": errno.EPERM,
    "request_key": errno.EPERM,
    "bpf": errno.EPERM,  # no research code needs these, and each has been a way into Linux
    "perf_event_open": errno.EPERM,
    "userfaultfd": errno.EPERM,
}

NETWORKS = tuple(SOCKET_RULES)

LIBRARIES = {"seccomp": "libseccomp.so.2", "c": "libc.so.6"}


def load(network: str) -> None:
    """Load the filter for good.

    Args:
        network: `none`, or `loopback` where the project's policy allows it.
    """
    seccomp = _seccomp()
    rules = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
    # 32-bit and x32 calls have numbers of their own, which the rules below do not cover.
    rules.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    for comparison, family in SOCKET_RULES[network]:
        argument = seccomp.Arg(0, getattr(seccomp, comparison), family)
        rules.add_rule(seccomp.ERRNO(errno.EOPNOTSUPP), "socket", argument)
    rules.add_rule(seccomp.ERRNO(errno.EOPNOTSUPP), "socketpair", seccomp.Arg(0, seccomp.NE, UNIX))
    for call, answer in REFUSED_CALLS.items():
        rules.add_rule(seccomp.ERRNO(answer), call)
    rules.load()


def _seccomp() -> Any:  # noqa: ANN401  # the library has no types
    """Import pyseccomp, which otherwise looks for its library by running ldconfig or a compiler."""
    stock, finder = ctypes.util.find_library, "find_library"
    setattr(ctypes.util, finder, LIBRARIES.get)
    try:
        return importlib.import_module("pyseccomp")
    finally:
        setattr(ctypes.util, finder, stock)

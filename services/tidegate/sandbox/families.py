"""A filter that bubblewrap itself loads, part of lock 2; used by `plan`.

A network namespace holds what belongs to a network namespace. Some socket families do not: AF_VSOCK speaks to the
machine's hypervisor from inside an empty one. So every sandbox is left the families that its namespace does hold.
The launcher's own filter, lock 1, is stricter and does not rely on this one.
"""

import errno
import functools
import importlib
import socket
import tempfile
from typing import Any

from tidegate.model import TidegateError

HELD = tuple(sorted(int(family) for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)))


@functools.cache
def program() -> bytes:
    """The filter as bubblewrap takes it."""
    pyseccomp = library()
    rules = pyseccomp.SyscallFilter(defaction=pyseccomp.ALLOW)
    rules.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    for comparison, family in refused():
        argument = pyseccomp.Arg(0, getattr(pyseccomp, comparison), family)
        rules.add_rule(pyseccomp.ERRNO(errno.EAFNOSUPPORT), "socket", argument)
    return _exported(rules)


def library() -> Any:  # noqa: ANN401  # it has no types
    try:
        return importlib.import_module("pyseccomp")
    except RuntimeError as error:
        raise TidegateError(
            "sandbox_impossible",
            "The library libseccomp.so.2 is not installed, so no sandbox can be made.",
            "Install the package libseccomp2.",
        ) from error


def refused() -> list[tuple[str, int]]:
    """Comparisons that together match every family but those in HELD."""
    between = [("EQ", family) for family in range(max(HELD)) if family not in HELD]
    return [*between, ("GT", max(HELD))]


def _exported(rules: Any) -> bytes:  # noqa: ANN401  # as above
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()

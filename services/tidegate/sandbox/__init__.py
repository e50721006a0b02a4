"""Bubblewrap sandboxes, for whatever runs code that is not trusted.

The spawner starts kernels and session servers here, egress its scans, the provisioner its canary. Works for root, who
gives each sandbox a user of its own, and for a plain user.
"""

from tidegate.sandbox.doctor import check_possible, describe
from tidegate.sandbox.find import python_binds
from tidegate.sandbox.life import alive, start, stop
from tidegate.sandbox.short import run
from tidegate.sandbox.spec import Bind, Finished, Limits, Running, SandboxSpec

__all__ = [
    "Bind",
    "Finished",
    "Limits",
    "Running",
    "SandboxSpec",
    "alive",
    "check_possible",
    "describe",
    "python_binds",
    "run",
    "start",
    "stop",
]

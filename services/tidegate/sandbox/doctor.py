"""Says whether this machine can hold a sandbox and which limits hold; for `tidegate up` and `tidegate doctor`."""

import ctypes
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tidegate.model import TidegateError
from tidegate.sandbox import cgroups
from tidegate.sandbox.find import tool
from tidegate.sandbox.plan import is_root
from tidegate.sandbox.short import run
from tidegate.sandbox.spec import Limits, SandboxSpec

# A user that owns nothing, for the probe; any but root would do.
PROBE_ID = 65534
PROBE_LIMITS = Limits(memory_bytes=256 * 1024**2, pids=32, cpus=1.0, tmp_bytes=1024**2)

OLDEST_BWRAP = (0, 8)


@dataclass(frozen=True)
class Cause:
    """A setting that is known to make sandboxes impossible, and what to do about it."""

    setting: str
    value: str
    why: str
    fix: str


CAUSES = (
    Cause(
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor keeps users from making user namespaces",
        "Set kernel.apparmor_restrict_unprivileged_userns=0 with sysctl, or give bwrap an AppArmor profile.",
    ),
    Cause(
        "kernel/unprivileged_userns_clone",
        "0",
        "the kernel keeps users from making user namespaces",
        "Set kernel.unprivileged_userns_clone=1 with sysctl.",
    ),
    Cause(
        "user/max_user_namespaces",
        "0",
        "the kernel allows no user namespaces",
        "Set user.max_user_namespaces to 15000 with sysctl.",
    ),
)
CONTAINER_FIX = (
    "If this is a container, run it with a seccomp profile that allows user namespaces and mounts "
    "(for Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined)."
)


def check_possible() -> None:
    """Start a sandbox and see; raise with the reason when it cannot be.

    Raises:
        TidegateError: ``sandbox_impossible``.
    """
    tool("bwrap")
    if not has_seccomp():
        raise _impossible("the library libseccomp.so.2 is missing", "Install the package libseccomp2.")
    if bwrap_version() < OLDEST_BWRAP:
        raise _impossible("bubblewrap is older than 0.8", "Install a newer bubblewrap.")
    finished = run(probe_spec(), stdin=b"", timeout=30, max_output=4096)
    if finished.returncode != 0:
        why, fix = _cause(finished.stderr.decode(errors="replace"))
        raise _impossible(why, fix)


def describe() -> dict[str, str]:
    """Facts about this machine for a person, name and value."""
    found = cgroups.find()
    return {
        "bubblewrap": ".".join(map(str, bwrap_version())) if _works(lambda: tool("bwrap")) else "not installed",
        "sandbox": _state(check_possible),
        "seccomp": "libseccomp.so.2 found" if has_seccomp() else "libseccomp.so.2 is missing",
        "user": "root: each sandbox gets a user of its own" if is_root() else f"plain user {os.geteuid()}",
        "cgroups": found.version,
        **{f"limit {name}": _limit(name, found.holds) for name in cgroups.CONTROLLERS},
    }


def probe_spec() -> SandboxSpec:
    ids = PROBE_ID if is_root() else None
    return SandboxSpec("probe", ("/usr/bin/true",), (), {}, PROBE_LIMITS, uid=ids, gid=ids, pid_1=False)


def has_seccomp() -> bool:
    return _works(lambda: ctypes.CDLL("libseccomp.so.2"))


def bwrap_version() -> tuple[int, ...]:
    text = subprocess.run([tool("bwrap"), "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


WEAKER = {
    "memory": "for each process only (no cgroup)",
    "cpu": "not held (no cgroup)",
    "pids": "by the process limit (no cgroup)",
}


def _limit(name: str, held: tuple[str, ...]) -> str:
    return "held by a cgroup" if name in held else WEAKER[name]


def _cause(stderr: str, settings: Path = Path("/proc/sys")) -> tuple[str, str]:
    for cause in CAUSES:
        if _setting(settings / cause.setting) == cause.value and not is_root():
            return cause.why, cause.fix
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return (lines[-1] if lines else "bubblewrap failed without a reason"), CONTAINER_FIX


def _setting(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _impossible(why: str, fix: str) -> TidegateError:
    return TidegateError("sandbox_impossible", f"This machine cannot hold a sandbox: {why}.", fix)


def _state(check: Callable[[], None]) -> str:
    try:
        check()
    except TidegateError as error:
        return str(error)
    return "works"


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, TidegateError):
        return False
    return True

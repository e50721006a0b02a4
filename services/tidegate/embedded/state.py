"""Prepares the state folder: folders with their modes, and secrets made once. Safe to repeat.

Called by `tidegate up` and by the command line before it opens the store.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tidegate.model import TidegateError

FOLDERS: Final = (
    "secrets",
    "logs",
    "run",
    "run/servers",
    "vault",
    "cohorts",
    "packs",
    "homes",
    "shared",
    "sockets",
    "private",
    "quarantine",
    "released",
)
# File name and how many random bytes; each is written in hexadecimal.
SECRETS: Final = {"hub-cookies": 32, "proxy-token": 32, "egress-key": 32}
OWNER_ONLY: Final = 0o700
DEMO_LOGINS: Final = Path("secrets") / "demo-logins.json"


def prepare_state(state: Path) -> None:
    """Make what is missing; nothing below is for any other user of this machine.

    Raises:
        TidegateError: ``state_unusable``.
    """
    try:
        for folder in (state, *(state / name for name in FOLDERS)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(OWNER_ONLY)
        for name, size in SECRETS.items():
            _make_secret(state / "secrets" / name, size)
    except OSError as error:
        raise TidegateError(
            "state_unusable",
            f"The state folder {state} cannot be used: {error.strerror or error}.",
            "Give another folder with --state, or the right to write this one.",
        ) from error


def has_demo_logins(state: Path) -> bool:
    """Whether accounts with passwords everybody knows were made here."""
    return (state / DEMO_LOGINS).exists()


@contextlib.contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Hold the folder for this process; the lock goes with the process, however it ends.

    Raises:
        TidegateError: ``already_running``.
    """
    fd = os.open(state / "run" / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(fd, 32, 0).decode(errors="replace").strip()
        os.close(fd)
        raise TidegateError(
            "already_running",
            f"Tidegate already runs on {state}" + (f", as process {holder}." if holder.isdigit() else "."),
            "Stop that one first, or give another folder with --state.",
        ) from error
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(fd)


def _make_secret(path: Path, size: int) -> None:
    """Once, and whole: a half-written secret would be kept for ever."""
    if path.exists():
        path.chmod(0o600)
        return
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(size))
        file.flush()
        os.fsync(fd)
    fresh.replace(path)

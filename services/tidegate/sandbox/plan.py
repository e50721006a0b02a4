"""Prepares one launch of bubblewrap; used by `life` (stays) and `short` (waits).

Nothing of the spec goes into a command line, which everyone on the machine can read: environment values, among them a
session's token, and folder names travel in memory files that only the launched process holds.
"""

import contextlib
import json
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.model import TidegateError
from tidegate.sandbox import families, stage
from tidegate.sandbox.arguments import MADE_FILES, bwrap_arguments, ordered_binds
from tidegate.sandbox.find import tool
from tidegate.sandbox.spec import Bind, SandboxSpec

STAGE_PROGRAM = Path(stage.__file__)


@dataclass(frozen=True)
class Launch:
    """A command and the descriptors that must be passed to it."""

    command: list[str]
    fds: tuple[int, ...]


@contextlib.contextmanager
def prepared(
    spec: SandboxSpec, cgroup_procs: Sequence[str], *, extra: Sequence[tuple[str, int]], detach: bool
) -> Iterator[Launch]:
    """The launch of a spec. `extra` are bubblewrap options that take a descriptor, such as `--info-fd`."""
    check_spec(spec)
    staged = [str(bind.source) for bind in ordered_binds(spec)] if is_root() else None
    with contextlib.ExitStack() as stack:
        made = [(_memory_file(stack, text.encode()), target) for target, text in MADE_FILES]
        arguments = bwrap_arguments(spec, _sources(spec), made, dies_with_parent=not detach)
        filters = ("--add-seccomp-fd", _memory_file(stack, families.program()))
        hidden = [*arguments, *(part for name, fd in (filters, *extra) for part in (name, str(fd)))]
        args_fd = _memory_file(stack, b"".join(part.encode() + b"\0" for part in hidden))
        plan = {
            "cgroup_procs": list(cgroup_procs),
            "staged": staged,
            "detach": detach,
            "argv": [*_lesser_user(spec), tool("bwrap"), "--args", str(args_fd), "--", *spec.argv],
        }
        plan_fd = _memory_file(stack, json.dumps(plan).encode())
        fds = (plan_fd, args_fd, filters[1], *(fd for fd, _ in made), *(fd for _, fd in extra))
        yield Launch([sys.executable, "-I", "-S", str(STAGE_PROGRAM), str(plan_fd)], fds)


def is_root() -> bool:
    return os.geteuid() == 0


def check_spec(spec: SandboxSpec) -> None:
    """Refuse what would be unsafe or cannot work, before anything is started."""
    _check_user(spec)
    for bind in spec.binds:
        if not bind.source.exists():
            raise TidegateError(
                "sandbox_source_missing",
                f"Sandbox {spec.name} cannot be started: {bind.source}, to be seen as {bind.target}, does not exist.",
                "Create it, or take it out of the list.",
            )
    _check_inner_binds(spec)


def _check_user(spec: SandboxSpec) -> None:
    if is_root() and not (spec.uid and spec.gid):
        raise TidegateError(
            "sandbox_as_root",
            f"Sandbox {spec.name} would run as this machine's root user.",
            "Give it a user and a group number above 0.",
        )
    if not is_root() and spec.uid not in {None, os.geteuid()}:
        raise TidegateError(
            "sandbox_other_user",
            f"Sandbox {spec.name} is to run as user {spec.uid}, which only root may ask for.",
            "Start Tidegate as root, or leave the number out.",
        )


def _check_inner_binds(spec: SandboxSpec) -> None:
    """A folder shown inside a writable one must not be a link there: bubblewrap would follow it."""
    for inner in spec.binds:
        for outer in spec.binds:
            rest = _below(inner.target, outer.target)
            if rest is None or not outer.writable:
                continue
            steps = [outer.source.joinpath(*rest.parts[: n + 1]) for n in range(len(rest.parts))]
            if any(step.is_symlink() or not _folder_or_nothing(step, inner) for step in steps):
                raise TidegateError(
                    "sandbox_target_is_link",
                    f"Sandbox {spec.name} cannot be started: {rest} in {outer.target} is a link or a file, "
                    f"and {inner.target} is to be shown there.",
                    f"Rename {steps[-1]}.",
                )


def _folder_or_nothing(step: Path, inner: Bind) -> bool:
    try:
        return stat.S_ISDIR(step.lstat().st_mode) or inner.source.is_file()
    except FileNotFoundError:
        return True


def _below(inner: str, outer: str) -> Path | None:
    path = Path(inner)
    return path.relative_to(outer) if inner != outer and path.is_relative_to(outer) else None


def _sources(spec: SandboxSpec) -> list[str]:
    binds = ordered_binds(spec)
    return [f"{stage.STAGE}/{n}" for n in range(len(binds))] if is_root() else [str(bind.source) for bind in binds]


def _lesser_user(spec: SandboxSpec) -> list[str]:
    """Without this, user 1000 inside would be this machine's root outside."""
    if not is_root():
        return []
    ids = ["--reuid", str(spec.uid), "--regid", str(spec.gid)]
    return [tool("setpriv"), *ids, "--clear-groups", "--no-new-privs", "--"]


def _memory_file(stack: contextlib.ExitStack, content: bytes) -> int:
    fd = os.memfd_create("tidegate")
    stack.callback(os.close, fd)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd

"""Turns a spec into bubblewrap's arguments; a pure table, used by `plan`. Read it to know what a sandbox sees."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tidegate.sandbox.spec import INSIDE_GID, INSIDE_UID, Bind, SandboxSpec

HOME = "/home/researcher"

PASSWD = f"researcher:x:{INSIDE_UID}:{INSIDE_GID}:researcher:{HOME}:/bin/bash\n"
GROUP = f"researcher:x:{INSIDE_GID}:\n"
HOSTS = "127.0.0.1 localhost\n"
NSSWITCH = "passwd: files\ngroup: files\nhosts: files\n"

# Small files the sandbox gets instead of the host's own.
MADE_FILES = (("/etc/passwd", PASSWD), ("/etc/group", GROUP), ("/etc/hosts", HOSTS), ("/etc/nsswitch.conf", NSSWITCH))

# Files of the host that programs need and that say nothing about its people.
HOST_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives", "/etc/fonts")

# On most systems these are links into /usr, on older ones folders of their own.
ROOT_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")

ISOLATION = (
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--new-session",
    "--cap-drop",
    "ALL",
    "--uid",
    str(INSIDE_UID),
    "--gid",
    str(INSIDE_GID),
    "--hostname",
    "tidegate",
    "--clearenv",
)


def bwrap_arguments(
    spec: SandboxSpec, sources: Sequence[str], made: Sequence[tuple[int, str]], *, dies_with_parent: bool
) -> list[str]:
    """All arguments but the program.

    Args:
        spec: what was asked for.
        sources: where bubblewrap finds the source of each of `ordered_binds(spec)`.
        made: open descriptors with the content of small files, and where they go.
        dies_with_parent: for a short run, which nobody re-attaches to.
    """
    return [
        *ISOLATION,
        *(("--share-net",) if spec.network else ()),
        *(("--as-pid-1",) if spec.pid_1 else ()),
        *(("--die-with-parent",) if dies_with_parent else ()),
        *_system(),
        *_sized_tmpfs("/tmp", spec.limits.tmp_bytes),  # noqa: S108  # the sandbox's own
        *_sized_tmpfs("/dev/shm", spec.limits.tmp_bytes),  # noqa: S108  # the sandbox's own
        *(part for fd, target in made for part in ("--ro-bind-data", str(fd), target)),
        *_binds(spec, sources),
        # Both are tmpfs without a bound, and everything that had to be made in them has been.
        *("--remount-ro", "/dev", "--remount-ro", "/"),
        *(part for name, value in spec.env.items() for part in ("--setenv", name, value)),
        *("--chdir", spec.cwd),
    ]


def ordered_binds(spec: SandboxSpec) -> list[Bind]:
    """Outer folders before the folders inside them."""
    return sorted(spec.binds, key=lambda bind: Path(bind.target).parts)


def _sized_tmpfs(target: str, size: int) -> tuple[str, ...]:
    return ("--perms", "1777", "--size", str(size), "--tmpfs", target)


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev", "--dir", "/run")
    for folder in ROOT_FOLDERS:
        path = Path(folder)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), folder)
        elif path.is_dir():
            yield from ("--ro-bind", folder, folder)
    for name in HOST_FILES:
        yield from ("--ro-bind-try", name, name)


def _binds(spec: SandboxSpec, sources: Sequence[str]) -> Iterator[str]:
    for bind, source in zip(ordered_binds(spec), sources, strict=True):
        yield from ("--bind" if bind.writable else "--ro-bind", source, bind.target)

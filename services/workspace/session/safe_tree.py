"""Opening files that untrusted code writes. Used by the contents manager and the release rules, and by nothing else.

A path is walked one component at a time from a descriptor of the root, never following a link; what is found is judged
by the descriptor that was opened, not by name, so swapping a file in between changes nothing. Home and home/shared are
separate mounts, each a root of its own.
"""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from workspace.session.refusals import PathRefusedError, Reason

SHARED: Final = "shared"
MAX_NAME: Final = 200
MAX_DEPTH: Final = 32
MAX_ENTRIES: Final = 2_000
FILE_MODE: Final = 0o660
FOLDER_MODE: Final = 0o770

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK a pipe put in a file's place would hold the server for ever.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_REASONS: Final = {
    errno.ENOENT: Reason.NOT_FOUND,
    errno.ENOTDIR: Reason.NOT_FOUND,
    errno.ELOOP: Reason.NOT_PLAIN,
    errno.ENXIO: Reason.NOT_PLAIN,
    errno.EXDEV: Reason.FIXED,
    errno.EBUSY: Reason.FIXED,
    errno.EEXIST: Reason.EXISTS,
    errno.ENOTEMPTY: Reason.EXISTS,
    errno.ENOSPC: Reason.NO_SPACE,
    errno.EDQUOT: Reason.NO_SPACE,
    errno.ENAMETOOLONG: Reason.BAD_NAME,
}


@dataclass(frozen=True)
class Entry:
    """What a listing or a model tells of one file or folder."""

    name: str
    is_folder: bool
    size: int
    modified: float


@contextlib.contextmanager
def constant_errors() -> Iterator[None]:
    """Whatever the system says about a path leaves here as one of our reasons."""
    try:
        yield
    except OSError as error:
        raise PathRefusedError(_REASONS.get(error.errno or 0, Reason.NOT_PERMITTED)) from None


def components(path: str) -> tuple[str, ...]:
    """The names of an API path; refuses what could mean anything but a plain visible name below the root."""
    names = tuple(path.strip("/").split("/")) if path.strip("/") else ()
    if len(names) > MAX_DEPTH or not all(is_plain_name(name) for name in names):
        raise PathRefusedError(Reason.BAD_NAME)
    return names


def is_plain_name(name: str) -> bool:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= MAX_NAME and not name.startswith(".") and name.isprintable() and "/" not in name


class SafeTree:
    """The researcher's home, and the project's shared folder inside it."""

    def __init__(self, home: Path) -> None:
        self._home = os.open(home, _FOLDER & ~os.O_NOFOLLOW)
        self._shared: int | None = None
        with contextlib.suppress(OSError):
            self._shared = os.open(SHARED, _FOLDER, dir_fd=self._home)

    def close(self) -> None:
        os.close(self._home)
        if self._shared is not None:
            os.close(self._shared)

    @contextlib.contextmanager
    def folder(self, names: tuple[str, ...]) -> Iterator[int]:
        """A descriptor of the folder, opened for the length of the block."""
        in_shared = names[:1] == (SHARED,) and self._shared is not None
        root = self._shared if in_shared and self._shared is not None else self._home
        with constant_errors():
            device = os.fstat(root).st_dev
            current = os.dup(root)
        try:
            for name in names[1:] if in_shared else names:
                with constant_errors():
                    following = os.open(name, _FOLDER, dir_fd=current)
                os.close(current)
                current = following
                if os.fstat(current).st_dev != device:
                    raise PathRefusedError(Reason.NOT_PLAIN)
            yield current
        finally:
            os.close(current)

    def open_file(self, path: str, cap: int) -> tuple[int, os.stat_result]:
        """A descriptor of a regular file with one name, on its root's device, of at most `cap` bytes."""
        names = _named(path)
        with self.folder(names[:-1]) as parent:
            with constant_errors():
                descriptor = os.open(names[-1], _FILE, dir_fd=parent)
            try:
                found = os.fstat(descriptor)
                _check_plain(found, os.fstat(parent).st_dev, cap)
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor, found

    def read(self, path: str, cap: int) -> bytes:
        descriptor, _ = self.open_file(path, cap)
        with constant_errors(), os.fdopen(descriptor, "rb") as file:
            data = file.read(cap + 1)
        if len(data) > cap:
            raise PathRefusedError(Reason.TOO_LARGE)
        return data

    def entry(self, path: str) -> Entry:
        """A plain file or a folder; links and the rest are refused as what they are."""
        names = components(path)
        if not names:
            return Entry("", is_folder=True, size=0, modified=os.fstat(self._home).st_mtime)
        if names == (SHARED,) and self._shared is not None:
            return Entry(SHARED, is_folder=True, size=0, modified=os.fstat(self._shared).st_mtime)
        with self.folder(names[:-1]) as parent:
            with constant_errors():
                found = os.stat(names[-1], dir_fd=parent, follow_symlinks=False)
            entry = _entry(names[-1], found)
        if entry is None:
            raise PathRefusedError(Reason.NOT_PLAIN)
        return entry

    def listing(self, path: str) -> list[Entry]:
        """Plain files and folders with plain names; the rest does not exist for the browser."""
        with self.folder(components(path)) as folder, constant_errors():
            names = [name for name in os.listdir(folder) if is_plain_name(name)]  # noqa: PTH208 - of a descriptor
            if len(names) > MAX_ENTRIES:
                raise PathRefusedError(Reason.TOO_MANY)
            found = [_entry_of(folder, name) for name in sorted(names)]
        return [entry for entry in found if entry is not None]

    def write(self, path: str, data: bytes) -> None:
        """Put a whole file in place, or nothing: a new file is written beside it and renamed over the plain old one."""
        names = _named(path)
        with self.folder(names[:-1]) as parent, constant_errors():
            _check_replaceable(parent, names[-1])
            temporary = f".tidegate-{uuid4().hex}"
            try:
                with os.fdopen(os.open(temporary, _NEW_FILE, FILE_MODE, dir_fd=parent), "wb") as file:
                    file.write(data)
                os.rename(temporary, names[-1], src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=parent)
                raise

    def make_folder(self, path: str) -> None:
        names = _named(path)
        with self.folder(names[:-1]) as parent, constant_errors():
            os.mkdir(names[-1], FOLDER_MODE, dir_fd=parent)

    def delete(self, path: str) -> None:
        """A file, or a folder with all in it; links inside are removed, never followed."""
        names = _changeable(path)
        is_folder = self.entry(path).is_folder
        with self.folder(names[:-1]) as parent, constant_errors():
            if is_folder:
                shutil.rmtree(names[-1], dir_fd=parent)
            else:
                os.unlink(names[-1], dir_fd=parent)

    def rename(self, old: str, new: str) -> None:
        before, after = _changeable(old), _changeable(new)
        self.entry(old)
        with self.folder(before[:-1]) as source, self.folder(after[:-1]) as target, constant_errors():
            if _exists(target, after[-1]):
                raise PathRefusedError(Reason.EXISTS)
            os.rename(before[-1], after[-1], src_dir_fd=source, dst_dir_fd=target)


def _named(path: str) -> tuple[str, ...]:
    names = components(path)
    if not names:
        raise PathRefusedError(Reason.NOT_PLAIN)
    return names


def _changeable(path: str) -> tuple[str, ...]:
    names = components(path)
    if names in ((), (SHARED,)):
        raise PathRefusedError(Reason.FIXED)
    return names


def _check_plain(found: os.stat_result, device: int, cap: int) -> None:
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_dev != device:
        raise PathRefusedError(Reason.NOT_PLAIN)
    if found.st_size > cap:
        raise PathRefusedError(Reason.TOO_LARGE)


def _check_replaceable(parent: int, name: str) -> None:
    """What stands under the name must be a plain file or nothing; a link is refused rather than replaced."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return
    _check_plain(found, os.fstat(parent).st_dev, found.st_size)


def _exists(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _entry_of(folder: int, name: str) -> Entry | None:
    try:
        return _entry(name, os.stat(name, dir_fd=folder, follow_symlinks=False))
    except OSError:
        return None


def _entry(name: str, found: os.stat_result) -> Entry | None:
    if stat.S_ISDIR(found.st_mode):
        return Entry(name, is_folder=True, size=0, modified=found.st_mtime)
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        return Entry(name, is_folder=False, size=found.st_size, modified=found.st_mtime)
    return None

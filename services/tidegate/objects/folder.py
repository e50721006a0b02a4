"""Objects in a folder of this machine: `root/<first two hex digits>/<sha256>`, mode 0600, read by our services only.

A put writes under a random name, flushes to the disk, then renames the finished file: a crash leaves at most a part in
`root/parts/`, which `sweep` removes when the service starts. A put of bytes already kept replaces them with themselves,
which also heals a copy that the disk has spoiled.
"""

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from tidegate.model import TidegateError
from tidegate.model.names import SHA256
from tidegate.objects.port import Stored

CHUNK: Final = 1024 * 1024
PARTS: Final = "parts"
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FolderObjects:
    """An `ObjectStore` on a folder. Safe to use from many threads and processes at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._parts = root / PARTS
        for folder in (root, self._parts):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, stream: BinaryIO, expected_sha256: str | None = None, max_bytes: int | None = None) -> Stored:
        with self._part() as part:
            with disk_full_explained(self._root), os.fdopen(_create(part), "wb") as target:
                stored = _copy(stream, target, max_bytes)
                target.flush()
                os.fsync(target.fileno())
            if expected_sha256 is not None and stored.sha256 != expected_sha256:
                raise TidegateError(
                    "OBJECT_MISMATCH",
                    "The bytes that arrived are not the ones that were announced.",
                    "Send the file again.",
                )
            self._name(part, stored.sha256)
        return stored

    def open(self, sha256: str) -> BinaryIO:
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError:
            raise _missing(sha256) from None

    def exists(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def size(self, sha256: str) -> int:
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            raise _missing(sha256) from None

    def delete(self, sha256: str) -> bool:
        try:
            self.path(sha256).unlink()
        except FileNotFoundError:
            return False
        return True

    def verify(self, sha256: str) -> bool:
        try:
            with self.path(sha256).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            return False

    def path(self, sha256: str) -> Path:
        """Where an object lies. The name is checked, so it cannot lead out of the folder."""
        if not re.fullmatch(SHA256, sha256):
            raise TidegateError("OBJECT_NAME", "An object is named by 64 lower-case hexadecimal digits.")
        return self._root / sha256[:2] / sha256

    def sweep(self) -> int:
        """Remove parts of puts that a crash cut short; for a service to call before it takes work."""
        leftovers = tuple(self._parts.iterdir())
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        return len(leftovers)

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._root).free

    @contextmanager
    def _part(self) -> Iterator[Path]:
        part = self._parts / secrets.token_hex(16)
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)

    def _name(self, part: Path, sha256: str) -> None:
        target = self.path(sha256)
        with disk_full_explained(self._root):
            target.parent.mkdir(mode=0o700, exist_ok=True)
            part.replace(target)
            sync_folder(target.parent)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)


def _copy(stream: BinaryIO, target: BinaryIO, max_bytes: int | None) -> Stored:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if max_bytes is not None and size > max_bytes:
            raise TidegateError("OBJECT_TOO_LARGE", f"The file is larger than the {max_bytes} bytes allowed here.")
        digest.update(chunk)
        target.write(chunk)
    return Stored(sha256=digest.hexdigest(), size=size)


def _missing(sha256: str) -> TidegateError:
    return TidegateError("OBJECT_MISSING", f"The store holds no object {sha256[:12]}...")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_full_explained(folder: Path) -> Iterator[None]:
    """Turn "no space left" into the refusal a person can act on; any other error passes as it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise TidegateError(
            "DISK_FULL",
            f"The disk that holds {folder} is full.",
            "Free some space; the work goes on from where it stopped.",
        ) from error

"""Files and folders the way a sealed view needs them: written whole, read-only, removable again. `view.py` calls it."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from tidegate.objects.folder import disk_full_explained, sync_folder

CHUNK: Final = 1024 * 1024
READ_ONLY_FILE: Final = 0o444
READ_ONLY_FOLDER: Final = 0o555


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """The new content or the old, never a part of either."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with disk_full_explained(path.parent), os.fdopen(_create(part, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def write_new(path: Path, content: bytes) -> str:
    """A new read-only file; its SHA-256."""
    with disk_full_explained(path.parent), os.fdopen(_create(path, READ_ONLY_FILE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(content).hexdigest()


def copy_new(source: Path, target: Path) -> str:
    """A new read-only copy; the SHA-256 of the bytes that were copied."""
    digest = hashlib.sha256()
    with (
        source.open("rb") as reading,
        disk_full_explained(target.parent),
        os.fdopen(_create(target, READ_ONLY_FILE), "wb") as writing,
    ):
        for chunk in _chunks(reading):
            digest.update(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    return digest.hexdigest()


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def close_folders(root: Path) -> None:
    """Read-only folders all the way down, and names that survive a power cut."""
    for folder in [root, *sorted(path for path in root.rglob("*") if path.is_dir())]:
        sync_folder(folder)
        folder.chmod(READ_ONLY_FOLDER)


def remove_tree(root: Path) -> None:
    """Delete a view. Its folders are read-only, also to their owner, so they are opened first. Follows no link."""
    if root.is_symlink():
        root.unlink()
    if not root.exists():
        return
    root.chmod(0o700)
    for folder, names, _ in os.walk(root):
        for name in names:
            inside = Path(folder, name)
            if not inside.is_symlink():
                inside.chmod(0o700)
    shutil.rmtree(root)


def _create(path: Path, mode: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk

"""Files in the vault: put there under their SHA-256 by a rename, and looked at again before they are trusted."""

import hashlib
import os
from pathlib import Path
from typing import Final

from provisioner.adapters.xnat.failures import storage_failure
from provisioner.domain.transfer import blob_path

MODE: Final = 0o440


def holds(vault: Path, sha256: str, size: int) -> bool:
    """Whether the vault has these bytes, by reading them."""
    blob = blob_path(vault, sha256)
    try:
        with blob.open("rb") as source:
            return os.fstat(source.fileno()).st_size == size and (
                hashlib.file_digest(source, "sha256").hexdigest() == sha256
            )
    except OSError:
        return False


def put(part: Path, vault: Path, sha256: str, label: str) -> Path:
    """Move a verified file in. A blob with that name is replaced: its bytes are the same, or they were damaged.

    Raises:
        TidegateError: ``DISK_FULL`` or ``STORE_FAILED``.
    """
    blob = blob_path(vault, sha256)
    try:
        blob.parent.mkdir(exist_ok=True)
        part.chmod(MODE)
        part.replace(blob)
    except OSError as error:
        raise storage_failure(error, label) from error
    return blob

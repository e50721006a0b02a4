"""The drawn-bytes journal: a small file in private state, written before anything is sent and read back at start."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SIZE: Final = 1024


class FileJournal:
    """Overwrites one fixed block. The page cache outlives a killed process, so no sync is paid for each message."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write(self, pending: Mapping[str, int]) -> None:
        text = json.dumps({kind: size for kind, size in pending.items() if size})
        os.pwrite(self._file, text.encode().ljust(SIZE), 0)

    def read(self) -> dict[str, int]:
        text = os.pread(self._file, SIZE, 0).strip()
        return {str(kind): int(size) for kind, size in json.loads(text).items()} if text else {}

    def close(self) -> None:
        os.close(self._file)

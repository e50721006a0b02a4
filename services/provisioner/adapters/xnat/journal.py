"""What a pull remembers on disk: a line a finished file, flushed before anybody counts on it, kept over any crash."""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from provisioner.adapters.xnat.failures import storage_failure
from provisioner.domain.transfer import Entry, read_entries
from tidegate.model import TidegateError

NAME: Final = "journal.jsonl"


class Journal:
    """The journal of one pull's folder. One process has it open at a time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def __enter__(self) -> Self:
        self._file = self._path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise TidegateError(
                "PULL_RUNNING",
                f"Another pull works in {self._path.parent}.",
                "Wait for it to end, or stop it; two would undo each other's work.",
            ) from error
        self._end_torn_line()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def entries(self) -> dict[str, Entry]:
        """What earlier runs finished, by URI."""
        self._file.seek(0)
        return read_entries(row.decode("utf-8", "replace") for row in self._file)

    def add(self, entries: Iterable[Entry]) -> None:
        """Write lines and see them on the disk.

        Raises:
            TidegateError: ``DISK_FULL`` or ``STORE_FAILED``; lines half-written are not read back.
        """
        try:
            self._file.write("".join(f"{entry.to_json()}\n" for entry in entries).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise storage_failure(error, "the pull's journal") from error

    def _end_torn_line(self) -> None:
        end = self._file.seek(0, os.SEEK_END)
        if end:
            self._file.seek(end - 1)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")

"""The folder where a cluster's dispatcher leaves files to scan, and the scan worker its answers; both sides use this.

`jobs/` is read-only to the scan worker, `answers/` writable. A job is named by the SHA-256 of its bytes, so an answer
belongs to exactly these bytes, whoever asked first. Files appear whole, by a rename. Nothing on a spool is trusted: a
name may be a link, a pipe that never ends, or larger than the volume should hold.
"""

import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

JOBS: Final = "jobs"
ANSWERS: Final = "answers"
NAME: Final = re.compile(r"[0-9a-f]{64}")
MEBIBYTE: Final = 1024 * 1024
# The largest file of a request, its pack and a line of words.
MOST_JOB: Final = 160 * MEBIBYTE
# A picture of the most pixels we draw, twice.
MOST_ANSWER: Final = 210 * MEBIBYTE
MOST_LINE: Final = 64 * 1024
BEGUN: Final = ".begun"
FOLDER_MODE: Final = 0o770


class SpoolError(Exception):
    """What lies on the spool is not what may lie there."""


@dataclass(frozen=True)
class Parcel:
    """A line of facts and the bytes they are about."""

    facts: dict[str, Any]
    body: bytes

    def packed(self) -> bytes:
        return json.dumps(self.facts, sort_keys=True).encode() + b"\n" + self.body

    @classmethod
    def unpacked(cls, content: bytes) -> "Parcel":
        line, newline, body = content[:MOST_LINE].partition(b"\n")
        try:
            facts = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SpoolError("the first line is no JSON") from error
        if not newline or not isinstance(facts, dict):
            raise SpoolError("the first line is no object")
        return cls(facts, body + content[MOST_LINE:])


def make_folders(spool: Path) -> None:
    """Both folders, by whichever side comes first; what is there stays as it is."""
    for name in (JOBS, ANSWERS):
        (spool / name).mkdir(mode=FOLDER_MODE, exist_ok=True)


def name_of(job: bytes) -> str:
    return hashlib.sha256(job).hexdigest()


def write_whole(folder: Path, name: str, content: bytes) -> None:
    """Under a name of its own first; the file then appears whole or not at all."""
    part = folder / f".{secrets.token_hex(8)}"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        part.replace(folder / name)
    finally:
        part.unlink(missing_ok=True)


def read_bounded(path: Path, most: int) -> bytes | None:
    """A plain file of at most `most` bytes; None where there is none yet.

    Raises:
        SpoolError: it is something else, or larger.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SpoolError(f"it cannot be opened: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SpoolError("it is no plain file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise SpoolError("it is too large")
    return content


def waiting(folder: Path) -> Iterator[str]:
    """Names of jobs, oldest first."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if NAME.fullmatch(entry.name)]
    except FileNotFoundError:
        return
    for entry in sorted(found, key=_age):
        yield entry.name


def _age(entry: "os.DirEntry[str]") -> tuple[float, str]:
    try:
        return entry.stat(follow_symlinks=False).st_mtime, entry.name
    except FileNotFoundError:
        return 0.0, entry.name

"""Whether a sealed copy of a cohort still looks as it did when every byte of it was last hashed.

The provisioner hashes a copy and then notes how it looks; the hub asks before each mount, the provisioner at each look.
It costs one `lstat` a file. What is asked of the file system changes with every write, rename or change of mode, and a
program cannot set the time of change back; what spoils bytes beneath the file system is found by the next full hash.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from tidegate.model import digest_of
from tidegate.model.names import Frozen, Sha256
from tidegate.model.status import CohortStatus

MANIFEST: Final = "manifest.json"
LOOKS: Final = "looks.json"


class Looks(Frozen):
    """How the copy with this manifest looked when it was whole."""

    manifest_sha256: Sha256
    looks: Sha256


def looks_of(view: Path) -> str:
    """One digest over kind, mode, size, inode and times of everything below, the folders included."""
    return digest_of(sorted(_entries(view, "")))


def note_path(view: Path) -> Path:
    """Beside the copy, among the provisioner's records: a workspace never sees it."""
    return view.parent / f".{view.name}" / LOOKS


def fault_of(cohort: CohortStatus) -> str:
    """What is wrong with the copy, as the end of a sentence; empty where nothing is."""
    view = Path(cohort.path)
    try:
        if hashlib.sha256((view / MANIFEST).read_bytes()).hexdigest() != cohort.manifest_sha256:
            return "its manifest is not the one that was sealed"
        noted = Looks.model_validate_json(note_path(view).read_bytes())
        if noted != Looks(manifest_sha256=cohort.manifest_sha256, looks=looks_of(view)):
            return "it was changed after it was last checked"
    except FileNotFoundError:
        return "a part of it, or the note of its last check, is gone"
    except (OSError, ValidationError):
        return "it cannot be read"
    return ""


def _entries(folder: Path, below: str) -> Iterator[list[str | int]]:
    yield [below, *_facts(folder.lstat())]
    with os.scandir(folder) as found:
        inside = list(found)
    for entry in inside:
        name = f"{below}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path), name)
        else:
            yield [name, *_facts(entry.stat(follow_symlinks=False))]


def _facts(info: os.stat_result) -> list[int]:
    return [info.st_mode, info.st_size, info.st_ino, info.st_mtime_ns, info.st_ctime_ns]

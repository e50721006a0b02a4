"""Deletes what a project had on this machine: folders without following links, and data that no other project uses.

Called by `folders.erase`. Every function may be repeated after a kill: manifests go last, as they tell what to delete.
"""

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

OPEN_TO_OWNER = stat.S_IRWXU
A_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


def erase_tree(path: Path) -> None:
    """Delete a folder and all in it; a link in it is deleted and what it points to is not.

    Raises:
        OSError: where anything is left.
    """
    if not path.exists() and not path.is_symlink():
        return
    _open_up(path)
    shutil.rmtree(path)


def forget_cohort(state: Path, project: str) -> None:
    """Delete the project's copy of the data: from the vault what no other project names, then the views."""
    own = _listed(state / "cohorts" / project)
    others = {digest for folder in _others(state, project) for digest in _listed(folder)}
    for digest in own - others:
        (state / "vault" / digest[:2] / digest).unlink(missing_ok=True)
    erase_tree(state / "cohorts" / project)


def _others(state: Path, project: str) -> Iterator[Path]:
    cohorts = state / "cohorts"
    if cohorts.is_dir():
        yield from (folder for folder in cohorts.iterdir() if folder.name != project)


def _listed(folder: Path) -> set[str]:
    """Every SHA-256 in a project's manifests, records and journals; one that is no file of the vault does no harm."""
    found: set[str] = set()
    for record in folder.rglob("*.json*"):
        found |= set(A_SHA256.findall(record.read_text(encoding="utf-8", errors="replace")))
    return found


def _open_up(path: Path) -> None:
    """Let the owner into every folder: a sealed view and whatever a researcher closed can then be deleted."""
    for folder, names, _ in os.walk(path):
        with contextlib.suppress(FileNotFoundError):
            Path(folder).chmod(OPEN_TO_OWNER)
        for name in names:
            inner = Path(folder) / name
            if not inner.is_symlink():
                inner.chmod(OPEN_TO_OWNER)

"""The cohort vault of one machine: a folder of blobs by SHA-256, shared by all projects, seen by none of them."""

from pathlib import Path

from tidegate.objects import FolderObjects


class FolderVault:
    """The `CohortVault` of the pipeline. Refusal, expiry and repair delete here; a source adds."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._objects = FolderObjects(root)

    @property
    def folder(self) -> Path:
        return self._root

    def blob(self, sha256: str) -> Path:
        return self._objects.path(sha256)

    def discard(self, sha256: str) -> None:
        self._objects.delete(sha256)

"""What the sample server holds: XNAT's projects, subjects, experiments, scans, resources and files, all in memory.

`collect` builds trees from DICOM on disk, tests build their own; `routes` reads them.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

SESSION_TYPES: Final[Mapping[str, str]] = {
    "CT": "xnat:ctSessionData",
    "MG": "xnat:mgSessionData",
    "MR": "xnat:mrSessionData",
    "US": "xnat:usSessionData",
}
SCAN_TYPES: Final[Mapping[str, str]] = {
    "CT": "xnat:ctScanData",
    "MG": "xnat:mgScanData",
    "MR": "xnat:mrScanData",
    "US": "xnat:usScanData",
}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of the archive. `md5` and `size` are what the catalogue says, which a test may make untrue."""

    name: str
    content: Path | bytes
    size: int
    md5: str

    @classmethod
    def of(cls, name: str, content: Path | bytes) -> "StoredFile":
        """A file with the catalogue's size and digest taken from its bytes."""
        data = content if isinstance(content, bytes) else content.read_bytes()
        return cls(name, content, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest())

    def open(self) -> BinaryIO:
        return BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")


@dataclass(frozen=True, slots=True)
class StoredResource:
    """`catalogue_count` is the number XNAT believes in where it differs from the files there are."""

    id: str
    label: str
    files: tuple[StoredFile, ...]
    catalogue_count: int | None = None


@dataclass(frozen=True, slots=True)
class StoredScan:
    id: str
    modality: str
    description: str
    resources: tuple[StoredResource, ...]

    @property
    def xsi_type(self) -> str:
        return SCAN_TYPES.get(self.modality, "xnat:otherDicomScanData")


@dataclass(frozen=True, slots=True)
class StoredExperiment:
    """It belongs to one project; `shared` names the others that see it, each with its own label for it."""

    id: str
    label: str
    project: str
    subject_id: str
    modality: str
    scans: tuple[StoredScan, ...]
    shared: Mapping[str, str] = field(default_factory=dict)
    status: str = "active"

    @property
    def xsi_type(self) -> str:
        return SESSION_TYPES.get(self.modality, "xnat:otherDicomSessionData")

    def label_in(self, project: str) -> str | None:
        return self.label if project == self.project else self.shared.get(project)


@dataclass(frozen=True, slots=True)
class StoredSubject:
    id: str
    label: str
    project: str
    shared: Mapping[str, str] = field(default_factory=dict)

    def label_in(self, project: str) -> str | None:
        return self.label if project == self.project else self.shared.get(project)


@dataclass(frozen=True, slots=True)
class StoredProject:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Tree:
    projects: tuple[StoredProject, ...] = ()
    subjects: tuple[StoredSubject, ...] = ()
    experiments: tuple[StoredExperiment, ...] = ()

    def __add__(self, other: "Tree") -> "Tree":
        return Tree(
            self.projects + other.projects, self.subjects + other.subjects, self.experiments + other.experiments
        )

    def project(self, key: str) -> StoredProject | None:
        return next((p for p in self.projects if p.id == key), None)

    def subject(self, key: str, project: str | None = None) -> StoredSubject | None:
        """By accession id, or by the label the project knows it under."""
        return next((s for s in self.subjects if s.id == key or (project and s.label_in(project) == key)), None)

    def experiment(self, key: str, project: str | None = None) -> StoredExperiment | None:
        return next((e for e in self.experiments if e.id == key or (project and e.label_in(project) == key)), None)

    def subjects_of(self, project: str) -> Iterator[StoredSubject]:
        return (s for s in self.subjects if s.label_in(project) is not None)

    def experiments_of(self, project: str, subject_id: str | None = None) -> Iterator[StoredExperiment]:
        return (e for e in self.experiments if e.label_in(project) is not None and subject_id in {None, e.subject_id})

    def count_files(self) -> int:
        return sum(len(r.files) for e in self.experiments for s in e.scans for r in s.resources)

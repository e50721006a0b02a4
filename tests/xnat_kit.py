"""Small made-up archives and a running sample XNAT, for the tests of the pull and of the server itself."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from provisioner.adapters.xnat.backoff import Backoff
from provisioner.adapters.xnat.listing import Credentials
from provisioner.adapters.xnat.source import XnatSource
from provisioner.domain.plan import Plan, PlanLine
from provisioner.domain.transfer import PullProgress, PullResult
from sample_xnat.logins import Account
from sample_xnat.server import SampleXnat
from sample_xnat.tree import (
    StoredExperiment,
    StoredFile,
    StoredProject,
    StoredResource,
    StoredScan,
    StoredSubject,
    Tree,
)
from tidegate.model import Dataset
from tidegate.model.project import Selection

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
USER, PASSWORD = "puller", "correct horse"
ALIAS, ALIAS_SECRET = "6f2f9c3e-58b5-4a57-9f9e-0d5f6a1c2b3d", "alias-secret"
ACCOUNT = Account(USER, PASSWORD, {ALIAS: ALIAS_SECRET})
PROJECT = "BREAST"
EVERYTHING = Selection()


def dicom_bytes(seed: str, size: int = 4000) -> bytes:
    """Bytes that pass for DICOM as far as a pull looks: a preamble, the magic, and content of their own."""
    filler = hashlib.sha256(seed.encode()).digest()
    return (b"\0" * 128 + b"DICM" + filler * (size // len(filler) + 1))[:size]


def tree_of(files: Mapping[str, bytes], project: str = PROJECT, subjects: int = 1) -> Tree:
    """A project whose files are dealt to `subjects`, with one experiment of one scan each."""
    tree = Tree(projects=(StoredProject(project, f"Project {project}"),))
    names = sorted(files)
    for number in range(1, subjects + 1):
        mine = tuple(StoredFile.of(name, files[name]) for name in names[number - 1 :: subjects])
        tree += one_experiment(project, number, (StoredResource(f"{number}01", "DICOM", mine),))
    return tree


def one_experiment(project: str, number: int, resources: tuple[StoredResource, ...], modality: str = "MG") -> Tree:
    subject = StoredSubject(f"X_S{project}{number:03}", f"client-{number:03}", project)
    scan = StoredScan("1", modality, "made up", resources)
    experiment = StoredExperiment(
        f"X_E{project}{number:03}", f"visit-{number:03}", project, subject.id, modality, (scan,)
    )
    return Tree(subjects=(subject,), experiments=(experiment,))


def some_files(count: int = 4, size: int = 4000) -> dict[str, bytes]:
    return {f"image-{n:03}.dcm": dicom_bytes(f"image {n}", size) for n in range(count)}


def dataset(url: str, project: str = PROJECT) -> Dataset:
    return Dataset.model_validate(
        {
            "apiVersion": "tidegate.dev/v1alpha1",
            "kind": "Dataset",
            "metadata": {"name": "mammograms"},
            "spec": {
                "title": "Mammograms",
                "custodian": "A custodian",
                "tier": 1,
                "xnat": {"server": url, "project": project},
                "licence": {"name": "cc-by"},
            },
        }
    )


def source(
    user: str = USER,
    password: str = PASSWORD,
    read_seconds: float = 5.0,
    workers: int = 3,
    step: Callable[[str], None] = lambda _name: None,
) -> XnatSource:
    """A source that waits for nothing between tries."""
    return XnatSource(
        lambda _server: Credentials(user, password),
        backoff=Backoff(sleep=lambda _seconds: None),
        workers=workers,
        timeout=(5.0, read_seconds),
        step=step,
    )


def plan_of(server: SampleXnat, selection: Selection = EVERYTHING, project: str = PROJECT) -> Plan:
    return source().plan(dataset(server.url, project), selection)


def pull(
    plan: Plan, place: Path, by: XnatSource | None = None, progress: Callable[[PullProgress], None] = lambda _p: None
) -> PullResult:
    return (by or source()).pull(plan, place / "pull", place / "vault", progress, NOW)


def line(name: str = "a.dcm", **changes: object) -> PlanLine:
    """A plan line that is right for the bytes `dicom_bytes("a")`."""
    data = dicom_bytes("a")
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    uri = f"/data/experiments/E1/scans/1/resources/9/files/{name}"
    whole = PlanLine(uri, name, len(data), md5, "s1", "e1", "1", "DICOM", "mammograms", PROJECT)
    return replace(whole, **changes)  # type: ignore[arg-type]


def blobs(place: Path) -> dict[str, bytes]:
    """What the vault below `place` holds, by file name."""
    return {f.name: f.read_bytes() for f in sorted((place / "vault").rglob("*")) if f.is_file()}


def journal_lines(place: Path) -> list[str]:
    return (place / "pull" / "journal.jsonl").read_text().splitlines()

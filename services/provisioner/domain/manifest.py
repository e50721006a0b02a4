"""What is sealed: a row a file, the digest over all rows, the counts of what stayed out, and the pack for egress.

The cohort pipeline fills these; `documents.py` writes them out for people. No time and no random number is in any of
them, so sealing the same files again gives the same bytes.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Final

from provisioner.domain.elements import Walk
from provisioner.domain.gate import first_value
from provisioner.domain.plan import PlanLine
from tidegate.model import Dataset, Project, canonical_json, digest_of
from tidegate.model.cohort import CohortDataset
from tidegate.model.names import Frozen, Sha256

SAFE_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
FACT_TAGS: Final = {
    "patient_id": "(0010,0020)",
    "accession": "(0008,0050)",
    "study_uid": "(0020,000D)",
    "series_uid": "(0020,000E)",
    "sop_uid": "(0008,0018)",
    "modality": "(0008,0060)",
}


class ImageFacts(Frozen):
    """What the manifest says of an image; read only from files that passed the gate."""

    patient_id: str
    accession: str
    study_uid: str
    series_uid: str
    sop_uid: str
    modality: str


class Row(Frozen):
    """One file of the view. `source_name` is the name it had in XNAT; it stays out of the view."""

    path: str
    patient_id: str
    accession: str
    study_uid: str
    series_uid: str
    sop_uid: str
    sha256: Sha256
    size: int
    dataset: str
    licence: str


class OutCount(Frozen):
    """So many files stayed out for this reason. `tag` is the path of the element to blame, if one is."""

    code: str
    tag: str = ""
    files: int


class Gathered(Frozen):
    """Everything a seal needs, recorded before it begins so that a seal can be made again without XNAT."""

    inputs: Sha256
    rows: tuple[Row, ...]
    source_names: tuple[str, ...]
    out: tuple[OutCount, ...]
    reasons: tuple[OutCount, ...]
    refused_blobs: tuple[Sha256, ...] = ()

    @property
    def refused(self) -> int:
        return sum(count.files for count in self.out)

    @property
    def total_bytes(self) -> int:
        return sum(row.size for row in self.rows)

    def manifest(self) -> bytes:
        """The canonical manifest; its SHA-256 is the digest of the cohort."""
        return canonical_json([row.model_dump() for row in self.rows])

    def manifest_sha256(self) -> str:
        return hashlib.sha256(self.manifest()).hexdigest()


class Pack(Frozen):
    """What egress looks for in outbound files: identifiers as salted hashes, and the files themselves by hash."""

    project: str
    version: int
    manifest_sha256: Sha256
    salt: Sha256
    ids: tuple[Sha256, ...]
    file_sha256: tuple[Sha256, ...]


def inputs_digest(project: Project, datasets: tuple[Dataset, ...]) -> str:
    """Binds a version to what was approved: the selection, and every word of the data sets with their gate rules."""
    described = [
        CohortDataset(name=d.name, digest=d.digest(), licence_digest=d.spec.licence.digest or digest_of(None))
        for d in sorted(datasets, key=lambda d: d.name)
    ]
    selection = project.spec.selection.model_dump(mode="json")
    return digest_of([project.name, selection, [d.model_dump(mode="json") for d in described]])


def facts_of(walk: Walk) -> ImageFacts:
    return ImageFacts(**{name: first_value(walk.elements, tag) for name, tag in FACT_TAGS.items()})


def row_of(line: PlanLine, sha256: str, size: int, facts: ImageFacts, dataset: Dataset) -> Row:
    """The file is named by its SOP Instance UID, which the gate has judged; the server's name for it was not."""
    folder = f"projects/{dataset.spec.xnat.project}/experiments/{safe_label(line.experiment)}"
    return Row(
        path=f"{folder}/SCANS/{safe_label(line.scan)}/{facts.sop_uid}.dcm",
        sha256=sha256,
        size=size,
        dataset=dataset.name,
        licence=dataset.spec.licence.name,
        **facts.model_dump(exclude={"modality"}),
    )


def safe_label(label: str) -> str:
    """The server's label where it is a plain name; else a stand-in that is the same each time."""
    if SAFE_LABEL.fullmatch(label):
        return label
    return f"label-{hashlib.sha256(label.encode(errors='surrogatepass')).hexdigest()[:16]}"


def counted(codes: Iterable[tuple[str, str]]) -> tuple[OutCount, ...]:
    """Pairs of code and tag, the commonest first."""
    tally = Counter(codes)
    ordered = sorted(tally.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(OutCount(code=code, tag=tag, files=files) for (code, tag), files in ordered)


def pack_of(project: str, version: int, gathered: Gathered, salt: str) -> Pack:
    """Hashes of every UID, pseudonym, accession number and file name, whichever way a person may have typed them."""
    known: set[str] = set(gathered.source_names)
    for row in gathered.rows:
        known |= {row.study_uid, row.series_uid, row.sop_uid, row.patient_id, row.accession, f"{row.sop_uid}.dcm"}
    return Pack(
        project=project,
        version=version,
        manifest_sha256=gathered.manifest_sha256(),
        salt=salt,
        ids=tuple(sorted({hashed(salt, text) for text in known if normalised(text)})),
        file_sha256=tuple(sorted({row.sha256 for row in gathered.rows})),
    )


def normalised(text: str) -> str:
    """One spelling for what looks the same: NFKC, case folded, no space around."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def hashed(salt: str, text: str) -> str:
    return hashlib.sha256((salt + normalised(text)).encode(errors="surrogatepass")).hexdigest()

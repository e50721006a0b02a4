"""From an XNAT project to a plan: subjects, experiments, scans, resources, files, and what of them stays out.

The owner comes from the experiment's own record: a shared experiment is listed in many projects, and both the
listing and the client's objects name the project it was reached through.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import quote, unquote, urlsplit

from provisioner.adapters.xnat.failures import failure
from provisioner.adapters.xnat.listing import Row
from provisioner.domain.plan import (
    MD5,
    LeftOut,
    Plan,
    PlanLine,
    check_file_name,
    check_identifier,
    check_no_two_alike,
)
from provisioner.domain.transfer import Code
from tidegate.model import Dataset, TidegateError
from tidegate.model.project import Selection

DICOM_RESOURCES: Final = frozenset({"DICOM", "secondary"})
LIVE: Final = frozenset({"active", "locked"})
MODALITY_OF_TYPE: Final[Mapping[str, str]] = {
    f"xnat:{name}ScanData": modality
    for name, modality in (
        ("cr", "CR"),
        ("ct", "CT"),
        ("dx", "DX"),
        ("mg", "MG"),
        ("mr", "MR"),
        ("nm", "NM"),
        ("pet", "PT"),
        ("us", "US"),
    )
}
LISTED_TIMES: Final = 2


class Listings(Protocol):
    """What the walk asks of a connection."""

    server: str

    def rows(self, path: str, columns: str = "") -> list[Row]: ...

    def fields(self, path: str) -> Row: ...

    def text(self, path: str) -> str: ...


def make_plan(listings: Listings, dataset: Dataset, selection: Selection) -> Plan:
    """A line for each DICOM file that the selection takes, in an order that does not change.

    Raises:
        TidegateError: where a listing fails, a digest is missing, or a name is unsafe or met twice.
    """
    walk = _Walk(listings, dataset, selection)
    lines = tuple(sorted(walk.lines(), key=lambda line: line.view_path))
    check_no_two_alike(lines)
    return Plan(listings.server, dataset.name, lines, tuple(walk.left_out))


@dataclass
class _Walk:
    listings: Listings
    dataset: Dataset
    selection: Selection
    left_out: list[LeftOut] = field(default_factory=list)

    def lines(self) -> Iterator[PlanLine]:
        project = quote(self.dataset.spec.xnat.project)
        wanted = {_plain(subject) for subject in self.selection.subjects}
        for row in self.listings.rows(f"/data/projects/{project}/subjects", "ID,URI,label"):
            label = check_identifier(str(row["label"]), "a subject")
            if not self.selection.subjects or label in wanted:
                wanted.discard(label)
                yield from self._subject(project, label, check_identifier(str(row["ID"]), f"subject {label}"))
        self.left_out += [LeftOut(subject, "SUBJECT_NOT_FOUND") for subject in sorted(wanted)]

    def _subject(self, project: str, subject: str, key: str) -> Iterator[PlanLine]:
        path = f"/data/archive/projects/{project}/subjects/{quote(key)}/experiments"
        for row in self.listings.rows(path, "ID,URI,label,xsiType"):
            label = check_identifier(str(row["label"]), f"an experiment of {subject}")
            place = f"/data/experiments/{quote(check_identifier(str(row['ID']), f'experiment {label}'))}"
            if self.listings.text(f"{place}/status").strip() not in LIVE:
                self.left_out.append(LeftOut(label, "EXPERIMENT_NOT_LIVE"))
                continue
            owner = check_identifier(str(self.listings.fields(place).get("project", "")), f"the project of {label}")
            yield from self._scans(place, _Place(subject, label, owner))

    def _scans(self, place: str, at: "_Place") -> Iterator[PlanLine]:
        for row in self.listings.rows(f"{place}/scans", "ID,URI,type,xsiType,modality"):
            scan = check_identifier(str(row["ID"]), f"a scan of {at.experiment}")
            modality = MODALITY_OF_TYPE.get(str(row.get("xsiType", "")), str(row.get("modality") or "OT"))
            where = f"{at.experiment}, scan {scan}"
            if self.selection.modalities and modality not in self.selection.modalities:
                self.left_out.append(LeftOut(where, "MODALITY_NOT_SELECTED"))
                continue
            yield from self._resources(f"{place}/scans/{quote(scan)}", at, scan)

    def _resources(self, place: str, at: "_Place", scan: str) -> Iterator[PlanLine]:
        for row in self.listings.rows(f"{place}/resources"):
            label, counted = str(row.get("label") or ""), _number(row.get("file_count"))
            where = f"{at.experiment}, scan {scan}, resource {label!a}"
            if label not in DICOM_RESOURCES:
                self.left_out.append(LeftOut(where, "RESOURCE_NOT_DICOM", counted))
                continue
            key = quote(check_identifier(str(row["xnat_abstractresource_id"]), where))
            found = self._files(f"{place}/resources/{key}/files", at, scan, label)
            if counted != len(found):
                self.left_out.append(LeftOut(where, "CATALOGUE_COUNT_DIFFERS", counted - len(found)))
            yield from found

    def _files(self, place: str, at: "_Place", scan: str, resource: str) -> list[PlanLine]:
        """The listing is asked for once more where a digest is missing: XNAT may be filling it in."""
        for last in range(LISTED_TIMES):
            rows = self.listings.rows(place)
            bare = next((row for row in rows if not row.get("digest")), None)
            if bare is None:
                break
            if last == LISTED_TIMES - 1:
                name = check_file_name(str(bare["Name"]), at.experiment)
                raise failure(Code.DIGEST_MISSING, self.listings.server, f"{at.experiment}, scan {scan}, {name}")
        return [self._line(row, at, scan, resource) for row in rows]

    def _line(self, row: Row, at: "_Place", scan: str, resource: str) -> PlanLine:
        name = check_file_name(str(row.get("Name", "")), f"{at.experiment}, scan {scan}")
        size, md5 = _number(row.get("Size")), str(row["digest"]).lower()
        uri = _safe_uri(str(row.get("URI", "")), name)
        if size < 0 or not MD5.fullmatch(md5):
            raise failure(Code.XNAT_ANSWER_UNREADABLE, self.listings.server, f"the size or digest of {name}")
        return PlanLine(uri, name, size, md5, at.subject, at.experiment, scan, resource, self.dataset.name, at.owner)


@dataclass(frozen=True, slots=True)
class _Place:
    subject: str
    experiment: str
    owner: str


def _plain(subject: str) -> str:
    """A selection names subjects; a wildcard in it would be matched by XNAT, so it is refused and not sent."""
    if any(sign in subject for sign in "*?%[]"):
        raise TidegateError(
            "SELECTION_WILDCARD",
            f"The selection names the subject {subject!a}, which holds a wildcard.",
            "Name each subject in full, or none to take all.",
        )
    return subject


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return -1


def _safe_uri(uri: str, name: str) -> str:
    """The address the listing gives for a file, as a path on the same server; it cannot lead elsewhere."""
    parts = urlsplit(uri)
    decoded = unquote(parts.path)
    if parts.scheme or parts.netloc or not decoded.startswith("/data/") or "/../" in f"{decoded}/":
        check_file_name("..", f"the address of {name}")
    return parts.path

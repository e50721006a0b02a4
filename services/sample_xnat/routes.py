"""From an address to an answer: XNAT's REST paths over a `Tree`, as data. The server sends what this returns."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from sample_xnat.faults import IN_LISTINGS, FaultKind, Faults
from sample_xnat.tree import StoredExperiment, StoredFile, StoredResource, StoredScan, Tree

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Json:
    value: Any


@dataclass(frozen=True, slots=True)
class Text:
    value: str
    kind: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Bytes:
    file: StoredFile


@dataclass(frozen=True, slots=True)
class Zip:
    members: tuple[tuple[str, StoredFile], ...] = field(repr=False)


Answer = Json | Text | Bytes | Zip | None


class Archive:
    """Answers about one tree. None means there is no such thing: 404."""

    def __init__(self, tree: Tree, faults: Faults) -> None:
        self._tree = tree
        self._faults = faults

    def answer(self, path: str, *, as_zip: bool) -> Answer:
        """`path` is decoded and starts after ``/data`` or ``/data/archive``."""
        for pattern, handler in _ROUTES:
            match = pattern.fullmatch(path)
            if match:
                return handler(self, as_zip=as_zip, **match.groupdict())
        return None

    def projects(self, **_: Any) -> Answer:  # noqa: ANN401 - the router passes what the pattern held
        return _rows({"ID": p.id, "URI": f"/data/projects/{quote(p.id)}", "name": p.name} for p in self._tree.projects)

    def project(self, p: str, **_: Any) -> Answer:  # noqa: ANN401
        found = self._tree.project(p)
        return _item("xnat:projectData", {"ID": found.id, "name": found.name}) if found else None

    def subjects(self, p: str, **_: Any) -> Answer:  # noqa: ANN401
        if self._tree.project(p) is None:
            return None
        return _rows(
            {"ID": s.id, "URI": f"/data/subjects/{quote(s.id)}", "label": s.label_in(p) or ""}
            for s in self._tree.subjects_of(p)
        )

    def subject(self, s: str, p: str | None = None, **_: Any) -> Answer:  # noqa: ANN401
        found = self._tree.subject(s, p)
        return (
            _item("xnat:subjectData", {"ID": found.id, "label": found.label, "project": found.project})
            if found
            else None
        )

    def experiments(self, p: str, s: str | None = None, **_: Any) -> Answer:  # noqa: ANN401
        subject = self._tree.subject(s, p) if s else None
        if self._tree.project(p) is None or (s and subject is None):
            return None
        return _rows(
            {
                "ID": e.id,
                "URI": f"/data/experiments/{quote(e.id)}",
                "label": e.label_in(p) or "",
                "xsiType": e.xsi_type,
                "subject_ID": e.subject_id,
                "project": p,
            }
            for e in self._tree.experiments_of(p, subject.id if subject else None)
        )

    def experiment(self, e: str, p: str | None = None, **_: Any) -> Answer:  # noqa: ANN401
        found = self._tree.experiment(e, p)
        if found is None:
            return None
        shares = [_entry("xnat:experimentData_share", {"project": q, "label": n}) for q, n in found.shared.items()]
        scans = [_entry(s.xsi_type, _scan_fields(s)) for s in found.scans]
        fields = {
            "ID": found.id,
            "label": found.label,
            "project": found.project,
            "subject_ID": found.subject_id,
            "modality": found.modality,
        }
        children = [("sharing/share", shares), ("scans/scan", scans)]
        return _item(found.xsi_type, fields, [{"field": f, "items": i} for f, i in children if i])

    def status(self, e: str, p: str | None = None, **_: Any) -> Answer:  # noqa: ANN401
        found = self._tree.experiment(e, p)
        return Text(found.status) if found else None

    def scans(self, e: str, p: str | None = None, **_: Any) -> Answer:  # noqa: ANN401
        found = self._tree.experiment(e, p)
        return (
            _rows(
                {
                    **_scan_fields(s),
                    "URI": f"/data/experiments/{quote(found.id)}/scans/{quote(s.id)}",
                    "xsiType": s.xsi_type,
                }
                for s in found.scans
            )
            if found
            else None
        )

    def scan(self, e: str, n: str, p: str | None = None, **_: Any) -> Answer:  # noqa: ANN401
        found = _scan_of(self._tree.experiment(e, p), n)
        return _item(found.xsi_type, _scan_fields(found)) if found else None

    def resources(self, e: str, n: str, p: str | None = None, **_: Any) -> Answer:  # noqa: ANN401
        scan = _scan_of(self._tree.experiment(e, p), n)
        return _rows(_resource_row(r) for r in scan.resources) if scan else None

    def files(
        self,
        e: str,
        n: str,
        *,
        as_zip: bool,
        p: str | None = None,
        r: str | None = None,
        **_: Any,  # noqa: ANN401
    ) -> Answer:
        """The files of one resource, of a scan, or of all scans, as a listing or as a zip."""
        experiment = self._tree.experiment(e, p)
        if experiment is None:
            return None
        held = list(_holdings(experiment, n, r))
        if not held and (r or n != "ALL"):
            return None
        if as_zip:
            return Zip(tuple((_zip_path(experiment, s, q, f), f) for s, q in held for f in q.files))
        return _rows(self._file_row(experiment, s, q, f) for s, q in held for f in q.files)

    def file(self, e: str, n: str, r: str, f: str, p: str | None = None, **_: Any) -> Answer:  # noqa: ANN401
        experiment = self._tree.experiment(e, p)
        held = _holdings(experiment, n, r) if experiment else ()
        return next((Bytes(file) for _scan, q in held for file in q.files if file.name == f), None)

    def _file_row(self, e: StoredExperiment, s: StoredScan, q: StoredResource, f: StoredFile) -> Row:
        uri = f"/data/experiments/{quote(e.id)}/scans/{quote(s.id)}/resources/{quote(q.id)}/files/{quote(f.name)}"
        return {
            "Name": f.name,
            "Size": str(f.size),
            "URI": uri,
            "collection": q.label,
            "file_tags": "",
            "file_format": "DICOM",
            "file_content": "RAW",
            "cat_ID": q.id,
            "digest": _faulty_digest(f.md5, self._faults.take(uri, IN_LISTINGS)),
        }


def _faulty_digest(md5: str, fault: FaultKind | None) -> str:
    if fault is FaultKind.DIGEST_MISSING:
        return ""
    return md5[::-1] if fault is FaultKind.DIGEST_WRONG else md5


def _holdings(e: StoredExperiment, n: str, r: str | None) -> Iterator[tuple[StoredScan, StoredResource]]:
    for scan in e.scans:
        for resource in scan.resources if n in {"ALL", scan.id} else ():
            if r in {None, resource.id, resource.label}:
                yield scan, resource


def _scan_of(experiment: StoredExperiment | None, number: str) -> StoredScan | None:
    return next((s for s in experiment.scans if s.id == number), None) if experiment else None


def _scan_fields(s: StoredScan) -> Row:
    return {"ID": s.id, "type": s.description, "modality": s.modality, "series_description": s.description}


def _resource_row(r: StoredResource) -> Row:
    count = len(r.files) if r.catalogue_count is None else r.catalogue_count
    return {
        "xnat_abstractresource_id": r.id,
        "label": r.label,
        "element_name": "xnat:resourceCatalog",
        "file_count": str(count),
        "file_size": str(sum(f.size for f in r.files)),
        "format": "DICOM",
        "content": "RAW",
    }


def _zip_path(e: StoredExperiment, s: StoredScan, q: StoredResource, f: StoredFile) -> str:
    return f"{e.label}/scans/{s.id}/resources/{q.label}/files/{f.name}"


def _rows(rows: Iterable[Row]) -> Json:
    result = list(rows)
    return Json({"ResultSet": {"Result": result, "totalRecords": str(len(result))}})


def _entry(xsi: str, fields: Mapping[str, str]) -> dict[str, Any]:
    return {"children": [], "meta": {"xsi:type": xsi, "isHistory": False}, "data_fields": dict(fields)}


def _item(xsi: str, fields: Mapping[str, str], children: list[dict[str, Any]] | None = None) -> Json:
    return Json({"items": [{**_entry(xsi, fields), "children": children or []}]})


_IN_PROJECT: Final = r"(?:/projects/(?P<p>[^/]+)(?:/subjects/[^/]+)?)?"
_IN_SCAN: Final = _IN_PROJECT + r"/experiments/(?P<e>[^/]+)/scans/(?P<n>[^/]+)"
_ROUTES: Final[tuple[tuple[re.Pattern[str], Callable[..., Answer]], ...]] = tuple(
    (re.compile(pattern), handler)
    for pattern, handler in (
        (r"/projects", Archive.projects),
        (r"/projects/(?P<p>[^/]+)", Archive.project),
        (r"/projects/(?P<p>[^/]+)/subjects", Archive.subjects),
        (r"(?:/projects/(?P<p>[^/]+))?/subjects/(?P<s>[^/]+)", Archive.subject),
        (r"/projects/(?P<p>[^/]+)(?:/subjects/(?P<s>[^/]+))?/experiments", Archive.experiments),
        (_IN_PROJECT + r"/experiments/(?P<e>[^/]+)", Archive.experiment),
        (_IN_PROJECT + r"/experiments/(?P<e>[^/]+)/status", Archive.status),
        (_IN_PROJECT + r"/experiments/(?P<e>[^/]+)/scans", Archive.scans),
        (_IN_SCAN, Archive.scan),
        (_IN_SCAN + r"/resources", Archive.resources),
        (_IN_SCAN + r"(?:/resources/(?P<r>[^/]+))?/files", Archive.files),
        (_IN_SCAN + r"/resources/(?P<r>[^/]+)/files/(?P<f>.+)", Archive.file),
    )
)

"""The record that goes with a release, and the licence's duties as a page. Both are stored beside the files."""

from datetime import datetime
from typing import Any

from egress_review.domain.request import OutputFile, Request
from egress_review.domain.votes import decision_of, submitted_reviews
from egress_review.ports import Ports
from tidegate.model import to_text
from tidegate.model.licence import LicenceTerms


def record_of(ports: Ports, request: Request, now: datetime) -> dict[str, Any]:
    """Everything the release rests on, as RO-Crate metadata with our terms beside the standard ones."""
    licences = _licences(ports, request)
    return {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [
            {
                "@id": "ro-crate-metadata.json",
                "@type": "CreativeWork",
                "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
                "about": {"@id": "./"},
            },
            {
                "@id": "./",
                "@type": "Dataset",
                "identifier": request.id,
                "name": f"Release {request.id} of project {request.project}",
                "datePublished": to_text(now),
                "license": sorted({terms.spdx for terms in licences}),
                "hasPart": [{"@id": file.name} for file in request.outputs],
            },
            *(_file_entry(file) for file in request.outputs),
        ],
        "tidegate": _decision(ports, request, licences),
    }


def _file_entry(file: OutputFile) -> dict[str, Any]:
    return {
        "@id": file.name,
        "@type": "File",
        "contentSize": file.sanitised_size,
        "sha256": file.sanitised,
        "sha256AsReceived": file.sha256,
        "kind": file.kind,
        "findings": [
            {"code": f.code, "kind": f.kind, "severity": f.severity, "detail": f.detail, "detector": f.detector}
            for f in file.findings
        ],
        "checks": list(file.checks),
    }


def _decision(ports: Ports, request: Request, licences: tuple[LicenceTerms, ...]) -> dict[str, Any]:
    return {
        "project": request.project,
        "turn": request.turn,
        "author": request.author.subject,
        "destination": request.destination,
        "criteria": request.criteria,
        "texts": {name: getattr(request.texts, name) for name in request.texts.__dataclass_fields__},
        "policyDecision": request.decision,
        "cohortManifest": ports.people.manifest_sha256(request.project),
        "votes": _votes(request),
        "decisions": {file.name: decision_of(request, file, 2) for file in request.outputs},
        "attribution": [terms.outputs.attribution for terms in licences if terms.outputs.attribution],
        "citations": [citation for terms in licences for citation in terms.outputs.citations],
    }


def _votes(request: Request) -> list[dict[str, str]]:
    return [
        {"checker": f"checker {number}", "file": vote.file, "choice": vote.choice, "digest": vote.digest}
        for number, review in enumerate(submitted_reviews(request), start=1)
        for vote in review.votes
    ]


def attribution_of(ports: Ports, request: Request) -> str:
    """The duties in words: what to print when these files are published."""
    sections = [_section(terms) for terms in _licences(ports, request)]
    body = "\n\n".join(sections) or "No licence asks for anything."
    return f"# Duties that come with release {request.id}\n\n{body}\n"


def _section(terms: LicenceTerms) -> str:
    lines = [f"## {terms.title} ({terms.spdx})", f"Licensor: {terms.licensor}."]
    lines += [f"Print this with anything you publish: {terms.outputs.attribution}"] if terms.outputs.attribution else []
    lines += [f"Cite: {citation}" for citation in terms.outputs.citations]
    return "\n\n".join(lines)


def _licences(ports: Ports, request: Request) -> tuple[LicenceTerms, ...]:
    project = ports.people.project(request.project)
    return (ports.people.licences(project) or ()) if project else ()

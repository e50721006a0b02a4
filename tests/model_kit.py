"""Resources at a state, for every test: a licence, a data set, a project, grants and an approval that fit together."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.model import Approval, Dataset, Grant, Licence, Project

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
API = "tidegate.dev/v1alpha1"


def licence(name: str = "cc-by-3.0", **spec: Any) -> Licence:
    body = {
        "title": "Creative Commons Attribution 3.0",
        "spdx": "CC-BY-3.0",
        "licensor": "The Cancer Imaging Archive",
        "grant": {"valid_from": NOW - YEAR, "valid_to": NOW + YEAR},
        "purpose": {"permitted": ["DUO:0000004"]},
        "parties": {"commercial": "allow"},
        "sharing": {"onward": "allow", "derived_data": "allow", "models": "allow"},
        "outputs": {"attribution": "CBIS-DDSM, CC BY 3.0."},
    }
    return Licence(metadata={"name": name}, spec={**body, **spec})


def dataset(name: str = "cbis-ddsm", **spec: Any) -> Dataset:
    body = {
        "title": "Film mammograms",
        "custodian": "Demo custodian",
        "tier": 1,
        "xnat": {"server": "http://127.0.0.1:8080", "project": "CBIS-DDSM"},
        "licence": {"name": "cc-by-3.0"},
    }
    return Dataset(metadata={"name": name}, spec={**body, **spec})


def project(name: str = "breast-density", **spec: Any) -> Project:
    body = {
        "title": "Breast density",
        "organisation": "Demo University",
        "requester": {"subject": "rosa"},
        "lead": {"subject": "rosa"},
        "purpose": {"codes": ["DUO:0000006"], "text": "Does density predict recall?"},
        "datasets": [{"name": "cbis-ddsm"}],
        "tier": 1,
        "ends": NOW + YEAR,
    }
    return Project(metadata={"name": name}, spec={**body, **spec})


def grant(name: str = "rosa", *, role: str = "researcher", person: str = "rosa", **spec: Any) -> Grant:
    of_project = role in {"researcher", "lead", "observer"}
    body = {
        "scope": "project" if of_project else "environment",
        "project": "breast-density" if of_project else None,
        "person": {"subject": person},
        "role": role,
        "since": NOW - YEAR,
        "until": NOW + YEAR,
    }
    return Grant(metadata={"name": name}, spec={**body, **spec})


def approval(subject: Project, /, *, by: str = "gwen", name: str | None = None, **spec: Any) -> Approval:
    body = {
        "subject": {"kind": subject.kind, "name": subject.name, "digest": subject.digest()},
        "verdict": "approve",
        "by": {"subject": by},
        "at": NOW,
        "reason": "Within the approved aims.",
    }
    return Approval(metadata={"name": name or f"{subject.name}-1"}, spec={**body, **spec})

"""A small world in a real store, at the point where everything is allowed; tests then take one thing away."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from tidegate.ledger import Actor, Event, Record
from tidegate.model import AnyResource, Kind, LicenceTerms, PersonRef, Project, read_resource
from tidegate.policy import ReleasedFile, ReleaseFacts
from tidegate.policy.envelope import Person
from tidegate.policy.rules import policies_folder
from tidegate.store import SqliteStore

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ROSA = PersonRef(subject="rosa")
RAVI = PersonRef(subject="ravi")
GWEN = PersonRef(subject="gwen")
PROJECT = "breast-density"


def at(**delta: float) -> str:
    return (NOW + timedelta(**delta)).isoformat().replace("+00:00", "Z")


def template(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((policies_folder() / "licences" / f"{name}.yaml").read_text("utf-8"))
    return loaded


def document(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "tidegate.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


def licence(name: str = "mammograms-licence", **spec: Any) -> dict[str, Any]:
    base = template("cc-by-3.0")["spec"]
    grant = {"validFrom": at(days=-100), "validTo": at(days=100)}
    return document("Licence", name, {**base, "grant": grant, **spec})


def dataset(name: str = "mammograms", **spec: Any) -> dict[str, Any]:
    base = {
        "title": "Eight mammograms",
        "custodian": "Example archive",
        "tier": 2,
        "xnat": {"server": "http://127.0.0.1:8104", "project": "CBIS-DDSM"},
        "licence": {"name": "mammograms-licence"},
    }
    return document("Dataset", name, {**base, **spec})


def project(name: str = PROJECT, **spec: Any) -> dict[str, Any]:
    base = {
        "title": "Breast density",
        "organisation": "Example University",
        "requester": {"subject": "rosa"},
        "lead": {"subject": "rosa"},
        "purpose": {"codes": ["DUO:0000006"], "text": "Relate density to age."},
        "datasets": [{"name": "mammograms"}],
        "tier": 2,
        "ends": at(days=90),
    }
    return document("Project", name, {**base, **spec})


def grant(name: str = "rosa-researcher", **spec: Any) -> dict[str, Any]:
    base = {
        "scope": "project",
        "project": PROJECT,
        "person": {"subject": "rosa"},
        "role": "researcher",
        "since": at(days=-10),
        "until": at(days=60),
        "training": {"ref": "IG-2026", "until": at(days=30)},
    }
    return document("Grant", name, {**base, **spec})


def officer(name: str = "gwen-officer", **spec: Any) -> dict[str, Any]:
    base = {"scope": "environment", "person": {"subject": "gwen"}, "role": "governance-officer"}
    return document("Grant", name, {**base, "since": at(days=-10), "until": at(days=60), **spec})


def approval(of: Project, name: str = "approval-1", **spec: Any) -> dict[str, Any]:
    base = {
        "subject": {"kind": "Project", "name": of.name, "digest": of.digest()},
        "verdict": "approve",
        "by": {"subject": "gwen"},
        "at": at(days=-1),
        "reason": "Fits the licence.",
    }
    return document("Approval", name, {**base, **spec})


def put(store: SqliteStore, *documents: Mapping[str, Any]) -> None:
    for item in documents:
        put_resource(store, read_resource(item, "test"))


def put_resource(store: SqliteStore, resource: AnyResource) -> None:
    record = Record(event=Event.RESOURCE_CREATED, actor=Actor.service("test"), subject=f"{resource.kind}/x")
    store.put(resource, record, NOW)


def the_project(store: SqliteStore, name: str = PROJECT) -> Project:
    found = next(p for p in store.list("Project") if p.name == name)  # type: ignore[arg-type]
    assert isinstance(found, Project)
    return found


def world(folder: Path, *changes: Mapping[str, Any], approved: bool = True) -> SqliteStore:
    """Licence, data set, project, grants and approval; `changes` replace those of the same kind and name."""
    folder.mkdir(exist_ok=True)
    store = SqliteStore(folder / "tidegate.db", "test")
    usual = [licence(), dataset(), project(), grant(), officer()]
    replaced = {(c["kind"], c["metadata"]["name"]) for c in changes}
    put(store, *[u for u in usual if (u["kind"], u["metadata"]["name"]) not in replaced], *changes)
    if approved:
        put(store, approval(the_project(store)))
    return store


def person(subject: str) -> Person:
    return Person(issuer="local", subject=subject)


def release(**changes: Any) -> ReleaseFacts:
    """Two checkers from outside approved one table of Rosa's."""
    facts = ReleaseFacts(
        request="request-1",
        person=person("rosa"),
        destination="download",
        voters=(person("chidi"), person("cleo")),
        files=(ReleasedFile(kind="csv", sha256="0" * 64),),
    )
    return facts.model_copy(update=changes)


def holding(kind: str) -> dict[str, Any]:
    """What changes a release to one of a file of this kind."""
    return {"files": (ReleasedFile(kind=kind, sha256="0" * 64),)}


def fields_of_terms(model: type[BaseModel] = LicenceTerms, prefix: str = "") -> set[str]:
    """The path of every field of a licence's terms, of sections and of what is in them."""
    found: set[str] = set()
    for each in model.model_fields.values():
        path = f"{prefix}{each.alias}"
        inner = each.annotation
        within = isinstance(inner, type) and issubclass(inner, BaseModel)
        found |= {path} | (fields_of_terms(inner, f"{path}.") if within else set())  # type: ignore[arg-type]
    return found


@dataclass
class Shelf:
    """A register in memory: what a question is built from, and what a bundle is made of."""

    resources: list[AnyResource] = field(default_factory=list)

    def get(self, kind: Kind, name: str) -> AnyResource | None:
        return next((each for each in self.list(kind) if each.name == name), None)

    def generation(self) -> int:
        return len(self.resources)

    def list(self, kind: Kind) -> tuple[AnyResource, ...]:
        return tuple(each for each in self.resources if each.kind == kind)

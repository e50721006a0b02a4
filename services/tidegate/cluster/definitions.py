"""The CustomResourceDefinitions of the six kinds, made from the models. Used by `python -m tidegate.cli.crds`."""

from collections.abc import Mapping
from typing import Any, Final

from tidegate.cluster.custom import CUSTOM, GROUP
from tidegate.cluster.port import Manifest
from tidegate.cluster.rules import Rule
from tidegate.cluster.structural import Schema, structural
from tidegate.model import KINDS, AnyResource, Kind, Project, ProjectStatus

SHORT: Final = {kind: f"tg{kind[0].lower()}" for kind in Kind}
STATUS: Final = {Kind.PROJECT: ProjectStatus}
NO_DOUBLE_HYPHEN: Final = {"rule": "!self.metadata.name.contains('--')", "message": "a name has no double hyphen"}
AGE: Final = ("Age", "date", ".metadata.creationTimestamp")
# Header, type and path of what `kubectl get` shows; a fourth word keeps a column for `-o wide`.
COLUMNS: Final[Mapping[Kind, tuple[tuple[str, ...], ...]]] = {
    Kind.LICENCE: (
        ("Title", "string", ".spec.title"),
        ("SPDX", "string", ".spec.spdx"),
        ("Valid to", "string", ".spec.grant.validTo"),
    ),
    Kind.DATASET: (
        ("Title", "string", ".spec.title"),
        ("Tier", "integer", ".spec.tier"),
        ("Licence", "string", ".spec.licence.name"),
        ("Custodian", "string", ".spec.custodian", "wide"),
    ),
    Kind.PROJECT: (
        ("Phase", "string", ".status.phase"),
        ("Ready", "string", '.status.conditions[?(@.type=="Ready")].reason'),
        ("Next", "string", ".status.nextAt"),
        ("Because", "string", ".status.nextBecause"),
        ("Ends", "string", ".spec.ends"),
        ("Title", "string", ".spec.title", "wide"),
        ("Lead", "string", ".spec.lead.subject", "wide"),
    ),
    Kind.GRANT: (
        ("Person", "string", ".spec.person.subject"),
        ("Role", "string", ".spec.role"),
        ("Project", "string", ".spec.project"),
        ("Until", "string", ".spec.until"),
        ("Issuer", "string", ".spec.person.issuer", "wide"),
    ),
    Kind.APPROVAL: (
        ("Kind", "string", ".spec.subject.kind"),
        ("Subject", "string", ".spec.subject.name"),
        ("Verdict", "string", ".spec.verdict"),
        ("By", "string", ".spec.by.subject"),
        ("At", "string", ".spec.at"),
        ("Digest", "string", ".spec.subject.digest", "wide"),
    ),
    Kind.COHORT: (
        ("Project", "string", ".spec.project"),
        ("Version", "integer", ".spec.version"),
    ),
}


def definition(kind: Kind) -> Manifest:
    """The CustomResourceDefinition of a kind."""
    resource = CUSTOM[kind]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": kind.lower(),
                "shortNames": [SHORT[kind]],
                "categories": ["tidegate"],
            },
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind) -> Manifest:
    version: Manifest = {
        "name": CUSTOM[kind].api_version.rpartition("/")[2],
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(*column) for column in (*COLUMNS[kind], AGE)],
        "schema": {"openAPIV3Schema": _schema(kind)},
    }
    return {**version, **({"subresources": {"status": {}}} if kind in STATUS else {})}


def _schema(kind: Kind) -> Schema:
    """The whole object. Its envelope is the API server's own business; the name is not: it becomes names elsewhere."""
    whole = structural(KINDS[kind])
    parts: dict[str, Any] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": whole["properties"]["spec"],
    }
    if kind in STATUS:
        parts["status"] = structural(STATUS[kind])
    about = {"description": whole["description"]} if "description" in whole else {}
    return {
        **about,
        "type": "object",
        "required": ["spec"],
        "properties": parts,
        "x-kubernetes-validations": _name_rules(KINDS[kind], whole["properties"]["metadata"]["properties"]["name"]),
    }


def _name_rules(model: type[AnyResource], name: Schema) -> list[Rule]:
    rules: list[Rule] = [
        {
            "rule": f"self.metadata.name.matches(r'{name['pattern']}')",
            "message": f"metadata.name must match {name['pattern']}",
        }
    ]
    if "maxLength" in name:
        shortest, longest = name["minLength"], name["maxLength"]
        within = f"self.metadata.name.size() >= {shortest} && self.metadata.name.size() <= {longest}"
        rules.append({"rule": within, "message": f"metadata.name has {shortest} to {longest} characters"})
    return [*rules, NO_DOUBLE_HYPHEN] if model is Project else rules


def _column(name: str, kind: str, path: str, width: str = "") -> Manifest:
    return {"name": name, "type": kind, "jsonPath": path, **({"priority": 1} if width else {})}

"""Schemas for kubeconform, made from what a running API server says of itself; nothing is fetched from elsewhere.

A file for each kind that is asked about. The API server speaks OpenAPI 3.0, which is near JSON Schema's draft
4; what that words otherwise is reworded, and every object is closed, so that a field nobody knows is a fault.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from cluster.kit import Cluster, Manifest
from cluster.places import BIN, HERE
from cluster.shell import attempt, run

NAMES: Final = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"
Schema = dict[str, Any]


def write_schemas(api: Cluster, manifests: Iterable[Manifest], folder: Path) -> None:
    """One for each kind of these manifests. A kind that the API server does not have gets none."""
    wanted = {(str(each["apiVersion"]), str(each["kind"])) for each in manifests}
    for version in sorted({version for version, _ in wanted}):
        found = _published(api, version)
        schemas = {name: _reworded(schema) for name, schema in found.items()}
        group, _, number = version.rpartition("/")
        for kind, name in _kinds(found, version).items():
            if (version, kind) in wanted:
                whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
                # The core group has no name, and is called by its version.
                (folder / f"{group or number}_{number}_{kind.lower()}.json").write_text(json.dumps(whole))


def kinds(api: Cluster, version: str) -> set[str]:
    """What the API server has published of this group and version; after a new definition that takes a moment."""
    return set(_kinds(_published(api, version), version))


def faults(manifests: Iterable[Manifest], schemas: Path, folder: Path) -> list[str]:
    """What kubeconform has against these, each as object and sentence."""
    run(str(HERE / "build" / "build"), "kubeconform", seconds=900)
    file = folder / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    options = ("-strict", "-summary", "-output", "json", "-schema-location", str(schemas / NAMES))
    report = json.loads(attempt(str(BIN / "kubeconform"), *options, str(file)).stdout)
    return [f"{each['kind']} {each['name']}: {each['msg']}" for each in report.get("resources") or ()]


def _published(api: Cluster, version: str) -> dict[str, Schema]:
    index = json.loads(api.kubectl("get", "--raw", "/openapi/v3"))["paths"]
    entry = index.get(f"apis/{version}" if "/" in version else f"api/{version}")
    if entry is None:
        return {}
    found: dict[str, Schema] = json.loads(api.kubectl("get", "--raw", entry["serverRelativeURL"]))
    return found["components"]["schemas"]


def _kinds(found: Mapping[str, Schema], version: str) -> dict[str, str]:
    """The name of the schema of each kind."""
    group, _, number = version.rpartition("/")
    return {
        known["kind"]: name
        for name, schema in found.items()
        for known in schema.get("x-kubernetes-group-version-kind", ())
        if (known["group"], known["version"]) == (group, number)
    }


def _reworded(schema: Schema) -> Schema:
    made = {word: _inner(word, value) for word, value in schema.items() if not word.startswith("x-kubernetes-")}
    if made.pop("nullable", False) and "type" in made:
        made["type"] = [made["type"], "null"]
    open_on_purpose = schema.get("x-kubernetes-preserve-unknown-fields", False)
    if "properties" in made and "additionalProperties" not in made and not open_on_purpose:
        made["additionalProperties"] = False
    return made


def _inner(word: str, value: Any) -> Any:
    if word == "properties":
        return {name: _reworded(each) for name, each in value.items()}
    if word in {"items", "additionalProperties", "not"} and isinstance(value, dict):
        return _reworded(value)
    if word in {"allOf", "anyOf", "oneOf"}:
        return [_reworded(each) for each in value]
    return value

"""What needs no Helm: schema, values and reference agree, and every template is one the chart means to have."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "tidegate"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
TEMPLATES = sorted(path for path in (CHART / "templates").rglob("*") if path.is_file())
FREE = {"nodeSelector", "podLabels", "annotations"}


def resolved(entry: Mapping) -> Mapping:
    reference = entry.get("$ref")
    return {**SCHEMA["definitions"][reference.rsplit("/", 1)[1]], **entry} if reference else entry


def objects(entry: Mapping, path: str = "") -> Iterator[tuple[str, Mapping]]:
    entry = resolved(entry)
    if entry.get("type") == "object" and path.rsplit(".", 1)[-1] not in FREE:
        yield path, entry
    for name, below in entry.get("properties", {}).items():
        yield from objects(below, f"{path}.{name}".strip("."))
    if "items" in entry and resolved(entry["items"]).get("properties"):
        yield from objects(entry["items"], f"{path}[]")


def keys_of_schema(entry: Mapping, path: str = "") -> Iterator[str]:
    for name, below in resolved(entry).get("properties", {}).items():
        here = f"{path}.{name}".strip(".")
        yield here
        yield from keys_of_schema(below, here)


def keys_of_values(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, below in value.items():
            here = f"{path}.{name}".strip(".")
            yield here
            yield from keys_of_values(below, here)


def test_the_generated_files_are_fresh() -> None:
    done = subprocess.run([sys.executable, ROOT / "charts/generate.py", "--check"], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_schema_and_values_have_the_same_keys() -> None:
    assert sorted(keys_of_schema(SCHEMA)) == sorted(keys_of_values(VALUES))


@pytest.mark.parametrize(
    ("path", "entry"), tuple(objects(SCHEMA)), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_object_refuses_keys_it_does_not_name(path: str, entry: Mapping) -> None:
    assert entry["additionalProperties"] is False, path


def test_every_key_is_described() -> None:
    rows = (ROOT / "docs/operator/values.md").read_text().splitlines()
    bare = [row for row in rows if re.match(r"\| `[^`]+` \|  \|", row)]
    assert not bare


def emptied(entry: Mapping, values: Mapping, path: str = "") -> Iterator[str]:
    """Keys with a default that could be set to nothing and would be missed nowhere."""
    for name, value in values.items():
        below = resolved(entry.get("properties", {}).get(name, {}))
        if value is not None and name not in entry.get("required", ()) and entry.get("properties"):
            yield f"{path}.{name}".strip(".")
        if isinstance(value, Mapping):
            yield from emptied(below, value, f"{path}.{name}")


def test_a_key_whose_lines_were_all_taken_out_is_missed() -> None:
    """YAML reads a key without anything below it as null, and Helm takes that for: leave the default out."""
    assert not list(emptied(SCHEMA, VALUES))


@pytest.mark.parametrize("key", sorted(key for key in keys_of_values(VALUES) if "." not in key))
def test_every_value_is_read_by_a_template(key: str) -> None:
    text = "".join(path.read_text() for path in TEMPLATES)
    assert re.search(rf"\.Values\.{key}\b", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(CHART)))
def test_no_template_holds_a_secret_or_makes_one(path: Path) -> None:
    assert not re.search(r"^kind: Secret$|randAlpha|genSelfSigned|genCA|htpasswd", path.read_text(), re.MULTILINE)


def test_what_is_insecure_is_named_so_and_off() -> None:
    insecure = {key: value for key, value in VALUES.items() if key.startswith("insecure")}
    assert insecure == {"insecureHttp": False, "insecureNamespace": False}
    notes = (CHART / "templates" / "NOTES.txt").read_text()
    for key in insecure:
        assert re.search(rf"INSECURE: {key} IS SET", notes)


def test_versions_of_chart_and_package_agree() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    source = (ROOT / "services/tidegate/__init__.py").read_text()
    assert f'__version__ = "{chart["appVersion"]}"' in source
    assert chart["version"] == chart["appVersion"]

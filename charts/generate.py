# ruff: noqa: INP001 - a program, not a package
"""Makes the chart's schema and the reference of its values from values.schema.yaml; `--check` only compares.

Run by whoever changes the schema: `.venv/bin/python charts/generate.py`. A unit test runs the comparison.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
CHART: Final = ROOT / "charts" / "tidegate"
SOURCE: Final = CHART / "values.schema.yaml"
HEAD: Final = """# Values of the chart

Made from `charts/tidegate/values.schema.yaml`. Anything that does not stand here is refused, with the name of the key.
Required keys have no default.

| key | meaning | default |
|---|---|---|
"""
Schema = Mapping[str, Any]


def generated() -> dict[Path, str]:
    """Each file that is made, with what it must hold."""
    schema = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    rows = "\n".join(f"| `{key}` | {meaning} | {default} |" for key, meaning, default in reference(schema, values))
    return {
        CHART / "values.schema.json": json.dumps(whole(schema, values), indent=1) + "\n",
        ROOT / "docs" / "operator" / "values.md": f"{HEAD}{rows}\n",
    }


def whole(schema: Schema, values: object) -> Schema:
    """The schema with every key required that has a default: one is missing only where it was emptied by mistake.

    In the source `required` are those without a default, as the reference says.
    """
    if not isinstance(values, Mapping) or "properties" not in schema:
        return schema
    there = {name for name in schema["properties"] if values.get(name) is not None}
    properties = {name: whole(entry, values.get(name)) for name, entry in schema["properties"].items()}
    return {**schema, "required": sorted({*schema.get("required", ()), *there}), "properties": properties}


def reference(schema: Schema, values: Schema) -> Iterator[tuple[str, str, str]]:
    """Key, meaning and default of every value, depth first; an empty default of a required key is not shown."""
    for key, entry, required, value in _keys(schema, schema["definitions"], values, ""):
        said = entry.get("description", "")
        default = "required" if required and value in ("", []) else f"`{json.dumps(value)}`"
        yield key, said, "" if _is_group(entry) else default


def _keys(
    schema: Schema, definitions: Schema, values: object, prefix: str
) -> Iterator[tuple[str, Schema, bool, object]]:
    for name, entry in schema.get("properties", {}).items():
        value = values.get(name) if isinstance(values, Mapping) else None
        whole = {**_resolved(entry, definitions), **entry}
        yield f"{prefix}{name}", whole, name in schema.get("required", ()), value
        if _is_group(whole):
            yield from _keys(whole, definitions, value, f"{prefix}{name}.")


def _resolved(entry: Schema, definitions: Schema) -> Schema:
    reference = entry.get("$ref")
    found: Schema = definitions[reference.rsplit("/", 1)[1]] if reference else entry
    return found


def _is_group(entry: Schema) -> bool:
    """Whether its keys have rows of their own; requests and limits are shown as one value."""
    return "properties" in entry and not entry.get("$ref", "").endswith(("/resources", "/amounts"))


def main(arguments: list[str]) -> int:
    """0, or 1 where `--check` found a file that is not what it should be."""
    stale = [
        path for path, text in generated().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if "--check" in arguments:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale: run .venv/bin/python charts/generate.py\n")
        else:
            path.write_text(generated()[path], encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

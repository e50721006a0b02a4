"""Every field of every kind, wrong, missing or one too many: `tidegate apply` names it and makes nothing."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.cli.main import exit_code
from tidegate.demo.stage import SAMPLES
from tidegate.model import KINDS, Kind

FILES = {
    Kind.LICENCE: "licence-cc-by-3.0.yaml",
    Kind.DATASET: "dataset-cbis-ddsm.yaml",
    Kind.PROJECT: "project.yaml",
    Kind.GRANT: "first-grants.yaml",
}
# No field takes this: neither text nor number, date, list nor mapping of ours.
NONSENSE: dict[str, Any] = {"no": ["such", {"thing": None}]}


def sample(kind: Kind) -> dict[str, Any]:
    documents = yaml.safe_load_all((SAMPLES / FILES[kind]).read_text(encoding="utf-8"))
    return copy.deepcopy(next(found for found in documents if found["kind"] == kind))


def spec_fields(kind: Kind) -> dict[str, bool]:
    """Name in YAML, and whether it must be there."""
    spec = KINDS[kind].model_fields["spec"].annotation
    assert spec is not None
    return {field.alias or name: field.is_required() for name, field in spec.model_fields.items()}


def cases() -> Iterator[Any]:
    for kind in FILES:
        for field, required in spec_fields(kind).items():
            yield pytest.param(kind, field, "wrong", id=f"{kind}-{field}-wrong")
            if required:
                yield pytest.param(kind, field, "missing", id=f"{kind}-{field}-missing")
        for place in ("metadata", "spec"):
            yield pytest.param(kind, place, "extra", id=f"{kind}-{place}-extra")
        for part in ("apiVersion", "kind", "metadata", "spec"):
            yield pytest.param(kind, part, "part", id=f"{kind}-without-{part}")


def harmed(kind: Kind, field: str, harm: str) -> dict[str, Any]:
    document = sample(kind)
    match harm:
        case "wrong":
            document["spec"][field] = NONSENSE
        case "missing":
            del document["spec"][field]
        case "extra":
            document[field]["surprise"] = 1
        case _:
            del document[field]
    return document


@pytest.mark.parametrize(("kind", "field", "harm"), list(cases()))
def test_a_field_that_is_not_as_it_should_be_is_named(
    kind: Kind, field: str, harm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "given.yaml"
    file.write_text(yaml.safe_dump(harmed(kind, field, harm)), encoding="utf-8")
    assert exit_code(["apply", "-f", str(file), "--state", str(tmp_path / "state")]) == 2
    said = capsys.readouterr().err.strip()
    assert said.endswith("[resource_invalid]")
    assert ("surprise" if harm == "extra" else field) in said
    assert f"{file}, document 1" in said
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("kind", FILES)
def test_the_samples_themselves_read(kind: Kind, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else the refusals above would prove nothing: here another rule is the first to say no."""
    file = tmp_path / "given.yaml"
    file.write_text(yaml.safe_dump(sample(kind)), encoding="utf-8")
    status = exit_code(["apply", "-f", str(file), "--state", str(tmp_path / "state")])
    assert (status == 0) is (kind is Kind.GRANT)
    assert "[resource_invalid]" not in capsys.readouterr().err

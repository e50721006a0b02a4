"""The committed definitions are the ones the models make, and hold nothing a structural schema may not."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, Field

from tidegate.cli.crds import FOLDER, rendered
from tidegate.cluster.definitions import definition
from tidegate.cluster.structural import UnfitError, structural
from tidegate.model import KINDS, Kind

FORBIDDEN = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "const", "title", "patternProperties", "additionalItems"}
IMMUTABLE = {Kind.LICENCE, Kind.APPROVAL, Kind.COHORT}


def test_the_files_are_current() -> None:
    """`python -m tidegate.cli.crds` writes them anew."""
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml")}
    assert on_disk == dict(rendered())


def _nodes(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)


def _schema(kind: Kind) -> dict[str, Any]:
    version = definition(kind)["spec"]["versions"][0]
    return dict(version["schema"]["openAPIV3Schema"])


@pytest.mark.parametrize("kind", Kind)
def test_every_node_is_structural(kind: Kind) -> None:
    """Each has a type, nothing a structural schema may not have, and a bound where it holds many."""
    assert not any(FORBIDDEN & set(node) for node in _nodes(_schema(kind)) if "type" in node)
    for node in _nodes(_schema(kind)):
        for inner in node.get("properties", {}).values() if isinstance(node.get("properties"), dict) else ():
            assert "type" in inner
            assert inner["type"] != "array" or "maxItems" in inner


@pytest.mark.parametrize("kind", Kind)
def test_every_field_of_the_model_is_there(kind: Kind) -> None:
    spec = KINDS[kind].model_fields["spec"].annotation
    assert spec is not None
    named = {field.alias for field in spec.model_fields.values()}
    assert set(_schema(kind)["properties"]["spec"]["properties"]) == named


@pytest.mark.parametrize("kind", Kind)
def test_what_is_immutable_says_so(kind: Kind) -> None:
    rules = [rule["rule"] for rule in _schema(kind)["properties"]["spec"].get("x-kubernetes-validations", ())]
    assert ("self == oldSelf" in rules) == (kind in IMMUTABLE)


class Choice(BaseModel):
    either: int | str


class Odd(BaseModel):
    step: int = Field(multiple_of=3)


@pytest.mark.parametrize("model", [Choice, Odd])
def test_what_does_not_fit_fails_when_it_is_generated(model: type[BaseModel]) -> None:
    """A rule of a model is never quietly left out."""
    with pytest.raises(UnfitError):
        structural(model)

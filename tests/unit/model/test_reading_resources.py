"""A resource with any field wrong, missing or extra is refused with a sentence that names the field."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_kit import approval, dataset, grant, licence, project
from tidegate.model import AnyResource, Resource, TidegateError, digest_of, read_resource

SAMPLES: tuple[AnyResource, ...] = (licence(), dataset(), project(), grant(), approval(project()))
# Free text and free names: a field whose type is text takes any text.
REQUIRED = {
    "Licence": {"title", "spdx", "licensor", "grant"},
    "Dataset": {"title", "custodian", "tier", "xnat", "licence"},
    "Project": {"title", "organisation", "requester", "lead", "purpose", "datasets", "tier", "ends"},
    "Grant": {"scope", "person", "role", "since", "until"},
    "Approval": {"subject", "verdict", "by", "at", "reason"},
}


def _document(resource: Resource) -> dict[str, Any]:
    return resource.model_dump(mode="json", by_alias=True)


def _fields() -> Iterator[Any]:
    for resource in SAMPLES:
        for field in _document(resource)["spec"]:
            yield pytest.param(resource, field, id=f"{resource.kind}.{field}")


def _refused(document: object) -> TidegateError:
    with pytest.raises(TidegateError) as refused:
        read_resource(document, "file.yaml, document 1")
    assert refused.value.code == "resource_invalid"
    assert refused.value.exit_code == 2
    assert "file.yaml, document 1" in str(refused.value)
    return refused.value


@pytest.mark.parametrize("resource", SAMPLES, ids=lambda r: r.kind)
def test_a_resource_reads_back_as_itself(resource: AnyResource) -> None:
    assert read_resource(_document(resource), "x") == resource


@pytest.mark.parametrize(("resource", "field"), list(_fields()))
def test_a_field_of_the_wrong_type_is_named(resource: AnyResource, field: str) -> None:
    document = _document(resource)
    document["spec"][field] = object()
    assert f"spec.{field}" in str(_refused(document))


@pytest.mark.parametrize(("resource", "field"), list(_fields()))
def test_a_missing_required_field_is_named_and_an_optional_one_has_a_default(resource: AnyResource, field: str) -> None:
    document = _document(resource)
    del document["spec"][field]
    if field in REQUIRED[resource.kind]:
        assert f"spec.{field}" in str(_refused(document))
    elif resource.kind != "Grant":  # a Grant's project depends on its scope: its own test below
        read_resource(document, "x")


@pytest.mark.parametrize("resource", SAMPLES, ids=lambda r: r.kind)
@pytest.mark.parametrize("place", [(), ("metadata",), ("spec",)], ids=["top", "metadata", "spec"])
def test_an_unknown_field_is_named(resource: AnyResource, place: tuple[str, ...]) -> None:
    document = copy.deepcopy(_document(resource))
    target = document
    for key in place:
        target = target[key]
    target["surprise"] = 1
    assert "surprise" in str(_refused(document))


@pytest.mark.parametrize("document", [None, 3, "text", [], {}, {"kind": "Pod"}, {"kind": ["Project"]}])
def test_what_is_no_resource_is_refused(document: object) -> None:
    _refused(document)


@pytest.mark.parametrize("name", ["a", "A-b", "p--q", "-p", "p-", "1p", "p" * 30, "p_q", "", "p.q", "p/../q", "p\n"])
def test_a_project_name_that_could_not_be_a_namespace_is_refused(name: str) -> None:
    document = _document(project())
    document["metadata"]["name"] = name
    assert "metadata.name" in str(_refused(document)) or "metadata" in str(_refused(document))


@pytest.mark.parametrize("name", ["ab", "breast-density", "p" * 29, "a1", "a-b-c"])
def test_a_project_name_by_the_rule_is_taken(name: str) -> None:
    assert project(name).name == name


@pytest.mark.parametrize(
    ("resource", "spec", "word"),
    [
        (grant(), {"project": None}, "scope"),
        (grant(), {"role": "output-checker"}, "role"),
        (grant(), {"until": "2020-01-01T00:00:00Z"}, "until"),
        (grant(), {"until": "2030-01-01T00:00:00"}, "time zone"),
        (licence(), {"grant": {"validFrom": "2027-01-01T00:00:00Z", "validTo": "2027-01-01T00:00:00Z"}}, "validTo"),
        (project(), {"reviewers": 1}, "reviewers"),
        (dataset(), {"xnat": {"server": "http://user:secret@host", "project": "P"}}, "server"),
        (dataset(), {"xnat": {"server": "http://host", "project": "../P"}}, "project"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(resource: AnyResource, spec: dict[str, Any], word: str) -> None:
    document = _document(resource)
    document["spec"].update(spec)
    assert word in str(_refused(document))


def test_the_stage_is_not_part_of_what_an_approval_binds() -> None:
    assert project(stage="closing").digest() == project().digest()
    assert project(title="Another").digest() != project().digest()


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none(), max_size=5))
def test_a_digest_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    assert digest_of(value) == digest_of(dict(reversed(value.items())))

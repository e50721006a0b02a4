"""A licence compiles to the same bytes each time, leaves out no field, and takes no name by its beginning."""

from typing import Any

import pytest
from pydantic import BaseModel

import policy_kit as kit
from tidegate.model import Licence, LicenceTerms, canonical_json, read_resource
from tidegate.policy.compiler import CARRIED_ELSEWHERE, compile_licence, compile_licences, name_is_known


def read(document: Any) -> Licence:
    licence = read_resource(document, "test")
    assert isinstance(licence, Licence)
    return licence


def compiled(**spec: Any) -> dict[str, Any]:
    return compile_licence(read(kit.licence(**spec)))


def leaves(model: type[BaseModel], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for field in model.model_fields.values():
        path = f"{prefix}{field.alias}"
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= leaves(kind, f"{path}.")
        else:
            found.add(path)
    return found


COMPILED = {
    "title": "title",
    "spdx": "name_known",
    "source.clauses": "clauses",
    "grant.validFrom": "valid_from",
    "grant.validTo": "valid_to",
    "purpose.permitted": "permitted",
    "purpose.singleProject": "single_project",
    "parties.organisations": "organisations",
    "parties.commercial": "commercial",
    "sharing.derivedData": "derived_data",
    "outputs.attribution": "attribution",
    "outputs.citations": "citations",
    "outputs.minReviewers": "min_reviewers",
    "unmodelled": "unmodelled",
}


def test_every_field_of_the_terms_is_compiled_or_carried_elsewhere_for_a_reason() -> None:
    assert set(COMPILED) | set(CARRIED_ELSEWHERE) == leaves(LicenceTerms)
    assert set(COMPILED.values()) | {"digest"} == set(compiled())


def test_the_same_terms_give_the_same_bytes_in_any_order() -> None:
    first, second = read(kit.licence("a")), read(kit.licence("b"))
    assert canonical_json(compile_licences([first, second])) == canonical_json(compile_licences([second, first]))
    assert compile_licences([first])[1] != compile_licences([second])[1]


def test_what_is_not_said_is_unknown() -> None:
    bare = compiled(parties={}, sharing={}, purpose={})
    assert (bare["commercial"], bare["derived_data"], bare["permitted"]) == ("unknown", "unknown", [])


@pytest.mark.parametrize("name", ["CC-BY-3.0", "CC-BY-4.0 AND MIT", "LicenseRef-OPTIMAM-style", "CC0-1.0"])
def test_whole_names_are_known(name: str) -> None:
    assert name_is_known(name)


@pytest.mark.parametrize(
    "name",
    ["CC BY", "CC-BY", "CC-BY-3.0-ish", "LicenseRef-", "LicenseRef-a b", "LicenseRef-a OR Nonsense-9", "Unknown-1.0"],
)
def test_look_alikes_are_not(name: str) -> None:
    assert not name_is_known(name)


def test_a_condition_nothing_can_check_denies() -> None:
    clauses = compiled(purpose={"permitted": ["DUO:0000006", "DUO:0000024"]})["unmodelled"]
    assert [clause["effect"] for clause in clauses] == ["deny"]


def test_non_commercial_use_only_forbids_whatever_else_is_said() -> None:
    assert compiled(purpose={"permitted": ["DUO:0000006", "DUO:0000046"]})["commercial"] == "forbid"

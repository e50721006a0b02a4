"""A licence compiles to the same bytes each time, leaves out no field, and takes no name by its beginning."""

from typing import Any

import pytest
from pydantic import BaseModel

import policy_kit as kit
from tidegate.model import Licence, LicenceTerms, canonical_json, read_resource
from tidegate.policy.compiler import (
    CARRIED_ELSEWHERE,
    PERMITTING,
    compile_licence,
    compile_licences,
    name_is_known,
)
from tidegate.policy.duties import DUTIES, checks


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
    "spdx": "spdx",
    "source.clauses": "clauses",
    "grant.validFrom": "valid_from",
    "grant.validTo": "valid_to",
    "purpose.permitted": "permitted",
    "purpose.diseases": "diseases",
    "purpose.prohibited": "prohibited",
    "purpose.ethicsRequired": "ethics_required",
    "purpose.singleProject": "single_project",
    "parties.organisations": "organisations",
    "parties.commercial": "commercial",
    "territory.processing": "countries",
    "data.linkage": "linkage",
    "sharing.derivedData": "derived_data",
    "sharing.models": "models",
    "sharing.shareAlike": "share_alike",
    "sharing.noDerivatives": "no_derivatives",
    "outputs.permittedKinds": "permitted_kinds",
    "outputs.minReviewers": "min_reviewers",
    "unmodelled": "unmodelled",
}
# Fields of the tables of duties and checks, each with the field of the terms it speaks of.
TABLES = ({row.field for row in DUTIES} | {row.field for row in checks(PERMITTING)}) - set(COMPILED)
INSIDE = {"outputs.publicationReview": {"outputs.publicationReview.required", "outputs.publicationReview.noticeDays"}}


def test_every_field_of_the_terms_is_compiled_or_carried_elsewhere_for_a_reason() -> None:
    tabled = {leaf for field in TABLES for leaf in INSIDE.get(field, {field})}
    assert set(COMPILED) | tabled | set(CARRIED_ELSEWHERE) == leaves(LicenceTerms)
    assert not set(COMPILED) & set(CARRIED_ELSEWHERE)
    assert set(COMPILED.values()) | {"digest", "name_known", "duties"} == set(compiled())


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


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("DUO:0000022", {"territory": {"processing": ["GB"]}}),
        ("DUO:0000025", {"grant": {"validFrom": kit.at(), "validTo": kit.at(days=1)}}),
        ("DUO:0000027", {"purpose": {"permitted": ["DUO:0000027"], "singleProject": True}}),
        ("DUO:0000028", {"parties": {"organisations": ["Example University"]}}),
    ],
)
def test_a_condition_with_a_field_of_its_own_denies_until_that_is_typed_in(code: str, field: dict[str, Any]) -> None:
    bare: dict[str, Any] = {"purpose": {"permitted": [code]}, "parties": {}, "grant": {"validFrom": kit.at()}}
    assert [clause["effect"] for clause in compiled(**bare)["unmodelled"]] == ["deny"]
    assert compiled(**{**bare, **field})["unmodelled"] == []


@pytest.mark.parametrize("code", ["DUO:0000015", "DUO:0000018", "DUO:0000020", "DUO:0000044", "DUO:0000045"])
def test_a_condition_only_people_can_judge_is_left_to_them(code: str) -> None:
    clauses = compiled(purpose={"permitted": ["DUO:0000006", code]})["unmodelled"]
    assert [clause["effect"] for clause in clauses] == ["human"]


def test_ethics_approval_is_needed_by_field_or_by_code() -> None:
    assert not compiled()["ethics_required"]
    assert compiled(purpose={"permitted": ["DUO:0000006", "DUO:0000021"]})["ethics_required"]
    assert compiled(purpose={"permitted": ["DUO:0000006"], "ethicsRequired": True})["ethics_required"]


DUTY_FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"outputs": {"acknowledgement": "Thank the fund."}}, "acknowledgement", "Thank the fund."),
    ({"outputs": {"publicationReview": {"required": True}}}, "publication_notice", "before anything"),
    ({"outputs": {"publicationReview": {"required": True, "noticeDays": 30}}}, "publication_notice", "30 days before"),
    ({"outputs": {"disclosureProfile": "strict"}}, "disclosure_profile", "strict"),
    ({"sharing": {"shareAlike": True}}, "share_alike", "CC-BY-3.0"),
    ({"parties": {"commercial": "forbid"}}, "non_commercial", "commercial"),
    ({"ip": {"ownership": "licensor"}}, "ip_ownership", "licensor"),
    ({"ip": {"notifyInventionDays": 30}}, "invention_notice", "within 30 days"),
    ({"ip": {"returnResults": True}}, "return_results", "results back"),
    ({"purpose": {"permitted": ["DUO:0000029"]}}, "return_results", "back to the database"),
    ({"purpose": {"permitted": ["DUO:0000019"]}}, "publication", "Publish"),
    ({"end": {"destroyWithinDays": 0}}, "destroy", "at once"),
    ({"end": {"destroyWithinDays": 30, "certificateRequired": True}}, "certificate", "certificate"),
    ({"incident": {"notifyHours": 0}}, "incident_notice", "the licensor of a loss or a breach at once"),
    (
        {"incident": {"notifyHours": 24}, "contacts": {"incident": "the data office"}},
        "incident_notice",
        "the data office of a loss or a breach within 24 hours",
    ),
    ({"incident": {"accidentalIdentification": "Tell nobody."}}, "accidental_identification", "Tell nobody."),
    ({"incident": {"recoverData": True}}, "recover_data", "prove it"),
    (
        {"grant": {"validFrom": kit.at(), "validTo": kit.at(days=9), "renewal": kit.at(days=8)}},
        "renewal",
        "2026-11-30T12:00:00Z",
    ),
]


@pytest.mark.parametrize(("spec", "kind", "words"), DUTY_FIELDS)
def test_each_field_that_obliges_is_a_duty_in_words(spec: dict[str, Any], kind: str, words: str) -> None:
    """And no duty without the field."""
    said = {duty["kind"]: duty["detail"] for duty in compiled(**{"outputs": {}, **spec})["duties"]}
    assert words in said[kind]
    assert kind not in {duty["kind"] for duty in compiled(outputs={})["duties"]}


def test_a_duty_and_a_check_name_their_clause() -> None:
    clauses = {"end.destroyWithinDays": "9.1", "territory.remoteAccess": "3.2"}
    made = compiled(
        source={"clauses": clauses}, end={"destroyWithinDays": 30}, territory={"remoteAccess": ["GB"]}, outputs={}
    )
    assert [duty["clause"] for duty in made["duties"]] == ["9.1"]
    assert [(c["clause"], c["effect"]) for c in made["unmodelled"]] == [("3.2", "human")]

"""Each template is tried on decided cases: who, for what, when and what; the answer, its code and the clause.

The cases are data in `templates/<template>.yaml`; the engine is the real one, with all licences registered at once.
What a case leaves out is the usual: Rosa of Example University, health research that is not commercial, today, a table.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

import policy_kit as kit
from tidegate.model import AnyResource, Decision, Licence, Outcome, PersonRef, Project, read_resource
from tidegate.policy import Policy, ReleasedFile, egress_release, project_approve, workspace_start
from tidegate.policy.local import LocalEngine
from tidegate.policy.opening import Bundles
from tidegate.policy.rules import load_rules, policies_folder

FOLDER = Path(__file__).parent / "templates"
TEMPLATES = sorted(path.stem for path in (policies_folder() / "licences").glob("*.yaml"))
# So that nothing but the licence ends, whatever `now` a case has.
EVER, NEVER = "2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
WANTED = {
    "optimam-style",
    "cc0-1.0",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-sa-4.0",
    "cc-by-nc-sa-4.0",
    "tcia-data-usage-policy",
    "tcia-restricted",
    "nlm-terms",
    "custom-data-use-agreement",
    "material-transfer-agreement",
    "collaboration-agreement",
}


class Case(BaseModel):
    """One decided case. `terms` is what an officer typed into a copy of the template, section by section."""

    model_config = ConfigDict(extra="forbid")

    case: str
    ask: str = "start"
    now: datetime = kit.NOW
    codes: list[str] = ["DUO:0000006"]
    diseases: list[str] = []
    commercial: bool = False
    ethics: str | None = None
    organisation: str = "Example University"
    person: str = "rosa"
    approved: bool = True
    files: list[str] = ["csv"]
    voters: list[str] = ["chidi", "cleo", "dora"]
    beside: str | None = None
    used_by_another: bool = False
    terms: dict[str, dict[str, Any]] = Field(default_factory=dict)
    answer: Outcome
    why: list[str] = []
    clause: str | None = None
    duties: list[str] = []


def cases() -> Iterator[tuple[str, Case]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        for row in yaml.safe_load(path.read_text("utf-8")):
            yield path.stem, Case.model_validate(row)


CASES = list(cases())


def licence_of(template: str, case: Case) -> Licence:
    """The template, or a copy with what the case types in."""
    document = kit.template(template)
    for section, said in case.terms.items():
        document["spec"][section] = {**document["spec"].get(section, {}), **said}
    if case.terms:
        document["metadata"]["name"] = f"typed-{CASES.index((template, case))}"
    licence = read_resource(document, "test")
    assert isinstance(licence, Licence)
    return licence


@pytest.fixture(scope="module")
def licences() -> kit.Shelf:
    every = {licence.name: licence for licence in (licence_of(*row) for row in CASES)}
    return kit.Shelf(list(every.values()))


@pytest.fixture(scope="module")
def policy(licences: kit.Shelf) -> Policy:
    return Policy(LocalEngine, Bundles(load_rules(policies_folder()), licences).now)


def world(licences: kit.Shelf, template: str, case: Case) -> tuple[kit.Shelf, Project]:
    names = {"mammograms": licence_of(template, case).name} | ({"second": case.beside} if case.beside else {})
    purpose = {"codes": case.codes, "text": "As told.", "diseases": case.diseases, "commercial": case.commercial}
    project = resource(
        kit.project(
            ends=NEVER,
            organisation=case.organisation,
            purpose={**purpose, "ethicsRef": case.ethics},
            datasets=[{"name": name} for name in names],
            policy={"permittedTypes": ["csv", "png", "jpeg", "onnx"]},
        )
    )
    assert isinstance(project, Project)
    grant = resource(kit.grant(since=EVER, until=NEVER, training=None))
    datasets = [resource(kit.dataset(name, licence={"name": licence})) for name, licence in names.items()]
    shelf = kit.Shelf([*licences.resources, *datasets, project, grant])
    if case.approved:
        shelf.resources.append(resource(kit.approval(project, at=EVER)))
    if case.used_by_another:
        other = resource(kit.project("another", ends=NEVER))
        assert isinstance(other, Project)
        shelf.resources += [other, resource(kit.approval(other, "of-another", at=EVER))]
    return shelf, project


def resource(document: dict[str, Any]) -> AnyResource:
    return read_resource(document, "test")


def decided(policy: Policy, shelf: kit.Shelf, project: Project, case: Case) -> Decision:
    now = case.now.astimezone(UTC)
    if case.ask == "approve":
        return policy.decide("project.approve", project_approve(shelf, project, now), now)
    if case.ask == "start":
        person = PersonRef(subject=case.person)
        return policy.decide("workspace.start", workspace_start(shelf, project.name, person, now), now)
    facts = kit.release(
        files=tuple(ReleasedFile(kind=kind, sha256="0" * 64) for kind in case.files),
        voters=tuple(kit.person(voter) for voter in case.voters),
    )
    return policy.decide("egress.release", egress_release(shelf, project.name, facts, now), now)


@pytest.mark.parametrize(("template", "case"), CASES, ids=[f"{name}: {case.case}" for name, case in CASES])
def test_each_case_is_decided_as_written_down(policy: Policy, licences: kit.Shelf, template: str, case: Case) -> None:
    shelf, project = world(licences, template, case)
    decision = decided(policy, shelf, project, case)
    assert (decision.outcome, sorted({reason.code for reason in decision.deny})) == (case.answer, sorted(case.why))
    if case.clause is not None:
        said = {reason.clause for reason in decision.deny} or {duty.clause for duty in decision.obligations}
        assert case.clause in said
    assert set(case.duties) <= {duty.kind for duty in decision.obligations}


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_is_tried_at_every_point_with_ten_cases_or_more(template: str) -> None:
    """Allowed where it can be, denied, and with a clause for each refusal that is the licence's."""
    own = [case for name, case in CASES if name == template]
    assert len(own) >= 10
    assert len({case.case for case in own}) == len(own)
    assert {case.ask for case in own} == {"approve", "start", "release"}
    assert {case.answer for case in own} == set(Outcome)
    assert all(case.clause is not None for case in own if case.answer is Outcome.DENY and not OURS & set(case.why))


# Codes that no clause stands behind: the rule is ours, or the person's.
OURS = {"not_named", "approval_missing", "licence_not_yet", "same_person", "too_few_reviewers"}


def test_all_templates_are_there_and_each_has_cases() -> None:
    assert set(TEMPLATES) == WANTED == {name for name, _ in CASES}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_names_its_clauses_by_fields_there_are(template: str) -> None:
    licence = licence_of(template, Case(case="x", answer=Outcome.ALLOW))
    assert set(licence.spec.source.clauses) <= kit.fields_of_terms()


@pytest.mark.parametrize("template", TEMPLATES)
def test_diseases_of_a_template_are_in_the_closure(template: str) -> None:
    licence = licence_of(template, Case(case="x", answer=Outcome.ALLOW))
    known = load_rules(policies_folder()).data["mondo"]["ancestors"]
    assert set(licence.spec.purpose.diseases) <= set(known)

"""The whole way from the store to the answer: one world in which everything is allowed, and one thing taken away."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import policy_kit as kit
from policy_kit import NOW, PROJECT, ROSA
from tidegate.model import Decision, Outcome, TidegateError
from tidegate.policy import Code, egress_release, explain, open_policy, project_approve, sentences, workspace_start
from tidegate.policy.codes import WRAPPER_CODES
from tidegate.store import SqliteStore

Change = Mapping[str, Any]


def start(store: SqliteStore, now: datetime = NOW, **kw: Any) -> Decision:
    return open_policy(store).decide("workspace.start", workspace_start(store, PROJECT, ROSA, now, **kw), now)


def approve(store: SqliteStore, now: datetime = NOW, **kw: Any) -> Decision:
    question = project_approve(store, kit.the_project(store), now, **kw)
    return open_policy(store).decide("project.approve", question, now)


def release(store: SqliteStore, now: datetime = NOW, **kw: Any) -> Decision:
    return open_policy(store).decide("egress.release", egress_release(store, PROJECT, kit.release(**kw), now), now)


def codes(decision: Decision) -> set[str]:
    return {denial.code for denial in decision.deny}


def test_all_in_order_is_allowed_at_every_point(tmp_path: Path) -> None:
    store = kit.world(tmp_path)
    assert start(store).outcome is Outcome.ALLOW
    assert approve(store).outcome is Outcome.ALLOW
    assert release(store).outcome is Outcome.ALLOW


TAKEN: list[tuple[Code, list[Change]]] = [
    (Code.DATASET_UNKNOWN, [kit.project(datasets=[{"name": "elsewhere"}])]),
    (Code.DATASET_CHANGED, [kit.project(datasets=[{"name": "mammograms", "digest": "0" * 64}])]),
    (Code.LICENCE_UNKNOWN, [kit.dataset(licence={"name": "none"})]),
    (Code.LICENCE_DIGEST, [kit.dataset(licence={"name": "mammograms-licence", "digest": "0" * 64})]),
    (Code.LICENCE_NAME_UNKNOWN, [kit.licence(spdx="CC BY")]),
    (Code.LICENCE_NOT_YET, [kit.licence(grant={"validFrom": kit.at(seconds=1)})]),
    (Code.LICENCE_EXPIRED, [kit.licence(grant={"validFrom": kit.at(days=-9), "validTo": kit.at()})]),
    (Code.PURPOSE_NOT_PERMITTED, [kit.licence(purpose={"permitted": ["DUO:0000007"]})]),
    (Code.PURPOSE_PROHIBITED, [kit.licence(purpose={"permitted": ["DUO:0000042"], "prohibited": ["DUO:0000006"]})]),
    (
        Code.DISEASE_NOT_PERMITTED,
        [
            kit.licence(purpose={"permitted": ["DUO:0000007"], "diseases": ["MONDO:0007254"]}),
            kit.project(purpose={"codes": ["DUO:0000007"], "text": "Lungs.", "diseases": ["MONDO:0008903"]}),
        ],
    ),
    (Code.ETHICS_MISSING, [kit.licence(purpose={"permitted": ["DUO:0000006"], "ethicsRequired": True})]),
    (Code.CLAUSE_UNMODELLED, [kit.licence(purpose={"permitted": ["DUO:0000006", "DUO:0000024"]})]),
    (
        Code.COMMERCIAL_FORBIDDEN,
        [
            kit.licence(purpose={"permitted": ["DUO:0000006", "DUO:0000046"]}),
            kit.project(purpose={"codes": ["DUO:0000006"], "text": "Sell it.", "commercial": True}),
        ],
    ),
    (Code.ORGANISATION_NOT_PERMITTED, [kit.licence(parties={"organisations": ["Another"], "commercial": "allow"})]),
    (Code.TIER_TOO_LOW, [kit.dataset(tier=3)]),
    (Code.PROJECT_ENDED, [kit.project(ends=kit.at())]),
    (Code.PROJECT_NOT_SUBMITTED, [kit.project(stage="draft")]),
    (Code.PROJECT_CLOSING, [kit.project(stage="closing")]),
]
PEOPLE: list[tuple[Code, list[Change]]] = [
    (Code.NOT_NAMED, [kit.grant(person={"subject": "ravi"})]),
    (Code.ROLE_NOT_PERMITTED, [kit.grant(role="observer")]),
    (Code.GRANT_NOT_YET, [kit.grant(since=kit.at(seconds=1))]),
    (Code.GRANT_ENDED, [kit.grant(until=kit.at())]),
    (Code.TRAINING_ENDED, [kit.grant(training={"ref": "x", "until": kit.at()})]),
]


@pytest.mark.parametrize(("code", "changes"), TAKEN, ids=[code for code, _ in TAKEN])
def test_what_the_project_or_licence_lacks_denies_at_every_point(
    tmp_path: Path, code: Code, changes: list[Change]
) -> None:
    store = kit.world(tmp_path, *changes)
    for ask in (start, approve, release):
        decision = ask(store)
        assert decision.outcome is Outcome.DENY
        assert codes(decision) == {code}


@pytest.mark.parametrize(("code", "changes"), PEOPLE, ids=[code for code, _ in PEOPLE])
def test_what_the_person_lacks_denies_start_and_release(tmp_path: Path, code: Code, changes: list[Change]) -> None:
    store = kit.world(tmp_path, *changes)
    assert codes(start(store)) == codes(release(store)) == {code}


APPROVALS: list[tuple[Code, dict[str, Any] | None]] = [
    (Code.APPROVAL_MISSING, None),
    (Code.APPROVAL_MISSING, {"verdict": "refuse"}),
    (Code.APPROVAL_STALE, {"subject": {"kind": "Project", "name": PROJECT, "digest": "0" * 64}}),
    (Code.APPROVAL_ENDED, {"until": kit.at()}),
    (Code.SAME_PERSON, {"by": {"subject": "rosa"}}),
]


@pytest.mark.parametrize(("code", "spec"), APPROVALS)
def test_without_a_standing_approval_nothing_starts_and_a_human_must_decide(
    tmp_path: Path, code: Code, spec: dict[str, Any] | None
) -> None:
    store = kit.world(tmp_path, approved=False)
    if spec is not None:
        kit.put(store, kit.approval(kit.the_project(store), **spec))
    assert codes(start(store)) == codes(release(store)) == {code}
    asked = approve(store)
    assert asked.outcome is Outcome.NEEDS_HUMAN
    assert code in {duty.detail for duty in asked.obligations}


def test_an_approval_of_another_project_does_not_count(tmp_path: Path) -> None:
    store = kit.world(tmp_path, approved=False)
    other = {"kind": "Project", "name": "other", "digest": kit.the_project(store).digest()}
    kit.put(store, kit.approval(kit.the_project(store), subject=other))
    assert codes(start(store)) == {Code.APPROVAL_MISSING}


def test_an_officer_with_a_grant_may_approve_and_the_requester_may_not(tmp_path: Path) -> None:
    store = kit.world(tmp_path, kit.officer("rosa-officer", person={"subject": "rosa"}), approved=False)
    assert approve(store, actor=kit.GWEN).outcome is Outcome.NEEDS_HUMAN
    assert codes(approve(store, actor=ROSA)) == {Code.SAME_PERSON}
    assert codes(approve(store, actor=kit.RAVI)) == {Code.ROLE_NOT_PERMITTED}


def test_the_deadline_is_the_first_end(tmp_path: Path) -> None:
    assert start(kit.world(tmp_path)).deadline == NOW + timedelta(days=30)


def test_a_grant_that_lasts_for_centuries_ends_within_what_the_engine_can_count(tmp_path: Path) -> None:
    far = "9999-12-31T00:00:00Z"
    store = kit.world(
        tmp_path,
        kit.grant(until=far, training=None),
        kit.project(ends=far),
        kit.licence(grant={"validFrom": "0001-01-01T00:00:00Z", "validTo": far}),
    )
    decision = start(store)
    assert decision.allowed
    assert decision.deadline is not None
    assert decision.deadline.year == 2262


def test_a_network_that_was_not_approved_does_not_start(tmp_path: Path) -> None:
    assert codes(start(kit.world(tmp_path), network="loopback")) == {Code.NETWORK_FORBIDDEN}


def test_one_project_of_two_may_use_a_single_project_licence(tmp_path: Path) -> None:
    """The other counts once it is approved."""
    single = kit.licence(purpose={"permitted": ["DUO:0000006"], "singleProject": True})
    store = kit.world(tmp_path, single, kit.project("second"))
    assert start(store).allowed
    kit.put(store, kit.approval(kit.the_project(store, "second"), "approval-2"))
    assert codes(start(store)) == {Code.LICENCE_SINGLE_PROJECT}


RELEASES: list[tuple[Code, dict[str, Any], list[Change]]] = [
    (Code.TOO_FEW_REVIEWERS, {"voters": (kit.person("chidi"),)}, []),
    (Code.TOO_FEW_REVIEWERS, {"voters": (kit.person("chidi"), kit.person("chidi"))}, []),
    (Code.TOO_FEW_REVIEWERS, {}, [kit.licence(outputs={"minReviewers": 3})]),
    (Code.TOO_FEW_REVIEWERS, {}, [kit.project(reviewers=3)]),
    (Code.SAME_PERSON, {"voters": (kit.person("chidi"), kit.person("cleo"), kit.person("rosa"))}, []),
    (Code.VOTER_IS_MEMBER, {}, [kit.grant("cleo-was-here", person={"subject": "cleo"}, until=kit.at(days=-1))]),
    (Code.DESTINATION_FORBIDDEN, {"destination": "mirror"}, []),
    (Code.TYPE_NOT_PERMITTED, {"files": ()}, []),
    (Code.SHARING_FORBIDDEN, {}, [kit.licence(sharing={"derivedData": "forbid"})]),
    (Code.TERM_UNKNOWN, {}, [kit.licence(sharing={})]),
    (
        Code.ADAPTED_FORBIDDEN,
        kit.holding("png"),
        [kit.licence(sharing={"derivedData": "allow", "noDerivatives": True})],
    ),
    (Code.MODELS_FORBIDDEN, kit.holding("onnx"), [kit.licence(sharing={"derivedData": "allow", "models": "forbid"})]),
    (Code.KIND_NOT_PERMITTED, kit.holding("png"), [kit.licence(outputs={"permittedKinds": ["csv"]})]),
]


@pytest.mark.parametrize(("code", "facts", "changes"), RELEASES)
def test_what_a_release_lacks_denies_it(
    tmp_path: Path, code: Code, facts: dict[str, Any], changes: list[Change]
) -> None:
    decision = release(kit.world(tmp_path, *changes), **facts)
    assert decision.outcome is Outcome.DENY
    assert code in codes(decision)


def test_a_release_carries_the_licences_duties(tmp_path: Path) -> None:
    store = kit.world(tmp_path, kit.licence(outputs={"attribution": "Thank them.", "citations": ["Lee 2017"]}))
    duties = {(duty.kind, duty.detail) for duty in release(store).obligations}
    assert duties == {("attribution", "Thank them."), ("citation", "Lee 2017")}


BY_SA = {"spdx": "CC-BY-SA-4.0", "sharing": {"derivedData": "allow", "models": "allow", "shareAlike": True}}
NC_SA = {**BY_SA, "spdx": "CC-BY-NC-SA-4.0", "parties": {"commercial": "forbid"}}
FREE = {"data": {"linkage": "allow"}}
TOGETHER: dict[Code, tuple[dict[str, Any], dict[str, Any]]] = {
    Code.SHARE_ALIKE_CONFLICT: ({**BY_SA, **FREE}, {**NC_SA, **FREE}),
    Code.LINKAGE_FORBIDDEN: (FREE, {"data": {"linkage": "forbid"}}),
}


def two(folder: Path, first: dict[str, Any], second: dict[str, Any]) -> SqliteStore:
    """One project with two data sets, each under its licence."""
    return kit.world(
        folder,
        kit.licence(**first),
        kit.licence("second", **second),
        kit.dataset("second", licence={"name": "second"}),
        kit.project(datasets=[{"name": "mammograms"}, {"name": "second"}]),
    )


@pytest.mark.parametrize("code", TOGETHER)
def test_what_two_licences_cannot_both_have_denies_the_release(tmp_path: Path, code: Code) -> None:
    store = two(tmp_path, *TOGETHER[code])
    assert code in codes(release(store, **kit.holding("png")))


def test_a_conflict_of_licences_is_told_before_anything_starts(tmp_path: Path) -> None:
    """Work may start, for counts may leave; the officer is told what may not."""
    store = two(tmp_path, *TOGETHER[Code.SHARE_ALIKE_CONFLICT])
    told = {(duty.kind, duty.dataset) for duty in approve(store).obligations}
    assert told >= {("conflict", "mammograms"), ("conflict", "second")}
    assert start(store).allowed
    assert release(store).allowed


def test_two_data_sets_need_the_word_of_each_licence(tmp_path: Path) -> None:
    assert start(two(tmp_path / "said", FREE, FREE)).allowed
    assert codes(start(two(tmp_path / "unsaid", FREE, {"data": {}}))) == {Code.TERM_UNKNOWN}


def test_a_licence_bound_to_a_country_is_not_used_where_none_is_recorded(tmp_path: Path) -> None:
    decision = start(kit.world(tmp_path, kit.licence(territory={"processing": ["GB"]})))
    assert codes(decision) == {Code.TERRITORY_NOT_PERMITTED}
    assert "(country: not recorded)" in sentences(decision)[0]


def test_every_code_of_the_rules_is_reached_and_explained(tmp_path: Path) -> None:
    """The cases of this file together give every code, and each explains itself with no gap left in it."""
    del tmp_path
    reached = {code for code, _ in (*TAKEN, *PEOPLE, *APPROVALS)} | {code for code, _, _ in RELEASES}
    reached |= set(TOGETHER)
    elsewhere = {Code.NETWORK_FORBIDDEN, Code.LICENCE_SINGLE_PROJECT, Code.TERRITORY_NOT_PERMITTED}
    assert reached | elsewhere == set(Code) - WRAPPER_CODES


@pytest.mark.parametrize(("code", "changes"), TAKEN, ids=[code for code, _ in TAKEN])
def test_a_refusal_is_told_in_whole_sentences(tmp_path: Path, code: Code, changes: list[Change]) -> None:
    decision = start(kit.world(tmp_path, *changes))
    told = explain(decision.deny[0])
    assert decision.deny[0].code == code
    assert not {"{", "}"} & set(told.sentence)
    assert "not recorded" not in told.sentence
    assert sentences(decision)[0].startswith(told.sentence)


@pytest.mark.parametrize("ask", [start, approve, release])
def test_new_licences_count_from_the_next_question(tmp_path: Path, ask: Callable[..., Decision]) -> None:
    store = kit.world(tmp_path, kit.dataset(licence={"name": "later"}))
    assert codes(ask(store)) == {Code.LICENCE_UNKNOWN}
    kit.put(store, kit.licence("later"))
    assert ask(store).outcome is Outcome.ALLOW


def test_one_policy_sees_a_licence_registered_while_it_runs(tmp_path: Path) -> None:
    store = kit.world(tmp_path, kit.dataset(licence={"name": "later"}))
    policy = open_policy(store)
    before = policy.decide("workspace.start", workspace_start(store, PROJECT, ROSA, NOW), NOW)
    kit.put(store, kit.licence("later"))
    after = policy.decide("workspace.start", workspace_start(store, PROJECT, ROSA, NOW), NOW)
    assert (before.allowed, after.allowed) == (False, True)
    assert before.revision != after.revision
    assert before.policy_version == after.policy_version


def test_an_unknown_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(TidegateError, match="no project nowhere"):
        workspace_start(kit.world(tmp_path), "nowhere", ROSA, NOW)


TEMPLATES = ["cc-by-3.0", "optimam-style"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_template_is_a_licence_that_lets_a_project_start(tmp_path: Path, name: str) -> None:
    store = kit.world(tmp_path, kit.template(name), kit.dataset(licence={"name": name}))
    assert start(store).outcome is Outcome.ALLOW


def test_the_open_template_releases_with_attribution_and_the_agreement_does_not(tmp_path: Path) -> None:
    by = kit.world(tmp_path / "by", kit.template(TEMPLATES[0]), kit.dataset(licence={"name": TEMPLATES[0]}))
    assert release(by).allowed
    assert {duty.kind for duty in release(by).obligations} == {"attribution"}
    agreed = kit.world(tmp_path / "agreed", kit.template(TEMPLATES[1]), kit.dataset(licence={"name": TEMPLATES[1]}))
    assert codes(release(agreed)) == {Code.TERM_UNKNOWN}
    end = datetime.fromisoformat("2027-12-31T00:00:00+00:00")
    assert Code.LICENCE_EXPIRED in codes(start(agreed, end))


def test_the_agreement_needs_a_human_for_what_no_rule_can_judge(tmp_path: Path) -> None:
    agreement = kit.template("optimam-style")
    store = kit.world(tmp_path, agreement, kit.dataset(licence={"name": "optimam-style"}), approved=False)
    asked = approve(store)
    assert asked.outcome is Outcome.NEEDS_HUMAN
    assert {duty.clause for duty in asked.obligations} >= {"2", "5"}

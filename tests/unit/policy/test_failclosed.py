"""Whatever goes wrong on the way to an answer is a refusal with its own code, and nothing is ever raised."""

import importlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import policy_kit as kit
from policy_kit import NOW, PROJECT, ROSA
from tidegate.model import Outcome, TidegateError
from tidegate.policy import Code, Point, Policy, egress_release, open_policy, project_approve, workspace_start
from tidegate.policy.failclosed import SKEW
from tidegate.policy.local import LocalEngine, build, check_engine
from tidegate.policy.opening import Bundles
from tidegate.policy.port import Bundle
from tidegate.policy.rules import load_rules, policies_folder


class Fixed:
    """An engine that answers the same to everything, or fails."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def evaluate(self, point: Point, payload: Any) -> object:
        del point, payload
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


BUNDLE = Bundle({}, {}, "v", "r")
GOOD = {
    "outcome": "allow",
    "deny": [],
    "obligations": [],
    "deadline": "2026-11-23T00:00:00Z",
    "version": "v",
    "revision": "r",
}


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    store = kit.world(tmp_path_factory.mktemp("world"))
    return workspace_start(store, PROJECT, ROSA, NOW).model_dump(mode="json")


def code_of(policy: Policy, envelope: Any, point: Any = "workspace.start") -> str:
    decision = policy.decide(point, envelope, NOW)
    assert decision.outcome is Outcome.DENY
    return decision.deny[0].code


def fixed(answer: object) -> Policy:
    return Policy(lambda _: Fixed(answer), lambda: BUNDLE)


def test_a_well_formed_answer_counts(question: dict[str, Any]) -> None:
    """So that the refusals below are due to what is wrong in each."""
    assert fixed(GOOD).decide("workspace.start", question, NOW).allowed


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"outcome": "maybe"}, Code.POLICY_ERROR),
        ({"outcome": None}, Code.POLICY_ERROR),
        ({"outcome": "deny"}, Code.POLICY_ERROR),
        ({"outcome": "deny", "deny": [{"code": "made_up"}]}, Code.POLICY_ERROR),
        ({"deny": [{"code": "grant_ended"}]}, Code.POLICY_ERROR),
        ({"deny": "none"}, Code.POLICY_ERROR),
        ({"deadline": None}, Code.POLICY_ERROR),
        ({"deadline": "2026-11-22T12:00:00Z"}, Code.POLICY_ERROR),
        ({"deadline": "soon"}, Code.POLICY_ERROR),
        ({"extra": 1}, Code.POLICY_ERROR),
        ({"version": "w"}, Code.POLICY_STALE),
        ({"revision": "q"}, Code.POLICY_STALE),
    ],
)
def test_an_answer_out_of_form_is_a_refusal(question: dict[str, Any], change: dict[str, Any], code: Code) -> None:
    assert code_of(fixed({**GOOD, **change}), question) == code


@pytest.mark.parametrize("answer", [None, True, "allow", [], {}, {"outcome": "allow"}, OSError("down"), {1: 2}])
def test_anything_else_is_a_refusal(question: dict[str, Any], answer: object) -> None:
    assert code_of(fixed(answer), question) == Code.POLICY_ERROR


def test_no_engine_and_no_licences_are_refusals(question: dict[str, Any]) -> None:
    def fail(*_: object) -> Any:
        msg = "gone"
        raise OSError(msg)

    assert code_of(Policy(fail, lambda: BUNDLE), question) == Code.POLICY_UNAVAILABLE
    assert code_of(Policy(lambda _: Fixed(GOOD), fail), question) == Code.POLICY_UNAVAILABLE


def test_a_question_for_another_point_is_invalid(question: dict[str, Any]) -> None:
    for point in ("project.approve", "nonsense", ""):
        assert code_of(fixed(GOOD), question, point) == Code.INPUT_INVALID


def test_a_question_of_another_time_is_invalid(question: dict[str, Any]) -> None:
    for shift, allowed in ((SKEW, True), (-SKEW, True), (SKEW * 1.01, False), (-SKEW * 1.01, False)):
        assert fixed(GOOD).decide("workspace.start", question, NOW + shift).allowed is allowed


@pytest.mark.parametrize(
    "now", ["2026-11-22T12:00:00+00:00", "2026-11-22T12:00:00", "2026-11-22", "2026-02-30T12:00:00Z", 1763812800, None]
)
def test_a_time_not_in_utc_with_a_z_is_invalid(question: dict[str, Any], now: object) -> None:
    assert code_of(fixed(GOOD), {**question, "now": now}) == Code.INPUT_INVALID


@pytest.mark.parametrize("envelope", [None, 7, "text", [], {}, {"a": {1, 2}}, {"a": float("nan")}, object()])
def test_what_is_no_question_is_invalid(envelope: object) -> None:
    assert code_of(fixed(GOOD), envelope) == Code.INPUT_INVALID


def test_an_invalid_question_names_the_field_and_not_its_value(question: dict[str, Any]) -> None:
    broken = {**question, "project": {**question["project"], "tier": "secret"}}
    (denial,) = fixed(GOOD).decide("workspace.start", broken, NOW).deny
    assert "project.tier" in denial.detail
    assert "secret" not in denial.detail


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with the value at the path replaced; `...` takes the place out."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    copy = dict(node) if isinstance(node, dict) else list(node)
    if value is ... and not rest:
        del copy[head]
    else:
        copy[head] = changed(copy[head], rest, value)
    return copy


class Asked:
    """The three questions in a world where all is denied, for the reason that the project's approval is missing."""

    def __init__(self, folder: Path) -> None:
        store = kit.world(folder, approved=False)
        self.policy = open_policy(store)
        built = (
            project_approve(store, kit.the_project(store), NOW),
            workspace_start(store, PROJECT, ROSA, NOW),
            egress_release(store, PROJECT, kit.release(), NOW),
        )
        self.questions = {q.point: q.model_dump(mode="json") for q in built}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return Asked(tmp_path_factory.mktemp("refused"))


WRONG = (..., None, True, 0, -1, 1e300, "", "x", "allow", [], {}, [[]], {"a": 1}, [None], "2999-01-01T00:00:00Z")


def test_no_broken_field_turns_a_refusal_into_an_allow(refused: Asked) -> None:
    """Every field of every question, taken out or given another type or content."""
    tried = 0
    for point, envelope in refused.questions.items():
        for path in list(places(envelope)):
            for value in WRONG:
                decision = refused.policy.decide(point, changed(envelope, path, value), NOW)
                assert not decision.allowed, (point, path, value)
                tried += 1
    assert tried > 1000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3)
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_unknown_field_is_let_in(refused: Asked, data: st.DataObject) -> None:
    point = data.draw(st.sampled_from(sorted(refused.questions)))
    envelope = refused.questions[point]
    objects = [(), *(path for path in places(envelope) if isinstance(_at(envelope, path), dict))]
    path = data.draw(st.sampled_from(objects))
    extra = data.draw(st.text(min_size=1, max_size=12).filter(lambda key: key not in _at(envelope, path)))
    broken = changed(envelope, path, {**_at(envelope, path), extra: data.draw(JSON)})
    assert code_of(refused.policy, broken, point) == Code.INPUT_INVALID


def _at(node: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        node = node[step]
    return node


@pytest.fixture(scope="module")
def allowed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return open_policy(kit.world(tmp_path_factory.mktemp("allowed")))


MOMENTS = st.integers(-400, 400).map(lambda days: kit.at(days=days))
GRANTS = st.lists(
    st.tuples(MOMENTS, MOMENTS, st.none() | MOMENTS, st.sampled_from(["researcher", "lead", "observer"])), max_size=4
)
APPROVALS = st.lists(
    st.tuples(MOMENTS, st.none() | MOMENTS, st.sampled_from(["gwen", "rosa"]), st.booleans()), max_size=4
)


def varied(base: dict[str, Any], grants: Any, approvals: Any, now: str) -> dict[str, Any]:
    person = base["subject"]["person"]
    held = [
        {
            "name": f"g{n}",
            "person": person,
            "project": PROJECT,
            "role": role,
            "since": since,
            "until": until,
            "training_until": training,
        }
        for n, (since, until, training, role) in enumerate(grants)
    ]
    given_ = [
        {
            "verdict": "approve",
            "by": {"issuer": "local", "subject": by},
            "digest": base["project"]["digest"] if same else "0" * 64,
            "at": at,
            "until": until,
        }
        for at, until, by, same in approvals
    ]
    return {
        **base,
        "now": now,
        "project": {**base["project"], "approvals": given_},
        "subject": {**base["subject"], "grants": held},
    }


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grants=GRANTS, approvals=APPROVALS, data=st.data())
def test_taking_away_a_grant_or_an_approval_never_allows(
    question: dict[str, Any], allowed: Policy, grants: Any, approvals: Any, data: st.DataObject
) -> None:
    kept_grants = [g for g in grants if data.draw(st.booleans())]
    kept_approvals = [a for a in approvals if data.draw(st.booleans())]
    more = allowed.decide("workspace.start", varied(question, grants, approvals, kit.at()), NOW)
    less = allowed.decide("workspace.start", varied(question, kept_grants, kept_approvals, kit.at()), NOW)
    assert more.allowed or not less.allowed


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grants=GRANTS, approvals=APPROVALS, days=st.integers(1, 500))
def test_a_later_now_never_revives_what_has_ended(
    question: dict[str, Any], allowed: Policy, grants: Any, approvals: Any, days: int
) -> None:
    """Where everything has begun, an allow now means an allow at every earlier moment that had begun too."""
    begun = [(kit.at(days=-401), until, training, role) for _, until, training, role in grants]
    given_ = [(kit.at(days=-401), until, by, same) for _, until, by, same in approvals]
    later = NOW + timedelta(days=days)
    now = allowed.decide("workspace.start", varied(question, begun, given_, kit.at()), NOW)
    then = allowed.decide("workspace.start", varied(question, begun, given_, kit.at(days=days)), later)
    assert now.allowed or not then.allowed
    if then.allowed:
        assert now.deadline is not None
        assert now.deadline > later


def test_a_deadline_is_the_moment_the_answer_changes(question: dict[str, Any], allowed: Policy) -> None:
    decision = allowed.decide("workspace.start", question, NOW)
    assert decision.deadline is not None
    for shift, outcome in ((-1, Outcome.ALLOW), (0, Outcome.DENY)):
        then = decision.deadline + timedelta(microseconds=shift)
        text = then.isoformat().replace("+00:00", "Z")
        assert allowed.decide("workspace.start", {**question, "now": text}, then).outcome is outcome


def test_threads_get_the_same_answer(question: dict[str, Any], allowed: Policy) -> None:
    answers: list[bool] = []

    def ask() -> None:
        answers.extend(allowed.decide("workspace.start", question, NOW).allowed for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 160


def test_a_missing_wheel_is_told_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    for ask in (lambda: open_policy(kit.world(tmp_path)), check_engine):
        with pytest.raises(TidegateError) as caught:
            ask()
        assert caught.value.code == "opa_wheel_missing"


def test_rules_that_do_not_compile_are_told_at_the_start() -> None:
    with pytest.raises(TidegateError) as caught:
        build(Bundle({"a.rego": "package a\n\nx if nothing_here(1)\n"}, {"version": "v"}, "v", "r"))
    assert caught.value.code == "policy_rules_invalid"


def test_the_bundle_stays_while_the_licences_do(tmp_path: Path) -> None:
    """Other writes do not change it, so the engine is not built again."""
    store = kit.world(tmp_path)
    bundles = Bundles(load_rules(policies_folder()), store)
    first = bundles.now()
    kit.put(store, kit.grant("another", person={"subject": "ravi"}))
    assert bundles.now().revision == first.revision
    assert isinstance(LocalEngine(first), LocalEngine)

"""What must hold of any licences whatever: more data never allow more, later never revives, broken never allows."""

import copy
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import policy_kit as kit
from policy_kit import NOW, ROSA
from tidegate.model import Decision, Outcome, Project, read_resource
from tidegate.policy import Code, Policy, ReleasedFile, egress_release, project_approve, workspace_start
from tidegate.policy.local import LocalEngine
from tidegate.policy.opening import Bundles
from tidegate.policy.port import Bundle, Point
from tidegate.policy.rules import load_rules, policies_folder

RANK = {Outcome.DENY: 0, Outcome.NEEDS_HUMAN: 1, Outcome.ALLOW: 2}
LIKELY = ["allow", "allow", "allow", "ask", "forbid", "unknown"]


def terms(lots: random.Random) -> dict[str, Any]:
    """Sections of a licence that does not contradict itself; more often generous than not."""
    named = lots.random() < 0.3
    return {
        "spdx": lots.choice(["CC-BY-SA-4.0", "CC-BY-NC-SA-4.0", "CC-BY-4.0"]),
        "grant": {"validFrom": kit.at(days=-100), "validTo": lots.choice([*ENDS, *[None] * 6])},
        "purpose": {
            "permitted": [lots.choice(["DUO:0000004", "DUO:0000006"]), *(["DUO:0000007"] * named)],
            "diseases": ["MONDO:0007254"] * named,
            "prohibited": ["DUO:0000042"] * (lots.random() < 0.1),
            "ethicsRequired": lots.random() < 0.1,
        },
        "parties": {"commercial": lots.choice(LIKELY)},
        "data": {"linkage": lots.choice(LIKELY)},
        "sharing": {
            "derivedData": lots.choice(["allow", "allow", "allow", "ask", "unknown"]),
            "models": lots.choice(LIKELY),
            "shareAlike": lots.random() < 0.4,
        },
        "outputs": {"minReviewers": lots.choice([2, 2, 2, 3]), "attribution": lots.choice([None, "Thanks."])},
    }


ENDS = [kit.at(days=-50), kit.at(), kit.at(days=1), kit.at(days=40)]
MANY = 40


class World:
    """Many data sets, each under its licence, and one engine for all; a project asks for some of them."""

    def __init__(self, licences: list[dict[str, Any]]) -> None:
        made = [kit.licence(f"licence-{n}", **spec) for n, spec in enumerate(licences)]
        self.shelf = kit.Shelf([read_resource(each, "test") for each in made])
        self.policy = Policy(LocalEngine, Bundles(load_rules(policies_folder()), self.shelf).now)

    def ask(self, point: str, chosen: set[int], now: datetime = NOW, kind: str = "csv", **purpose: Any) -> Decision:
        shelf, project = self.of(chosen, purpose)
        if point == "project.approve":
            return self.policy.decide(point, project_approve(shelf, project, now), now)
        if point == "workspace.start":
            return self.policy.decide(point, workspace_start(shelf, project.name, ROSA, now), now)
        voters = tuple(map(kit.person, ("chidi", "cleo", "dora")))
        facts = kit.release(files=(ReleasedFile(kind=kind, sha256="0" * 64),), voters=voters)
        return self.policy.decide(point, egress_release(shelf, project.name, facts, now), now)

    def of(self, chosen: set[int], purpose: dict[str, Any]) -> tuple[kit.Shelf, Project]:
        told = {"codes": ["DUO:0000006"], "text": "Why.", **purpose}
        names = [{"name": f"set-{n}"} for n in sorted(chosen)]
        policy = {"permittedTypes": ["csv", "png", "onnx"]}
        project = read_resource(kit.project(datasets=names, purpose=told, policy=policy), "test")
        assert isinstance(project, Project)
        sets = [kit.dataset(f"set-{n}", licence={"name": f"licence-{n}"}) for n in sorted(chosen)]
        rest = [*sets, kit.grant(), kit.approval(project)]
        return kit.Shelf([*self.shelf.resources, project, *(read_resource(each, "test") for each in rest)]), project


@pytest.fixture(scope="module")
def world() -> World:
    lots = random.Random(20261122)  # noqa: S311 - the same licences each time, and no secrets
    return World([terms(lots) for _ in range(MANY)])


def test_the_worlds_below_are_not_all_refused(world: World) -> None:
    """Else the properties would say nothing."""
    for point in Point:
        outcomes = {world.ask(point, {n, (7 * n) % MANY}).outcome for n in range(MANY)}
        assert {Outcome.ALLOW, Outcome.DENY} <= outcomes


POINTS = st.sampled_from([point.value for point in Point])
CHOICES = st.sets(st.integers(0, MANY - 1), min_size=1, max_size=3)
SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(
    chosen=CHOICES,
    more=CHOICES,
    point=POINTS,
    kind=st.sampled_from(["csv", "png", "onnx"]),
    commercial=st.booleans(),
)
def test_more_data_sets_never_allow_more(
    world: World, chosen: set[int], more: set[int], point: str, kind: str, *, commercial: bool
) -> None:
    """Nor end later, nor owe less."""
    few = world.ask(point, chosen, kind=kind, commercial=commercial)
    many = world.ask(point, chosen | more, kind=kind, commercial=commercial)
    assert RANK[many.outcome] <= RANK[few.outcome]
    if many.deadline and few.deadline:
        assert many.deadline <= few.deadline
    assert {(d.kind, d.dataset, d.detail) for d in few.obligations} <= {
        (d.kind, d.dataset, d.detail) for d in many.obligations
    }


@SETTINGS
@given(chosen=CHOICES, point=POINTS, days=st.integers(0, 60), later=st.integers(1, 60))
def test_a_later_now_never_revives_what_has_ended(
    world: World, chosen: set[int], point: str, days: int, later: int
) -> None:
    first, second = NOW + timedelta(days=days), NOW + timedelta(days=days + later)
    now, then = world.ask(point, chosen, first), world.ask(point, chosen, second)
    assert RANK[then.outcome] <= RANK[now.outcome]


# Why a world is refused: what the licence says, what the project asks, and where it is asked.
REFUSED: dict[Code, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    Code.PURPOSE_NOT_PERMITTED: ({"purpose": {"permitted": []}}, {}, "workspace.start", "csv"),
    Code.DISEASE_NOT_PERMITTED: (
        {"purpose": {"permitted": ["DUO:0000007"], "diseases": ["MONDO:0007254"]}},
        {"codes": ["DUO:0000007"], "diseases": ["MONDO:0004992"]},
        "workspace.start",
        "csv",
    ),
    Code.PURPOSE_PROHIBITED: (
        {"purpose": {"permitted": ["DUO:0000042"], "prohibited": ["DUO:0000006"]}},
        {},
        "workspace.start",
        "csv",
    ),
    Code.ETHICS_MISSING: (
        {"purpose": {"permitted": ["DUO:0000006"], "ethicsRequired": True}},
        {},
        "workspace.start",
        "csv",
    ),
    Code.COMMERCIAL_FORBIDDEN: ({"parties": {"commercial": "forbid"}}, {"commercial": True}, "workspace.start", "csv"),
    Code.ORGANISATION_NOT_PERMITTED: ({"parties": {"organisations": ["Another"]}}, {}, "workspace.start", "csv"),
    Code.TERRITORY_NOT_PERMITTED: ({"territory": {"processing": ["GB"]}}, {}, "workspace.start", "csv"),
    Code.LICENCE_EXPIRED: (
        {"grant": {"validFrom": kit.at(days=-9), "validTo": kit.at()}},
        {},
        "workspace.start",
        "csv",
    ),
    Code.CLAUSE_UNMODELLED: (
        {"unmodelled": [{"clause": "9", "text": "No.", "effect": "deny"}]},
        {},
        "workspace.start",
        "csv",
    ),
    Code.SHARING_FORBIDDEN: ({"sharing": {"derivedData": "forbid"}}, {}, "egress.release", "csv"),
    Code.ADAPTED_FORBIDDEN: (
        {"sharing": {"derivedData": "allow", "noDerivatives": True}},
        {},
        "egress.release",
        "png",
    ),
    Code.MODELS_FORBIDDEN: ({"sharing": {"derivedData": "allow", "models": "forbid"}}, {}, "egress.release", "onnx"),
    Code.KIND_NOT_PERMITTED: ({"outputs": {"permittedKinds": ["csv"]}}, {}, "egress.release", "png"),
    Code.TOO_FEW_REVIEWERS: ({"outputs": {"minReviewers": 3}}, {}, "egress.release", "csv"),
}
WRONG = (..., None, True, 0, "x", [], ["x"], {})


def refused(code: Code) -> tuple[Bundle, str, dict[str, Any]]:
    """A bundle and a question that this code alone refuses."""
    spec, purpose, point, kind = REFUSED[code]
    world = World([spec])
    shelf, project = world.of({0}, purpose)
    if point == "workspace.start":
        question = workspace_start(shelf, project.name, ROSA, NOW).model_dump(mode="json")
    else:
        facts = kit.release(files=(ReleasedFile(kind=kind, sha256="0" * 64),))
        question = egress_release(shelf, project.name, facts, NOW).model_dump(mode="json")
    return Bundles(load_rules(policies_folder()), world.shelf).now(), point, question


def outcome(engine: LocalEngine, point: str, question: Any) -> str:
    try:
        answer: Any = engine.evaluate(Point(point), question)
    except Exception:  # noqa: BLE001 - whatever the engine cannot answer is refused by the wrapper
        return "deny"
    return str(answer["outcome"])


def spoiled(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each place of a document, and each value of another type for it; `...` takes it out."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        wrong = [w for w in WRONG if type(w) is not type(value) and not another(key, w)]
        yield from (((*path, key), w) for w in wrong)
        if isinstance(value, dict | list):
            yield from spoiled(value, (*path, key))


def another(key: str | int, value: Any) -> bool:
    """A licence without an end, or with one organisation less, is another licence and not a broken one."""
    return (key == "valid_to" and value is None) or (isinstance(key, int) and value is ...)


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(document)
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return made


@pytest.mark.parametrize("code", REFUSED)
def test_a_question_broken_on_the_way_past_every_schema_is_never_allowed(code: Code) -> None:
    """The rules alone, without the closed schema that refuses such questions first."""
    bundle, point, question = refused(code)
    engine = LocalEngine(bundle)
    answer: Any = engine.evaluate(Point(point), question)
    assert {reason["code"] for reason in answer["deny"]} == {code}
    broken = list(spoiled(question))
    assert len(broken) > 200
    assert [change for change in broken if outcome(engine, point, replaced(question, *change)) == "allow"] == []


@pytest.mark.parametrize("code", REFUSED)
def test_a_licence_broken_in_the_bundle_is_never_allowed(code: Code) -> None:
    """Each broken copy stands in the bundle beside the whole one, and the data set points at it."""
    bundle, point, question = refused(code)
    whole = bundle.data["licences"]["licence-0"]
    changes = list(spoiled(whole))
    copies = {f"broken-{n}": replaced(whole, *change) for n, change in enumerate(changes)}
    engine = LocalEngine(Bundle(bundle.modules, {**bundle.data, "licences": copies}, bundle.version, bundle.revision))
    allowed = [
        change
        for n, change in enumerate(changes)
        if outcome(engine, point, replaced(question, ("datasets", 0, "licence"), f"broken-{n}")) == "allow"
    ]
    assert len(changes) > 100
    assert allowed == []

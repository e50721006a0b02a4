"""What is wrong on a cluster is read by the person who asked: a condition with its reason, a step with its sentence.

The rest of the list stands beside what it is about: every field of a resource in `test_crds`, every write by the wrong
hand in `test_admission`, what keeps a workspace from starting in `test_workspace_start`, a loader in `test_cohort`.
"""

import contextlib
import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.kit import Cluster, eventually, probe_pod, reaches
from cluster.places import BEACON_ADDRESS, BIN, CILIUM
from cluster.shell import run
from cluster.store_kit import prepare
from cluster_cohort_kit import now
from cluster_live_kit import GWEN, OFFICERS, Live, installed, manifest, told
from model_kit import approval, project
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.custom import CUSTOM
from tidegate.model import Kind, TidegateError
from tidegate.store.manifests import manifest_of

OPERATORS = ("system:masters", "system:authenticated")


@pytest.fixture
def live(cluster: Cluster) -> Iterator[Live]:
    own = Live(installed(cluster), f"b{secrets.token_hex(4)}")
    yield own
    own.close()


def reads(live: Live, condition: str, reason: str, step: str) -> str:
    """What the requester reads once the condition is false for this reason: the step's code and sentence."""

    def is_said() -> bool:
        found = live.condition(condition)
        return (
            found.get("status") is False and found.get("reason") == reason and live.step(step).get("state") == "failed"
        )

    eventually(f"{condition} is false: {reason}; {live.status()}", is_said, 120, 0.5)
    found, shown = live.condition(condition), live.step(step)
    assert found["message"].startswith(shown["message"].split(". ")[0]), "condition and step say the same"
    assert shown["nextTry"] > shown["since"]
    assert live.phase() == "pending-creation"
    assert live.condition("Ready") | {"since": ""} == {
        "type": "Ready",
        "status": False,
        "reason": "StepFailed",
        "message": "A step failed and is tried again; the step says why and when.",
        "since": "",
    }
    return f"{shown['code']}: {shown['message']}"


@contextlib.contextmanager
def nothing_enforced(cluster: Cluster, namespace: str) -> Iterator[None]:
    """Every object is as it should be, and the network plugin ignores them all, as a pod that may nothing has seen."""
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    metadata = {"name": "default-deny", "namespace": namespace}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
    cluster.apply(policy, probe_pod("shut", namespace))
    cluster.wait("pod/shut", namespace, "condition=Ready")
    eventually("the policy holds", lambda: not reaches(cluster, namespace, "shut", BEACON_ADDRESS, 80), 30)
    tool = (str(BIN / "cilium-dbg"), "--host", f"unix://{CILIUM}", "config")
    run(*tool, "PolicyEnforcement=never")
    try:
        eventually("the policy is ignored", lambda: reaches(cluster, namespace, "shut", BEACON_ADDRESS, 80), 60)
        yield
    finally:
        run(*tool, "PolicyEnforcement=default")


@pytest.mark.timeout(400)
def test_on_a_network_that_enforces_nothing_no_project_is_opened_and_its_people_read_why(
    live: Live, namespace: str
) -> None:
    with nothing_enforced(live.cluster, namespace):
        live.register()
        said = reads(live, "NetworkIsolated", "Reached", "isolation")
        assert said.startswith(
            "ISOLATION_REACHED: A probe in the project's network reached what it must not: api-server, beacon,"
        )
        assert said.endswith("The operator should check that the network plugin enforces NetworkPolicy.")
        assert live.cluster.get("rolebinding", "hub-spawn", live.namespace) is None
        assert live.cluster.list("persistentvolumeclaims", live.namespace) == [], "nothing more is even made"
    eventually("it goes on by itself", lambda: live.condition("NetworkIsolated").get("status") is True, 180, 0.5)


TOO_SMALL = {
    "COHORT_TOO_LARGE": (
        {"cohort": {"volumeMib": 64}},
        "COHORT_TOO_LARGE: The data of project {name} needs ",
        "Narrow the selection, or have the operator give cohorts larger volumes; nothing was pulled.",
    ),
    "QUOTA_EXCEEDED": (
        {"cohort": {"volumeMib": 4096}, "cohortsMib": 64},
        "QUOTA_EXCEEDED: The project's quota leaves no room for its data: ",
        "Stop a workspace of the project, or have the operator give cohorts a larger part of the quota.",
    ),
}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("code", TOO_SMALL)
def test_data_without_room_are_told_with_what_to_do(live: Live, code: str) -> None:
    """A cohort larger than its volume, and a quota that is used up."""
    settings, start, end = TOO_SMALL[code]
    with told(live.cluster, **settings):
        live.register()
        said = reads(live, "CohortReady", "CohortFailed", "cohort")
    assert said.startswith(start.format(name=live.name))
    assert said.endswith(end)
    assert live.cluster.get("rolebinding", "hub-spawn", live.namespace) is None


def approval_of_another() -> dict[str, Any]:
    own = project(f"b{secrets.token_hex(4)}")
    return manifest(approval(own, name=f"{own.name}-1", by="olga", at=now()))


ROSA = ("tidegate:local:rosa", "system:authenticated")
HUB = ("system:serviceaccount:tidegate:hub", "system:serviceaccounts", "system:authenticated")
PROJECT = manifest(project("of-the-wrong-hand"))
WRONG_HANDS: dict[str, tuple[tuple[str, ...], dict[str, Any], str]] = {
    "a researcher registers a project": (ROSA, PROJECT, 'User "tidegate:local:rosa" cannot create resource "projects"'),
    "the hub registers a project": (HUB, PROJECT, 'cannot create resource "projects" in API group "tidegate.dev"'),
    "an operator registers a project": (
        ("root", *OPERATORS),
        PROJECT,
        "spec_by_governance: projects, data sets, licences and grants are written by governance officers",
    ),
    "an officer approves in the name of another": (
        (GWEN, OFFICERS, "system:authenticated"),
        approval_of_another(),
        "approval_by_caller: ",
    ),
}


@pytest.mark.parametrize("case", WRONG_HANDS)
def test_what_the_wrong_hand_writes_is_refused_in_a_sentence(cluster: Cluster, case: str) -> None:
    (user, *groups), written, sentence = WRONG_HANDS[case]
    refused = cluster.acting_as(user, *groups).attempt("create", "-f", "-", text=json.dumps(written))
    assert refused.returncode != 0
    assert sentence.lower() in refused.stderr.lower()


@pytest.fixture(scope="module")
def api(api_server: Cluster) -> ClusterClient:
    return prepare(api_server)


def test_a_second_project_of_one_name_is_refused_whoever_writes_it(api: ClusterClient) -> None:
    """The first one stays as it was; `tidegate apply` says the same before anything is sent."""
    name = f"b{secrets.token_hex(4)}"
    first = api.create(CUSTOM[Kind.PROJECT], manifest_of(project(name)))
    second = manifest_of(project(name, title="Another study", requester={"subject": "ravi"}))
    with pytest.raises(TidegateError, match="already exists"):
        api.create(CUSTOM[Kind.PROJECT], second)
    with pytest.raises(TidegateError) as refusal:
        api.replace(CUSTOM[Kind.PROJECT], {**first, "spec": second["spec"]})
    assert refusal.value.code == "cluster_invalid"
    assert "spec.requester" in refusal.value.sentence
    assert "stays who asked first; another project needs another name" in refusal.value.sentence
    amended = api.replace(CUSTOM[Kind.PROJECT], {**first, "spec": {**first["spec"], "title": "The same, amended"}})
    assert amended["spec"]["requester"] == first["spec"]["requester"]

"""Worked out from the manifests alone, for all pairs: what may speak with whom, and that no policy can be spared."""

from pathlib import Path
from typing import Any

import pytest

from cluster.chart_kit import CASES, manifests
from cluster.nca_kit import Flow, flows
from cluster_project_kit import facts_of
from provisioner.adapters.kubernetes.render import Stage, render
from provisioner.adapters.kubernetes.render.policies import POLICY_NAMES
from render_kit import ADDRESSES, cluster_settings

Manifest = dict[str, Any]
PROJECTS = ("alpha", "beta")
ROLES = ("workspace", "loader-pull", "loader-gate", "loader-seal", "loader-vault")
COMPONENTS = ("hub", "proxy", "egress", "provisioner", "egress-worker", "scan", "beacon")
TCP = "{{protocols:TCP,dst_ports:{}}}"


def expected(project: str) -> set[Flow]:
    """The flows of a project, and no others: section 4 of the controller's design as a table."""
    pod = f"tg-{project}/{{}}".format
    return {
        ("tidegate/hub", pod("workspace"), TCP.format(8888)),
        ("tidegate/proxy", pod("workspace"), TCP.format(8888)),
        (pod("workspace"), "tidegate/hub", TCP.format(8081)),
        (pod("workspace"), "tidegate/egress", TCP.format(8003)),
        (pod("loader-pull"), "198.51.100.2/32", TCP.format(8080)),
        (pod("loader-vault"), "198.51.100.4/32", TCP.format(8333)),
    }


ALLOWED = frozenset[Flow]().union(*(expected(project) for project in PROJECTS))


def pod(namespace: str, name: str, labels: dict[str, str]) -> Manifest:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    spec = {"containers": [{"name": "any", "image": "any"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"podIP": "192.0.2.1"}}


def ours(component: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "tidegate",
        "app.kubernetes.io/instance": "tidegate",
        "app.kubernetes.io/component": component,
    }


def namespace(name: str) -> Manifest:
    labels = {"kubernetes.io/metadata.name": name}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def of_project(project: str) -> list[Manifest]:
    """Its fence, a pod of every role, and one that says nothing of itself."""
    fence = render(Stage.FENCE, facts_of(project), ADDRESSES, cluster_settings())
    space = f"tg-{project}"
    found = [pod(space, role, {"tidegate.dev/role": role, "tidegate.dev/project": project}) for role in ROLES]
    return [*(m for m in fence if m["kind"] in {"Namespace", "NetworkPolicy"}), *found, pod(space, "stranger", {})]


def pretender() -> list[Manifest]:
    """A namespace of somebody else whose pods wear the labels of ours, and of a workspace."""
    found = [pod("elsewhere", component, ours(component)) for component in ("hub", "proxy", "egress")]
    lookalike = pod("elsewhere", "workspace", {"tidegate.dev/role": "workspace", "tidegate.dev/project": "alpha"})
    return [namespace("elsewhere"), *found, lookalike]


def release() -> list[Manifest]:
    return [namespace("tidegate"), *(pod("tidegate", component, ours(component)) for component in COMPONENTS)]


def everything() -> list[Manifest]:
    return [*release(), *pretender(), *(each for project in PROJECTS for each in of_project(project))]


def of_projects(found: frozenset[Flow]) -> frozenset[Flow]:
    """What has a project at either end."""
    return frozenset(flow for flow in found if "tg-" in flow[0] or "tg-" in flow[1])


def test_projects_have_exactly_the_flows_of_the_table(tmp_path: Path) -> None:
    """So no project reaches another, none the world, and nobody outside reaches in by wearing our labels."""
    assert of_projects(flows(everything(), tmp_path)) == ALLOWED


@pytest.mark.parametrize("case", CASES)
def test_the_charts_own_policies_leave_these_flows_and_no_more(tmp_path: Path, case: str) -> None:
    """Both ends must agree: what a project's policy lets out, the release's policy must let in."""
    chart = [m for m in manifests(case) if m["kind"] == "NetworkPolicy"]
    assert chart
    found = flows([*everything(), *chart], tmp_path)
    # The beacon's door stands open for all; projects have no way to it.
    assert of_projects(found) == ALLOWED


@pytest.mark.parametrize("case", CASES)
def test_what_waits_in_review_is_told_to_the_provisioner_alone(tmp_path: Path, case: str) -> None:
    """Its page has a port of its own: not even those who may speak with review reach it."""
    chart = [m for m in manifests(case) if m["kind"] == "NetworkPolicy"]
    found = {(flow[0], flow[2]) for flow in flows([*everything(), *chart], tmp_path) if flow[1] == "tidegate/egress"}
    projects = {(f"tg-{project}/workspace", TCP.format(8003)) for project in PROJECTS}
    assert found == {("tidegate/proxy", TCP.format(8003)), ("tidegate/provisioner", TCP.format(8004)), *projects}


@pytest.mark.parametrize("policy", POLICY_NAMES)
def test_without_any_one_policy_the_proof_fails(tmp_path: Path, policy: str) -> None:
    left = [m for m in everything() if not is_policy(m, policy, "tg-alpha")]
    assert len(left) == len(everything()) - 1
    found = of_projects(flows(left, tmp_path))
    assert found != ALLOWED
    assert {flow for flow in found if "tg-alpha" not in flow[0] + flow[1]} == expected("beta"), (
        "beta is as shut as ever"
    )


def is_policy(manifest: Manifest, name: str, space: str) -> bool:
    metadata = manifest["metadata"]
    return manifest["kind"] == "NetworkPolicy" and (metadata["name"], metadata["namespace"]) == (name, space)


@pytest.mark.parametrize(
    "added",
    [
        {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
        {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
    ],
    ids=["out", "in"],
)
def test_one_policy_more_makes_the_proof_fail(tmp_path: Path, added: Manifest) -> None:
    """Policies add up; this is why the controller removes what is foreign."""
    metadata = {"name": "guest", "namespace": "tg-alpha"}
    guest = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": added}
    assert of_projects(flows([*everything(), guest], tmp_path)) != ALLOWED

"""Actors, a project's objects, and the API server under test: what the tables of attacks are made of."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import policy_kit
from cluster.admission_kit import RELEASE, Actor, Api, account
from cluster.kit import Cluster, eventually
from tidegate.cluster.names import OFFICERS_GROUP, namespace_of, username_of
from tidegate.model import Project, read_resource

PROJECT = "guarded"  # a name no other test uses: the API server is shared
INSIDE = namespace_of(PROJECT)
OUTSIDE = "elsewhere"
DIGEST = "0" * 64
ALLOWED = "allowed"

ACTORS: dict[str, Actor] = {
    "controller": account(RELEASE, "provisioner"),
    "hub": account(RELEASE, "hub"),
    "governance": account(RELEASE, "governance"),
    "egress": account(RELEASE, "egress"),
    "impostor": account(OUTSIDE, "provisioner"),
    "officer": Actor(username_of(policy_kit.GWEN), ("system:authenticated", OFFICERS_GROUP)),
    "researcher": Actor(username_of(policy_kit.ROSA)),
    "workspace": account(INSIDE, "workspace"),
    "operator": Actor("operator", ("system:authenticated", "system:masters")),
    "jobs": account("kube-system", "job-controller"),
    "housekeeping": account("kube-system", "namespace-controller"),
}


def objects(version: str, kind: str, name: str, where: str = INSIDE, **body: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": where} if where else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}


POD_SPEC = {"containers": [{"name": "x", "image": "x"}], "restartPolicy": "Never"}
RBAC = "rbac.authorization.k8s.io"
HUB = {"kind": "ServiceAccount", "name": "hub", "namespace": RELEASE}
ROLE_REF = {"apiGroup": RBAC, "kind": "Role", "name": "open"}
INGRESS = {"defaultBackend": {"service": {"name": "open", "port": {"number": 80}}}}
SPEC_OF_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
OWNED: dict[str, dict[str, Any]] = {
    "networkpolicy": objects("networking.k8s.io/v1", "NetworkPolicy", "open", spec={"podSelector": {}, "egress": [{}]}),
    "cilium policy": objects("cilium.io/v2", "CiliumNetworkPolicy", "open", spec={"endpointSelector": {}}),
    "ingress": objects("networking.k8s.io/v1", "Ingress", "open", spec=INGRESS),
    "service": objects("v1", "Service", "open", spec={"ports": [{"port": 80}]}),
    "role": objects(f"{RBAC}/v1", "Role", "open", rules=[]),
    "binding": objects(f"{RBAC}/v1", "RoleBinding", "open", roleRef=ROLE_REF, subjects=[HUB]),
    "quota": objects("v1", "ResourceQuota", "more", spec={"hard": {"count/widgets.example.org": "99"}}),
    "limits": objects("v1", "LimitRange", "more", spec={"limits": []}),
    "account": objects("v1", "ServiceAccount", "another"),
    "configmap": objects("v1", "ConfigMap", "probe", data={"workspace": "{}"}),
    "secret": objects("v1", "Secret", "taken"),
    "claim": objects("v1", "PersistentVolumeClaim", "another", spec=SPEC_OF_CLAIM),
    "job": objects("batch/v1", "Job", "another", spec={"template": {"spec": POD_SPEC}}),
    "deployment": objects(
        "apps/v1",
        "Deployment",
        "another",
        spec={
            "replicas": 0,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": POD_SPEC["containers"]},
            },
        },
    ),
}


def custom(document: Mapping[str, Any]) -> dict[str, Any]:
    """As the API server wants it: the model's own form, with defaults and without what is empty."""
    made = read_resource(document, "test").model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.loads(json.dumps(made))  # type: ignore[no-any-return]


SPECS: dict[str, dict[str, Any]] = {
    "project": custom(policy_kit.project(PROJECT)),
    "dataset": custom(policy_kit.dataset(PROJECT)),
    "licence": custom(policy_kit.licence(PROJECT)),
    "grant": custom(policy_kit.grant(PROJECT)),
}
COHORT = {
    **objects("tidegate.dev/v1alpha1", "Cohort", "v1"),
    "spec": {"project": PROJECT, "datasets": [], "selectionDigest": DIGEST, "version": 1},
}


def approval(by: Mapping[str, str] | None = None, name: str = PROJECT) -> dict[str, Any]:
    project = read_resource(policy_kit.project(PROJECT), "test")
    assert isinstance(project, Project)
    return custom(policy_kit.approval(project, name, by=dict(by or {"subject": "gwen"})))


def bare_namespace(name: str, **labels: str) -> dict[str, Any]:
    made = objects("v1", "Namespace", name, "")
    made["metadata"]["labels"] = labels
    return made


@dataclass
class Site:
    """The API server with the policies in force."""

    cluster: Cluster
    api: Api
    policies: dict[str, list[dict[str, Any]]]
    pods: dict[str, dict[str, Any]]

    def without(self, policy: str, attack: Callable[[], str]) -> None:
        """Take the binding away and wait until the attack gets past."""
        self.cluster.delete("validatingadmissionpolicybinding", f"tidegate-{policy}")
        eventually(f"{policy} to be off", lambda: attack() == ALLOWED, 30)

    def restore(self, policy: str, attack: Callable[[], str]) -> None:
        self.cluster.apply(*self.policies[policy])
        eventually(f"{policy} to be in force", lambda: attack() != ALLOWED, 30)


Attack = Callable[[Site], str]

Edit = Callable[[dict[str, Any]], None]


def put(path: str, value: Any) -> Edit:
    """Set, or take out with `...`; a number is a place in a list, and ``-`` its end."""

    def edit(pod: dict[str, Any]) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        node: Any = pod
        for step in way:
            node = node.setdefault(step, {}) if isinstance(node, dict) else node[step]
        if value is ...:
            del node[last]
        elif last == "-":
            node.append(value)
        else:
            node[last] = value

    return edit

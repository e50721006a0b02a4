"""The admission policies on a real API server: who may do what to which object, attack by attack.

Every actor is a cluster administrator here, so that admission alone refuses. For each policy there is a control: with
its binding taken away, its attacks succeed.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml

import render_kit
import workspace_kit
from cluster.admission_attacks import ATTACKS, NODE, TABLE, rewritten, some_attack
from cluster.admission_kit import PROFILES, RELEASE, WORDS, Api, policies
from cluster.admission_objects import (
    ACTORS,
    ALLOWED,
    COHORT,
    INSIDE,
    OUTSIDE,
    OWNED,
    POD_SPEC,
    PROJECT,
    RBAC,
    SPECS,
    Attack,
    Site,
    approval,
    bare_namespace,
    objects,
    put,
)
from cluster.admission_pods import edited, unchanged
from cluster.chart_kit import manifests, values_of
from cluster.kit import Cluster, eventually
from cluster.places import REPOSITORY
from provisioner.adapters.kubernetes.cohorts.objects import CohortSettings, job
from provisioner.adapters.kubernetes.render.bounds import namespace as project_namespace
from provisioner.adapters.kubernetes.render.probes import canary, workspace_targets
from provisioner.domain.loading import Order, Stage
from workspace.hub.kubernetes.pod import workspace_manifest

IMAGES = {**workspace_kit.SETTINGS["images"], "workspace": workspace_kit.SETTINGS["profiles"][0]["image"]}
# One that a profile names, and one that none does.
RUNTIMES = ("nvidia", "privileged")
KINDS = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """One of each as the hub, the controller and the jobs really make them."""
    settings = workspace_kit.settings()
    admission = workspace_kit.admission(tmp_path_factory.mktemp("admission"), workspace_kit.NOW + timedelta(days=1))
    gpus = workspace_kit.settings(profiles=[*workspace_kit.SETTINGS["profiles"], workspace_kit.GPU])
    asked = {"resources": {"profile": "gpu", "gpu": 2}}
    with_gpu = workspace_kit.admission(tmp_path_factory.mktemp("gpu"), workspace_kit.NOW + timedelta(days=1), **asked)
    cluster = render_kit.cluster_settings()
    order = Order(project=admission.project, datasets=(), version=1, now=workspace_kit.NOW)
    made = {
        "workspace": workspace_manifest(settings, admission, workspace_kit.ENVIRONMENT, workspace_kit.NOW),
        "gpu": workspace_manifest(gpus, with_gpu, workspace_kit.ENVIRONMENT, workspace_kit.NOW),
        "canary": canary(PROJECT, "0" * 12, workspace_targets(render_kit.ADDRESSES), cluster),
    }
    for stage in Stage:
        with_secret = stage in {Stage.PULL, Stage.VAULT}
        template = job(stage, order, cluster, CohortSettings(), with_secret=with_secret)["spec"]["template"]
        metadata = {**template["metadata"], "name": f"loader-{stage}", "namespace": INSIDE}
        made[str(stage)] = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    renamed: dict[str, dict[str, Any]] = json.loads(json.dumps(made).replace(workspace_kit.PROJECT, PROJECT))
    return renamed


def definition(group: str, kind: str, plural: str, scope: str) -> dict[str, Any]:
    """Enough of a definition for a kind of Cilium's, which this API server does not have."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v2", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural}
    spec = {"group": group, "names": names, "scope": scope, "versions": [version]}
    return {**objects("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", ""), "spec": spec}


def clear(site: Site) -> None:
    """Other tests share the API server: nothing of ours stays to guard it."""
    for policy, bound in site.policies.values():
        site.cluster.delete(bound["kind"], bound["metadata"]["name"])
        site.cluster.delete(policy["kind"], policy["metadata"]["name"])
    eventually("the policies to be off", lambda: all(some_attack(site, name) == ALLOWED for name in ATTACKS), 30)
    for manifest in (approval(), NODE, *SPECS.values(), bare_namespace(OUTSIDE), bare_namespace(INSIDE)):
        site.cluster.delete(manifest["kind"], manifest["metadata"]["name"], "", "--wait=false")
    site.cluster.delete("clusterrolebinding", "everybody")
    for name in RUNTIMES:
        site.cluster.delete("runtimeclass", name)


@pytest.fixture(scope="module")
def site(api_server: Cluster, pods: dict[str, dict[str, Any]]) -> Iterator[Site]:
    """The project's namespace is made before the policies and without Pod Security, so that they stand alone."""
    crds = [yaml.safe_load(path.read_text("utf-8")) for path in (REPOSITORY / "charts/tidegate/crds").glob("*.yaml")]
    names = ("ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies")
    cilium = (
        definition("cilium.io", "CiliumNetworkPolicy", names[0], "Namespaced"),
        definition("cilium.io", "CiliumClusterwideNetworkPolicy", names[1], "Cluster"),
    )
    api_server.apply(*crds, *cilium, server_side=True)
    for crd in (*crds, *cilium):
        api_server.wait(f"crd/{crd['metadata']['name']}", "", "condition=Established")
    space = bare_namespace(INSIDE, **{"tidegate.dev/project": PROJECT})
    api_server.apply(space, bare_namespace(OUTSIDE), bare_namespace(RELEASE))
    users = [{"kind": "User", "apiGroup": RBAC, "name": actor.user} for actor in ACTORS.values()]
    api_server.apply(
        {
            **objects(f"{RBAC}/v1", "ClusterRoleBinding", "everybody", ""),
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": users,
        }
    )
    runtimes = [{**objects("node.k8s.io/v1", "RuntimeClass", name, ""), "handler": "runc"} for name in RUNTIMES]
    accounts = [objects("v1", "ServiceAccount", name) for name in ("workspace", "loader")]
    api_server.apply(
        NODE, *runtimes, *accounts, *OWNED.values(), *SPECS.values(), COHORT, approval(), pods["workspace"]
    )
    found = Site(api_server, Api(api_server.kubeconfig), policies(IMAGES), pods)
    for documents in found.policies.values():
        api_server.apply(*documents)
    for name in found.policies:
        eventually(f"{name} to be in force", lambda name=name: some_attack(found, name) != ALLOWED, 60)  # type: ignore[misc]
    yield found
    clear(found)


def differences(site: Site, rows: list[tuple[str, str, Attack]]) -> list[str]:
    seen = [(name, expected, attack(site)) for name, expected, attack in rows]
    return [f"{name}: {got} instead of {expected}" for name, expected, got in seen if got != expected]


@pytest.mark.parametrize("policy", sorted(ATTACKS))
def test_each_attack_is_refused_with_its_code(site: Site, policy: str) -> None:
    assert differences(site, ATTACKS[policy]) == []


def test_whoever_must_may(site: Site) -> None:
    rows = [row for row in TABLE if row[1] == ALLOWED]
    assert len(rows) > 100
    assert differences(site, rows) == []


MAKERS = {"workspace": ("hub", "controller"), "gpu": ("hub", "controller"), "canary": ("controller",)}


@pytest.mark.parametrize("which", ["workspace", "gpu", "canary", *Stage])
def test_the_pods_that_tidegate_makes_pass(site: Site, which: str) -> None:
    for actor in MAKERS.get(which, ("jobs", "controller")):
        assert edited(which, unchanged, actor)(site) == ALLOWED


def test_the_namespace_that_tidegate_makes_passes(site: Site) -> None:
    assert site.api.create(ACTORS["controller"], project_namespace("new")) == ALLOWED


def test_elsewhere_the_cluster_is_as_free_as_before(site: Site) -> None:
    """An operator's own namespace, its objects and its pods are none of ours."""
    for manifest in OWNED.values():
        free = {**manifest, "metadata": {**manifest["metadata"], "namespace": OUTSIDE, "name": "free"}}
        assert site.api.create(ACTORS["operator"], free) == ALLOWED
    pod = objects("v1", "Pod", "free", OUTSIDE, spec={**POD_SPEC, "hostNetwork": True})
    pod["spec"]["automountServiceAccountToken"] = False
    site.cluster.apply(objects("v1", "ServiceAccount", "default", OUTSIDE))
    assert site.api.create(ACTORS["operator"], pod) == ALLOWED
    assert site.api.create(ACTORS["operator"], bare_namespace("free")) == ALLOWED


def test_an_ended_namespace_is_cleared_by_kubernetes_and_pods_report_their_state(site: Site) -> None:
    space = bare_namespace(INSIDE)
    for subresource in ("status", "finalize"):
        assert rewritten("housekeeping", space, unchanged, subresource)(site) == ALLOWED
    assert rewritten("operator", site.pods["workspace"], put("status/phase", "Running"), "status")(site) == ALLOWED


def test_a_node_may_still_be_asked_for_its_metrics(site: Site) -> None:
    for path in ("metrics", "metrics/cadvisor", "stats/summary", "healthz"):
        assert site.api.connect(ACTORS["operator"], NODE, f"proxy/{path}", "GET") == ALLOWED


def test_a_claim_is_bound_and_grown_by_others_and_keeps_what_was_noted(site: Site) -> None:
    def bound(claim: dict[str, Any]) -> None:
        claim["metadata"].setdefault("annotations", {})["pv.kubernetes.io/bind-completed"] = "yes"

    claim = OWNED["claim"]
    assert rewritten("operator", claim, bound)(site) == ALLOWED
    assert rewritten("operator", claim, put("metadata/labels", {"a": "b"}))(site) == "owned_by_controller"


def test_who_names_an_unknown_profile_is_told_which_there_are(site: Site) -> None:
    project = {**SPECS["project"], "metadata": {"name": "told"}}
    project["spec"] = {**project["spec"], "resources": {**project["spec"]["resources"], "profile": "large"}}
    asking = ("create", "--dry-run=server", "--as", ACTORS["governance"].user, "-f", "-")
    done = site.cluster.attempt(*asking, text=json.dumps(project))
    assert f"profile_unknown: a project names one of the profiles there are: {WORDS}." in done.stderr


@pytest.mark.parametrize("policy", sorted(ATTACKS))
def test_without_a_policy_its_attacks_succeed(site: Site, policy: str) -> None:
    """The control: what refused was this policy and nothing else."""

    def first() -> str:
        return some_attack(site, policy)

    site.without(policy, first)
    try:
        free = [(name, ALLOWED, attack) for name, _, attack in ATTACKS[policy]]
        assert differences(site, free) == []
    finally:
        site.restore(policy, first)


RULES = [
    (name, number)
    for name, (policy, _) in policies(IMAGES).items()
    for number in range(len(policy["spec"]["validations"]))
    if len(policy["spec"]["validations"]) > 1
]


@pytest.mark.parametrize(("policy", "number"), RULES)
def test_without_one_rule_something_gets_past_that_no_other_rule_sees(site: Site, policy: str, number: int) -> None:
    """The control of each rule: none is there twice, and none is held up by another."""
    whole, _ = site.policies[policy]
    code = whole["spec"]["validations"][number]["message"].partition(":")[0]
    attacks = [attack for _, expected, attack in ATTACKS[policy] if expected == code]
    less = [rule for place, rule in enumerate(whole["spec"]["validations"]) if place != number]
    site.cluster.apply({**whole, "spec": {**whole["spec"], "validations": less}})
    try:
        eventually(f"an attack past {code}", lambda: any(attack(site) == ALLOWED for attack in attacks), 30)
    finally:
        site.restore(policy, lambda: all_of(attacks, site))


def all_of(attacks: list[Attack], site: Site) -> str:
    return next((ALLOWED for attack in attacks if attack(site) == ALLOWED), "refused")


def test_every_policy_fails_closed_and_is_audited(site: Site) -> None:
    assert set(site.policies) == set(ATTACKS)
    for name, (policy, bound) in site.policies.items():
        assert policy["metadata"]["name"] == bound["spec"]["policyName"] == f"tidegate-{name}"
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert bound["spec"]["validationActions"] == ["Deny", "Audit"]
        assert "matchResources" not in bound["spec"]


def test_every_code_has_an_attack(site: Site) -> None:
    codes = {
        rule["message"].partition(":")[0]
        for policy, _ in site.policies.values()
        for rule in policy["spec"]["validations"]
    }
    assert codes == {code for rows in ATTACKS.values() for _, code, _ in rows}


def test_the_api_server_finds_no_fault_in_the_expressions(site: Site) -> None:
    for policy, _ in site.policies.values():
        name = policy["metadata"]["name"]
        eventually(
            f"{name} to be checked",
            lambda name=name: (
                "typeChecking" in ((site.cluster.get("validatingadmissionpolicy", name) or {}).get("status", {}))
            ),  # type: ignore[misc]
            30,
        )
        live = site.cluster.get("validatingadmissionpolicy", name)
        assert live is not None
        assert live["status"]["typeChecking"] == {}


def test_helm_fills_in_what_these_tests_do() -> None:
    images = yaml.safe_load(values_of("minimal").read_text("utf-8"))["images"]
    profiles = ("--set-json", f"workspace.profiles={json.dumps(PROFILES)}")
    ours = by_name([document for pair in policies(images).values() for document in pair])
    assert {key: found for key, found in by_name(manifests("minimal", *profiles)).items() if key[0] in KINDS} == ours


def by_name(documents: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def test_the_operators_page_lists_every_code() -> None:
    page = (REPOSITORY / "docs" / "operator" / "admission.md").read_text("utf-8")
    listed = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert listed == {code for rows in ATTACKS.values() for _, code, _ in rows}

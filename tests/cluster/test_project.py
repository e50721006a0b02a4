"""A project's objects on a real API server: made in order, left alone, mended, weeded, and taken down."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from cluster.kit import Cluster
from cluster_project_kit import Breaking, Site, breaks, facts_of, release_of
from model_kit import NOW
from provisioner.adapters.kubernetes.kinds import (
    ACCOUNT,
    CLAIM,
    CONFIG_MAP,
    INGRESS,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    QUOTA,
    ROLE,
    ROLE_BINDING,
    VOLUME,
)
from tidegate.cluster.client import connect
from tidegate.cluster.port import ClusterApi, Manifest, Ref, Resource
from tidegate.ledger import Event
from tidegate.model import TidegateError

KINDS = (QUOTA, LIMIT_RANGE, CONFIG_MAP, ACCOUNT, CLAIM, NETWORK_POLICY, ROLE, ROLE_BINDING)
# What a namespace has by itself.
NATURAL = {"ConfigMap/kube-root-ca.crt"}


@pytest.fixture(scope="module")
def api(api_server: Cluster) -> ClusterApi:
    client = connect(api_server.kubeconfig)
    release_of(client)
    return client


@pytest.fixture
def site(api: ClusterApi) -> Site:
    return Site(api)


@pytest.fixture
def deployed(site: Site) -> tuple[Site, str]:
    """A project of its own for each test; the whole control plane goes at the end."""
    name = f"p{uuid.uuid4().hex[:12]}"
    site.build(facts_of(name), NOW)
    return site, name


def objects(api: ClusterApi, name: str) -> set[str]:
    found = {f"{k.kind}/{m['metadata']['name']}" for k in KINDS for m in api.list(k, f"tg-{name}")}
    return found - NATURAL


def test_everything_is_made_once_and_then_left_alone(site: Site, api_server: Cluster) -> None:
    own = facts_of("alpha", "rosa", "ravi")
    site.build(own, NOW)
    assert {"NetworkPolicy/default-deny", "RoleBinding/hub-spawn"} <= objects(site.api, "alpha")
    assert len([name for name in objects(site.api, "alpha") if "/home-" in name]) == 2
    written, told = len(writes(api_server, "alpha")), len(site.records)
    for _ in range(3):
        assert site.mend(own, NOW + timedelta(minutes=5)) == ()
        site.folders.prepare(own, NOW)
    assert len(writes(api_server, "alpha")) == written, "nothing was sent where nothing differs"
    assert len(site.records) == told


def test_the_fence_stands_before_anything_that_could_be_reached(site: Site, api_server: Cluster) -> None:
    site.build(facts_of("ordered"), NOW)
    made = [e["objectRef"]["resource"] for e in writes(api_server, "ordered") if e["verb"] in {"create", "patch"}]
    kinds = list(dict.fromkeys(made))
    assert kinds == [
        "namespaces",
        "resourcequotas",
        "limitranges",
        "networkpolicies",
        "configmaps",
        "serviceaccounts",
        "persistentvolumeclaims",
        "roles",
        "rolebindings",
    ]
    assert writes(api_server, "ordered")[-1]["objectRef"]["name"] == "hub-spawn", "last in"


def writes(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    """What this client wrote for a project, as the API server saw it."""
    own = [e for e in cluster.audit() if e.get("userAgent", "").startswith("tidegate/") and "objectRef" in e]
    return [e for e in own if f"tg-{name}" in {e["objectRef"].get("namespace"), e["objectRef"].get("name")}]


def test_a_new_person_is_no_drift(deployed: tuple[Site, str]) -> None:
    site, name = deployed
    assert site.mend(facts_of(name, "rosa", "ravi"), NOW) == ()
    assert Event.DRIFT_FOUND not in site.events()
    assert site.api.get(Ref(QUOTA, "project", f"tg-{name}"))["spec"]["hard"]["pods"] == "10"  # type: ignore[index]


def test_of_a_spec_nobody_approved_nothing_is_opened(deployed: tuple[Site, str]) -> None:
    """More is asked for, and a way to another archive: neither is given, and what stood is no drift."""
    site, name = deployed
    asked = facts_of(name, "rosa", "ravi", resources={"cpus": 64})
    before = site.api.get(Ref(QUOTA, "project", f"tg-{name}"))
    assert site.ground.stand(asked, NOW, stood=True, approved=False) == ()
    assert site.api.get(Ref(QUOTA, "project", f"tg-{name}")) == before
    pull = site.api.get(Ref(NETWORK_POLICY, "loader-pull", f"tg-{name}"))
    assert pull is not None
    assert "egress" not in pull["spec"]
    assert site.mend(asked, NOW) == ()
    assert site.api.get(Ref(NETWORK_POLICY, "loader-pull", f"tg-{name}"))["spec"]["egress"]  # type: ignore[index]


def other_hands(cluster: Cluster, kind: str, name: str, patch: str, namespace: str) -> None:
    where = ("--namespace", namespace) if namespace else ()
    cluster.kubectl("patch", kind, name, *where, "--type=merge", "--field-manager=somebody", "-p", patch)


OPENED = '{"spec": {"ingress": [{}], "egress": [{}]}}'
EVERYONE = '{"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}]}'
MORE = '{"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}'
EDITS: dict[str, tuple[Resource, str, str]] = {
    "a policy opened": (NETWORK_POLICY, "default-deny", OPENED),
    "a peer added": (NETWORK_POLICY, "loader-vault", '{"spec": {"ingress": [{}], "policyTypes": ["Ingress"]}}'),
    "a quota raised": (QUOTA, "project", '{"spec": {"hard": {"pods": "99"}}}'),
    "a quota's line added": (QUOTA, "project", '{"spec": {"hard": {"count/secrets": "9"}}}'),
    "a quota's line taken away": (QUOTA, "project", '{"spec": {"hard": {"services": null}}}'),
    "a role widened": (ROLE, "hub-run", MORE),
    "a binding to everyone": (ROLE_BINDING, "hub-spawn", EVERYONE),
    "a probe's table emptied": (CONFIG_MAP, "probe", '{"data": {"workspace": "{}"}}'),
    "a limit changed": (LIMIT_RANGE, "project", '{"spec": {"limits": [{"type": "Container"}]}}'),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_others_edit_is_put_back_and_recorded(edit: str, deployed: tuple[Site, str], api_server: Cluster) -> None:
    site, name = deployed
    resource, which, patch = EDITS[edit]
    before = guarded(site.api, name)
    other_hands(api_server, resource.plural, which, patch, f"tg-{name}")
    assert guarded(site.api, name) != before, "the edit landed"
    assert site.mend(facts_of(name), NOW) == (f"{resource.kind}/{which}",)
    assert guarded(site.api, name) == before
    drift = [r for r in site.records if r.event == Event.DRIFT_FOUND]
    assert [(r.subject, r.detail["object"]) for r in drift] == [(f"Project/{name}", f"{resource.kind}/{which}")]
    assert site.mend(facts_of(name), NOW) == ()


def guarded(api: ClusterApi, name: str) -> list[Any]:
    """Everything of the project but what the API server counts by itself."""
    parts = ("spec", "rules", "roleRef", "subjects", "data")
    live = [m for k in (QUOTA, LIMIT_RANGE, CONFIG_MAP, NETWORK_POLICY, ROLE, ROLE_BINDING) for m in ours(api, k, name)]
    space = api.get(Ref(NAMESPACE, f"tg-{name}"))
    return [(m["metadata"]["name"], [m.get(part) for part in parts]) for m in live] + [space["metadata"]["labels"]]  # type: ignore[index]


def ours(api: ClusterApi, resource: Resource, name: str) -> list[Manifest]:
    return [m for m in api.list(resource, f"tg-{name}") if m["metadata"]["name"] != "kube-root-ca.crt"]


@pytest.mark.parametrize("patch", ["pod-security.kubernetes.io/enforce=privileged", "other=1"])
def test_a_label_of_the_namespace_is_put_back(patch: str, deployed: tuple[Site, str], api_server: Cluster) -> None:
    site, name = deployed
    before = guarded(site.api, name)
    api_server.kubectl("label", "namespace", f"tg-{name}", patch, "--overwrite")
    assert site.mend(facts_of(name), NOW) == (f"Namespace/tg-{name}",)
    assert guarded(site.api, name) == before


@pytest.mark.parametrize(
    ("resource", "which"),
    [
        (NETWORK_POLICY, "default-deny"),
        (QUOTA, "project"),
        (ROLE, "hub-spawn"),
        (ROLE_BINDING, "hub-run"),
        (CONFIG_MAP, "probe"),
    ],
    ids=lambda value: getattr(value, "plural", value),
)
def test_what_others_delete_is_made_again_and_recorded(
    resource: Resource, which: str, deployed: tuple[Site, str]
) -> None:
    site, name = deployed
    site.api.delete(Ref(resource, which, f"tg-{name}"))
    assert site.mend(facts_of(name), NOW) == (f"{resource.kind}/{which}",)
    assert site.api.get(Ref(resource, which, f"tg-{name}")) is not None
    assert site.records[-2].detail["how"] == "missing"


def test_a_binding_to_another_role_is_made_anew(deployed: tuple[Site, str]) -> None:
    site, name = deployed
    ref = Ref(ROLE_BINDING, "hub-run", f"tg-{name}")
    live = site.api.get(ref)
    assert live is not None
    site.api.delete(ref)
    role = {**live["roleRef"], "kind": "ClusterRole", "name": "cluster-admin"}
    site.api.create(ROLE_BINDING, {**live, "metadata": {"name": "hub-run", "namespace": f"tg-{name}"}, "roleRef": role})
    assert site.mend(facts_of(name), NOW) == ("RoleBinding/hub-run",)
    assert site.api.get(ref)["roleRef"] == live["roleRef"]  # type: ignore[index]


FOREIGN: dict[str, tuple[Resource, Manifest]] = {
    "policy": (NETWORK_POLICY, {"spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]}}),
    "role": (ROLE, {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}]}),
    "binding": (
        ROLE_BINDING,
        {
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "workspace", "namespace": "tg-x"}],
        },
    ),
}


@pytest.mark.parametrize("finalizers", [[], ["example.org/stay"]], ids=["plain", "with a finaliser"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_object_is_removed_and_reported(kind: str, finalizers: list[str], deployed: tuple[Site, str]) -> None:
    site, name = deployed
    resource, body = FOREIGN[kind]
    metadata = {"name": "guest", "namespace": f"tg-{name}", "finalizers": finalizers}
    site.api.create(resource, {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **body})
    assert site.mend(facts_of(name), NOW) == (f"{resource.kind}/guest",)
    assert site.api.get(Ref(resource, "guest", f"tg-{name}")) is None
    assert site.records[-1].event == Event.FOREIGN_REMOVED
    assert site.events()[-3:-1] == ["provisioner:cluster:intended", "provisioner:cluster:written"]


def test_the_quota_leaves_no_room_for_an_ingress(deployed: tuple[Site, str], api_server: Cluster) -> None:
    _, name = deployed
    spec = {"defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}}
    metadata = {"name": "door", "namespace": f"tg-{name}"}
    refused = api_server.try_apply(
        {"apiVersion": INGRESS.api_version, "kind": "Ingress", "metadata": metadata, "spec": spec}
    )
    assert "quota" in refused.stderr


def test_the_right_to_start_goes_first_and_comes_back(deployed: tuple[Site, str]) -> None:
    site, name = deployed
    site.ground.shut(name, NOW)
    assert "RoleBinding/hub-spawn" not in objects(site.api, name)
    assert "RoleBinding/hub-run" in objects(site.api, name), "what runs must still be ended by the hub"
    told = len(site.records)
    site.ground.shut(name, NOW)
    assert len(site.records) == told
    site.ground.open(facts_of(name), NOW, stood=False)
    assert "RoleBinding/hub-spawn" in objects(site.api, name)


def test_a_closed_project_leaves_nothing(site: Site, api_server: Cluster) -> None:
    site.build(facts_of("omega"), NOW)
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "omega-ro", "labels": {"tidegate.dev/project": "omega"}},
        "spec": {"capacity": {"storage": "1Mi"}, "accessModes": ["ReadOnlyMany"], "hostPath": {"path": "/nowhere"}},
    }
    site.api.create(VOLUME, volume)
    site.folders.erase("omega", NOW)
    assert site.api.get(Ref(NAMESPACE, "tg-omega")) is None
    assert site.api.get(Ref(VOLUME, "omega-ro")) is None or terminating(site.api)
    gone = [e["objectRef"] for e in writes(api_server, "omega") if e["verb"] == "delete"]
    names = [ref["name"] for ref in gone]
    assert names[:2] == ["hub-spawn", "hub-run"], "first out"
    assert names[-1] == "tg-omega"
    site.folders.erase("omega", NOW)


def terminating(api: ClusterApi) -> bool:
    """Kubernetes holds a volume for a moment by a finaliser of its own."""
    live = api.get(Ref(VOLUME, "omega-ro"))
    return live is None or "deletionTimestamp" in live["metadata"]


def test_thirty_projects_ten_drifted_at_once_are_mended_and_then_nothing_is_written(
    site: Site, api_server: Cluster
) -> None:
    """Counted where it cannot be hidden: in the API server's own audit log."""
    names = [f"many{number}" for number in range(30)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: site.build(facts_of(name), NOW), names))
        for name in names[:10]:
            site.api.delete(Ref(NETWORK_POLICY, "default-deny", f"tg-{name}"))
        began = time.monotonic()
        mended = list(pool.map(lambda name: site.mend(facts_of(name), NOW), names))
        took = time.monotonic() - began
        assert [bool(each) for each in mended] == [True] * 10 + [False] * 20
        assert took < 30
        before = len(all_writes(api_server))
        assert before > 500
        for _ in range(3):
            assert not any(pool.map(lambda name: site.mend(facts_of(name), NOW), names))
            list(pool.map(lambda name: site.folders.prepare(facts_of(name), NOW), names))
        assert len(all_writes(api_server)) == before


def all_writes(cluster: Cluster) -> list[dict[str, Any]]:
    return [event for event in cluster.audit() if event.get("userAgent", "").startswith("tidegate/")]


def test_cut_off_at_every_write_of_the_creation_it_converges(api: ClusterApi) -> None:
    Site(api).build(facts_of("whole"), NOW)
    expected = unnamed(api, "whole")
    for number, (at, after) in enumerate(breaks()):
        name, broken = f"cut{number}", Breaking(api, at, after)
        try:
            Site(broken).build(facts_of(name), NOW)
        except TidegateError:
            site = Site(api)
            site.build(facts_of(name), NOW)
            assert unnamed(api, name) == expected, f"write {at}, after={after}"
            assert Event.DRIFT_FOUND not in site.events()
            continue
        break
    assert broken.seen >= 15, "every write was met"


def unnamed(api: ClusterApi, name: str) -> str:
    """All that stands, with the project's own name taken out."""
    return f"{sorted(objects(api, name))} {guarded(api, name)}".replace(name, "NAME")


def test_cut_off_at_every_write_of_the_end_it_converges(api: ClusterApi) -> None:
    own = facts_of("ending")
    for at, after in breaks():
        Site(api).build(own, NOW)
        broken = Breaking(api, at, after)
        try:
            Site(broken).folders.erase("ending", NOW)
        except TidegateError:
            Site(api).folders.erase("ending", NOW)
            assert api.get(Ref(NAMESPACE, "tg-ending")) is None
            continue
        break
    assert broken.seen >= 3

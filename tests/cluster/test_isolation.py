"""The canary on a network that enforces policies, and on one that does not: what it proves, and what it refuses to."""

import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from cluster.kit import Cluster, eventually, probe_pod, reaches
from cluster.loaded import services_image
from cluster.places import BIN, CILIUM, POD_CIDR, SERVICE_CIDR
from cluster.shell import run
from cluster_project_kit import Site, facts_of
from model_kit import NOW, project
from provisioner.adapters.kubernetes.canary import KubernetesIsolation
from provisioner.adapters.kubernetes.kinds import CILIUM_POLICY, NETWORK_POLICY, POD, SERVICE
from provisioner.adapters.kubernetes.render import Address
from provisioner.adapters.kubernetes.settings import ClusterSettings
from provisioner.domain.facts import Facts
from render_kit import cluster_settings
from tidegate.cluster.client import ClusterClient, connect
from tidegate.cluster.port import Ref
from tidegate.ledger import Event
from tidegate.model import TidegateError

COMPONENTS = {"hub": 8081, "egress": 8003, "beacon": 9000}
ALL_POLICIES = ("default-deny", "workspace", "loader-pull", "loader-vault")
CONTROLLER = "system:serviceaccount:tidegate:provisioner"


@dataclass
class Place:
    """A release of its own with one project in it, fenced."""

    cluster: Cluster
    site: Site
    own: Facts

    @property
    def name(self) -> str:
        return self.own.project.name

    def isolation(self, **changes: object) -> KubernetesIsolation:
        told = {"beacon_answers": self.answers, **changes}
        own = self.site
        return KubernetesIsolation(own.api, own.journal, own.addresses, lambda _: self.own, lambda: NOW, **told)  # type: ignore[arg-type]

    def answers(self, address: Address) -> bool:
        """From a pod of the release, as the controller would; this test runs outside the cluster's network."""
        return reaches(self.cluster, self.site.settings.namespace, "egress", address.host, address.port)

    def prove(self) -> None:
        self.isolation().prove(project(self.name))

    def without(self, *policies: str) -> None:
        for name in policies:
            self.site.api.delete(Ref(NETWORK_POLICY, name, f"tg-{self.name}"))

    def mend(self) -> tuple[str, ...]:
        return self.site.ground.stand(self.own, NOW, stood=True, approved=True)


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> ClusterClient:
    """As the provisioner where a release holds everybody else back, as the cluster's own administrator otherwise."""
    client = connect(cluster.kubeconfig)
    held = cluster.list("validatingadmissionpolicies")
    return client.impersonating(CONTROLLER, "system:serviceaccounts") if held else client


@pytest.fixture(scope="module")
def release(cluster: Cluster) -> Iterator[ClusterSettings]:
    """A hub, an egress intake and a beacon that do nothing but listen."""
    name = f"iso-{secrets.token_hex(3)}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for component, port in COMPONENTS.items():
        own = {
            "app.kubernetes.io/name": "tidegate",
            "app.kubernetes.io/instance": name,
            "app.kubernetes.io/component": component,
        }
        cluster.apply(probe_pod(component, name, "/bin/httpd", "-f", "-p", str(port), labels=own))
        spec = {"selector": own, "ports": [{"port": port}]}
        metadata = {"name": f"{name}-{component}", "namespace": name}
        cluster.apply({"apiVersion": SERVICE.api_version, "kind": "Service", "metadata": metadata, "spec": spec})
    for component in COMPONENTS:
        cluster.wait(f"pod/{component}", name, "condition=Ready")
    image = services_image()
    yield cluster_settings(namespace=name, release=name, services_image=image, never=(POD_CIDR, SERVICE_CIDR))
    cluster.delete("namespace", name, "", "--wait=false")


@pytest.fixture
def place(cluster: Cluster, api: ClusterClient, release: ClusterSettings) -> Iterator[Place]:
    site = Site(api, settings=release)
    own = facts_of(f"iso{secrets.token_hex(4)}")
    site.ground.stand(own, NOW, stood=False, approved=True)
    yield Place(cluster, site, own)
    cluster.delete("namespace", f"tg-{own.project.name}", "", "--wait=false")


def test_a_fenced_project_is_proved_isolated_and_the_canary_is_gone(place: Place) -> None:
    began = time.monotonic()
    place.prove()
    assert time.monotonic() - began < 20
    eventually("no pod is left", lambda: not place.site.api.list(POD, f"tg-{place.name}"), 10)


def test_without_its_policies_it_gets_out_and_nothing_is_opened(place: Place) -> None:
    place.without(*ALL_POLICIES)
    with pytest.raises(TidegateError) as refusal:
        place.prove()
    assert refusal.value.code == "ISOLATION_REACHED"
    for name in ("beacon", "api-server", "kubelet", "metadata", "store-0", "xnat-0"):
        assert name in refusal.value.sentence


def test_a_project_that_reaches_nothing_at_all_is_not_proved(place: Place) -> None:
    """A network that is simply broken must not look like one that is shut."""
    place.without("workspace")
    with pytest.raises(TidegateError) as refusal:
        place.prove()
    assert refusal.value.code == "ISOLATION_UNPROVED"
    assert "hub" in refusal.value.sentence


def test_a_policy_that_comes_late_is_waited_for(place: Place) -> None:
    place.without(*ALL_POLICIES)
    late = threading.Timer(4.0, place.mend)
    late.start()
    place.prove()
    late.join()


def test_another_projects_pod_is_tried_too(place: Place, api: ClusterClient, release: ClusterSettings) -> None:
    """The neighbour is a canary that hangs on: it wears a workspace's labels and needs no more."""
    other = Site(api, settings=release)
    neighbour = facts_of(f"iso{secrets.token_hex(4)}")
    other.ground.stand(neighbour, NOW, stood=False, approved=True)
    isolation = place.isolation()
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(Place(place.cluster, other, neighbour).prove)
        eventually("the neighbour runs", lambda: isolation._neighbours(place.name), 30, 0.05)
        isolation.prove(project(place.name))
        beside.result()
    place.cluster.delete("namespace", f"tg-{neighbour.project.name}", "", "--wait=false")


def test_where_the_network_enforces_nothing_no_project_is_opened(place: Place) -> None:
    """Every object is as it should be, and the network plugin ignores them all."""
    tool = (str(BIN / "cilium-dbg"), "--host", f"unix://{CILIUM}", "config")
    run(*tool, "PolicyEnforcement=never")
    try:
        with pytest.raises(TidegateError) as refusal:
            place.prove()
    finally:
        run(*tool, "PolicyEnforcement=default")
    assert refusal.value.code == "ISOLATION_REACHED"
    assert "network plugin enforces" in refusal.value.fix
    place.prove()


def test_a_beacon_that_is_silent_proves_nothing(place: Place) -> None:
    with pytest.raises(TidegateError) as refusal:
        place.isolation(beacon_answers=lambda _: False).prove(project(place.name))
    assert refusal.value.code == "ISOLATION_UNPROVED"
    assert place.site.api.list(POD, f"tg-{place.name}") == (), "nothing was even started"


def test_an_image_that_cannot_be_pulled_is_said(place: Place) -> None:
    name, _, _ = place.site.settings.services_image.partition("@")
    gone = place.site.settings.model_copy(update={"services_image": f"{name}@sha256:{'0' * 64}"})
    place.site.addresses.settings = gone
    with pytest.raises(TidegateError) as refusal:
        place.prove()
    assert refusal.value.code == "ISOLATION_UNPROVED"
    assert "pull" in refusal.value.sentence.lower()


def test_a_foreign_policy_of_the_network_plugin_is_removed(cluster: Cluster, place: Place) -> None:
    """Admission lets nobody make one but the controller itself, so it is made in that name with all rights."""
    almighty = connect(cluster.kubeconfig).impersonating(CONTROLLER, "system:masters")
    spec = {"endpointSelector": {}, "egress": [{"toEntities": ["all"]}], "ingress": [{"fromEntities": ["all"]}]}
    metadata = {"name": "guest", "namespace": f"tg-{place.name}"}
    almighty.create(
        CILIUM_POLICY,
        {"apiVersion": CILIUM_POLICY.api_version, "kind": CILIUM_POLICY.kind, "metadata": metadata, "spec": spec},
    )
    assert place.mend() == ("CiliumNetworkPolicy/guest",)
    assert place.site.records[-1].event == Event.FOREIGN_REMOVED
    place.prove()

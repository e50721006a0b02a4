"""A project from approval to certificate on the real cluster, by the reconcile of every mode; only the pull is not.

The store is a file and the copy of the data a folder: this is about what the provisioner makes in the cluster.
"""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.kit import Cluster, eventually
from cluster.loaded import services_image
from cluster.places import POD_CIDR, SERVICE_CIDR
from cluster_live_kit import sleeping
from cluster_project_kit import Site
from model_kit import approval, dataset, grant, licence, project
from provisioner.adapters.kubernetes.canary import KubernetesIsolation
from provisioner.adapters.kubernetes.kinds import NAMESPACE, NETWORK_POLICY, POD
from provisioner.adapters.kubernetes.servers import Hub, KubernetesServers
from provisioner.application.observe import observe
from provisioner.domain.conditions import Kind
from reconcile_kit import MINUTE, World, closing_approval
from render_kit import cluster_settings
from tidegate.cluster.client import ClusterClient, connect
from tidegate.cluster.names import workspace_pod
from tidegate.cluster.port import Manifest, Ref
from tidegate.model import PersonRef, ProjectPhase, ProjectStatus, Stage, TidegateError

ACCOUNTS = "system:serviceaccounts"
ROSA = PersonRef(subject="rosa")
# Nothing listens there: the hub is as good as dead.
NO_HUB = Hub("http://127.0.0.1:9/hub/api", "none")


@dataclass
class Life:
    world: World
    api: ClusterClient
    hub: ClusterClient
    image: str
    name: str

    def look(self) -> ProjectStatus:
        status = self.world.reconciler().reconcile(self.name, self.world.now)
        assert status is not None
        return status

    def approve(self, **spec: Any) -> None:
        own = project(self.name, **spec)
        archive = dataset(xnat={"server": "http://198.51.100.2:8080", "project": "CBIS-DDSM"})
        self.world.put(licence(), archive, grant(project=self.name), own, approval(own))

    def start(self) -> Manifest:
        """A workspace as far as the cluster can tell, by the hub's own identity."""
        return self.hub.create(POD, sleeping(self.name, self.image, ROSA, grace=30))

    def pod(self) -> Manifest | None:
        return self.api.get(Ref(POD, workspace_pod(ROSA), f"tg-{self.name}"))

    def running(self) -> bool:
        return (self.pod() or {}).get("status", {}).get("phase") == "Running"


@pytest.fixture
def life(cluster: Cluster, tmp_path: Path) -> Iterator[Life]:
    if cluster.get("service", "tidegate-hub", "tidegate") is None:
        pytest.fail(
            "No release stands on the cluster. Run `make test-cluster`, or install one with `-m cluster install`."
        )
    client = connect(cluster.kubeconfig)
    api = client.impersonating("system:serviceaccount:tidegate:provisioner", ACCOUNTS)
    hub = client.impersonating("system:serviceaccount:tidegate:hub", ACCOUNTS)
    image = services_image()
    site = Site(api, settings=cluster_settings(services_image=image, never=(POD_CIDR, SERVICE_CIDR)))
    world = World(tmp_path / "state", ground=site.ground)
    world.folders = site.folders  # type: ignore[assignment]
    world.servers = KubernetesServers(api, NO_HUB)  # type: ignore[assignment]
    facts = lambda key: observe(world.store, key)  # noqa: E731 - as the wiring gives it
    world.probe = KubernetesIsolation(  # type: ignore[assignment]
        api, site.journal, site.addresses, facts, lambda: world.now, beacon_answers=lambda _: True
    )
    name = f"life{secrets.token_hex(4)}"
    yield Life(world, api, hub, image, name)
    cluster.delete("namespace", f"tg-{name}", "", "--wait=false")


def test_a_project_lives_and_ends(life: Life) -> None:
    life.approve()
    began = time.monotonic()
    status = life.look()
    took = time.monotonic() - began
    assert status.phase is ProjectPhase.DEPLOYED, status.steps
    assert took < 30
    life.start()
    eventually("the workspace runs", life.running, 30)

    life.api.delete(Ref(NETWORK_POLICY, "default-deny", f"tg-{life.name}"))
    began = time.monotonic()
    drifted = life.world.reconciler().enforce(life.name, life.world.now)
    assert drifted is not None
    assert drifted.condition(Kind.DRIFTED).status  # type: ignore[union-attr]
    assert time.monotonic() - began < 5
    assert life.api.get(Ref(NETWORK_POLICY, "default-deny", f"tg-{life.name}")) is not None

    ended = project(life.name, stage=Stage.CLOSING)
    life.world.put(ended, closing_approval(ended))
    for _ in range(3):
        status = life.look()
        life.world.now += MINUTE
    assert status.phase is ProjectPhase.DELETED, status.steps
    assert life.api.get(Ref(NAMESPACE, f"tg-{life.name}")) is None
    assert life.world.events()[-1] == "provisioner:project:closed"


def test_at_its_end_the_last_container_has_ended_within_five_seconds_without_a_hub(life: Life) -> None:
    end = life.world.now + MINUTE
    life.approve(ends=end)
    assert life.look().phase is ProjectPhase.DEPLOYED
    life.start()
    eventually("the workspace runs", life.running, 30)
    life.world.now = end
    began = time.monotonic()
    status = life.world.reconciler().enforce(life.name, end)
    took = time.monotonic() - began
    assert status is not None
    assert status.spawn_rights == ()
    assert not [step for step in status.steps if step.name.startswith("stop/")]
    assert not life.running(), "its record may linger, its containers have ended"
    assert took < 5, f"{took:.1f} s"
    with pytest.raises(TidegateError) as refusal:
        life.start()
    assert refusal.value.code == "cluster_denied"


def test_without_its_binding_no_server_starts_whatever_labels_say(life: Life) -> None:
    """A namespace that looks like a project's, down to the labels, hosts nothing."""
    life.approve()
    status = life.look()
    assert status.phase is ProjectPhase.DEPLOYED
    life.world.ground.shut(life.name, life.world.now)
    with pytest.raises(TidegateError) as refusal:
        life.start()
    assert refusal.value.code == "cluster_denied"
    assert life.look().phase is ProjectPhase.DEPLOYED
    life.start()
    with pytest.raises(TidegateError) as refusal:
        life.hub.get(Ref(NETWORK_POLICY, "default-deny", f"tg-{life.name}"))
    assert refusal.value.code == "cluster_denied", "the hub may look after pods and nothing else"

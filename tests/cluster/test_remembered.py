"""A controller's memory and a real API server: looks that cost no read, changes heard of, nothing opened on it."""

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cluster.kit import Cluster, eventually
from cluster.store_kit import prepare
from cluster_project_kit import Site, facts_of, release_of
from model_kit import NOW
from provisioner.adapters.kubernetes.ground import FENCE_CHANGED
from provisioner.adapters.kubernetes.kinds import NETWORK_POLICY, POD, ROLE_BINDING, ref_of
from provisioner.adapters.kubernetes.remembering import KINDS, kept
from provisioner.controller.watching import project_of
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.port import Change, Manifest, Ref, Resource
from tidegate.cluster.remembered import Memories, RememberedApi
from tidegate.ledger import Event
from tidegate.model import TidegateError

SECONDS = 5.0
CILIUM = Resource("cilium.io/v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies")


class Counting:
    """Before a client: how many reads it was asked for."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        if name in {"get", "list", "listing"}:
            self.reads += 1
        return getattr(self._client, name)


class Deaf:
    """Lists once and then hears nothing more."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    def listing(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Any:
        return self._client.listing(resource, namespace, labels)

    def follow(self, _resource: Resource, *, since: str) -> Iterator[Change]:
        assert since
        threading.Event().wait()
        yield from ()


class Remembering:
    """A site of a controller that reads from memory; projects that were heard of in order."""

    def __init__(self, real: ClusterClient, ears: Any) -> None:
        self.heard: list[str] = []
        self.client = Counting(real)
        self.memories = Memories(ears, kept([CILIUM]), self._hear)
        assert self.memories.start()
        self.site = Site(RememberedApi(self.client, self.memories))  # type: ignore[arg-type]
        self.site.mend(facts_of("warm"), NOW)  # the addresses of the release's Services hold for a while

    def _hear(self, manifest: Manifest) -> None:
        if (project := project_of(manifest)) is not None:
            self.heard.append(project)


@pytest.fixture(scope="module")
def client(api_server: Cluster) -> ClusterClient:
    found = prepare(api_server)
    release_of(found)
    return found


@pytest.fixture(scope="module")
def remembering(client: ClusterClient) -> Iterator[Remembering]:
    found = Remembering(client, client)
    yield found
    found.memories.stop()


@pytest.fixture
def name(remembering: Remembering) -> str:
    """A project that stands, and of which all news have come."""
    found = f"r{uuid.uuid4().hex[:12]}"
    remembering.site.build(facts_of(found), NOW)
    settled(remembering)
    return found


def settled(remembering: Remembering) -> None:
    """The cluster's own controllers write into new namespaces for a moment."""
    last = -1
    while last != len(remembering.heard):
        last = len(remembering.heard)
        time.sleep(0.5)
    remembering.heard.clear()


def test_a_look_at_what_stands_costs_no_read(remembering: Remembering, name: str) -> None:
    site, own = remembering.site, facts_of(name)
    before = remembering.client.reads
    for _ in range(3):
        assert site.mend(own, NOW) == ()
        site.folders.prepare(own, NOW)
    assert remembering.client.reads == before
    assert remembering.heard == [], "our own writes ask for nothing"


def test_what_is_remembered_is_what_stands(remembering: Remembering, client: ClusterClient, name: str) -> None:
    for kind in (kind for kind in KINDS if kind.namespaced and kind != POD):
        told = [bare(each) for each in remembering.site.api.list(kind, f"tg-{name}")]
        live = [bare(each) for each in sorted(client.list(kind, f"tg-{name}"), key=lambda m: m["metadata"]["name"])]
        assert told == live


def bare(manifest: Manifest) -> Manifest:
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in {"managedFields", "resourceVersion"}}
    return {**{k: v for k, v in manifest.items() if k != "status"}, "metadata": metadata}


CHANGES = {
    "deleted": ("delete", "networkpolicy", "default-deny"),
    "opened": ("patch", "networkpolicy", "workspace", "--type=merge", "-p", '{"spec": {"egress": [{}]}}'),
    "raised": ("patch", "resourcequota", "project", "--type=merge", "-p", '{"spec": {"hard": {"pods": "99"}}}'),
    "unbound": ("delete", "rolebinding", "hub-spawn"),
    "foreign": ("create", "rolebinding", "guest", "--clusterrole=view", "--user=somebody"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_others_change_is_heard_and_put_back_in_time(
    remembering: Remembering, api_server: Cluster, name: str, change: str
) -> None:
    """The look that the news ask for finds them: memory had them before."""
    began = time.monotonic()
    api_server.kubectl(*CHANGES[change], "--namespace", f"tg-{name}")
    eventually("it is heard of", lambda: name in remembering.heard, SECONDS, 0.02)
    assert len(remembering.site.mend(facts_of(name), NOW)) == 1
    assert time.monotonic() - began < SECONDS
    assert remembering.site.mend(facts_of(name), NOW) == ()


def test_the_hub_gets_no_right_on_the_strength_of_memory(client: ClusterClient) -> None:
    """A watch that went deaf says that the fence stands; the cluster says that a policy is gone."""
    own = facts_of(f"deaf{uuid.uuid4().hex[:8]}")
    Site(client).build(own, NOW)
    deaf = Remembering(client, Deaf(client))
    policy = Ref(NETWORK_POLICY, "default-deny", f"tg-{own.project.name}")
    binding = Ref(ROLE_BINDING, "hub-spawn", f"tg-{own.project.name}")
    deaf.site.ground.shut(own.project.name, NOW)
    client.delete(policy)
    assert deaf.site.ground.stand(own, NOW, stood=True, approved=True) == (), "so deaf is it"
    with pytest.raises(TidegateError) as refusal:
        deaf.site.ground.open(own, NOW, stood=False)
    assert refusal.value.code == FENCE_CHANGED
    assert client.get(binding) is None
    deaf.memories.stop()


def test_what_only_seems_to_differ_is_no_drift(client: ClusterClient) -> None:
    """Memory may lag: before anything is said or written, the cluster is asked."""
    own = facts_of(f"late{uuid.uuid4().hex[:8]}")
    deaf = Remembering(client, Deaf(client))
    Site(client).build(own, NOW)
    assert (
        deaf.site.api.get(ref_of(client.get(Ref(NETWORK_POLICY, "workspace", f"tg-{own.project.name}")) or {})) is None
    )
    assert deaf.site.mend(own, NOW) == ()
    assert Event.DRIFT_FOUND not in deaf.site.events()
    deaf.memories.stop()

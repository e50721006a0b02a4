"""Starting a workspace on the real cluster with the hub's own identity: what comes up, and what people are told if not.

The spawner is the hub's, here in this process; it acts by a token of the hub's service account and with the roles that
the provisioner renders for it, and no others.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import kubespawner.spawner
import pytest
import yaml
from jupyterhub.spawner import SpawnException
from kubernetes_asyncio import config
from kubespawner.clients import _client_cache

import hub_kit
import workspace_kit
from cluster.kit import Cluster, eventually
from cluster.places import KUBECONFIG, REGISTRY
from cluster.workspace_parts import (
    CONTROLLER,
    RELEASE,
    fences,
    hub_environment,
    image,
    loader,
    real_settings,
    release,
    stores,
)
from provisioner.adapters.kubernetes.render.rights import hub_run, hub_spawn
from provisioner.adapters.kubernetes.settings import ClusterSettings
from tidegate.model import utc_now
from workspace.hub.kubernetes.settings import KubernetesSettings
from workspace.hub.kubernetes.spawner import WorkspaceSpawner
from workspace.hub.kubernetes.troubles import TROUBLES
from workspace.hub.site import CHAIN, Site

# KubeSpawner leaves its connections to the end of the hub's process, which here is the next test.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PROJECT = "ws-start"
NAMESPACE = f"tg-{PROJECT}"
BINDING = "hub-spawn"
SENTENCES = {trouble.code: trouble.sentence for trouble in TROUBLES}
Act = Callable[[WorkspaceSpawner], Awaitable[None]]


@dataclass(frozen=True)
class Place:
    """One project's namespace, and the hub's way to it."""

    cluster: Cluster
    controller: Cluster
    kubeconfig: Path
    services: dict[str, str]
    rights: ClusterSettings

    def bind(self) -> None:
        self.controller.apply(*hub_run(PROJECT, self.rights), *hub_spawn(PROJECT, self.rights))

    def pods(self) -> list[str]:
        return [pod["metadata"]["name"] for pod in self.cluster.list("pod", NAMESPACE, "tidegate.dev/role=workspace")]


@pytest.fixture(scope="module")
def place(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    controller = cluster.acting_as(*CONTROLLER)
    for name in (RELEASE, NAMESPACE):
        controller.delete("namespace", name)
    try:
        services = release(cluster)
        home = _hubs_namespace(cluster)
        rights = ClusterSettings(namespace=home, services_image=image("services"), s3_endpoint="198.51.100.4:8333")
        made = Place(cluster, controller, tmp_path_factory.mktemp("hub") / "kubeconfig", services, rights)
        controller.apply(*fences(PROJECT, services["hub"]), *stores(PROJECT), loader(PROJECT))
        made.bind()
        controller.wait("pod/load", NAMESPACE, "jsonpath={.status.phase}=Succeeded")
        _write_kubeconfig(made.kubeconfig, cluster.kubectl("create", "token", "hub", "-n", home).strip())
        yield made
    finally:
        for name in (RELEASE, NAMESPACE):
            controller.delete("namespace", name, "", "--wait=false")


def _hubs_namespace(cluster: Cluster) -> str:
    """Where the chart is installed its hub's account is the only one that may start workspaces."""
    if cluster.get("serviceaccount", "hub", "tidegate"):
        return "tidegate"
    cluster.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "hub", "namespace": RELEASE}})
    return RELEASE


def _write_kubeconfig(path: Path, token: str) -> None:
    whole = yaml.safe_load(KUBECONFIG.read_text(encoding="utf-8"))
    whole["users"] = [{"name": whole["users"][0]["name"], "user": {"token": token}}]
    path.write_text(yaml.safe_dump(whole), encoding="utf-8")


def run(act: Act, place: Place, state: Path, patch: pytest.MonkeyPatch, told: KubernetesSettings | None = None) -> None:
    """One spawner's life in a loop of its own."""
    world = workspace_kit.world(state, utc_now())
    world.project(PROJECT, resources={"memoryMib": 512, "cpus": 1})
    world.deploy(PROJECT, "rosa")
    store = hub_kit.SqliteStore(state / "tidegate.db", CHAIN)
    policy = SimpleNamespace(decide=lambda *_: workspace_kit.allow())
    site = Site(told or real_settings(), store, policy, lambda *_: None)  # type: ignore[arg-type]  # one method is asked

    async def life() -> None:
        await config.load_kube_config(str(place.kubeconfig))
        patch.setattr(kubespawner.spawner, "load_config", lambda **_: None)
        patch.setattr(WorkspaceSpawner, "get_env", lambda _: hub_environment(PROJECT, place.services["hub"]))
        patch.setattr(WorkspaceSpawner, "site", site, raising=False)
        patch.setattr(WorkspaceSpawner, "settings", site.settings, raising=False)
        patch.setattr(
            WorkspaceSpawner, "intake_url", f"http://{place.services['egress']}:8003/intake/v1", raising=False
        )
        patch.setattr(WorkspaceSpawner, "reflectors", {})
        orm = SimpleNamespace(name=PROJECT, user_options={}, server=None, state={})
        user = SimpleNamespace(name="rosa", id=1, url="/user/rosa/")
        spawner = WorkspaceSpawner(user=user, orm_spawner=orm, _mock=True, start_timeout=90)
        try:
            await act(spawner)
        finally:
            await spawner.stop(now=True)
            await WorkspaceSpawner._stop_all_reflectors()
            for client in list(_client_cache.values()):
                await client.api_client.close()
            _client_cache.clear()

    asyncio.run(life())


def told(place: Place, state: Path, patch: pytest.MonkeyPatch, using: KubernetesSettings | None = None) -> str:
    """The code of a start that is refused. What the person reads on the page is the sentence that belongs to it."""
    codes: list[str] = []

    async def act(spawner: WorkspaceSpawner) -> None:
        with pytest.raises(SpawnException) as caught:
            await spawner.start()
        assert SENTENCES[caught.value.reason] in caught.value.jupyterhub_message
        codes.append(caught.value.reason)

    run(act, place, state, patch, using)
    return codes[0]


def test_a_workspace_comes_up_and_is_ended_by_the_hubs_own_rights(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(spawner: WorkspaceSpawner) -> None:
        url = await spawner.start()
        assert url.startswith("http://10.244.")
        assert url.endswith(":8888")
        assert place.pods() == [spawner.pod_name]
        assert await spawner.poll() is None
        said = [step["message"] async for step in spawner.progress()]
        assert said[0] == "Checking your grant"
        assert said[-1] == "Opening your workspace"
        await spawner.stop()
        assert place.pods() == []
        assert await spawner.poll() is not None

    run(act, place, tmp_path / "state", monkeypatch)
    assert [event for event, _ in workspace_kit.codes(tmp_path / "state")] == [
        "workspace:server:started",
        "workspace:server:stopped",
    ]


def test_without_the_last_role_no_workspace_starts(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.controller.delete("rolebinding", BINDING, NAMESPACE)
    try:
        assert told(place, tmp_path / "state", monkeypatch) == "spawn_right_withheld"
        assert place.pods() == []
    finally:
        place.bind()


def test_a_project_whose_share_is_used_up_is_told(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"name": "project", "namespace": NAMESPACE}
    place.controller.apply(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": name, "spec": {"hard": {"limits.memory": "1Gi"}}}
    )

    def counted() -> bool:
        quota = place.cluster.get("resourcequota", "project", NAMESPACE)
        return bool(quota and quota.get("status", {}).get("hard"))

    try:
        eventually("the quota", counted)
        assert told(place, tmp_path / "state", monkeypatch) == "workspace_quota"
    finally:
        place.controller.delete("resourcequota", "project", NAMESPACE)


def test_an_image_that_cannot_be_pulled_is_told_before_the_time_is_over(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = real_settings(workspace=f"{REGISTRY}/workspace@sha256:{'1' * 64}")
    assert told(place, tmp_path / "state", monkeypatch, nowhere) == "workspace_image_missing"


def test_a_volume_that_is_not_there_is_told(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workspace.hub.kubernetes.pod.SHARED_CLAIM", "home-of-nobody")
    code = told(place, tmp_path / "state", monkeypatch)
    # Where the chart is installed, admission already refuses a claim that is not the person's.
    assert code in {"workspace_volume_missing", "workspace_not_allowed"}


def test_an_open_network_is_told_and_nothing_starts(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a cluster whose network enforces no policies."""
    for policy in ("default-deny", "workspace"):
        place.controller.delete("networkpolicy", policy, NAMESPACE)
    try:
        assert told(place, tmp_path / "state", monkeypatch) == "workspace_network_open"
    finally:
        place.controller.apply(*fences(PROJECT, place.services["hub"]))


def test_the_hub_may_do_nothing_else_there(place: Place) -> None:
    may = place.cluster.acting_as_account(place.rights.namespace, "hub")
    allowed = {("get", "pods"), ("list", "pods"), ("delete", "pods"), ("create", "pods")}
    others = ("secrets", "roles", "networkpolicies", "configmaps", "pods --subresource=exec")
    for verb in ("get", "list", "create", "delete", "patch"):
        for what in ("pods", *others, "serviceaccounts --subresource=token"):
            said = may.attempt("auth", "can-i", verb, *what.split(), "-n", NAMESPACE).stdout.strip()
            assert said == ("yes" if (verb, what) in allowed else "no"), json.dumps([verb, what, said])

"""A workspace's pod for tests: settings, an admission from a real store, the spawner on a made-up API."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kubespawner.spawner
import pytest
from kubernetes_asyncio.client import ApiClient, ApiException

import hub_kit
from hub_kit import PROJECT
from tidegate.model import Decision, Outcome, PersonRef
from workspace.hub.admission import Admission, check_start
from workspace.hub.kubernetes.settings import KubernetesSettings
from workspace.hub.kubernetes.spawner import WorkspaceSpawner
from workspace.hub.site import Site

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64
ROSA = PersonRef(subject="rosa")
TOKEN = "the-hubs-token"
ENVIRONMENT = {"JUPYTERHUB_API_TOKEN": TOKEN, "JUPYTERHUB_SERVER_NAME": PROJECT, "ODD": "a$(HOME)$b"}
SETTINGS: dict[str, Any] = {
    "publicUrl": "http://tidegate.test:30080",
    "images": {
        "session": f"registry.tidegate.test/session@{DIGEST}",
        "services": f"registry.tidegate.test/services@{DIGEST}",
    },
    "profiles": [{"name": "standard", "image": f"registry.tidegate.test/workspace@{DIGEST}"}],
}
GPU: dict[str, Any] = {
    "name": "gpu",
    "image": f"registry.tidegate.test/workspace-gpu@{DIGEST}",
    "nodeSelector": {"example.org/pool": "gpus"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "runtimeClass": "nvidia",
    "gpuResource": "nvidia.com/gpu",
    "most": {"cpus": 16, "memoryMib": 65536, "gpus": 2},
}


def settings(**more: Any) -> KubernetesSettings:
    return KubernetesSettings.model_validate({**SETTINGS, **more})


def allow(until: datetime | None = None) -> Decision:
    return Decision(outcome=Outcome.ALLOW, deadline=until)


def world(state: Path, now: datetime = NOW, **spec: Any) -> hub_kit.World:
    """One person may work on one project; a second project is somebody else's."""
    found = hub_kit.World(state, now)
    found.people("rosa", "ravi")
    found.licence()
    found.dataset()
    found.project(PROJECT, **spec)
    found.project(hub_kit.SECOND)
    found.deploy(PROJECT, "rosa")
    found.deploy(hub_kit.SECOND, "ravi")
    return found


def admission(
    state: Path, until: datetime | None = None, project: str = PROJECT, now: datetime = NOW, **spec: Any
) -> Admission:
    """As on a cluster, where the images are on a volume."""
    made = world(state, now, **spec)
    if project != PROJECT:
        made.project(project, **spec)
        made.deploy(project, "rosa")
    ends = until or now + timedelta(hours=8)
    return check_start(made.store, lambda *_: allow(ends), project, ROSA, now, lambda *_: None)


class Reflector:
    """KubeSpawner's view of one namespace; never the end of its watch."""

    def __init__(self) -> None:
        self.pods: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.first_load_future: asyncio.Future[None] = asyncio.Future()
        self.first_load_future.set_result(None)
        self.watch_task = asyncio.ensure_future(asyncio.Event().wait())

    async def stop(self) -> None:
        self.watch_task.cancel()


class Api:
    """The part of the API that starting and stopping needs. `becomes` says what a created pod turns into."""

    def __init__(self, reflector: Reflector) -> None:
        self.reflector = reflector
        self.created: list[tuple[str, dict[str, Any]]] = []
        self.deleted: list[tuple[str, str]] = []
        self.becomes: Callable[[], dict[str, Any]] = running
        self.answer: ApiException | None = None

    async def create_namespaced_pod(self, namespace: str, pod: Any) -> None:
        if self.answer is not None:
            raise self.answer
        manifest = ApiClient.sanitize_for_serialization(ApiClient.__new__(ApiClient), pod)
        self.created.append((namespace, manifest))
        uid = f"uid-{len(self.created)}"
        made = {**manifest, "metadata": {**manifest["metadata"], "uid": uid}, "status": self.becomes()}
        self.reflector.pods[f"{namespace}/{manifest['metadata']['name']}"] = made

    async def delete_namespaced_pod(self, name: str, namespace: str, **_: Any) -> None:
        self.deleted.append((namespace, name))
        self.reflector.pods.pop(f"{namespace}/{name}", None)


def running() -> dict[str, Any]:
    session = {"name": "notebook", "ready": True, "state": {"running": {}}}
    return {"phase": "Running", "podIP": "10.244.0.9", "containerStatuses": [session]}


def waiting(reason: str) -> dict[str, Any]:
    state = {"waiting": {"reason": reason}}
    return {
        "phase": "Pending",
        "podIP": None,
        "containerStatuses": [{"name": "kernel", "ready": False, "state": state}],
    }


def spawner(site: Site, name: str, monkeypatch: pytest.MonkeyPatch, user: str = "rosa") -> WorkspaceSpawner:
    """As the hub makes one for this person and server name."""
    monkeypatch.setattr(kubespawner.spawner, "load_config", lambda **_: None)
    monkeypatch.setattr(kubespawner.spawner, "shared_client", lambda *_: None)
    monkeypatch.setattr(WorkspaceSpawner, "get_env", lambda _: dict(ENVIRONMENT))
    monkeypatch.setattr(WorkspaceSpawner, "site", site, raising=False)
    monkeypatch.setattr(WorkspaceSpawner, "settings", settings(), raising=False)
    monkeypatch.setattr(WorkspaceSpawner, "intake_url", "http://10.96.0.7:8003/intake/v1", raising=False)
    reflector = Reflector()
    every = [(kind, f"tg-{project}") for kind in ("pods", "events") for project in (PROJECT, hub_kit.SECOND)]
    monkeypatch.setattr(WorkspaceSpawner, "reflectors", dict.fromkeys(every, reflector))
    orm = SimpleNamespace(name=name, user_options={}, server=None, state={})
    made = WorkspaceSpawner(user=SimpleNamespace(name=user, id=1, url=f"/user/{user}/"), orm_spawner=orm, _mock=True)
    made.api = Api(reflector)
    return made


def codes(state: Path) -> Iterator[tuple[str, Any]]:
    """What the hub's chain says, as event and code."""
    store = hub_kit.SqliteStore(state / "tidegate.db", "workspace")
    for entry in store.entries("workspace"):
        yield entry.record.event.value, entry.record.detail.get("code") or entry.record.detail.get("why")

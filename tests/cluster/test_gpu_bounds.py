"""Quota and range of limits of a project with GPUs, held against a real API server; no GPU is needed for that."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import workspace_kit
from cluster.kit import Cluster, eventually
from model_kit import grant, project
from provisioner.adapters.kubernetes.render import Stage, render
from reconcile_kit import facts
from render_kit import ADDRESSES, cluster_settings
from tidegate.cluster.names import namespace_of
from tidegate.model import ONE_MACHINE, Profile
from workspace.hub.kubernetes.pod import KERNEL, workspace_manifest

GPU = "nvidia.com/gpu"
NAME = "gpu-bounds"
SPACE = namespace_of(NAME)
Pod = dict[str, Any]


@pytest.fixture(scope="module")
def bounded(api_server: Cluster) -> Iterator[Cluster]:
    """The namespace of a project of one person, whose profile gives them two GPUs."""
    own = facts(project(NAME, resources={"profile": "gpu", "gpu": 2}), grant(project=NAME))
    settings = cluster_settings(profiles=(*ONE_MACHINE, Profile.model_validate(workspace_kit.GPU)))
    fence = {each["kind"]: each for each in render(Stage.FENCE, own, ADDRESSES, settings)}
    api_server.apply(fence["Namespace"])
    accounts = [each for each in render(Stage.STORES, own, ADDRESSES, settings) if each["kind"] == "ServiceAccount"]
    runtime = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}, "handler": "x"}
    api_server.apply(runtime, *accounts, fence["LimitRange"], fence["ResourceQuota"])
    # The quota binds once Kubernetes has counted what is there.
    eventually("the quota", lambda: "hard" in (api_server.get("quota", "project", SPACE) or {}).get("status", {}), 60)
    yield api_server
    api_server.delete("namespace", SPACE, "", "--wait=false")
    api_server.delete("runtimeclass", "nvidia")


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    told = workspace_kit.settings(profiles=[*workspace_kit.SETTINGS["profiles"], workspace_kit.GPU])
    until = workspace_kit.NOW + timedelta(days=1)
    asked = {"resources": {"profile": "gpu", "gpu": 2}}
    admission = workspace_kit.admission(tmp_path / "state", until, NAME, **asked)
    return workspace_manifest(told, admission, workspace_kit.ENVIRONMENT, workspace_kit.NOW)


def created(api: Cluster, pod: Pod, name: str) -> tuple[Pod, str]:
    named = {**pod, "metadata": {**pod["metadata"], "name": name}}
    done = api.attempt("create", "-f", "-", "-o", "json", text=json.dumps(named))
    return (json.loads(done.stdout) if done.returncode == 0 else {}), done.stderr


def gpus(pod: Pod) -> dict[str, str]:
    every = (*pod["spec"]["containers"], *pod["spec"]["initContainers"])
    return {each["name"]: each["resources"]["limits"].get(GPU, "") for each in every}


def test_one_container_takes_no_more_than_one_person_may(bounded: Cluster, pod: Pod) -> None:
    for container in pod["spec"]["containers"]:
        if container["name"] == KERNEL:
            for half in container["resources"].values():
                half[GPU] = "3"
    _, said = created(bounded, pod, "greedy")
    assert f"maximum {GPU} usage per Container is 2" in said


def test_the_kernel_has_what_was_asked_for_the_rest_has_none_and_the_project_no_more(
    bounded: Cluster, pod: Pod
) -> None:
    made, said = created(bounded, pod, "first")
    assert said == ""
    found = gpus(made)
    assert found.pop(KERNEL) == "2"
    assert set(found.values()) == {"0"}
    _, said = created(bounded, pod, "second")
    assert "exceeded quota: project" in said
    assert f"requests.{GPU}=2" in said

"""The pod of a workspace: the golden one, and what must hold of every one."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workspace_kit
from hub_kit import PROJECT
from tidegate.cluster.names import namespace_of, workspace_pod
from tidegate.model import TidegateError
from workspace.hub.admission import Admission
from workspace.hub.inside import COHORT, HOME, PRIVATE, SHARED, SOCKETS
from workspace.hub.kubernetes.pod import KERNEL, SESSION, cores, deadline_seconds, workspace_manifest
from workspace_kit import ENVIRONMENT, NOW, ROSA, TOKEN, settings

GOLDEN = Path(__file__).parent / "golden"
GPUS = {"resources": {"profile": "gpu", "gpu": 2, "cpus": 8, "memoryMib": 32768}}
PROFILES = [*workspace_kit.SETTINGS["profiles"], workspace_kit.GPU]
DAY = 24 * 3600
Pod = dict[str, Any]


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return built(workspace_kit.admission(tmp_path / "state"))


@pytest.fixture
def gpu_pod(tmp_path: Path) -> Pod:
    return built(workspace_kit.admission(tmp_path / "state", **GPUS), profiles=PROFILES)


def built(admission: Admission, **more: Any) -> Pod:
    return workspace_manifest(settings(**more), admission, ENVIRONMENT, NOW)


def part(pod: Pod, name: str) -> Pod:
    (found,) = (container for container in pod["spec"]["containers"] if container["name"] == name)
    return dict(found)


def everything(pod: Pod) -> Iterator[Pod]:
    yield from pod["spec"]["initContainers"]
    yield from pod["spec"]["containers"]


def mounts(pod: Pod, name: str) -> dict[str, Pod]:
    return {mount["mountPath"]: mount for mount in part(pod, name)["volumeMounts"]}


def volume(pod: Pod, name: str) -> Pod:
    (found,) = (volume for volume in pod["spec"]["volumes"] if volume["name"] == name)
    return dict(found)


def test_it_is_the_golden_one(pod: Pod) -> None:
    """After a change that is meant: write what the failure shows into the file, and read the difference."""
    check_golden(pod, "workspace-pod")


def test_with_gpus_it_is_the_other_golden_one(gpu_pod: Pod) -> None:
    check_golden(gpu_pod, "workspace-pod-gpu")


def check_golden(pod: Pod, name: str) -> None:
    expected = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert pod == expected, json.dumps(pod, indent=1, sort_keys=True)


@pytest.mark.parametrize("more", [{}, {"hostUsers": False}])
def test_kubernetes_knows_every_field(tmp_path: Path, more: dict[str, Any]) -> None:
    kubernetes_validate.validate(built(workspace_kit.admission(tmp_path / "state"), **more), "1.34", strict=True)


def test_kubernetes_knows_every_field_of_one_with_gpus(gpu_pod: Pod) -> None:
    kubernetes_validate.validate(gpu_pod, "1.34", strict=True)


def test_gpus_are_the_kernels_alone(gpu_pod: Pod) -> None:
    assert part(gpu_pod, KERNEL)["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert part(gpu_pod, KERNEL)["resources"]["requests"]["nvidia.com/gpu"] == "2"
    rest = [each for each in everything(gpu_pod) if each["name"] != KERNEL]
    assert not [each for each in rest if "nvidia.com/gpu" in json.dumps(each["resources"])]


def test_a_profile_decides_image_runtime_and_place(gpu_pod: Pod) -> None:
    assert part(gpu_pod, KERNEL)["image"] == workspace_kit.GPU["image"]
    assert part(gpu_pod, SESSION)["image"] == settings().images.session
    assert gpu_pod["spec"]["runtimeClassName"] == "nvidia"
    assert gpu_pod["spec"]["nodeSelector"] == workspace_kit.GPU["nodeSelector"]
    assert gpu_pod["spec"]["tolerations"] == workspace_kit.GPU["tolerations"]


@pytest.mark.parametrize("resources", [{}, {"profile": "gpu"}])
def test_a_kernel_that_asked_for_no_gpu_is_shown_none(tmp_path: Path, resources: dict[str, Any]) -> None:
    """Some runtimes show every GPU of the node to an image that asks for them by a variable of its own."""
    pod = built(workspace_kit.admission(tmp_path / "state", resources=resources), profiles=PROFILES)
    assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"} in part(pod, KERNEL)["env"]
    assert set(part(pod, KERNEL)["resources"]["limits"]) == {"cpu", "memory"}


@pytest.mark.parametrize(
    ("resources", "code"),
    [({"profile": "large"}, "profile_unknown"), ({"gpu": 1}, "profile_exceeded"), ({"cpus": 5}, "profile_exceeded")],
)
def test_what_the_values_give_no_more_is_refused(tmp_path: Path, resources: dict[str, Any], code: str) -> None:
    """Whatever the project was approved for: the values may have changed since."""
    smaller = {**PROFILES[0], "most": {"cpus": 4}}
    with pytest.raises(TidegateError, match=code):
        built(workspace_kit.admission(tmp_path / "state", resources=resources), profiles=[smaller, workspace_kit.GPU])


def test_the_same_admission_gives_the_same_pod(tmp_path: Path) -> None:
    admission = workspace_kit.admission(tmp_path / "state")
    assert built(admission) == built(admission)


def test_the_kernel_has_no_token_and_nothing_of_the_hub(pod: Pod) -> None:
    kernel = json.dumps(part(pod, KERNEL))
    assert TOKEN not in kernel
    assert "JUPYTERHUB" not in kernel
    assert "TIDEGATE_" not in kernel
    session = {entry["name"]: entry["value"] for entry in part(pod, SESSION)["env"]}
    assert session["JUPYTERHUB_API_TOKEN"] == TOKEN
    assert TOKEN not in json.dumps(part(pod, SESSION)["command"])


def test_no_container_reads_a_secret_or_an_identity(pod: Pod) -> None:
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["enableServiceLinks"] is False
    assert not [volume for volume in pod["spec"]["volumes"] if set(volume) & {"secret", "projected", "hostPath"}]
    assert all("envFrom" not in container for container in everything(pod))


def test_only_the_kernel_sees_the_images_and_only_to_read(pod: Pod) -> None:
    assert mounts(pod, KERNEL)[COHORT]["readOnly"] is True
    assert volume(pod, "cohort")["persistentVolumeClaim"] == {"claimName": "cohort-v1-ro", "readOnly": True}
    assert COHORT not in mounts(pod, SESSION)
    shown = {mount["name"] for mount in mounts(pod, SESSION).values()}
    assert "cohort" not in shown


def test_only_the_session_has_private_state(pod: Pod) -> None:
    assert PRIVATE in mounts(pod, SESSION)
    assert "private" not in {mount["name"] for mount in mounts(pod, KERNEL).values()}
    both = set(mounts(pod, SESSION)) & set(mounts(pod, KERNEL))
    assert both == {HOME, SHARED, SOCKETS, "/tmp"}
    assert mounts(pod, SESSION)["/tmp"]["name"] != mounts(pod, KERNEL)["/tmp"]["name"]


def test_what_is_written_beside_the_volumes_is_memory_with_a_bound(pod: Pod) -> None:
    for each in pod["spec"]["volumes"]:
        if "emptyDir" in each:
            assert each["emptyDir"]["medium"] == "Memory"
            assert each["emptyDir"]["sizeLimit"].endswith("Mi")


def test_every_container_is_locked_and_bounded(pod: Pod) -> None:
    for container in everything(pod):
        lock = container["securityContext"]
        assert lock["allowPrivilegeEscalation"] is False
        assert lock["capabilities"] == {"drop": ["ALL"]}
        assert lock["readOnlyRootFilesystem"] is True
        assert lock["runAsNonRoot"] is True
        assert lock["seccompProfile"] == {"type": "RuntimeDefault"}
        assert set(container["resources"]) == {"limits", "requests"}
        assert all(set(row) == {"cpu", "memory"} for row in container["resources"].values())


def test_the_two_have_numbers_of_their_own_and_one_group(pod: Pod) -> None:
    kernel, session = (part(pod, name)["securityContext"] for name in (KERNEL, SESSION))
    assert kernel["runAsUser"] != session["runAsUser"]
    assert kernel["runAsGroup"] == session["runAsGroup"] == pod["spec"]["securityContext"]["fsGroup"]


def test_nothing_of_the_node_is_shared(pod: Pod) -> None:
    assert pod["spec"]["shareProcessNamespace"] is False
    assert not set(pod["spec"]) & {"hostNetwork", "hostPID", "hostIPC"}


def test_the_probe_goes_first_and_alone(pod: Pod) -> None:
    (probe,) = pod["spec"]["initContainers"]
    assert probe["image"] == settings().images.services
    assert "volumeMounts" not in probe


def test_it_is_where_and_whose_it_says(pod: Pod) -> None:
    assert pod["metadata"]["namespace"] == namespace_of(PROJECT)
    assert pod["metadata"]["name"] == workspace_pod(ROSA)
    assert pod["metadata"]["labels"]["tidegate.dev/project"] == PROJECT
    assert pod["metadata"]["labels"]["tidegate.dev/role"] == "workspace"


def test_the_projects_resources_are_the_kernels(tmp_path: Path) -> None:
    pod = built(workspace_kit.admission(tmp_path / "state", resources={"memoryMib": 3000, "cpus": 1.5}))
    assert part(pod, KERNEL)["resources"]["limits"] == {"cpu": "1500m", "memory": "3000Mi"}
    threads = {entry["value"] for entry in part(pod, KERNEL)["env"] if entry["name"].endswith("_NUM_THREADS")}
    assert threads == {"2"}


@pytest.mark.parametrize(("network", "opened"), [("none", False), ("loopback", True)])
def test_only_an_approved_mode_opens_loopback(tmp_path: Path, network: str, opened: bool) -> None:  # noqa: FBT001
    pod = built(workspace_kit.admission(tmp_path / "state", policy={"network": network}))
    assert (part(pod, KERNEL)["command"][-2:] == ["--network", "loopback"]) is opened


def test_a_value_that_looks_like_a_reference_stays_text(pod: Pod) -> None:
    """The kubelet would put another variable in its place."""
    values = {entry["name"]: entry["value"] for entry in part(pod, SESSION)["env"]}
    assert values["ODD"] == "a$$(HOME)$$b"


@given(st.floats(min_value=0.001, max_value=64))
def test_cores_are_written_as_kubernetes_does(number: float) -> None:
    text = cores(number)
    assert text == (f"{round(number * 1000)}m" if round(number * 1000) % 1000 else str(round(number)))


@pytest.fixture(scope="module")
def admitted(tmp_path_factory: pytest.TempPathFactory) -> Admission:
    return workspace_kit.admission(tmp_path_factory.mktemp("state") / "state", NOW + timedelta(days=30))


@given(st.integers(min_value=-DAY, max_value=30 * DAY), st.integers(min_value=30, max_value=3600))
def test_the_kubelet_ends_it_no_later_than_the_decision(admitted: Admission, left: int, start: int) -> None:
    """However long the start took; and never later than a week."""
    now = admitted.until - timedelta(seconds=left)
    told = settings(startSeconds=start)
    if left - start < 1:
        with pytest.raises(TidegateError, match="workspace_too_late"):
            deadline_seconds(told, admitted, now)
    else:
        seconds = deadline_seconds(told, admitted, now)
        assert 1 <= seconds <= 7 * DAY - start
        assert seconds + start <= max(left, 1)

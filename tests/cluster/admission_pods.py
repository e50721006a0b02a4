"""Pods with one thing wrong in them, each with the code it must be refused with."""

import copy
from typing import Any

from cluster.admission_objects import ACTORS, DIGEST, SPEC_OF_CLAIM, Attack, Edit, Site, put

KERNEL, NOTEBOOK = 1, 0
IMAGE = f"registry.tidegate.test/session@sha256:{DIGEST}"
HOSTILE = f"registry.tidegate.test.example.org/session@sha256:{DIGEST}"


def label(name: str, value: Any) -> Edit:
    def edit(pod: dict[str, Any]) -> None:
        labels = pod["metadata"]["labels"]
        labels.pop(f"tidegate.dev/{name}") if value is ... else labels.update({f"tidegate.dev/{name}": value})

    return edit


def volume(**source: Any) -> Edit:
    return put("spec/volumes/-", {"name": "more", **source})


def claim_of(name: str, **more: Any) -> Edit:
    return volume(persistentVolumeClaim={"claimName": name, **more})


def cohort(pod: dict[str, Any]) -> dict[str, Any]:
    return next(each for each in pod["spec"]["volumes"] if each["name"] == "cohort")["persistentVolumeClaim"]  # type: ignore[no-any-return]


def mounted(container: int, **how: Any) -> Edit:
    return put(f"spec/containers/{container}/volumeMounts/-", {"name": "cohort", "mountPath": "/more", **how})


def writable_mount(pod: dict[str, Any]) -> None:
    for mount in pod["spec"]["containers"][KERNEL]["volumeMounts"]:
        mount.pop("readOnly", None)


def another_first(pod: dict[str, Any]) -> None:
    pod["spec"]["initContainers"].insert(0, {**copy.deepcopy(pod["spec"]["containers"][0]), "name": "first"})


def limited(container: int, device: str, where: str = "containers") -> Edit:
    def edit(pod: dict[str, Any]) -> None:
        for half in pod["spec"][where][container]["resources"].values():
            half[device] = "1"

    return edit


TOKEN_SOURCE = {"sources": [{"serviceAccountToken": {"path": "token"}}]}
SECRET_SOURCE = {"sources": [{"secret": {"name": "taken"}}]}
SECRET_REF = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "taken", "key": "x"}}}
PROBE = "spec/initContainers/0"
WORKSPACE_EDITS: list[tuple[str, str, Edit]] = [
    ("a tag", "image_by_digest", put("spec/containers/1/image", "registry.tidegate.test/session:1")),
    ("a short digest", "image_by_digest", put("spec/containers/1/image", IMAGE[:-1])),
    ("a tag for the probe", "image_by_digest", put(f"{PROBE}/image", "registry.tidegate.test/services:1")),
    ("another registry", "image_registry", put("spec/containers/1/image", f"docker.example.org/x@sha256:{DIGEST}")),
    ("a registry that begins alike", "image_registry", put("spec/containers/1/image", HOSTILE)),
    (
        "a repository that begins alike",
        "image_registry",
        put("spec/containers/1/image", IMAGE.replace("session", "session-x")),
    ),
    ("the node's network", "host_forbidden", put("spec/hostNetwork", True)),
    ("the node's processes", "host_forbidden", put("spec/hostPID", True)),
    ("the node's memory", "host_forbidden", put("spec/hostIPC", True)),
    ("a folder of the node", "host_forbidden", volume(hostPath={"path": "/"})),
    ("a port of the node", "host_forbidden", put("spec/containers/0/ports/0/hostPort", 8888)),
    ("a volume of another kind", "volume_forbidden", volume(nfs={"server": "198.51.100.1", "path": "/"})),
    ("a volume made for it", "volume_forbidden", volume(ephemeral={"volumeClaimTemplate": {"spec": SPEC_OF_CLAIM}})),
    ("a runtime that no profile names", "runtime_class", put("spec/runtimeClassName", "privileged")),
    ("a device that no profile names", "device_forbidden", limited(KERNEL, "example.org/fpga")),
    ("a GPU for the session server", "device_forbidden", limited(NOTEBOOK, "nvidia.com/gpu")),
    ("a GPU for the probe", "device_forbidden", limited(0, "nvidia.com/gpu", "initContainers")),
    (
        "a device by a claim",
        "device_forbidden",
        put("spec/resourceClaims", [{"name": "gpu", "resourceClaimTemplateName": "gpu"}]),
    ),
    ("a token by default", "token_forbidden", put("spec/automountServiceAccountToken", ...)),
    ("a token", "token_forbidden", put("spec/automountServiceAccountToken", True)),
    ("a projected token", "token_forbidden", volume(projected=TOKEN_SOURCE)),
    ("a Secret", "secret_forbidden", volume(secret={"secretName": "taken"})),
    ("a projected Secret", "secret_forbidden", volume(projected=SECRET_SOURCE)),
    ("a Secret in a variable", "secret_forbidden", put("spec/containers/1/env/-", SECRET_REF)),
    ("a Secret as variables", "secret_forbidden", put("spec/containers/1/envFrom", [{"secretRef": {"name": "taken"}}])),
    ("images to write to", "cohort_read_only", lambda pod: cohort(pod).update(readOnly=False)),
    ("the loader's claim", "cohort_read_only", lambda pod: cohort(pod).update(claimName="cohort-v1")),
    ("a mount to write to", "cohort_read_only", writable_mount),
    ("a second mount to write to", "cohort_read_only", mounted(KERNEL)),
    ("images for the session server", "cohort_read_only", mounted(NOTEBOOK, readOnly=True)),
    ("the loader's claim beside", "cohort_read_only", claim_of("cohort-v1", readOnly=True)),
    ("another person's home", "claim_of_another", claim_of("home-ravi-00000000")),
    ("any claim", "claim_of_another", claim_of("another")),
    ("no deadline", "deadline_required", put("spec/activeDeadlineSeconds", ...)),
    ("a late deadline", "deadline_required", put("spec/activeDeadlineSeconds", 604_801)),
    ("no role", "pod_by_hub_or_controller", label("role", ...)),
    ("no project", "labels_required", label("project", ...)),
    ("another project", "labels_required", label("project", "ct-texture")),
    ("no person", "labels_required", label("person", ...)),
    ("a loader's role", "pod_by_hub_or_controller", label("role", "loader-pull")),
    ("a canary by the hub", "pod_by_hub_or_controller", label("canary", "true")),
    ("no probe", "probe_required", put("spec/initContainers", [])),
    ("a container before the probe", "probe_required", another_first),
    ("another command", "probe_required", put(f"{PROBE}/command", ["true"])),
    ("arguments", "probe_required", put(f"{PROBE}/args", ["-c"])),
    ("a probe that runs beside", "probe_required", put(f"{PROBE}/restartPolicy", "Always")),
    (
        "a probe with other files",
        "probe_required",
        put(f"{PROBE}/volumeMounts", [{"name": "home", "mountPath": "/usr"}]),
    ),
    ("a table of its own", "probe_required", put(f"{PROBE}/env/0", {"name": "TIDEGATE_PROBE", "value": "{}"})),
    ("a second table", "probe_required", put(f"{PROBE}/env/-", {"name": "TIDEGATE_PROBE", "value": "{}"})),
    ("another role's table", "probe_required", put(f"{PROBE}/env/0/valueFrom/configMapKeyRef/key", "loader-pull")),
    ("another table", "probe_required", put(f"{PROBE}/env/0/valueFrom/configMapKeyRef/name", "other")),
]
LOADER_EDITS: list[tuple[str, str, str, Edit]] = [
    ("gate", "a Secret for the gate", "secret_forbidden", volume(secret={"secretName": "taken"})),
    ("pull", "a home for the pull", "claim_of_another", claim_of("shared")),
    ("pull", "a pull without a probe", "probe_required", put("spec/initContainers", [])),
    ("pull", "a token for the pull", "token_forbidden", put("spec/automountServiceAccountToken", True)),
    ("vault", "a vault in a workspace's clothes", "pod_by_hub_or_controller", label("role", "workspace")),
]


def edited(which: str, edit: Edit, actor: str) -> Attack:
    def attack(site: Site) -> str:
        pod = copy.deepcopy(site.pods[which])
        pod["metadata"]["name"] = "attack"
        edit(pod)
        return site.api.create(ACTORS[actor], pod)

    return attack


def running(edit: Edit, actor: str = "operator", subresource: str = "") -> Attack:
    def attack(site: Site) -> str:
        live = site.api.read(site.pods["workspace"])
        edit(live)
        return site.api.replace(ACTORS[actor], live, subresource)

    return attack


def unchanged(pod: dict[str, Any]) -> None:
    del pod


PODS: list[tuple[str, str, Attack]] = [
    *((name, code, edited("workspace", edit, "hub")) for name, code, edit in WORKSPACE_EDITS),
    *((name, code, edited(which, edit, "jobs")) for which, name, code, edit in LOADER_EDITS),
    *(
        (f"a workspace by the {actor}", "pod_by_hub_or_controller", edited("workspace", unchanged, actor))
        for actor in ACTORS
        if actor not in {"hub", "controller"}
    ),
    *(
        (f"a pull by the {actor}", "pod_by_hub_or_controller", edited("pull", unchanged, actor))
        for actor in ACTORS
        if actor not in {"jobs", "controller"}
    ),
    ("no role by the controller", "labels_required", edited("workspace", label("role", ...), "controller")),
    ("a made-up role", "labels_required", edited("workspace", label("role", "anything"), "controller")),
    ("a running pod's role", "labels_fixed", running(label("role", "loader-pull"))),
    (
        "a running pod's role through its status",
        "labels_fixed",
        running(label("role", "loader-pull"), subresource="status"),
    ),
    ("a running pod's person", "labels_fixed", running(label("person", "ravi-00000000"), "controller")),
    ("a running pod's canary", "labels_fixed", running(label("canary", "true"))),
    ("a running pod's image", "image_by_digest", running(put("spec/containers/1/image", "x:1"))),
]

"""The pod of a workspace, from an admission. Pure: the same admission gives the same pod.

Two containers share home, the project's folder and a folder of sockets, and little else. `notebook` is our session
server, with the hub's token and without the images; `kernel` is the researcher's code, with the images, read-only, and
without any token. The probe goes first: on a network that is not closed neither of them starts.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tidegate.cluster.names import (
    MANAGED_BY,
    PERSON_ANNOTATION,
    PERSON_LABEL,
    PROJECT_LABEL,
    ROLE_LABEL,
    SESSION_PORT,
    SHARED_CLAIM,
    WORKSPACE,
    cohort_claim,
    cohort_view,
    home_claim,
    namespace_of,
    person_key,
    workspace_pod,
)
from tidegate.cluster.port import Manifest
from tidegate.cluster.probe import probe_init_container
from tidegate.model import ExitCode, Profile, TidegateError, offered
from workspace.hub.admission import Admission
from workspace.hub.inside import (
    COHORT,
    HOME,
    KERNEL_TMP_MIB,
    PRIVATE,
    SESSION_CPUS,
    SESSION_MIB,
    SESSION_TMP_MIB,
    SHARED,
    SOCKETS,
    kernel_environment,
    launcher_command,
)
from workspace.hub.kubernetes.settings import KubernetesSettings

SESSION: Final = "notebook"  # KubeSpawner looks at the container of this name
KERNEL: Final = "kernel"
KERNEL_UID: Final = 1000
SESSION_UID: Final = 1001
GROUP: Final = 1000
SESSION_REQUEST_MIB: Final = 256
SOCKETS_MIB: Final = 16
PRIVATE_MIB: Final = 64
# What a container may use is its limit; of the processor less is set aside, as notebooks mostly wait for people.
CPU_SHARE: Final = 10
GRACE_SECONDS: Final = 2
LONGEST: Final = timedelta(days=7)
COMPONENT: Final = "component"  # the label by which KubeSpawner finds its pods
THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def workspace_manifest(
    settings: KubernetesSettings, admission: Admission, environment: Mapping[str, str], now: datetime
) -> Manifest:
    """The Pod.

    Args:
        settings: images, and where workspaces may be placed.
        admission: who may work on what, until when.
        environment: of the session server, the hub's token among it.
        now: from which the deadline is counted.

    Raises:
        TidegateError: ``workspace_too_late``; ``profile_unknown`` or ``profile_exceeded`` where this installation
            does not give what the project asks for, or not any more.
    """
    profile = offered(admission.project.spec.resources, settings.profiles)
    spec = {
        "activeDeadlineSeconds": deadline_seconds(settings, admission, now),
        "automountServiceAccountToken": False,
        "containers": [_session(settings, environment), _kernel(profile, admission)],
        # Nothing here may ask a resolver; a name looked up by mistake fails at once instead of after a while.
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "dnsPolicy": "None",
        "enableServiceLinks": False,
        "initContainers": [probe_init_container(WORKSPACE, settings.images.services)],
        "nodeSelector": dict(profile.node_selector),
        # A kernel that used up its memory takes its container along; that one is started again, the session stays.
        "restartPolicy": "OnFailure",
        "securityContext": {
            "fsGroup": GROUP,
            "fsGroupChangePolicy": "OnRootMismatch",
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "serviceAccountName": WORKSPACE,
        "shareProcessNamespace": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "tolerations": [dict(each) for each in profile.tolerations],
        "volumes": _volumes(admission),
    }
    if profile.runtime_class:
        spec["runtimeClassName"] = profile.runtime_class
    if settings.host_users is not None:
        spec["hostUsers"] = settings.host_users
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _metadata(admission), "spec": spec}


def deadline_seconds(settings: KubernetesSettings, admission: Admission, now: datetime) -> int:
    """The kubelet counts from when it first sees the pod, so the time a start may take is taken off."""
    left = min(admission.until - now, LONGEST) - timedelta(seconds=settings.start_seconds)
    if left < timedelta(seconds=1):
        raise TidegateError(
            "workspace_too_late",
            f"What lets you work in {admission.project.name} ends in a few minutes, before a workspace would be up.",
            "The start page says what ends; ask the project's lead.",
            ExitCode.DENIED,
        )
    return int(left.total_seconds())


def _metadata(admission: Admission) -> Manifest:
    project, person = admission.project.name, admission.person
    return {
        "name": workspace_pod(person),
        "namespace": namespace_of(project),
        "labels": {
            **MANAGED_BY,
            COMPONENT: WORKSPACE,
            PROJECT_LABEL: project,
            ROLE_LABEL: WORKSPACE,
            PERSON_LABEL: person_key(person),
        },
        "annotations": {PERSON_ANNOTATION: person.subject},
    }


def _session(settings: KubernetesSettings, environment: Mapping[str, str]) -> Manifest:
    return {
        "name": SESSION,
        "image": settings.images.session,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "workspace.session"],
        "workingDir": PRIVATE,
        "env": _env(environment),
        "ports": [{"name": "notebook-port", "containerPort": SESSION_PORT, "protocol": "TCP"}],
        "resources": {
            "limits": {"cpu": cores(SESSION_CPUS), "memory": f"{SESSION_MIB}Mi"},
            "requests": {"cpu": cores(SESSION_CPUS / CPU_SHARE), "memory": f"{SESSION_REQUEST_MIB}Mi"},
        },
        "securityContext": _locked(SESSION_UID),
        "volumeMounts": [
            {"name": "home", "mountPath": HOME},
            {"name": "shared", "mountPath": SHARED},
            {"name": "sockets", "mountPath": SOCKETS},
            {"name": "private", "mountPath": PRIVATE},
            {"name": "session-tmp", "mountPath": "/tmp"},  # noqa: S108 - inside the container
        ],
    }


def _kernel(profile: Profile, admission: Admission) -> Manifest:
    resources = admission.project.spec.resources
    memory = f"{resources.memory_mib}Mi"
    view = cohort_view(admission.project.name, admission.cohort.version)
    threads = str(max(1, math.ceil(resources.cpus)))
    gpus = {profile.gpu_resource: str(resources.gpu)} if resources.gpu else {}
    # A runtime that knows GPUs goes by the image's word where nothing else is said, and that may be all of the node's.
    unseen = {} if gpus else {"NVIDIA_VISIBLE_DEVICES": "void"}
    return {
        "name": KERNEL,
        "image": profile.image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(launcher_command(admission)),
        "workingDir": HOME,
        # Libraries would otherwise start a thread for each core of the node.
        "env": _env({**kernel_environment(), **dict.fromkeys(THREADS, threads), **unseen}),
        "resources": {
            "limits": {"cpu": cores(resources.cpus), "memory": memory, **gpus},
            "requests": {"cpu": cores(resources.cpus / CPU_SHARE), "memory": memory, **gpus},
        },
        "securityContext": _locked(KERNEL_UID),
        "volumeMounts": [
            {"name": "home", "mountPath": HOME},
            {"name": "shared", "mountPath": SHARED},
            {"name": "cohort", "mountPath": COHORT, "subPath": view, "readOnly": True},
            {"name": "sockets", "mountPath": SOCKETS},
            {"name": "kernel-tmp", "mountPath": "/tmp"},  # noqa: S108 - as above
            {"name": "kernel-shm", "mountPath": "/dev/shm"},  # noqa: S108 - as above
        ],
    }


def _volumes(admission: Admission) -> list[Manifest]:
    cohort = {"claimName": cohort_claim(admission.cohort.version, read_only=True), "readOnly": True}
    return [
        {"name": "home", "persistentVolumeClaim": {"claimName": home_claim(admission.person)}},
        {"name": "shared", "persistentVolumeClaim": {"claimName": SHARED_CLAIM}},
        {"name": "cohort", "persistentVolumeClaim": cohort},
        _memory("sockets", SOCKETS_MIB),
        _memory("private", PRIVATE_MIB),
        _memory("session-tmp", SESSION_TMP_MIB),
        _memory("kernel-tmp", KERNEL_TMP_MIB),
        # Where processes of one kernel share arrays; it counts as memory of its container.
        _memory("kernel-shm", admission.project.spec.resources.memory_mib // 2),
    ]


def _memory(name: str, mebibytes: int) -> Manifest:
    return {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": f"{mebibytes}Mi"}}


def _locked(uid: int) -> Manifest:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsGroup": GROUP,
        "runAsNonRoot": True,
        "runAsUser": uid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _env(values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Sorted. A dollar sign is doubled: the kubelet would read ``$(NAME)`` as another variable."""
    return [{"name": name, "value": values[name].replace("$", "$$")} for name in sorted(values)]


def cores(number: float) -> str:
    """As Kubernetes writes it: whole cores, or thousandths."""
    thousandths = max(1, round(number * 1000))
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)

"""The probe that goes before everything in a pod that may not reach the world: its container, for whoever makes a pod.

The hub puts it first into every workspace, the provisioner into every `loader-pull` pod and the canary. What it must
reach and what not stands in the ConfigMap of the project's namespace, a table a role, so no maker of pods needs to know
an address. A pod whose probe is not content never starts its containers.
"""

from typing import Any, Final

from tidegate.cluster.port import Manifest

PROBE: Final = "probe"  # the container, and the ConfigMap with its tables
PROBE_TABLE_VARIABLE: Final = "TIDEGATE_PROBE"
PROBE_NODE_VARIABLE: Final = "TIDEGATE_NODE"
PROBE_COMMAND: Final = ("python", "-I", "-m", "provisioner.adapters.kubernetes.probe")
SERVICE_UID: Final = 10001
LOCKED: Final[Manifest] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsGroup": SERVICE_UID,
    "runAsNonRoot": True,
    "runAsUser": SERVICE_UID,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def probe_init_container(role: str, image: str) -> Manifest:
    """The first init container of a pod of this role (`workspace`, `loader-pull`); `image` is that of our services."""
    table = {"configMapKeyRef": {"name": PROBE, "key": role}}
    return probe_container(image, {"name": PROBE_TABLE_VARIABLE, "valueFrom": table})


def probe_container(image: str, table: dict[str, Any]) -> Manifest:
    """The container with its table as an environment variable; the canary has one of its own."""
    node = {"name": PROBE_NODE_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
    return {
        "name": PROBE,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(PROBE_COMMAND),
        "env": [table, node],
        "resources": {
            "limits": {"cpu": "500m", "memory": "128Mi"},
            "requests": {"cpu": "50m", "memory": "64Mi"},
        },
        "securityContext": dict(LOCKED),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }

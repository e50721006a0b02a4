"""The namespace itself and how much may be used in it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from provisioner.adapters.kubernetes.render.quantities import cpu, memory
from provisioner.adapters.kubernetes.render.shape import labels, manifest
from provisioner.adapters.kubernetes.settings import ClusterSettings
from provisioner.domain.facts import Facts
from tidegate.cluster.names import namespace_of
from tidegate.cluster.port import Manifest
from tidegate.model.profiles import find

POD_SECURITY: Final = "pod-security.kubernetes.io"
POD_SECURITY_VERSION: Final = "v1.34"
BOUND: Final = "project"
# Beside one workspace a person: the canary, two loader pods, and as many again on their way out.
MORE_PODS: Final = 6
# Beside a home a person: the shared folder, and a cohort's volume with its read-only double for two versions.
MORE_CLAIMS: Final = 5
LOADERS: Final = 2
PROBE_SHARE: Final = (0.5, 128)


def namespace(project: str) -> Manifest:
    levels = ("enforce", "audit", "warn")
    security = {f"{POD_SECURITY}/{level}": "restricted" for level in levels}
    versions = {f"{POD_SECURITY}/{level}-version": POD_SECURITY_VERSION for level in levels}
    metadata = {"name": namespace_of(project), "labels": {**labels(project), **security, **versions}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def quota(facts: Facts, settings: ClusterSettings) -> Manifest:
    """Enough for each person's workspace and the loader at the same time, and nothing that others could offer here."""
    people = len(facts.persons)
    own = facts.project.spec.resources
    cores = people * (own.cpus + settings.session.cpus) + LOADERS * settings.loader.cpus + PROBE_SHARE[0]
    mib = people * (own.memory_mib + settings.session.memory_mib) + LOADERS * settings.loader.memory_mib
    storage = (people + 1) * own.storage_mib + settings.cohorts_mib
    hard = {
        "count/ingresses.networking.k8s.io": "0",
        "limits.cpu": cpu(cores),
        "limits.memory": memory(mib + PROBE_SHARE[1]),
        "persistentvolumeclaims": str(people + MORE_CLAIMS),
        "pods": str(2 * people + MORE_PODS),
        "requests.cpu": cpu(cores),
        "requests.memory": memory(mib + PROBE_SHARE[1]),
        "requests.storage": memory(storage),
        "services": "0",
        **{f"requests.{name}": str(people * each) for name, each in gpus(facts, settings).items()},
    }
    return manifest("ResourceQuota", BOUND, facts.project.name, {"spec": {"hard": hard}})


def gpus(facts: Facts, settings: ClusterSettings) -> dict[str, int]:
    """How many one workspace may have of each kind this cluster hands out: of others than its own profile's, none."""
    names = {profile.gpu_resource for profile in settings.profiles} - {""}
    asked = facts.project.spec.resources
    own = find(asked.profile, settings.profiles)
    return {name: asked.gpu if own is not None and name == own.gpu_resource else 0 for name in sorted(names)}


def limit_range(project: str, most: Mapping[str, int] = MappingProxyType({})) -> Manifest:
    """For a container that names no limits; without it the quota would refuse the pod with a sentence nobody reads.

    most: how many GPUs of each kind one container may have.
    """
    limit: dict[str, Any] = {
        "default": {"cpu": "500m", "memory": "256Mi"},
        "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
        "type": "Container",
    }
    # A bound alone would be every container's default, too.
    for name, count in ((name, count) for name, count in most.items() if count):
        limit["max"] = {name: str(count)}
        limit["default"][name] = limit["defaultRequest"][name] = "0"
    return manifest("LimitRange", BOUND, project, {"spec": {"limits": [limit]}})

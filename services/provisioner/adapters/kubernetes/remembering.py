"""What of a cluster the provisioner keeps in memory, so that a look at a project costs no request. Used by the wiring.

Namespaces and what is in them where they are projects'; of others' namespaces nothing. Volumes and Projects have no
namespace and are all kept, of Projects only what is not the store's: their finalisers.
"""

from collections.abc import Iterable
from typing import Final

from provisioner.adapters.kubernetes.kinds import CLAIM, INGRESS, POD, PROJECT, RENDERED, SERVICE, VOLUME
from tidegate.cluster.names import NAMESPACE_PREFIX
from tidegate.cluster.port import Manifest, Resource
from tidegate.cluster.remembered import Kept

KINDS: Final = (*RENDERED, POD, SERVICE, INGRESS, VOLUME, PROJECT)
ALL_OF: Final = frozenset({VOLUME, PROJECT})
# Of all others the status changes without anybody here reading it.
WITH_STATUS: Final = frozenset({POD, CLAIM, VOLUME})


def kept(foreign: Iterable[Resource]) -> Kept:
    """`foreign` are policies of the cluster's network, which a cluster may come to know later."""
    return Kept(KINDS, covers, tuple(foreign), trimmed)


def covers(resource: Resource, namespace: str, name: str) -> bool:
    place = namespace if resource.namespaced else name
    return resource in ALL_OF or place.startswith(NAMESPACE_PREFIX)


def trimmed(resource: Resource, manifest: Manifest) -> Manifest:
    if resource == PROJECT:
        return {part: manifest[part] for part in ("apiVersion", "kind", "metadata")}
    return manifest if resource in WITH_STATUS else {k: v for k, v in manifest.items() if k != "status"}

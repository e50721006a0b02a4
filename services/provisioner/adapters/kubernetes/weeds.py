"""Removes from a project's namespace what could only open it: policies, roles, Services, Ingresses that are not ours.

Called by the ground at every look. Policies add up, so one more never closes anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from provisioner.adapters.kubernetes.journal import Journal
from provisioner.adapters.kubernetes.kinds import INGRESS, NETWORK_POLICY, ROLE, ROLE_BINDING, SERVICE, called
from provisioner.adapters.kubernetes.render.policies import POLICY_NAMES
from provisioner.adapters.kubernetes.render.rights import HUB_RUN, HUB_SPAWN
from provisioner.adapters.kubernetes.settings import ClusterSettings
from tidegate.cluster.names import namespace_of
from tidegate.cluster.port import ClusterApi, Manifest, Ref, Resource
from tidegate.cluster.remembered import fresh
from tidegate.ledger import Event
from tidegate.model import TidegateError

log = structlog.get_logger("provisioner")

OURS: Final[Mapping[Resource, frozenset[str]]] = {
    NETWORK_POLICY: frozenset(POLICY_NAMES),
    ROLE: frozenset({HUB_RUN, HUB_SPAWN}),
    ROLE_BINDING: frozenset({HUB_RUN, HUB_SPAWN}),
    SERVICE: frozenset(),
    INGRESS: frozenset(),
}
GROUP: Final = "foreign objects"


@dataclass(frozen=True)
class Weeds:
    api: ClusterApi
    journal: Journal
    settings: ClusterSettings

    def pull(self, project: str, now: datetime) -> tuple[str, ...]:
        """Delete what does not belong here; answers what that was."""
        if not any(self._found(self.api, namespace_of(project))):
            return ()
        found = self.standing(project)
        if not found:
            return ()
        names = [called(manifest) for _, manifest in found]
        log.warning("foreign objects", project=project, objects=names)
        with self.journal.group(project, GROUP, names, now):
            for resource, manifest in found:
                self._remove(resource, manifest)
        self.journal.tell(Event.FOREIGN_REMOVED, project, now, objects=names)
        return tuple(names)

    def standing(self, project: str) -> list[tuple[Resource, Manifest]]:
        """What does not belong here, by the word of the cluster itself."""
        return list(self._found(fresh(self.api), namespace_of(project)))

    def _found(self, api: ClusterApi, namespace: str) -> Iterator[tuple[Resource, Manifest]]:
        for resource, ours in OURS.items():
            live = api.list(resource, namespace)
            yield from ((resource, each) for each in live if each["metadata"]["name"] not in ours)
        for kind in self.settings.foreign_kinds:
            yield from ((kind.resource(), each) for each in _listed(api, kind.resource(), namespace))

    def _remove(self, resource: Resource, manifest: Manifest) -> None:
        """A finaliser would keep it in force for as long as somebody likes, so it goes first."""
        metadata = manifest["metadata"]
        if metadata.get("finalizers"):
            self.api.replace(resource, {**manifest, "metadata": {**metadata, "finalizers": []}})
        self.api.delete(Ref(resource, metadata["name"], metadata["namespace"]), uid=metadata["uid"])


def _listed(api: ClusterApi, resource: Resource, namespace: str) -> tuple[Manifest, ...]:
    """A kind that this cluster does not know has no objects."""
    try:
        return api.list(resource, namespace)
    except TidegateError as error:
        if error.code == "cluster_invalid":
            return ()
        raise

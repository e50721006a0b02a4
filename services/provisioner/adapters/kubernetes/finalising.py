"""Takes a closed project off the cluster, in an order that leaves nothing running without its fence.

Called by `folders.erase` once rights are ended and workspaces stopped: the hub's right to start, its right to look
after, everything outside (buckets, groups), the pods, the namespace, the volumes of its cohorts. Each step may be
repeated; a failure ends the run, and the next try begins at the first thing left. The network policies go with the
namespace, whose deletion starts only when no pod is left.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from provisioner.adapters.kubernetes.apply import Applier
from provisioner.adapters.kubernetes.ground import drop_binding
from provisioner.adapters.kubernetes.kinds import JOB, NAMESPACE, POD, VOLUME
from provisioner.adapters.kubernetes.render.rights import HUB_RUN, HUB_SPAWN
from tidegate.cluster.names import PROJECT_LABEL, namespace_of
from tidegate.cluster.port import ClusterApi, Manifest, Ref, Resource
from tidegate.cluster.remembered import fresh
from tidegate.model import TidegateError

# How long one try waits for pods, or for the namespace, before the step is said to have failed and is tried later.
PATIENCE_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.2
GRACE_SECONDS: Final = 2


class Outside(Protocol):
    """Something of the project that is not in its namespace: a bucket's prefix, a group."""

    def erase(self, project: str) -> None:
        """Delete it; what is gone already is no error.

        Raises:
            TidegateError: while anything is left.
        """
        ...


@dataclass(frozen=True)
class Finalising:
    applier: Applier
    outside: Sequence[Outside] = ()
    patience: float = PATIENCE_SECONDS

    @property
    def _api(self) -> ClusterApi:
        """What is left is read from the cluster itself."""
        return fresh(self.applier.api)

    def run(self, project: str, now: datetime) -> None:
        """Raises TidegateError ``ERASE_FAILED`` while anything is left, or what the cluster said."""
        drop_binding(self.applier, project, HUB_SPAWN, now)
        drop_binding(self.applier, project, HUB_RUN, now)
        for part in self.outside:
            part.erase(project)
        if self._api.get(_namespace(project)) is not None:
            self._empty(project, now)
            self._drop_namespace(project, now)
        self._drop_volumes(project, now)

    def _empty(self, project: str, now: datetime) -> None:
        """Jobs first, which would make their pods again."""
        ours = namespace_of(project)
        found = [(kind, each) for kind in (JOB, POD) for each in self._api.list(kind, ours)]
        if found:
            names = [f"{kind.kind}/{each['metadata']['name']}" for kind, each in found]
            with self.applier.journal.group(project, "end pods", names, now):
                for kind, each in found:
                    self._delete(kind, each)
        self._wait(lambda: not self._api.list(POD, ours), project, "its pods are not gone")

    def _drop_namespace(self, project: str, now: datetime) -> None:
        live = self._api.get(_namespace(project))
        if live is not None and not live["metadata"].get("deletionTimestamp"):
            with self.applier.journal.group(project, "end namespace", [f"Namespace/{namespace_of(project)}"], now):
                self._delete(NAMESPACE, live)
        self._wait(lambda: self._api.get(_namespace(project)) is None, project, "its namespace is not gone")

    def _drop_volumes(self, project: str, now: datetime) -> None:
        """Volumes made by ours carry the project's label; those of claims went with the claims."""
        found = self._api.list(VOLUME, labels={PROJECT_LABEL: project})
        if not found:
            return
        names = [f"PersistentVolume/{each['metadata']['name']}" for each in found]
        with self.applier.journal.group(project, "end volumes", names, now):
            for each in found:
                self._delete(VOLUME, each)

    def _delete(self, kind: Resource, live: Manifest) -> None:
        metadata = live["metadata"]
        ref = Ref(kind, metadata["name"], metadata.get("namespace", ""))
        self._api.delete(ref, grace_seconds=GRACE_SECONDS if kind is POD else None, uid=metadata["uid"])

    def _wait(self, gone: Callable[[], bool], project: str, what: str) -> None:
        end = time.monotonic() + self.patience
        while not gone():
            if time.monotonic() >= end:
                raise TidegateError(
                    "ERASE_FAILED",
                    f"Not everything of project {project} could be deleted: {what}.",
                    "The operator should look at what holds it; it is tried again.",
                )
            time.sleep(POLL_SECONDS)


def _namespace(project: str) -> Ref:
    return Ref(NAMESPACE, namespace_of(project))

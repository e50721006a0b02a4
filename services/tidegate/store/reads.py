"""How the store on a cluster reads: each time from the API (`DirectReads`), or from what a watch told (`watched`)."""

import itertools
from typing import Protocol

from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.port import ClusterApi, Manifest, Ref
from tidegate.model import AnyResource, Kind, ProjectStatus
from tidegate.store.manifests import read, read_status


class Reads(Protocol):
    """The reading half of `ResourceStore`. Errors are those of `ClusterApi`, and ``resource_unreadable``."""

    def get(self, kind: Kind, name: str) -> AnyResource | None: ...

    def list(self, kind: Kind) -> tuple[AnyResource, ...]: ...

    def project_status(self, name: str) -> ProjectStatus: ...

    def generation(self) -> int: ...

    def saw(self, kind: Kind, manifest: Manifest) -> None:
        """What a write of our own was answered with: who writes reads it back at once."""
        ...


class DirectReads:
    """Asks the API server every time: for commands, which live for a moment."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api
        self._asked = itertools.count(1)

    def get(self, kind: Kind, name: str) -> AnyResource | None:
        manifest = self._manifest(kind, name)
        return read(kind, manifest) if manifest else None

    def list(self, kind: Kind) -> tuple[AnyResource, ...]:
        found = [read(kind, manifest) for manifest in self._api.list(CUSTOM[kind])]
        return tuple(sorted(found, key=lambda resource: resource.name))

    def project_status(self, name: str) -> ProjectStatus:
        return read_status(self._manifest(Kind.PROJECT, name) or {})

    def generation(self) -> int:
        """Nothing is watched, so each asking says: look again."""
        return next(self._asked)

    def saw(self, kind: Kind, manifest: Manifest) -> None:
        """Nothing is kept."""

    def _manifest(self, kind: Kind, name: str) -> Manifest | None:
        resource = CUSTOM[kind]
        if not resource.namespaced:
            return self._api.get(Ref(resource, name))
        return next((item for item in self._api.list(resource) if item["metadata"]["name"] == name), None)

"""What a service asks of the Kubernetes API. `client` answers on a cluster; tests answer from memory or with kmock.

Manifests are plain JSON values as the API has them. A kind is named by its `Resource`, so no name is guessed from text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """One kind of the API, for example ``Resource("apps/v1", "Deployment", "deployments")``."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True


@dataclass(frozen=True)
class Ref:
    """One object; `namespace` is empty where the kind has none."""

    resource: Resource
    name: str
    namespace: str = ""


@dataclass(frozen=True)
class Change:
    """One line of a watch: ``ADDED``, ``MODIFIED`` or ``DELETED``, and the object as it then stood."""

    verb: str
    manifest: Manifest


@dataclass(frozen=True)
class Listing:
    """All of a kind as it stood at one version of the whole, from which a watch goes on."""

    items: tuple[Manifest, ...]
    version: str


class ClusterApi(Protocol):
    """Errors of every method are `TidegateError`.

    ``cluster_unavailable`` (try again later), ``cluster_denied`` (403, with the sentence of an admission policy where
    one refused), ``cluster_conflict`` (409), ``cluster_invalid`` (400, 422) or ``cluster_gone`` (410, list again).
    """

    def get(self, ref: Ref) -> Manifest | None: ...

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> tuple[Manifest, ...]:
        """All of a kind, in one namespace or (empty) in all of them."""
        ...

    def apply(self, resource: Resource, manifest: Manifest, *, force: bool = False, subresource: str = "") -> Manifest:
        """Server-side apply as field manager ``tidegate``; another manager's field is ``cluster_conflict``."""
        ...

    def create(self, resource: Resource, manifest: Manifest) -> Manifest: ...

    def replace(self, resource: Resource, manifest: Manifest, *, subresource: str = "") -> Manifest:
        """Write the whole object; ``cluster_conflict`` where its resourceVersion is no longer the newest."""
        ...

    def delete(self, ref: Ref, *, grace_seconds: int | None = None, uid: str = "") -> bool:
        """False where there was none. With `uid` only that very object is deleted."""
        ...

    def logs(self, namespace: str, pod: str, container: str) -> str:
        """The last 64 KiB a container wrote."""
        ...

    def watch(self, resource: Resource, namespace: str = "", since: str = "") -> Iterator[Change]:
        """Changes after the resourceVersion `since`, until the server ends the watch."""
        ...


class WatchableApi(ClusterApi, Protocol):
    """What a cache needs beyond it."""

    def listing(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Listing: ...

    def follow(self, resource: Resource, namespace: str = "", since: str = "") -> Iterator[Change]:
        """A watch that also gives the server's ``BOOKMARK`` lines: nothing changed, and this is the version now."""
        ...


class StoreApi(WatchableApi, Protocol):
    """What the resource store needs beyond it."""

    def rehearsing(self) -> "StoreApi":
        """The same, but writes are only judged: admission and validation answer, nothing is stored."""
        ...

    def impersonating(self, user: str, group: str) -> "StoreApi":
        """The same, acting as this user of this group."""
        ...

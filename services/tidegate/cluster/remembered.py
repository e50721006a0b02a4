"""A `ClusterApi` whose reads cost no request: kept true by one watch a kind. Wirings of a controller make one.

What it answers may be some milliseconds old, and seconds where a connection died unnoticed. A watch that was not heard
of for `STALE_SECONDS` is no knowledge: reads then go to the API itself. Whoever opens something on the strength of what
it reads asks `fresh(api)`, which never answers from memory. Our own writes are known at once.
"""

import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from tidegate.cluster.following import STALE_SECONDS, Following
from tidegate.cluster.memory import Memory
from tidegate.cluster.port import Change, ClusterApi, Manifest, Ref, Resource, WatchableApi

NOTHING: Final[Mapping[str, str]] = {}
Covers = Callable[[Resource, str, str], bool]


def fresh(api: ClusterApi) -> ClusterApi:
    """The same API with every read a request, for what must not rest on memory."""
    return api.fresh if isinstance(api, RememberedApi) else api


@dataclass(frozen=True)
class Kept:
    """What of a cluster is kept in memory.

    Attributes:
        covers: asked with a kind, a namespace and a name whether it is kept; for a whole list with an empty name.
        optional: kinds that a cluster need not know.
        trim: what of an object is kept.
    """

    kinds: Collection[Resource]
    covers: Covers
    optional: Collection[Resource] = ()
    trim: Callable[[Resource, Manifest], Manifest] = lambda _, manifest: manifest

    def keeps(self, kind: Resource, manifest: Manifest) -> bool:
        metadata = manifest["metadata"]
        return self.covers(kind, metadata.get("namespace", ""), metadata["name"])


class Memories:
    """The memory of each kind, and the watches that fill them. `start` before use.

    `told` hears of each object that changed or went, in the thread of its watch.
    """

    def __init__(
        self,
        api: WatchableApi,
        kept: Kept,
        told: Callable[[Manifest], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._kept = kept
        self._stop = threading.Event()
        self._of: dict[Resource, Memory] = {}
        self._watches: list[Following] = []
        for kind in (*kept.kinds, *kept.optional):
            memory = Memory(partial(kept.keeps, kind), partial(kept.trim, kind), told, clock)
            absent = memory.absent if kind in kept.optional else None
            self._of[kind] = memory
            self._watches.append(Following(api, kind, memory.listed, memory.changed, jitter, absent))

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def start(self, patience: float = 60.0) -> bool:
        """Begin to watch; returns when every kind was listed once. False where that takes longer: it goes on."""
        for watch in self._watches:
            watch.start(self._stop)
        deadline = time.monotonic() + patience
        return all(each.filled.wait(max(0.0, deadline - time.monotonic())) for each in self._of.values())

    def stop(self) -> None:
        """No more is learned. Threads end with their present request, at the latest with the process."""
        self._stop.set()

    def silent_for(self) -> float:
        """Seconds since the kind that was silent longest was heard of; for a health page."""
        return max((each.silent_for() for each in self._of.values()), default=0.0)

    def knowing(self, resource: Resource, namespace: str, name: str = "") -> Memory | None:
        """What may be answered from; None where it is not covered, or too long ago."""
        memory = self.keeping(resource, namespace, name)
        return memory if memory is not None and memory.silent_for() <= STALE_SECONDS else None

    def keeping(self, resource: Resource, namespace: str, name: str = "") -> Memory | None:
        """Where news of this go, however old the rest is."""
        return self._of.get(resource) if self._kept.covers(resource, namespace, name) else None


class FreshApi:
    """A `ClusterApi` that asks the API each time, and lets the memory know what it learned."""

    def __init__(self, api: ClusterApi, memories: Memories) -> None:
        self._api = api
        self._memories = memories

    def get(self, ref: Ref) -> Manifest | None:
        return self._noted(ref.resource, self._api.get(ref))

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> tuple[Manifest, ...]:
        return self._api.list(resource, namespace, labels)

    def apply(self, resource: Resource, manifest: Manifest, *, force: bool = False, subresource: str = "") -> Manifest:
        return self._wrote(resource, self._api.apply(resource, manifest, force=force, subresource=subresource))

    def create(self, resource: Resource, manifest: Manifest) -> Manifest:
        return self._wrote(resource, self._api.create(resource, manifest))

    def replace(self, resource: Resource, manifest: Manifest, *, subresource: str = "") -> Manifest:
        return self._wrote(resource, self._api.replace(resource, manifest, subresource=subresource))

    def delete(self, ref: Ref, *, grace_seconds: int | None = None, uid: str = "") -> bool:
        """The answer does not say whether the object is gone or going, so what is kept in memory is read again."""
        memory = self._memories.keeping(ref.resource, ref.namespace, ref.name)
        meant = uid or (memory.uid(ref.namespace, ref.name) if memory else "")
        done = self._api.delete(ref, grace_seconds=grace_seconds, uid=uid)
        if memory is not None and meant:
            left = self._noted(ref.resource, self._api.get(ref))
            if left is None or left["metadata"]["uid"] != meant:
                memory.bury(ref.namespace, ref.name, meant)
        return done

    def logs(self, namespace: str, pod: str, container: str) -> str:
        return self._api.logs(namespace, pod, container)

    def watch(self, resource: Resource, namespace: str = "", since: str = "") -> Iterator[Change]:
        return self._api.watch(resource, namespace, since)

    def _wrote(self, resource: Resource, manifest: Manifest) -> Manifest:
        self._noted(resource, manifest)
        return manifest

    def _noted(self, resource: Resource, manifest: Manifest | None) -> Manifest | None:
        if manifest is not None:
            metadata = manifest["metadata"]
            memory = self._memories.keeping(resource, metadata.get("namespace", ""), metadata["name"])
            if memory is not None:
                memory.note(manifest)
        return manifest


class RememberedApi(FreshApi):
    """The same, but `get` and `list` answer from memory what the memory covers and was heard of lately."""

    def __init__(self, api: ClusterApi, memories: Memories) -> None:
        super().__init__(api, memories)
        self.fresh = FreshApi(api, memories)

    def get(self, ref: Ref) -> Manifest | None:
        memory = self._memories.knowing(ref.resource, ref.namespace, ref.name)
        return super().get(ref) if memory is None else memory.get(ref.namespace, ref.name)

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> tuple[Manifest, ...]:
        memory = self._memories.knowing(resource, namespace)
        if memory is None:
            return super().list(resource, namespace, labels)
        return memory.list(namespace, labels or NOTHING)

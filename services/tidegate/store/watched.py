"""Reads from memory, kept true by one watch a kind: for services, which read all the time.

Why not ask each time: the provisioner looks at every project every second, and a thousand of them must cost the API
server nothing while nothing changes. What is read may be some milliseconds old; every *write* compares with the API
itself and carries the resourceVersion it saw, so an old read can delay, never overwrite. A watch that was silent for
too long is no knowledge: reads then fail, and whoever asks denies.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.following import BOOKMARK, DELETED, STALE_SECONDS, Following
from tidegate.cluster.port import Change, Listing, Manifest, WatchableApi
from tidegate.model import AnyResource, Kind, ProjectStatus, TidegateError
from tidegate.store.manifests import read, read_status

log = structlog.get_logger("store")

NO_STATUS: Final = ProjectStatus()
# A verdict that is not seen could be a refusal or a revocation: without it nothing may be decided.
NEVER_LEFT_OUT: Final = frozenset({Kind.APPROVAL})


Told = Callable[[Kind, AnyResource | None, AnyResource | None], None]


def _told_nobody(_kind: Kind, _before: AnyResource | None, _after: AnyResource | None) -> None:
    """Who reads every second need not be told."""


@dataclass(frozen=True)
class Seen:
    """An object as last heard of; `resource` is None where it is gone, `unreadable` says why it has none."""

    version: int
    resource: AnyResource | None = None
    status: ProjectStatus = NO_STATUS
    unreadable: TidegateError | None = None


class WatchedReads:
    """`Reads` from memory. `start` before use. Safe in any thread."""

    def __init__(
        self,
        api: WatchableApi,
        kinds: tuple[Kind, ...] = tuple(Kind),
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        changed: Told = _told_nobody,
    ) -> None:
        """`changed` hears, from any thread and quickly, of each kind and what a resource was and is."""
        self._api = api
        self._changed = changed
        self._clock = clock
        self._jitter = jitter
        self._lock = threading.Lock()
        self._seen: dict[Kind, dict[str, Seen]] = {kind: {} for kind in kinds}
        self._heard: dict[Kind, float] = {}
        self._changes = 0
        self._stop = threading.Event()
        self._filled = {kind: threading.Event() for kind in kinds}

    def start(self, patience: float = 30.0) -> None:
        """Begin to watch; returns when every kind was listed once.

        Raises:
            TidegateError: ``cluster_unavailable`` when that takes longer than `patience` seconds; the watch goes on.
        """
        for kind in self._seen:
            listed, changed = partial(self._listed, kind), partial(self._change, kind)
            Following(self._api, CUSTOM[kind], listed, changed, self._jitter).start(self._stop)
        deadline = self._clock() + patience
        for kind, filled in self._filled.items():
            if not filled.wait(max(0.0, deadline - self._clock())):
                raise _silent(kind)

    def stop(self) -> None:
        """No more is learned. Threads end with their present request, at the latest with the process."""
        self._stop.set()

    def silent_for(self) -> float:
        """Seconds since the kind that was silent longest was heard of; for a health page."""
        with self._lock:
            return self._clock() - min(self._heard.get(kind, float("-inf")) for kind in self._seen)

    def get(self, kind: Kind, name: str) -> AnyResource | None:
        seen = self._fresh(kind).get(name)
        if seen is not None and seen.unreadable is not None:
            raise seen.unreadable
        return seen.resource if seen else None

    def list(self, kind: Kind) -> tuple[AnyResource, ...]:
        known = self._fresh(kind)
        for seen in known.values():
            if seen.unreadable is not None and kind in NEVER_LEFT_OUT:
                raise seen.unreadable
        return tuple(seen.resource for _, seen in sorted(known.items()) if seen.resource is not None)

    def project_status(self, name: str) -> ProjectStatus:
        seen = self._fresh(Kind.PROJECT).get(name)
        return seen.status if seen else NO_STATUS

    def generation(self) -> int:
        with self._lock:
            return self._changes

    def saw(self, kind: Kind, manifest: Manifest) -> None:
        with self._lock:
            self._note(kind, manifest)

    def _fresh(self, kind: Kind) -> Mapping[str, Seen]:
        with self._lock:
            if self._clock() - self._heard.get(kind, float("-inf")) > STALE_SECONDS:
                raise _silent(kind)
            return dict(self._seen[kind])

    def _listed(self, kind: Kind, listing: Listing) -> None:
        with self._lock:
            self._forget_others(kind, listing.items, int(listing.version))
            for manifest in listing.items:
                self._note(kind, manifest)
            self._heard[kind] = self._clock()
        self._filled[kind].set()

    def _change(self, kind: Kind, change: Change) -> None:
        version = int(change.manifest["metadata"]["resourceVersion"])
        with self._lock:
            self._heard[kind] = self._clock()
            if change.verb == DELETED:
                self._set(kind, change.manifest["metadata"]["name"], Seen(version))
            elif change.verb != BOOKMARK:
                self._note(kind, change.manifest)

    def _forget_others(self, kind: Kind, items: tuple[Manifest, ...], version: int) -> None:
        """What a new list no longer names is gone, unless we wrote it since."""
        named = {item["metadata"]["name"] for item in items}
        for name in set(self._seen[kind]) - named:
            self._set(kind, name, Seen(version))

    def _note(self, kind: Kind, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        version = int(metadata["resourceVersion"])
        try:
            status = read_status(manifest) if kind is Kind.PROJECT else NO_STATUS
            self._set(kind, metadata["name"], Seen(version, read(kind, manifest), status))
        except TidegateError as error:
            log.warning("resource_unreadable", kind=str(kind), name=metadata["name"], sentence=error.sentence)
            self._set(kind, metadata["name"], Seen(version, unreadable=error))

    def _set(self, kind: Kind, name: str, seen: Seen) -> None:
        """Only ever forward: the answer to our own write and the watch may come in either order."""
        known = self._seen[kind].get(name)
        if known is None or known.version < seen.version:
            self._seen[kind][name] = seen
            self._changes += 1
            self._changed(kind, known.resource if known else None, seen.resource)


def _silent(kind: Kind) -> TidegateError:
    return TidegateError(
        "cluster_unavailable",
        f"What is known of the {kind} resources is too old to decide from.",
        "The Kubernetes API does not answer; it is tried again.",
    )

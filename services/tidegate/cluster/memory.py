"""What is known of one kind: the newest of each object that a watch or our own write told. Used by `remembered`.

The answer to our own write and the watch may come in either order, so it only ever goes forward: by resourceVersion
while an object lives, and by uid once it is gone. Objects are kept as text: a reader gets a copy of its own, and what a
thousand projects consist of takes megabytes.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.cluster.following import BOOKMARK, DELETED
from tidegate.cluster.port import Change, Listing, Manifest

# Longer than any answer to a write can be under way; until then news of a deleted object are ignored.
BURIED_SECONDS: Final = 300.0

Key = tuple[str, str]
Trim = Callable[[Manifest], Manifest]
Told = Callable[[Manifest], None]


@dataclass(frozen=True)
class Known:
    """`text` is the object without its resourceVersion, so that two texts differ only where the object does."""

    version: int
    uid: str
    labels: Mapping[str, str]
    text: str

    def manifest(self) -> Manifest:
        found: Manifest = json.loads(self.text)
        found["metadata"]["resourceVersion"] = str(self.version)
        return found


class Memory:
    """Safe in any thread. `told` hears, after it is known here, of what a watch found changed; of own writes nobody."""

    def __init__(self, keeps: Callable[[Manifest], bool], trim: Trim, told: Told, clock: Callable[[], float]) -> None:
        self._keeps = keeps
        self._trim = trim
        self._told = told
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Known]] = {}
        self._buried: dict[str, float] = {}
        self._heard: float | None = None
        self.filled = threading.Event()

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._known.values()))

    def silent_for(self) -> float:
        """Seconds since the watch was heard of; infinite before the first list."""
        with self._lock:
            return float("inf") if self._heard is None else self._clock() - self._heard

    def get(self, namespace: str, name: str) -> Manifest | None:
        found = self._find((namespace, name))
        return found.manifest() if found else None

    def uid(self, namespace: str, name: str) -> str:
        found = self._find((namespace, name))
        return found.uid if found else ""

    def list(self, namespace: str, labels: Mapping[str, str]) -> tuple[Manifest, ...]:
        """Of one namespace, by name; of the empty one where the kind has no namespaces."""
        with self._lock:
            known = sorted(self._known.get(namespace, {}).items())
        return tuple(k.manifest() for _, k in known if all(k.labels.get(key) == v for key, v in labels.items()))

    def note(self, manifest: Manifest) -> bool:
        """Take in an object as it is now. Whether it was another before."""
        if not self._keeps(manifest):
            return False
        namespace, name = key_of(manifest)
        made = self._made(manifest)
        with self._lock:
            before = self._known.get(namespace, {}).get(name)
            if made.uid in self._buried or (before is not None and before.version >= made.version):
                return False
            self._known.setdefault(namespace, {})[name] = made
        return before is None or before.text != made.text

    def bury(self, namespace: str, name: str, uid: str) -> bool:
        """The object of this uid is gone for good, whatever older news may still come. Whether it was known."""
        with self._lock:
            now = self._clock()
            self._buried[uid] = now
            for old in [old for old, at in self._buried.items() if now - at > BURIED_SECONDS]:
                del self._buried[old]
            place = self._known.get(namespace, {})
            known = place.get(name)
            if known is None or known.uid != uid:
                return False
            del place[name]
            if not place:
                self._known.pop(namespace, None)
        return True

    def listed(self, listing: Listing) -> None:
        """All there is. What it does not name is gone, unless we wrote it since."""
        named = {key_of(each) for each in listing.items}
        for key, known in self._all():
            if key not in named and known.version <= int(listing.version):
                self._gone(*key, known.uid, known.manifest())
        for each in listing.items:
            self._tell(each)
        self._hear()

    def changed(self, change: Change) -> None:
        if change.verb == DELETED:
            self._gone(*key_of(change.manifest), change.manifest["metadata"]["uid"], change.manifest)
        elif change.verb != BOOKMARK:
            self._tell(change.manifest)
        self._hear()

    def absent(self) -> None:
        """The cluster has no such kind, so there is nothing of it."""
        for key, known in self._all():
            self._gone(*key, known.uid, known.manifest())
        self._hear()

    def _tell(self, manifest: Manifest) -> None:
        if self.note(manifest):
            self._told(manifest)

    def _gone(self, namespace: str, name: str, uid: str, manifest: Manifest) -> None:
        if self.bury(namespace, name, uid):
            self._told(manifest)

    def _hear(self) -> None:
        with self._lock:
            self._heard = self._clock()
        self.filled.set()

    def _find(self, key: Key) -> Known | None:
        with self._lock:
            return self._known.get(key[0], {}).get(key[1])

    def _all(self) -> Iterator[tuple[Key, Known]]:
        with self._lock:
            known = [((place, name), each) for place, inside in self._known.items() for name, each in inside.items()]
        yield from known

    def _made(self, manifest: Manifest) -> Known:
        metadata = manifest["metadata"]
        text = json.dumps(self._trim(_bare(manifest)), sort_keys=True, separators=(",", ":"))
        return Known(int(metadata["resourceVersion"]), metadata["uid"], dict(metadata.get("labels") or {}), text)


def key_of(manifest: Manifest) -> Key:
    return manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def _bare(manifest: Manifest) -> Manifest:
    """Who wrote which field is half of an object and of no use here."""
    unwanted = ("managedFields", "resourceVersion")
    return {**manifest, "metadata": {k: v for k, v in manifest["metadata"].items() if k not in unwanted}}

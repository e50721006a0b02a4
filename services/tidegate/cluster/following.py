"""The life of one watch: list, follow, follow again, and list anew where the server no longer knows the version.

Used by `remembered` and by the store's memory; each kind has a thread of its own. Whatever happens, it does not end.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from tidegate.cluster.port import Change, Listing, Resource, WatchableApi
from tidegate.model import TidegateError

log = structlog.get_logger("cluster")

# One word of the server missed (90 s), a new try and the wait for its next word (75 s) fit in.
STALE_SECONDS: Final = 180.0
SHORTEST_WAIT: Final = 0.2
LONGEST_WAIT: Final = 10.0
DELETED: Final = "DELETED"
BOOKMARK: Final = "BOOKMARK"


@dataclass(frozen=True)
class Following:
    """`listed` and `changed` are called from the watch's thread, in order.

    `absent` is called where the cluster has no such kind (yet); None where that would be a fault.
    """

    api: WatchableApi
    resource: Resource
    listed: Callable[[Listing], None]
    changed: Callable[[Change], None]
    jitter: Callable[[], float]
    absent: Callable[[], None] | None = None

    def start(self, stop: threading.Event) -> None:
        name = f"watch-{self.resource.plural}"
        threading.Thread(target=self.run, args=(stop,), name=name, daemon=True).start()

    def run(self, stop: threading.Event) -> None:
        version, failures = "", 0
        while not stop.is_set():
            version, whole = self._once(version)
            failures = 0 if whole else failures + 1
            stop.wait(min(LONGEST_WAIT, SHORTEST_WAIT * 2**failures) * (0.5 + self.jitter()))

    def _once(self, version: str) -> tuple[str, bool]:
        """From which version to go on, empty to list anew, and whether the server ended the watch as it should."""
        try:
            version = version or self._list()
            for change in self.api.follow(self.resource, since=version):
                self.changed(change)
                version = str(change.manifest["metadata"]["resourceVersion"])
        except TidegateError as error:
            return self._broken(error, version), False
        except Exception:
            # Whatever came, a watch must not end in silence: list anew.
            log.exception("watch_failed", kind=self.resource.kind)
            return "", False
        return version, True

    def _list(self) -> str:
        listing = self.api.listing(self.resource)
        self.listed(listing)
        return listing.version

    def _broken(self, error: TidegateError, version: str) -> str:
        if error.code == "cluster_invalid" and self.absent is not None:
            self.absent()
            return ""
        log.warning("watch_broken", kind=self.resource.kind, code=error.code, sentence=error.sentence)
        return "" if error.code == "cluster_gone" else version

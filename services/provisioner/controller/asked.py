"""Which projects to look at, and when: a set of keys with a time each. Filled from any thread, emptied by the loop."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from tidegate.model import AnyResource, Approval, Cohort, Grant, Kind, Project

NOW = timedelta(0)


class Asked:
    """Deduplicated: a key that is asked for twice is looked at once, at the earlier of the two times."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[str, datetime] = {}
        self._everything = False
        self.news = threading.Event()

    def __len__(self) -> int:
        with self._lock:
            return len(self._due)

    def ask(self, key: str, after: timedelta = NOW) -> None:
        at = self._clock() + after
        with self._lock:
            self._due[key] = min(self._due.get(key, at), at)
        self.news.set()

    def ask_everything(self) -> None:
        with self._lock:
            self._everything = True
        self.news.set()

    def changed(self, kind: Kind, before: AnyResource | None, after: AnyResource | None) -> None:
        """What the store's watch tells. A status alone asks for nothing: we wrote it."""
        if before == after:
            return
        keys = [key for item in (before, after) if item is not None for key in concerned(item)]
        for key in keys:
            self.ask(key)
        if not keys or kind in EVERYBODY:
            self.ask_everything()

    def take(self, now: datetime) -> tuple[tuple[str, ...], bool, datetime | None]:
        """The keys that are due, whether everything is, and when the next key will be."""
        with self._lock:
            due = tuple(sorted(key for key, at in self._due.items() if at <= now))
            for key in due:
                del self._due[key]
            everything, self._everything = self._everything, False
            self.news.clear()
            return due, everything, min(self._due.values(), default=None)


# Any project may stand on these.
EVERYBODY = frozenset({Kind.LICENCE, Kind.DATASET})


def concerned(item: AnyResource) -> Iterable[str]:
    """The projects a resource names itself; none where that cannot be told from it alone."""
    if isinstance(item, Project):
        return (item.name,)
    if isinstance(item, Grant | Cohort):
        return (item.spec.project,) if item.spec.project else ()
    if isinstance(item, Approval) and item.spec.subject.kind == "Project":
        return (item.spec.subject.name,)
    return ()

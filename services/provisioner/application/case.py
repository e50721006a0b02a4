"""One project at one look: its facts, the time, and the only way its status is written.

Made by `reconcile`. A write changes the status as it stands in the store, not a copy read earlier, under a lock for the
project: the cut-off and a long pull may run at the same time, and neither may undo the other.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from provisioner.application.observe import observe
from provisioner.domain.facts import Facts
from provisioner.domain.progress import failed, with_step
from provisioner.domain.summary import judged
from tidegate.ledger import Actor, Event, Record
from tidegate.model import ProjectStatus, TidegateError
from tidegate.store import ResourceStore

Change = Callable[[ProjectStatus], ProjectStatus]
Plain = str | int | bool | list[str] | None
PROVISIONER = Actor.service("provisioner")


def unchanged(status: ProjectStatus) -> ProjectStatus:
    """For a write of what the dates and specs alone have changed."""
    return status


class Locks:
    """A lock for each project of this process; there is only one such process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._of: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def of(self, key: str) -> threading.Lock:
        with self._guard:
            return self._of[key]


@dataclass(frozen=True)
class Case:
    facts: Facts
    now: datetime
    store: ResourceStore
    lock: threading.Lock
    clock: Callable[[], datetime]

    @property
    def name(self) -> str:
        return self.facts.project.name

    @property
    def status(self) -> ProjectStatus:
        """As it stands in the store now."""
        return self.store.project_status(self.name)

    def afresh(self) -> "Case":
        """The same project as it stands after something that took long. The clock is read for this alone."""
        facts = observe(self.store, self.name, self.facts.profiles) or self.facts
        return replace(self, facts=facts, now=max(self.now, self.clock()))

    def note(self, change: Change, event: Event = Event.PROJECT_STATUS_CHANGED, **detail: str | int | bool) -> None:
        """Write progress from within a long step: the change alone, since facts and time of this look have aged."""
        with self.lock:
            before = self.status
            self._put(before, change(before), event, detail)

    def fail(self, name: str, error: TidegateError, jitter: float, also: Change = unchanged) -> None:
        """Write down that a step failed, and when it is tried again."""
        self.write(lambda s: with_step(also(s), failed(s.step(name), name, error, self.now, jitter)))

    def write(
        self, change: Change, event: Event = Event.PROJECT_STATUS_CHANGED, **detail: str | int | bool
    ) -> ProjectStatus:
        """Apply a change and all that follows from it, with its audit record; nothing where nothing differs."""
        with self.lock:
            before = self.status
            after = judged(self.facts, change(before), self.now)
            self._put(before, after, event, detail)
            return after

    def _put(self, before: ProjectStatus, after: ProjectStatus, event: Event, detail: Mapping[str, Plain]) -> None:
        if after == before:
            return
        said = {"phase": after.phase, **_difference(before, after), **detail}
        record = Record(event=event, actor=PROVISIONER, subject=f"Project/{self.name}", detail=said)
        self.store.put_project_status(self.name, after, record, self.now)


def _difference(before: ProjectStatus, after: ProjectStatus) -> dict[str, list[str]]:
    """What a reader of the ledger wants to know of a change: codes and names, no free text."""
    conditions = [f"{c.type}={c.status}/{c.reason}" for c in after.conditions if c not in before.conditions]
    steps = [f"{s.name}={s.state}/{s.code}".rstrip("/") for s in after.steps if s not in before.steps]
    found = {"conditions": conditions, "steps": steps}
    return {key: value for key, value in found.items() if value}

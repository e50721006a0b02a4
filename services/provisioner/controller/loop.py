"""Wakes at each date and at each write, and looks again at the projects they may concern. Called by `__main__`.

Events only say "look again": the loop compares one number (`generation`) every second, and dates with the clock. Cuts
run on threads of their own, so a pull that takes hours or an engine that hangs cannot hold one up.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from provisioner.application.anchors import anchor
from provisioner.application.reconcile import Reconciler
from provisioner.controller.keyed import KeyedPool
from provisioner.ports import Heads
from tidegate.model import Kind
from tidegate.store import ResourceStore

log = structlog.get_logger("provisioner")

BEAT_SECONDS = 1.0
SHORTEST_WAIT = 0.01
RESYNC = timedelta(minutes=5)
ANCHOR = timedelta(hours=1)
LOOKS = 4
CUTS = 8
LEAVE_SECONDS = 5.0


@dataclass
class Loop:
    store: ResourceStore
    reconciler: Reconciler
    heads: Heads
    clock: Callable[[], datetime]
    seen: int = -1
    resync_at: datetime | None = None
    anchor_at: datetime | None = None
    retry_at: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.looks = KeyedPool("look", self._look, LOOKS)
        self.cuts = KeyedPool("cut", self._cut, CUTS)

    def run(self, stop: threading.Event) -> bool:
        """Until told to stop. False where a long step had to be left; it goes on at the next start."""
        while not stop.is_set():
            try:
                wait = self.beat(self.clock())
            except Exception:
                # The store may be locked or full for a moment; dates must still be met at the next beat.
                log.exception("beat failed")
                wait = BEAT_SECONDS
            stop.wait(wait)
        cut = self.cuts.close(LEAVE_SECONDS)
        return self.looks.close(LEAVE_SECONDS) and cut

    def beat(self, now: datetime) -> float:
        """Ask for every look that is due; answers how many seconds to wait."""
        keys = tuple(project.name for project in self.store.list(Kind.PROJECT))
        due_all = self._news(now)
        following = [self._due(key, now, due_all=due_all) for key in keys]
        # Dates first: what they end must not wait for a ledger that does not answer.
        self._anchor(now)
        nearest = min((at for at in following if at is not None), default=None)
        seconds = (nearest - now).total_seconds() if nearest else BEAT_SECONDS
        return min(BEAT_SECONDS, max(SHORTEST_WAIT, seconds))

    def _news(self, now: datetime) -> bool:
        """Whether anything was written since the last beat, or a look at everything is due anyway."""
        generation = self.store.generation()
        late = self.resync_at is None or now >= self.resync_at
        if generation == self.seen and not late:
            return False
        self.seen = generation
        self.resync_at = now + RESYNC
        return True

    def _due(self, key: str, now: datetime, *, due_all: bool) -> datetime | None:
        """Ask for the looks at this project; answers its next date ahead."""
        at = self.store.project_status(key).next_at
        passed = at is not None and at <= now
        if passed or self.reconciler.overstayed(key, now):
            self.cuts.submit(key)
        if (passed or due_all) and now >= self.retry_at.get(key, now):
            self.looks.submit(key)
            self.retry_at[key] = now + self.looks.held_back(key, random.random())  # noqa: S311 - spreads tries
        return at if at is not None and not passed else None

    def _anchor(self, now: datetime) -> None:
        if self.anchor_at is None or now >= self.anchor_at:
            anchor(self.store, self.heads, now)
            self.anchor_at = now + ANCHOR

    def _look(self, key: str) -> None:
        self.reconciler.reconcile(key, self.clock())

    def _cut(self, key: str) -> None:
        self.reconciler.enforce(key, self.clock())

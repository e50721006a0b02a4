"""The loop of a cluster: looks at the projects that events, dates and the resync ask for. Called by the wiring.

The loop of one machine asks the store every second; with a thousand projects on an API server nobody is asked while
nothing happens. Events come through `Asked`, dates from the last look at each project, and every five minutes
everything is looked at whatever was heard or missed.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from provisioner.application.anchors import anchor
from provisioner.application.reconcile import Reconciler
from provisioner.controller.asked import Asked
from provisioner.controller.keyed import KeyedPool
from provisioner.domain.progress import delay
from provisioner.ports import Heads
from tidegate.model import Kind, ProjectStatus, StepState
from tidegate.store import ResourceStore
from tidegate.store.kubernetes import IN_FLIGHT

log = structlog.get_logger("provisioner")

BEAT_SECONDS = 1.0
RESYNC = timedelta(minutes=5)
HOURLY = timedelta(hours=1)
POLL = timedelta(seconds=2)
LOOKS = 16
CUTS = 16
LEAVE_SECONDS = 5.0


class Meter(Protocol):
    """Who counts looks. Outcome ``raised`` is a fault of ours; a step that failed is the status's to say."""

    def looked(self, seconds: float, outcome: str, status: ProjectStatus | None) -> None: ...

    def resynced(self) -> None: ...


@dataclass
class ClusterLoop:
    """`settle` closes what stands open in the ledger for longer than it is told; called at the start and each hour.

    At the start all of it was left by processes that lead no more. Each is judged by how the world stands, so that is
    done before a look changes it.
    """

    store: ResourceStore
    reconciler: Reconciler
    heads: Heads
    clock: Callable[[], datetime]
    asked: Asked
    meter: Meter
    settle: Callable[[datetime, timedelta], object]
    resync: timedelta = RESYNC
    resync_at: datetime | None = None
    hourly_at: datetime | None = None
    dates: dict[str, datetime] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    resyncs: int = 0
    owed: bool = False
    settled: bool = False

    def __post_init__(self) -> None:
        self.looks = KeyedPool("look", self._look, LOOKS)
        self.cuts = KeyedPool("cut", self._cut, CUTS)
        self._beaten = time.monotonic()

    def silent_for(self) -> float:
        """Seconds since the last beat; for the health page."""
        return time.monotonic() - self._beaten

    def run(self, stop: threading.Event) -> bool:
        """Until told to stop. False where a long step had to be left; it goes on at the next start."""
        while not stop.is_set():
            try:
                wait = self.beat(self.clock())
            except Exception:
                # The store may be silent for a moment; dates must still be met at the next beat.
                log.exception("beat failed")
                wait = BEAT_SECONDS
            self._beaten = time.monotonic()
            self.asked.news.wait(wait)
        cut = self.cuts.close(LEAVE_SECONDS)
        return self.looks.close(LEAVE_SECONDS) and cut

    def beat(self, now: datetime) -> float:
        """Ask for every look that is due; answers how many seconds to wait."""
        self._cut_what_is_over(now)
        self._settle_first(now)
        due, everything, following = self.asked.take(now)
        for key in due:
            self._ask(key)
        for key in self._everything(now, asked=everything):
            self.looks.submit(key)
        self._hourly(now)
        nearest = min((at for at in (following, *dict(self.dates).values()) if at is not None), default=None)
        seconds = (nearest - now).total_seconds() if nearest else BEAT_SECONDS
        return min(BEAT_SECONDS, max(0.0, seconds))

    def _ask(self, key: str) -> None:
        """What others changed is mended at once, also beside a look that waits for a canary or a policy server."""
        if self.looks.busy_with(key):
            self.cuts.submit(key)
        self.looks.submit(key)

    def _cut_what_is_over(self, now: datetime) -> None:
        """Dates first: what they end must not wait for a store or a ledger that does not answer."""
        for key in [key for key, at in dict(self.dates).items() if at <= now]:
            self.dates.pop(key, None)
            self.cuts.submit(key)
            self.looks.submit(key)

    def _everything(self, now: datetime, *, asked: bool) -> tuple[str, ...]:
        """Every project, where that is due. Where the store cannot say which there are, it is owed to the next beat."""
        late = self.resync_at is None or now >= self.resync_at
        if late:
            self.resync_at = now + self.resync
            self.resyncs += 1
            self.meter.resynced()
        self.owed = self.owed or late or asked
        names = self._names() if self.owed else ()
        self.owed = False
        return names

    def _settle_first(self, now: datetime) -> None:
        if not self.settled:
            self.settle(now, timedelta(0))
            self.settled = True

    def _hourly(self, now: datetime) -> None:
        if self.hourly_at is None or now >= self.hourly_at:
            if self.hourly_at is not None:
                self.settle(now, IN_FLIGHT)
            anchor(self.store, self.heads, now)
            self.hourly_at = now + HOURLY

    def _names(self) -> tuple[str, ...]:
        return tuple(project.name for project in self.store.list(Kind.PROJECT))

    def _look(self, key: str) -> None:
        began = time.monotonic()
        try:
            status = self.reconciler.reconcile(key, self.clock())
        except Exception:
            self._try_again(key)
            self.meter.looked(time.monotonic() - began, "raised", None)
            raise
        self.tries.pop(key, None)
        self._remember(key, status)
        self.meter.looked(time.monotonic() - began, status.phase if status else "gone", status)

    def _remember(self, key: str, status: ProjectStatus | None) -> None:
        """When to look again by ourselves. Work that goes on in a job is looked in on while it runs."""
        if status is None or status.next_at is None:
            self.dates.pop(key, None)
        else:
            self.dates[key] = status.next_at
        if status is not None and any(step.state is StepState.RUNNING for step in status.steps):
            self.asked.ask(key, POLL)

    def _try_again(self, key: str) -> None:
        self.tries[key] = self.tries.get(key, 0) + 1
        self.asked.ask(key, delay(self.tries[key], random.random()))  # noqa: S311 - spreads tries

    def _cut(self, key: str) -> None:
        self.reconciler.enforce(key, self.clock())

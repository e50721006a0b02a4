"""The loop of a cluster: asked for by events, dates and the resync, and writing nothing where nothing differs."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_kit import NOW, approval, dataset, grant, licence, project
from provisioner.adapters.embedded.heads import EmbeddedHeads
from provisioner.controller.asked import Asked, concerned
from provisioner.controller.cluster_loop import POLL, RESYNC, ClusterLoop
from provisioner.controller.keyed import KeyedPool
from provisioner.controller.metrics import Metrics
from provisioner.ports import UnderWay
from reconcile_kit import KEY, MINUTE, World
from tidegate.model import (
    AnyResource,
    Cohort,
    CohortSpec,
    Dataset,
    Kind,
    Project,
    ProjectPhase,
    ProjectStatus,
    Step,
    TidegateError,
)
from tidegate.model.status import CohortStatus
from tidegate.store.kubernetes import IN_FLIGHT

KEYS = ("a", "b", "c")


@dataclass
class Bench:
    """A loop whose clock is set by hand."""

    world: World
    metrics: Metrics = field(default_factory=Metrics)
    settled: list[timedelta] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.asked = Asked(lambda: self.world.now)
        self.loop = ClusterLoop(
            store=self.world.store,
            reconciler=self.world.reconciler(),
            heads=EmbeddedHeads((), "provisioner"),
            clock=lambda: self.world.now,
            asked=self.asked,
            meter=self.metrics,
            settle=lambda _now, older_than: self.settled.append(older_than),
        )

    def beat(self, passed: timedelta = timedelta(0)) -> float:
        """One beat and the end of all it asked for."""
        self.world.now += passed
        wait = self.loop.beat(self.world.now)
        self.idle()
        return wait

    def idle(self) -> None:
        deadline = time.monotonic() + 30
        while self.loop.looks.busy() or self.loop.cuts.busy():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def status(self) -> ProjectStatus:
        return self.world.store.project_status(KEY)

    def count(self, name: str) -> float:
        lines = [line for line in self.metrics.page().decode().splitlines() if line.startswith(name)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(World(tmp_path / "state"))


def test_a_start_looks_at_everything_and_then_three_resyncs_write_nothing(bench: Bench) -> None:
    bench.world.register()
    bench.beat()
    bench.beat(POLL)
    assert bench.status().phase is ProjectPhase.DEPLOYED
    written = bench.world.store.generation()
    for _ in range(3):
        bench.beat(RESYNC)
    assert bench.world.store.generation() == written
    assert bench.loop.resyncs == 4


def test_between_events_and_dates_nothing_is_looked_at(bench: Bench) -> None:
    bench.world.register()
    bench.beat()
    bench.beat(POLL)
    looks = bench.count("tidegate_reconciles_total")
    for _ in range(10):
        bench.beat(timedelta(seconds=20))
    assert bench.count("tidegate_reconciles_total") == looks
    bench.asked.ask(KEY)
    bench.beat()
    assert bench.count("tidegate_reconciles_total") == looks + 1


def test_a_date_that_passes_cuts_without_any_event(bench: Bench) -> None:
    bench.world.register(ends=bench.world.now + MINUTE)
    bench.beat()
    bench.beat(POLL)
    assert bench.status().spawn_rights
    bench.world.servers.start("rosa")
    bench.beat(MINUTE - POLL - timedelta(seconds=1))
    assert bench.status().spawn_rights
    bench.beat(timedelta(seconds=1))
    assert bench.status().spawn_rights == ()
    assert bench.world.servers.stopped == ["rosa"]


def test_the_wait_is_short_before_a_date(bench: Bench) -> None:
    bench.world.register(ends=bench.world.now + MINUTE)
    bench.beat()
    bench.beat(POLL)
    assert bench.beat(MINUTE - POLL - timedelta(seconds=0.25)) == pytest.approx(0.25)


def test_what_goes_on_in_a_job_is_looked_in_on_and_blocks_nobody(bench: Bench) -> None:
    """The step stays under way, with no failure and no back-off, until the job is done."""
    looks: list[int] = []
    real = bench.world.pulls.ensure

    def elsewhere(
        own: Project, datasets: Sequence[Dataset], version: int, now: datetime, progress: object
    ) -> CohortStatus:
        looks.append(1)
        if len(looks) < 4:
            raise UnderWay
        return real(own, datasets, version, now, progress)  # type: ignore[arg-type]

    bench.world.pulls.ensure = elsewhere  # type: ignore[method-assign]
    bench.world.register()
    bench.asked.ask(KEY)
    for _ in range(8):
        bench.asked.ask(KEY)
        bench.beat(POLL)
    assert len(looks) == 4
    assert bench.status().phase is ProjectPhase.DEPLOYED
    assert not any(step.tries for step in bench.status().steps)


def test_a_hash_that_goes_on_in_a_job_takes_nothing_away_meanwhile(bench: Bench) -> None:
    bench.world.register()
    bench.beat()
    bench.beat(POLL)
    bench.loop.reconciler.opening.hashed.clear()
    asked: list[int] = []

    def elsewhere(_cohort: CohortStatus) -> None:
        asked.append(1)
        if len(asked) < 3:
            raise UnderWay

    bench.world.pulls.verify_view = elsewhere  # type: ignore[method-assign]
    bench.asked.ask(KEY)
    for _ in range(6):
        bench.beat(POLL)
        assert bench.status().spawn_rights
        assert bench.status().phase is ProjectPhase.DEPLOYED
    assert len(asked) == 3
    step = bench.status().step("cohort")
    assert step is not None
    assert step.state == "done"


def test_an_event_during_a_long_look_is_answered_beside_it(bench: Bench) -> None:
    """What others change while the isolation is proved anew must not wait for the proof."""
    bench.world.register()
    enforced, gate = threading.Event(), threading.Event()
    bench.world.pulls.during = lambda: bool(gate.wait(20)) or None  # type: ignore[assignment,return-value]
    bench.loop.cuts = KeyedPool("cut", lambda _key: enforced.set(), 1)
    bench.loop.beat(bench.world.now)
    assert bench.loop.looks.busy_with(KEY)
    bench.asked.ask(KEY)
    bench.loop.beat(bench.world.now)
    assert enforced.wait(10)
    gate.set()
    bench.beat()


def test_a_look_that_raises_is_tried_again_later_and_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[datetime] = []

    def broken(_key: str, now: datetime) -> None:
        tries.append(now)
        raise RuntimeError("broken")

    monkeypatch.setattr("provisioner.application.reconcile.Reconciler.reconcile", lambda _s, k, n: broken(k, n))
    bench.world.register()
    bench.beat()
    for _ in range(300):
        bench.beat(timedelta(seconds=0.5))
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(tries)]
    assert gaps == sorted(gaps), "each pause is at least as long as the one before"
    assert gaps[-1] >= 16
    assert bench.count("tidegate_reconciles_total") == len(tries)


def test_open_intents_are_settled_at_the_start_and_each_hour(bench: Bench) -> None:
    """At the start all of them, since nobody who lives can have begun one; later those nobody can be at any more."""
    for _ in range(3):
        bench.beat(timedelta(minutes=20))
    bench.beat(timedelta(minutes=20))
    assert bench.settled == [timedelta(0), IN_FLIGHT]


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 30)), max_size=30), st.integers(0, 40))
def test_asking_is_deduplicated_and_the_earliest_time_counts(asks: list[tuple[str, int]], passed: int) -> None:
    """However often, in whatever order and how late events come: each key is looked at once, none is lost."""
    now = NOW
    asked = Asked(lambda: now)
    for key, after in asks:
        asked.ask(key, timedelta(seconds=after))
    at = now + timedelta(seconds=passed)
    earliest = {key: min(after for k, after in asks if k == key) for key, _ in asks}
    due, everything, following = asked.take(at)
    assert due == tuple(sorted(key for key, after in earliest.items() if after <= passed))
    assert not everything
    rest = [after for after in earliest.values() if after > passed]
    assert following == (now + timedelta(seconds=min(rest)) if rest else None)
    assert asked.take(at)[0] == ()


OF_ONE: list[AnyResource] = [
    project(),
    grant(),
    approval(project()),
    Cohort(metadata={"name": "c"}, spec=CohortSpec(project=KEY, datasets=(), selection_digest="a" * 64, version=1)),
]
OF_ALL: list[AnyResource] = [licence(), dataset(), grant("office", role="output-checker", person="gwen")]


@pytest.mark.parametrize("item", OF_ONE, ids=lambda item: item.kind)
def test_a_resource_of_one_project_asks_for_that_one(item: AnyResource) -> None:
    asked = Asked(lambda: NOW)
    for before, after in ((None, item), (item, None)):
        asked.changed(Kind(item.kind), before, after)
        assert asked.take(NOW)[:2] == ((KEY,), False)
    assert list(concerned(item)) == [KEY]


@pytest.mark.parametrize("item", OF_ALL, ids=lambda item: item.kind)
def test_a_resource_that_any_project_may_stand_on_asks_for_all(item: AnyResource) -> None:
    asked = Asked(lambda: NOW)
    asked.changed(Kind(item.kind), None, item)
    assert asked.take(NOW)[1]


def test_a_status_of_ours_asks_for_nothing() -> None:
    asked = Asked(lambda: NOW)
    asked.changed(Kind.PROJECT, project(), project())
    assert asked.take(NOW) == ((), False, None)


def test_an_amended_project_asks_for_itself() -> None:
    asked = Asked(lambda: NOW)
    asked.changed(Kind.PROJECT, project(), project(title="Another title"))
    assert asked.take(NOW)[0] == (KEY,)


def test_failed_steps_are_counted_by_code() -> None:
    metrics = Metrics()
    step = Step(name="cohort", state="failed", code="XNAT_UNREACHABLE", since=NOW)
    metrics.looked(0.2, "pending-creation", ProjectStatus(steps=(step,)))
    page = metrics.page().decode()
    assert 'tidegate_step_failures_total{code="XNAT_UNREACHABLE"} 1.0' in page
    assert 'tidegate_reconciles_total{outcome="pending-creation"} 1.0' in page


def test_dates_are_met_while_the_ledger_does_not_answer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads of chains are anchored each hour; a database that is away then must not keep a workspace alive."""
    bench.world.register(ends=bench.world.now + MINUTE)
    bench.beat()
    bench.beat(POLL)
    bench.world.servers.start("rosa")
    away = TidegateError("ledger_unavailable", "The database is away.")
    monkeypatch.setattr("provisioner.controller.cluster_loop.anchor", raising(away))
    bench.loop.hourly_at = None
    with pytest.raises(TidegateError, match="ledger_unavailable"):
        bench.beat(MINUTE)
    bench.idle()
    assert bench.world.servers.stopped == ["rosa"]


def test_a_resync_that_the_store_could_not_answer_is_owed_to_the_next_beat(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.world.register()
    silent = TidegateError("cluster_unavailable", "Too old to decide from.")
    with monkeypatch.context() as patch:
        patch.setattr(bench.loop, "_names", raising(silent))
        with pytest.raises(TidegateError, match="cluster_unavailable"):
            bench.beat()
    bench.beat()
    bench.beat(POLL)
    assert bench.status().phase is ProjectPhase.DEPLOYED


def raising(error: Exception) -> Callable[..., Any]:
    def act(*_: object) -> None:
        raise error

    return act


def test_what_an_earlier_process_left_is_settled_before_the_first_look(bench: Bench) -> None:
    """With the look under way its own intents would be taken for those of the dead."""
    bench.world.register()
    looked: list[int] = []
    bench.loop.settle = lambda *_: looked.append(len(bench.world.events()))
    bench.beat()
    assert looked == [0]
    assert bench.world.events()

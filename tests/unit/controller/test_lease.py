"""The Lease with clocks set by hand: never two who may write, whatever is slow, paused or lost."""

import copy
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_kit import NOW
from provisioner.controller.leading import Leading
from provisioner.controller.lease import HELD_SECONDS, LEASE, WRITE_SECONDS, Lease
from tidegate.cluster.port import Ref
from tidegate.model import TidegateError

REF = Ref(LEASE, "provisioner", "tidegate")


def conflict() -> TidegateError:
    return TidegateError("cluster_conflict", "Somebody was faster.")


@dataclass
class Shelf:
    """One object of an API server: versions, conflicts, and answers that get lost."""

    stored: dict[str, Any] | None = None
    version: int = 0
    down: bool = False
    lose_answer: bool = False

    def get(self, _ref: Ref) -> dict[str, Any] | None:
        self._up()
        return copy.deepcopy(self.stored)

    def create(self, _resource: object, manifest: dict[str, Any]) -> dict[str, Any]:
        self._up()
        if self.stored is not None:
            raise conflict()
        return self._store(manifest)

    def replace(self, _resource: object, manifest: dict[str, Any], *, subresource: str = "") -> dict[str, Any]:
        assert not subresource
        self._up()
        if self.stored is None or manifest["metadata"]["resourceVersion"] != self.stored["metadata"]["resourceVersion"]:
            raise conflict()
        return self._store(manifest)

    def _up(self) -> None:
        if self.down:
            raise TidegateError("cluster_unavailable", "No answer.")

    def _store(self, manifest: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.stored = copy.deepcopy(manifest)
        self.stored["metadata"]["resourceVersion"] = str(self.version)
        if self.lose_answer:
            raise TidegateError("cluster_unavailable", "The answer was lost.")
        return copy.deepcopy(self.stored)


@dataclass
class Time:
    """The true time, and clocks of processes that are set wrongly on the wall but count at the right pace."""

    now: float = 0.0

    def pace(self) -> float:
        return self.now

    def wall(self, wrong_by: float) -> datetime:
        return NOW + timedelta(seconds=self.now + wrong_by)


@dataclass
class Process:
    """One provisioner: it tries to lead, renews when it remembers to, and may be paused."""

    name: str
    time: Time
    shelf: Shelf
    wrong_by: float = 0.0
    lease: Lease = field(init=False)
    leads: bool = False
    ended: bool = False

    def __post_init__(self) -> None:
        wall = lambda: self.time.wall(self.wrong_by)  # noqa: E731 - a clock
        self.lease = Lease(self.shelf, "tidegate", self.name, wall, self.time.pace)  # type: ignore[arg-type]

    def act(self) -> None:
        """What it does each time it is not paused."""
        if self.ended:
            return
        try:
            if self.leads:
                self.lease.renew()
            else:
                self.leads = self.lease.take()
        except TidegateError:
            pass
        if self.leads and self.lease.age() >= HELD_SECONDS:
            self.ended = True

    def may_write(self) -> bool:
        try:
            self.lease.check()
        except TidegateError:
            return False
        return True


Steps = st.lists(
    st.tuples(
        st.floats(0.1, 12),
        st.sets(st.sampled_from([0, 1, 2])),
        st.sampled_from(["up", "up", "up", "down", "lost"]),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(Steps, st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3))
def test_no_two_processes_may_write_at_the_same_time(
    steps: list[tuple[float, set[int], str]], wrong: list[float]
) -> None:
    """Three processes with wrong wall clocks, pauses of any length, an API server that is away or loses answers."""
    time, shelf = Time(), Shelf()
    processes = [Process(f"p{n}", time, shelf, wrong[n]) for n in range(3)]
    terms: dict[int, str] = {}
    for passed, awake, api in steps:
        time.now += passed
        shelf.down, shelf.lose_answer = api == "down", api == "lost"
        for number in sorted(awake):
            processes[number].act()
            writing = [p.name for p in processes if p.may_write()]
            assert len(writing) <= 1, writing
        for process in processes:
            if process.may_write():
                assert terms.setdefault(process.lease.transitions, process.name) == process.name, (
                    "a term has one holder"
                )


@settings(max_examples=200, deadline=None)
@given(Steps)
def test_terms_only_grow(steps: list[tuple[float, set[int], str]]) -> None:
    """Also when somebody deletes the Lease: the ledger's fence must never lie above what the next holder has."""
    time, shelf = Time(), Shelf()
    processes = [Process(f"p{n}", time, shelf) for n in range(3)]
    highest = 0
    for number, (passed, awake, api) in enumerate(steps):
        time.now += passed
        shelf.down, shelf.lose_answer = api == "down", False
        if number % 7 == 6:
            shelf.stored = None
            time.now += len(steps)
        for each in sorted(awake):
            own = processes[each].lease
            before = own.transitions
            processes[each].act()
            # Whoever's Lease was deleted may believe in it for some seconds; the ledger refuses it by its lower term.
            assert own.transitions == before or own.transitions > highest
            highest = max(highest, own.transitions)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.1, 4.9), min_size=40, max_size=60))
def test_a_process_that_renews_in_time_keeps_the_lease_and_another_waits(steps: list[float]) -> None:
    time, shelf = Time(), Shelf()
    first, second = Process("first", time, shelf), Process("second", time, shelf)
    first.act()
    for passed in steps:
        time.now += passed
        first.act()
        second.act()
        assert first.may_write()
        assert not second.leads


def test_a_holder_that_is_gone_is_followed_after_fifteen_seconds_and_not_before() -> None:
    time, shelf = Time(), Shelf()
    first, second = Process("first", time, shelf), Process("second", time, shelf)
    first.act()
    for _ in range(15):
        second.act()
        assert not second.leads
        time.now += 1
    second.act()
    assert second.leads
    assert second.lease.transitions == first.lease.transitions + 1
    assert not first.may_write()
    with pytest.raises(TidegateError, match="lease_lost"):
        first.lease.renew()


def test_a_write_needs_a_renewal_of_the_last_ten_seconds() -> None:
    time, shelf = Time(), Shelf()
    process = Process("p", time, shelf)
    process.act()
    time.now += WRITE_SECONDS - 0.01
    process.lease.check()
    time.now += 0.02
    with pytest.raises(TidegateError, match="lease_lost"):
        process.lease.check()
    process.act()
    process.lease.check()


def test_a_lease_that_was_given_up_is_taken_at_once() -> None:
    time, shelf = Time(), Shelf()
    first, second = Process("first", time, shelf), Process("second", time, shelf)
    first.act()
    first.lease.give_up()
    assert not first.may_write()
    second.act()
    assert second.leads


def test_a_name_that_comes_back_is_not_the_holder_it_was() -> None:
    """Two starts of one pod have one name; the term tells them apart."""
    time, shelf = Time(), Shelf()
    first, other = Process("p", time, shelf), Process("q", time, shelf)
    first.act()
    first.lease.give_up()
    other.act()
    other.lease.give_up()
    again = Process("p", time, shelf)
    again.act()
    with pytest.raises(TidegateError, match="lease_lost"):
        first.lease.renew()


def test_a_lost_lease_ends_the_process_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioner.controller.leading.RENEW_SECONDS", 0.01)
    monkeypatch.setattr("provisioner.controller.leading.TRY_SECONDS", 0.01)
    time, shelf = Time(), Shelf()
    process = Process("p", time, shelf)
    ends: list[int] = []
    leading = Leading(process.lease, lambda: ends.append(1))
    assert leading.wait(threading.Event())
    shelf.down = True
    keeper = leading.keep()
    time.now += HELD_SECONDS
    keeper.join(10)
    assert not keeper.is_alive()
    assert ends == [1]


def test_waiting_ends_when_told_to_stop() -> None:
    shelf = Shelf(down=True)
    leading = Leading(Process("p", Time(), shelf).lease, lambda: None)
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    assert not leading.wait(stop)

"""The parts of the loop: a clock that never goes back, and one worker a key."""

import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_kit import NOW
from provisioner.adapters.embedded.heads import EmbeddedHeads
from provisioner.adapters.embedded.xnat_secrets import XnatSecrets
from provisioner.bootstrap import Settings, only_one
from provisioner.controller.clock import SteadyClock
from provisioner.controller.keyed import KeyedPool
from provisioner.controller.loop import BEAT_SECONDS, Loop
from reconcile_kit import KEY, MINUTE, World
from tidegate.model import ProjectPhase, TidegateError


class Hands:
    """Two clocks set by hand: the one on the wall and the one that only counts."""

    def __init__(self) -> None:
        self.wall = NOW
        self.pace = 0.0

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.pace)


@given(st.lists(st.tuples(st.integers(-7200, 7200), st.integers(0, 600)), max_size=30))
def test_the_clock_never_goes_back_and_never_stands_still(steps: list[tuple[int, int]]) -> None:
    hands = Hands()
    clock = hands.clock()
    before = clock()
    for jump, passed in steps:
        hands.wall += timedelta(seconds=jump)
        hands.pace += passed
        now = clock()
        assert now >= before + timedelta(seconds=passed)
        assert now >= hands.wall
        before = now


def loop_of(world: World, clock: SteadyClock) -> Loop:
    return Loop(world.store, world.reconciler(), EmbeddedHeads((), "provisioner"), clock)


def beaten(loop: Loop, now: datetime) -> float:
    """One beat and the end of all it asked for."""
    wait = loop.beat(now)
    deadline = time.monotonic() + 20
    while loop.looks.busy() or loop.cuts.busy():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return wait


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "state")


def test_a_clock_set_back_reopens_nothing(world: World) -> None:
    hands = Hands()
    hands.wall = world.now
    clock = hands.clock()
    world.register(ends=world.now + MINUTE)
    loop = loop_of(world, clock)
    beaten(loop, clock())
    assert world.store.project_status(KEY).spawn_rights
    hands.wall += 2 * MINUTE
    beaten(loop, clock())
    assert world.store.project_status(KEY).phase is ProjectPhase.SUSPENDED
    hands.wall -= 10 * MINUTE
    loop.seen = -1
    beaten(loop, clock())
    assert world.store.project_status(KEY).phase is ProjectPhase.SUSPENDED
    assert world.store.project_status(KEY).spawn_rights == ()


def test_a_beat_waits_a_second_at_most_and_less_before_a_date(world: World) -> None:
    hands = Hands()
    hands.wall = world.now
    clock = hands.clock()
    world.register(ends=world.now + MINUTE)
    loop = loop_of(world, clock)
    beaten(loop, clock())
    assert beaten(loop, clock()) == BEAT_SECONDS
    hands.wall += MINUTE - timedelta(seconds=0.25)
    assert beaten(loop, clock()) == pytest.approx(0.25)


def test_quiet_beats_write_nothing(world: World) -> None:
    hands = Hands()
    hands.wall = world.now
    clock = hands.clock()
    world.register()
    loop = loop_of(world, clock)
    for _ in range(3):
        beaten(loop, clock())
    generation = world.store.generation()
    for _ in range(8):
        hands.wall += 6 * MINUTE
        beaten(loop, clock())
    assert world.store.generation() == generation, "eight resyncs, no write"


def test_a_beat_that_fails_ends_no_loop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = loop_of(world, Hands().clock())
    stop = threading.Event()
    beats: list[int] = []

    def beat(_now: datetime) -> float:
        beats.append(1)
        if len(beats) == 3:
            stop.set()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop, "beat", beat)
    monkeypatch.setattr("provisioner.controller.loop.BEAT_SECONDS", 0.0)
    assert loop.run(stop)
    assert len(beats) == 3


def test_one_worker_a_key_and_once_more_for_what_came_late() -> None:
    gate, entered = threading.Event(), threading.Event()
    runs: list[str] = []
    alone = threading.Semaphore(1)
    met: list[str] = []

    def work(key: str) -> None:
        if not alone.acquire(blocking=False):
            met.append(key)
        entered.set()
        gate.wait(10)
        runs.append(key)
        alone.release()

    pool = KeyedPool("test", work, 4)
    pool.submit("a")
    assert entered.wait(10)
    pool.submit("a")
    pool.submit("a")
    gate.set()
    deadline = time.monotonic() + 10
    while pool.busy():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert runs == ["a", "a"]
    assert met == []
    assert pool.close(1)


def test_a_key_that_raises_is_left_alone_a_little_longer_each_time() -> None:
    def work(_key: str) -> None:
        raise RuntimeError("broken")

    pool = KeyedPool("test", work, 1)
    waits = []
    for _ in range(3):
        pool.submit("a")
        while pool.busy():
            time.sleep(0.005)
        waits.append(pool.held_back("a", 0.0).total_seconds())
    assert waits == [0.5, 1.0, 2.0]
    assert pool.close(1)


def test_the_lock_is_for_one_and_comes_free_again(tmp_path: Path) -> None:
    with only_one(tmp_path):
        with pytest.raises(TidegateError) as refusal, only_one(tmp_path):
            pytest.fail("two hold the lock")
        assert refusal.value.code == "already_running"
    with only_one(tmp_path):
        pass


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    with pytest.raises(TidegateError, match="state_missing"):
        Settings.read({})
    env = {"TIDEGATE_STATE": str(tmp_path), "JUPYTERHUB_API_URL": "http://127.0.0.1:1/hub/api/"}
    assert Settings.read(env).hub is None
    found = Settings.read({**env, "JUPYTERHUB_API_TOKEN": "secret-token"})
    assert found.hub is not None
    assert found.hub.api_url == "http://127.0.0.1:1/hub/api"
    assert "secret-token" not in repr(found)


@pytest.mark.parametrize("name", ["xnat-127.0.0.1.json", "xnat-127.0.0.1-8104.json"])
def test_the_account_of_a_server_is_found_by_its_host(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"user": "puller", "password": "correct horse"}')
    assert XnatSecrets(tmp_path).credentials("http://127.0.0.1:8104").user == "puller"


@pytest.mark.parametrize("text", [None, "", "[]", '{"user": "puller"}', "hunter2"])
def test_a_missing_or_broken_account_is_said_and_never_shown(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "xnat-archive.example.json").write_text(text)
    with pytest.raises(TidegateError) as refusal:
        XnatSecrets(tmp_path).credentials("https://archive.example/xnat")
    assert refusal.value.code == "XNAT_NO_ACCOUNT"
    assert "hunter2" not in str(refusal.value)
    assert "xnat-archive.example.json" in str(refusal.value)

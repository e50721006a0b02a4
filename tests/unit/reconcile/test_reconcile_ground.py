"""Where isolation stands by itself: fence before proof, the hub's rights last, mending beside everything else."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from model_kit import approval, grant, project
from provisioner.adapters.embedded.heads import EmbeddedHeads
from provisioner.controller.asked import Asked
from provisioner.controller.cluster_loop import ClusterLoop
from provisioner.controller.metrics import Metrics
from provisioner.domain.conditions import Kind, Reason
from provisioner.domain.facts import Facts
from reconcile_kit import DENY, KEY, MINUTE, SILENT, World, closing_approval
from tidegate.model import Project, ProjectPhase, ProjectStatus, Stage, StepState, TidegateError

HOUR = 60 * MINUTE


@dataclass
class Ground:
    """Notes what it was asked, in order; answers what it was told others had changed."""

    told: list[str] = field(default_factory=list)
    changed: tuple[str, ...] = ()
    errors: dict[str, TidegateError] = field(default_factory=dict)
    during: Callable[[], None] = lambda: None

    def stand(self, facts: Facts, _now: datetime, *, stood: bool, approved: bool) -> tuple[str, ...]:
        assert facts.project.name == KEY
        self.during()
        self._note(f"stand{'' if stood else ' anew'}{'' if approved else ' unapproved'}")
        changed, self.changed = self.changed, ()
        return changed

    def open(self, _facts: Facts, _now: datetime, *, stood: bool) -> tuple[str, ...]:
        self._note(f"open{'' if stood else ' anew'}")
        return ()

    def shut(self, _project: str, _now: datetime) -> None:
        self._note("shut")

    def release(self, _project: str) -> None:
        self._note("release")

    def _note(self, what: str) -> None:
        self.told.append(what)
        if error := self.errors.get(what.partition(" ")[0]):
            raise error


@dataclass
class Requests:
    open: int = 0

    def awaiting(self, _project: str) -> dict[str, int]:
        return {"submitted": self.open} if self.open else {}


@pytest.fixture
def ground() -> Ground:
    return Ground()


@pytest.fixture
def world(tmp_path: Path, ground: Ground) -> World:
    return World(tmp_path / "state", ground=ground, retention=Requests())


def names(status: ProjectStatus) -> list[str]:
    return [step.name for step in status.steps]


def finding(status: ProjectStatus, kind: Kind) -> tuple[bool, str]:
    found = status.condition(kind)
    assert found is not None
    return found.status, found.reason


def test_the_fence_comes_first_and_the_right_to_start_last(
    world: World, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove, prepare, ensure = world.probe.prove, world.folders.prepare, world.pulls.ensure
    steps = {"prove": (world.probe, prove), "prepare": (world.folders, prepare), "ensure": (world.pulls, ensure)}
    for name, (part, real) in steps.items():
        monkeypatch.setattr(part, name, lambda *a, name=name, real=real: (ground.told.append(name), real(*a))[1])
    status = world.deployed()
    assert status.phase is ProjectPhase.DEPLOYED
    assert names(status) == ["policy", "fence", "isolation", "folders", "cohort", "access"]
    own = [what for what in ground.told if what not in {"shut", "stand", "prepare"}]
    assert own == ["stand anew", "prove", "ensure", "open anew"]
    assert ground.told[:3] == ["stand anew", "prove", "prepare"]
    assert ground.told[-1] == "open anew"


def test_a_cut_beside_the_giving_of_rights_takes_none_away(
    world: World, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's right is an object in the cluster, whose own event asks for a cut before the rows are written."""
    reconciler = world.reconciler()
    beside: list[threading.Thread] = []

    def open_and_be_heard(_facts: Facts, _now: datetime, *, stood: bool) -> tuple[str, ...]:
        ground.told.append("open" if stood else "open anew")
        if not beside:
            beside.append(threading.Thread(target=lambda: reconciler.enforce(KEY, world.now)))
            beside[0].start()
            beside[0].join(0.2)
        return ()

    monkeypatch.setattr(ground, "open", open_and_be_heard)
    world.register()
    reconciler.reconcile(KEY, world.now)
    beside[0].join()
    assert "shut" not in ground.told[ground.told.index("open anew") :]


def test_what_was_ended_while_a_look_took_long_is_not_given_by_it(
    world: World, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The officer takes the Approval back while the canary runs: the cut beside it has the last word."""
    reconciler = world.reconciler()

    def prove(_project: Project) -> None:
        revoked = approval(project(), name="back", verdict="revoke", at=world.now + MINUTE)
        world.put(revoked)
        world.now += 2 * MINUTE
        reconciler.enforce(KEY, world.now)

    monkeypatch.setattr(world.probe, "prove", prove)
    world.register()
    status = reconciler.reconcile(KEY, world.now)
    assert status is not None
    assert status.spawn_rights == ()
    assert status.phase is not ProjectPhase.DEPLOYED
    assert "open anew" not in ground.told
    assert "provisioner:spawn_right:given" not in world.events()


def test_a_second_look_writes_nothing(world: World) -> None:
    first = world.deployed()
    generation = world.store.generation()
    world.now += 5 * MINUTE
    assert world.look() == first
    assert world.store.generation() == generation


@pytest.mark.parametrize("approved", [True, False])
def test_nothing_is_made_for_a_project_that_may_not_be(world: World, ground: Ground, approved: bool) -> None:  # noqa: FBT001
    world.register(approved=approved)
    world.policy.decision = DENY
    world.look()
    assert ground.told == []


def test_a_fence_that_cannot_be_made_stops_everything_after_it(world: World, ground: Ground) -> None:
    ground.errors["stand"] = TidegateError("cluster_denied", "A quota refused it.")
    status = world.deployed()
    assert names(status) == ["policy", "fence"]
    assert status.step("fence").code == "cluster_denied"  # type: ignore[union-attr]
    assert finding(status, Kind.NETWORK_ISOLATED) == (False, Reason.FENCE_FAILED)
    assert world.probe.proofs == 0
    ground.errors.clear()
    world.now += MINUTE
    assert world.look().phase is ProjectPhase.DEPLOYED


def test_what_others_changed_is_shown_for_an_hour_and_the_isolation_proved_anew(world: World, ground: Ground) -> None:
    process = world.reconciler()
    world.register()
    process.reconcile(KEY, world.now)
    assert world.probe.proofs == 1
    ground.changed = ("NetworkPolicy/default-deny",)
    status = process.reconcile(KEY, world.now)
    assert status is not None
    assert finding(status, Kind.DRIFTED) == (True, Reason.DRIFT_MENDED)
    assert "NetworkPolicy/default-deny" in status.condition(Kind.DRIFTED).message  # type: ignore[union-attr]
    assert status.phase is ProjectPhase.DEPLOYED
    assert world.probe.proofs == 2
    world.now += 59 * MINUTE
    assert finding(world.look(), Kind.DRIFTED)[0]
    world.now += MINUTE
    assert finding(world.look(), Kind.DRIFTED) == (False, Reason.AS_RENDERED)


@pytest.mark.parametrize("decision", [SILENT, DENY], ids=["silent", "denied"])
def test_it_is_mended_whatever_policy_says(world: World, ground: Ground, decision: object) -> None:
    world.deployed()
    world.policy.decision = decision  # type: ignore[assignment]
    world.look()
    ground.told.clear()
    world.look()
    assert "stand" in ground.told


def test_an_amendment_nobody_approved_is_not_built_on(world: World, ground: Ground) -> None:
    world.deployed()
    amended = project(resources={"cpus": 64})
    world.put(amended)
    ground.told.clear()
    world.look()
    assert "stand unapproved" in ground.told
    world.put(approval(amended, name="second"))
    ground.told.clear()
    world.look()
    assert "stand" in ground.told


def test_it_is_mended_beside_a_pull_that_takes_hours(world: World, ground: Ground) -> None:
    world.register()
    seen = []

    def drift() -> None:
        ground.changed = ("ResourceQuota/project",)
        status = world.reconciler().enforce(KEY, world.now)
        assert status is not None
        seen.append(finding(status, Kind.DRIFTED))

    world.pulls.during = drift
    world.look()
    assert seen == [(True, Reason.DRIFT_MENDED)]


def test_a_suspended_project_keeps_its_fence_and_loses_the_right_to_start(world: World, ground: Ground) -> None:
    world.register(ends=world.now + MINUTE)
    world.look()
    world.servers.start("rosa")
    world.now += MINUTE
    ground.told.clear()
    assert world.look().phase is ProjectPhase.SUSPENDED
    assert ground.told[0] == "shut"
    assert "stand" in ground.told
    assert "open" not in " ".join(ground.told)
    assert world.servers.running(KEY) == ()


def test_servers_stop_even_where_the_hubs_right_cannot_be_taken(world: World, ground: Ground) -> None:
    world.register(ends=world.now + MINUTE)
    world.look()
    world.servers.start("rosa")
    world.now += MINUTE
    ground.errors["shut"] = TidegateError("cluster_unavailable", "No answer.")
    with pytest.raises(TidegateError):
        world.look()
    assert world.servers.running(KEY) == ()
    ground.errors.clear()
    assert world.look().spawn_rights == ()


def test_without_anybody_to_let_in_nothing_is_opened(world: World, ground: Ground) -> None:
    world.register()
    world.put(grant(until=world.now))
    status = world.look()
    assert status.phase is ProjectPhase.DEPLOYED
    assert not [what for what in ground.told if what.startswith("open")]


def closing(world: World) -> None:
    ended = project(stage=Stage.CLOSING)
    world.put(ended, closing_approval(ended))


def test_a_closed_project_is_not_mended_and_let_go_at_the_end(world: World, ground: Ground) -> None:
    world.deployed()
    ground.told.clear()
    closing(world)
    assert world.look().phase is ProjectPhase.DELETED
    assert ground.told == ["shut"]
    world.look()
    assert ground.told == ["shut", "release"]


def test_open_requests_hold_the_certificate_back_and_nothing_else(world: World) -> None:
    world.deployed()
    world.retention.open = 2
    closing(world)
    status = world.look()
    assert status.phase is ProjectPhase.PENDING_DELETION
    assert finding(status, Kind.RETAINED) == (True, Reason.REQUESTS_OPEN)
    step = status.step("deletion")
    assert step is not None
    assert (step.state, step.code) == (StepState.WAITING, "requests_open")
    assert step.message.startswith("2 of its requests still await review or release (2 submitted); an officer")
    assert not (world.root / "homes" / KEY).exists()
    generation = world.store.generation()
    world.now += HOUR
    world.look()
    assert world.store.generation() == generation, "waiting writes nothing"
    world.retention.open = 0
    status = world.look()
    assert status.phase is ProjectPhase.DELETED
    assert finding(status, Kind.RETAINED) == (False, Reason.NOTHING_RETAINED)
    assert "provisioner:project:closed" in world.events()


def test_requests_that_cannot_be_counted_are_no_requests_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.deployed()
    closing(world)

    def unknown(_project: str) -> int:
        raise TidegateError("egress_unavailable", "The review service does not answer.")

    monkeypatch.setattr(world.retention, "awaiting", unknown)
    status = world.look()
    assert status.phase is ProjectPhase.PENDING_DELETION
    step = status.step("deletion")
    assert step is not None
    assert (step.code, step.state) == ("egress_unavailable", StepState.FAILED)
    assert step.next_try is not None, "asked again by itself"
    assert finding(status, Kind.RETAINED) == (True, Reason.REQUESTS_UNKNOWN)
    assert status.condition(Kind.RETAINED).message == "The review service does not answer."  # type: ignore[union-attr]
    assert "provisioner:project:closed" not in world.events()
    monkeypatch.undo()
    world.now = step.next_try
    status = world.look()
    assert status.phase is ProjectPhase.DELETED
    assert finding(status, Kind.RETAINED) == (False, Reason.NOTHING_RETAINED)


def test_a_closing_taken_back_retains_nothing_and_the_next_one_erases_again(world: World) -> None:
    world.deployed()
    world.retention.open = 1
    closing(world)
    assert finding(world.look(), Kind.RETAINED)[0]
    world.put(project())
    assert finding(world.look(), Kind.RETAINED) == (False, Reason.NOTHING_RETAINED)
    world.deployed()
    (world.root / "homes" / KEY).mkdir(parents=True, exist_ok=True)
    closing(world)
    assert finding(world.look(), Kind.RETAINED)[0]
    assert not (world.root / "homes" / KEY).exists()


def test_an_event_mends_beside_a_look_that_waits(world: World, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A canary takes seconds and a silent policy server more; what was taken away is back before they are done."""
    asked = Asked(lambda: world.now)
    loop = ClusterLoop(
        store=world.store,
        reconciler=world.reconciler(),
        heads=EmbeddedHeads((), "provisioner"),
        clock=lambda: world.now,
        asked=asked,
        meter=Metrics(),
        settle=lambda _now, _older_than: None,
    )
    world.register()
    proving, mended = threading.Event(), threading.Event()
    monkeypatch.setattr(world.probe, "prove", lambda _project: (proving.set(), mended.wait(20)))
    loop.beat(world.now)
    assert proving.wait(20)
    ground.during = mended.set
    asked.ask(KEY)
    loop.beat(world.now)
    assert mended.wait(10), "the fence was looked at while the canary ran"
    assert loop.cuts.close(10)
    assert loop.looks.close(10)

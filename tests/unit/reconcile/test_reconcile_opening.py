"""An approved project becomes ready, a step after the other, and each exit says why."""

from datetime import timedelta
from pathlib import Path

import pytest

from model_kit import NOW, approval, dataset, grant, licence, project
from provisioner.domain.conditions import Kind, Reason
from reconcile_kit import ALLOW, ASK, DENY, KEY, MINUTE, SILENT, World
from tidegate.ledger import verify
from tidegate.model import ONE_MACHINE, Profile, ProjectPhase, ProjectStatus, Stage, StepState, TidegateError


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "state")


def reason(status: ProjectStatus, kind: Kind) -> str:
    found = status.condition(kind)
    assert found is not None
    return found.reason


def test_an_approved_project_becomes_ready_in_one_look(world: World) -> None:
    status = world.deployed()
    assert status.phase is ProjectPhase.DEPLOYED
    assert {c.type: c.status for c in status.conditions} == {
        "Complete": True,
        "Approved": True,
        "PolicyAllowed": True,
        "NetworkIsolated": True,
        "CohortReady": True,
        "Ready": True,
        "Suspended": False,
        "Expiring": False,
    }
    assert [s.name for s in status.steps] == ["policy", "isolation", "folders", "cohort", "access"]
    assert {s.state for s in status.steps} == {StepState.DONE}
    assert [right.person.subject for right in status.spawn_rights] == ["rosa"]
    assert (world.root / "homes" / KEY / "rosa").is_dir()
    assert status.next_at is not None


def test_a_second_look_writes_nothing(world: World) -> None:
    first = world.deployed()
    generation = world.store.generation()
    world.now += 5 * MINUTE
    assert world.look() == first
    assert world.store.generation() == generation


def test_every_write_has_its_record_and_the_ledger_verifies(world: World) -> None:
    world.deployed()
    assert verify(world.store.rows(), world.store.heads()) == []
    events = world.events()
    for once in ("isolation:proved", "cohort:pull_started", "cohort:sealed", "spawn_right:given"):
        assert events.count(f"provisioner:{once}") == 1


def test_a_project_that_is_not_there_is_no_error(world: World) -> None:
    assert world.reconciler().reconcile("nowhere", world.now) is None


@pytest.mark.parametrize("phase", [ProjectPhase.PENDING_APPROVAL])
def test_without_an_approval_policy_is_shown_and_nothing_is_made(world: World, phase: ProjectPhase) -> None:
    world.register(approved=False)
    world.policy.decision = ASK
    status = world.look()
    assert status.phase is phase
    assert reason(status, Kind.READY) == Reason.NOT_APPROVED
    assert reason(status, Kind.POLICY_ALLOWED) == Reason.NEEDS_HUMAN
    assert not (world.root / "homes").exists()
    assert world.probe.proofs == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stage": Stage.DRAFT}, Reason.DRAFT),
        ({"datasets": [{"name": "not-there"}]}, Reason.PART_MISSING),
        ({"datasets": [{"name": "cbis-ddsm", "digest": "0" * 64}]}, Reason.PART_MISSING),
        ({"resources": {"profile": "large"}}, Reason.NOT_OFFERED),
        ({"resources": {"gpu": 1}}, Reason.NOT_OFFERED),
    ],
)
def test_an_incomplete_project_says_what_it_lacks(world: World, change: dict[str, object], said: Reason) -> None:
    world.register(**change)
    status = world.look()
    assert status.phase is ProjectPhase.INCOMPLETE
    assert reason(status, Kind.READY) == said
    assert world.policy.asked == 0


def test_a_profile_there_is_not_is_answered_with_those_there_are(world: World) -> None:
    world.register(resources={"profile": "large"})
    condition = world.look().condition(Kind.READY)
    assert condition is not None
    assert "There is no profile large here; there is standard." in condition.message


def test_a_profile_taken_away_stops_what_runs_after_the_grace_and_nothing_new_starts(world: World) -> None:
    """The values changed; whoever works is told, and has a quarter of an hour."""
    large = Profile(name="large")
    world.profiles = (*ONE_MACHINE, large)
    world.register(resources={"profile": "large"})
    assert world.look().phase is ProjectPhase.DEPLOYED
    world.servers.start("rosa")
    world.profiles = ONE_MACHINE
    status = world.look()
    assert (status.phase, status.spawn_rights) == (ProjectPhase.INCOMPLETE, ())
    assert world.servers.running(KEY) == ("rosa",)
    world.now += 16 * MINUTE
    world.look()
    assert world.servers.running(KEY) == ()


def test_the_requesters_own_approval_does_not_count(world: World) -> None:
    own = world.register(approved=False)
    world.put(approval(own, by="rosa"))
    assert world.look().phase is ProjectPhase.PENDING_APPROVAL


def test_what_policy_denies_is_suspended_with_its_code(world: World) -> None:
    world.register()
    world.policy.decision = DENY
    status = world.look()
    assert status.phase is ProjectPhase.SUSPENDED
    assert "purpose_not_permitted" in status.condition(Kind.SUSPENDED).message  # type: ignore[union-attr]
    assert not (world.root / "homes").exists()


def test_a_silent_engine_gives_no_right_and_is_asked_again(world: World) -> None:
    world.register()
    world.policy.decision = SILENT
    status = world.look()
    assert status.phase is ProjectPhase.PENDING_CREATION
    assert status.spawn_rights == ()
    step = status.step("policy")
    assert step is not None
    assert (step.code, step.state) == ("policy_unavailable", StepState.FAILED)
    asked = world.policy.asked
    world.look()
    assert world.policy.asked == asked, "not before its time"
    world.policy.decision = ALLOW
    world.now += MINUTE
    assert world.look().phase is ProjectPhase.DEPLOYED


@pytest.mark.parametrize(
    ("code", "said"), [("ISOLATION_REACHED", Reason.REACHED), ("ISOLATION_UNPROVED", Reason.PROBE_FAILED)]
)
def test_nothing_more_happens_until_the_isolation_is_proved(world: World, code: str, said: Reason) -> None:
    world.register()
    world.probe.error = TidegateError(code, "It got out.")
    status = world.look()
    assert reason(status, Kind.NETWORK_ISOLATED) == said
    assert status.phase is ProjectPhase.PENDING_CREATION
    assert world.pulls.pulled == []
    assert status.spawn_rights == ()


def test_an_isolation_that_no_longer_holds_takes_rights_and_servers_at_once(world: World) -> None:
    world.deployed()
    world.servers.start("rosa")
    world.probe.error = TidegateError("ISOLATION_REACHED", "It got out.")
    world.look()
    status = world.look()
    assert status.spawn_rights == ()
    assert world.servers.running(KEY) == ()


def test_a_failed_pull_tells_code_sentence_and_next_try(world: World) -> None:
    world.register()
    world.pulls.error = TidegateError("XNAT_UNREACHABLE", "XNAT does not answer.", "Ask its operator.")
    status = world.look()
    step = status.step("cohort")
    assert step is not None
    assert (step.code, step.tries) == ("XNAT_UNREACHABLE", 1)
    assert step.message == "XNAT does not answer. Ask its operator."
    assert step.next_try == status.next_at == world.now + timedelta(seconds=0.5)
    assert status.next_because == "the step cohort is tried again"
    assert reason(status, Kind.COHORT_READY) == Reason.COHORT_FAILED
    assert reason(status, Kind.READY) == Reason.STEP_FAILED
    generation = world.store.generation()
    world.look()
    assert world.store.generation() == generation, "a look before the next try writes nothing"


def test_back_off_grows_over_tries_and_ends_with_success(world: World) -> None:
    world.register()
    world.pulls.error = TidegateError("XNAT_UNREACHABLE", "XNAT does not answer.")
    waits = []
    for _ in range(12):
        step = world.look().step("cohort")
        assert step is not None
        assert step.next_try is not None
        waits.append((step.next_try - world.now).total_seconds())
        world.now = step.next_try
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(waits) == 150.0
    world.pulls.error = None
    assert world.look().phase is ProjectPhase.DEPLOYED
    assert world.look().step("cohort").tries == 0  # type: ignore[union-attr]


def test_an_unforeseen_error_is_a_step_too_and_tells_no_values(world: World) -> None:
    world.register()
    world.pulls.error = ValueError("Patient 17")
    step = world.look().step("cohort")
    assert step is not None
    assert step.code == "internal_error"
    assert "17" not in step.message


def test_progress_is_written_a_twentieth_at_a_time(world: World) -> None:
    """101 reports become 21 records: the ledger is no progress bar."""
    world.deployed()
    shown = [e for e in world.store.entries("provisioner") if "cohort=running/PULLING" in str(e.record.detail)]
    assert len(shown) == 21


def test_what_changes_during_a_pull_is_read_before_rights_are_given(world: World) -> None:
    """The grant ends while the data is pulled: no right is given on the strength of what was true before."""
    world.register()
    world.pulls.during = lambda: world.put(grant(until=world.now))
    status = world.look()
    assert status.phase is ProjectPhase.DEPLOYED
    assert status.spawn_rights == ()


def test_a_date_that_passes_during_a_pull_is_met(world: World) -> None:
    world.register(ends=world.now + MINUTE)

    def hours() -> None:
        world.now += 60 * MINUTE

    world.pulls.during = hours
    status = world.look()
    assert status.phase is ProjectPhase.SUSPENDED
    assert status.spawn_rights == ()


def test_a_new_grant_gets_a_home_and_a_right(world: World) -> None:
    world.deployed()
    world.put(grant("ravi", person="ravi"))
    status = world.look()
    assert [right.person.subject for right in status.spawn_rights] == ["ravi", "rosa"]
    assert (world.root / "homes" / KEY / "ravi").is_dir()
    assert world.pulls.pulled == [1], "the data is not pulled again"


def test_an_observer_gets_neither_home_nor_right(world: World) -> None:
    world.register()
    world.put(grant("olli", person="olli", role="observer"))
    status = world.look()
    assert [right.person.subject for right in status.spawn_rights] == ["rosa"]
    assert not (world.root / "homes" / KEY / "olli").exists()


def test_an_amended_project_waits_for_its_own_approval_and_servers_for_a_quarter_of_an_hour(world: World) -> None:
    world.deployed()
    world.servers.start("rosa")
    amended = project(selection={"modalities": ["MG"]})
    world.put(amended)
    status = world.look()
    assert status.phase is ProjectPhase.PENDING_APPROVAL
    assert reason(status, Kind.APPROVED) == Reason.SPEC_CHANGED
    assert status.spawn_rights == ()
    assert world.servers.running(KEY) == ("rosa",), "running work is warned first"
    assert status.next_at == world.now + 15 * MINUTE
    world.now += 15 * MINUTE
    world.look()
    assert world.servers.running(KEY) == ()
    world.put(approval(amended, name="second", at=world.now))
    status = world.look()
    assert status.phase is ProjectPhase.DEPLOYED
    assert world.pulls.pulled == [1, 2], "another selection is another version"
    assert len(status.spawn_rights) == 1


def test_an_amendment_that_touches_no_data_pulls_nothing(world: World) -> None:
    world.deployed()
    amended = project(title="Breast density, second year")
    world.put(approval(amended, name="second"), amended)
    status = world.look()
    assert status.phase is ProjectPhase.DEPLOYED
    assert world.pulls.pulled == [1]
    assert world.probe.proofs == 2


def test_a_copy_that_was_taken_away_is_made_again(world: World) -> None:
    status = world.deployed()
    assert status.cohort is not None
    (Path(status.cohort.path) / "manifest.json").unlink()
    assert world.look().phase is ProjectPhase.DEPLOYED
    assert world.pulls.pulled == [1, 1]


def test_an_engine_silent_for_a_quarter_of_an_hour_suspends(world: World) -> None:
    world.deployed()
    world.servers.start("rosa")
    world.policy.decision = SILENT
    assert world.look().spawn_rights, "within the grace rights stand; the hub asks policy at each start"
    world.now += 14 * MINUTE
    assert world.look().phase is ProjectPhase.DEPLOYED
    assert world.servers.running(KEY) == ("rosa",)
    world.now += MINUTE
    status = world.look()
    assert status.phase is ProjectPhase.SUSPENDED
    assert status.spawn_rights == ()
    assert world.servers.running(KEY) == ()
    world.policy.decision = ALLOW
    world.now += 6 * MINUTE
    assert world.look().phase is ProjectPhase.DEPLOYED


def test_an_unregistered_licence_makes_the_project_incomplete(world: World) -> None:
    world.put(dataset(licence={"name": "gone"}), licence(), grant(), project())
    status = world.look()
    assert status.condition(Kind.COMPLETE).message == "The licence gone is not registered."  # type: ignore[union-attr]


def test_conditions_keep_since_while_they_stand(world: World) -> None:
    first = world.deployed()
    world.now += 60 * MINUTE
    world.put(grant("ravi", person="ravi"))
    second = world.look()
    assert [c.since for c in first.conditions] == [c.since for c in second.conditions]
    assert first.conditions[0].since == NOW + MINUTE

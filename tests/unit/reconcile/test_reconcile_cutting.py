"""What ends, ends at its instant: without an event, and without the policy engine."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from model_kit import approval, dataset, grant, licence, project
from provisioner.domain.conditions import Kind, Reason
from reconcile_kit import ALLOW, DAY, KEY, MINUTE, SILENT, World, approval_on
from tidegate.model import ProjectPhase, StepState, TidegateError

SECOND = timedelta(seconds=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "state")


def deployed_until(world: World, what: str) -> None:
    """Ready, with two people at work, and this one thing ending in an hour."""
    end = world.now + 60 * MINUTE
    own = project(ends=end) if what == "project" else project()
    grants: dict[str, dict[str, Any]] = {"grant": {"until": end}, "training": {"training": {"ref": "T", "until": end}}}
    paper = licence(grant={"valid_from": "2025-01-01T00:00:00Z", "valid_to": end}) if what == "licence" else licence()
    world.put(own, paper, dataset(), grant(**grants.get(what, {})), grant("ravi", person="ravi"))
    world.put(approval(own, until=end if what == "approval" else None))
    world.look()
    world.servers.start("rosa")
    world.servers.start("ravi")


@pytest.mark.parametrize("what", ["project", "licence", "approval"])
def test_an_end_of_the_whole_project_stops_everyone(world: World, what: str) -> None:
    deployed_until(world, what)
    world.policy.decision = SILENT
    asked = world.policy.asked
    world.now += 60 * MINUTE - SECOND
    before = world.reconciler().enforce(KEY, world.now)
    assert before is not None
    assert len(before.spawn_rights) == 2, "one second before, all stands"
    assert before.next_at == world.now + SECOND
    world.now += SECOND
    after = world.reconciler().enforce(KEY, world.now)
    assert after is not None
    assert after.spawn_rights == ()
    assert after.phase is ProjectPhase.SUSPENDED
    assert after.condition(Kind.SUSPENDED).reason == Reason.ENDED  # type: ignore[union-attr]
    assert world.servers.running(KEY) == ()
    assert world.policy.asked == asked, "dated ends ask no engine"


@pytest.mark.parametrize("what", ["grant", "training"])
def test_an_end_of_one_person_stops_that_person_alone(world: World, what: str) -> None:
    deployed_until(world, what)
    world.now += 60 * MINUTE
    after = world.reconciler().enforce(KEY, world.now)
    assert after is not None
    assert [right.person.subject for right in after.spawn_rights] == ["ravi"]
    assert after.phase is ProjectPhase.DEPLOYED
    assert world.servers.running(KEY) == ("ravi",)


def test_rights_say_until_when_and_because_of_what(world: World) -> None:
    deployed_until(world, "training")
    rights = {right.person.subject: right for right in world.look().spawn_rights}
    assert rights["rosa"].because == "the training of rosa ends"
    assert rights["ravi"].until > rights["rosa"].until


def test_an_end_that_is_moved_forward_shortens_the_right_without_the_engine(world: World) -> None:
    world.deployed()
    sooner = world.now + DAY
    world.put(grant(until=sooner))
    status = world.reconciler().enforce(KEY, world.now)
    assert status is not None
    assert status.spawn_rights[0].until == sooner


def test_an_end_that_is_moved_back_needs_the_whole_look(world: World) -> None:
    """A cut never gives: a longer grant counts once policy has been asked again."""
    world.register()
    world.put(grant(until=world.now + DAY))
    world.look()
    world.put(grant(until=world.now + 2 * DAY))
    cut = world.reconciler().enforce(KEY, world.now)
    assert cut is not None
    assert cut.spawn_rights[0].until == world.now + DAY
    world.policy.decision = SILENT
    assert world.look().spawn_rights[0].until == world.now + DAY
    world.policy.decision = ALLOW
    world.now += MINUTE
    assert world.look().spawn_rights[0].until == world.now - MINUTE + 2 * DAY


@pytest.mark.parametrize("kind", ["Project", "Grant", "Licence"])
def test_a_revoked_approval_ends_at_once(world: World, kind: str) -> None:
    own = world.register()
    world.look()
    world.servers.start("rosa")
    subject = {"Project": own, "Grant": grant(), "Licence": licence()}[kind]
    named = {"kind": kind, "name": subject.name, "digest": subject.digest()}
    world.put(approval_on(named, name="taken-back", verdict="revoke", at=world.now))
    status = world.look()
    assert status.spawn_rights == ()
    assert world.servers.running(KEY) == ()


def test_an_extension_moves_the_date(world: World) -> None:
    own = world.register(approved=False)
    world.put(approval(own, until=world.now + DAY))
    assert world.look().spawn_rights[0].because == "the approval ends"
    world.put(approval(own, name="extended", verdict="extend", until=world.now + 2 * DAY, at=world.now))
    assert world.look().spawn_rights[0].until == world.now + 2 * DAY


def test_a_workspace_that_slipped_in_is_stopped(world: World) -> None:
    """One that was being started while its right ended is found by the next beat."""
    world.deployed()
    world.servers.start("stranger")
    assert world.reconciler().overstayed(KEY, world.now)
    world.look()
    assert world.servers.running(KEY) == ()
    assert world.events()[-1] == "provisioner:server:stopped"
    assert not world.reconciler().overstayed(KEY, world.now)


def test_a_workspace_that_cannot_be_stopped_is_tried_again_and_said(world: World) -> None:
    world.deployed()
    world.servers.start("stranger")
    world.servers.error = TidegateError("SERVER_NOT_STOPPED", "It still runs.")
    step = world.look().step("stop/stranger")
    assert step is not None
    assert (step.state, step.code, step.tries) == (StepState.FAILED, "SERVER_NOT_STOPPED", 1)
    world.servers.error = None
    world.now += SECOND
    assert world.look().step("stop/stranger") is None
    assert world.events()[-1] == "provisioner:server:stopped"


def test_one_that_hangs_keeps_no_other_alive(world: World) -> None:
    deployed_until(world, "project")
    real = world.servers.stop

    def stop(key: str, person: str) -> None:
        if person == "ravi":
            raise TidegateError("SERVER_NOT_STOPPED", "It still runs.")
        real(key, person)

    world.servers.stop = stop  # type: ignore[method-assign]
    world.now += 60 * MINUTE
    world.look()
    assert world.servers.running(KEY) == ("ravi",)


def test_an_end_within_thirty_days_is_warned_of_when_the_day_comes(world: World) -> None:
    world.register()
    world.put(grant(until=world.now + 31 * DAY))
    status = world.look()
    assert not status.condition(Kind.EXPIRING).status  # type: ignore[union-attr]
    assert status.next_at == world.now + DAY
    assert status.next_because == "a warning is due: the grant rosa ends"
    world.now += DAY
    status = world.look()
    expiring = status.condition(Kind.EXPIRING)
    assert expiring is not None
    assert expiring.status
    assert expiring.message == "At 2026-12-23T12:01:00Z the grant rosa ends."


def test_a_grant_dated_ahead_begins_by_itself(world: World) -> None:
    world.deployed()
    begin = world.now + DAY
    world.put(grant("ravi", person="ravi", since=begin))
    status = world.look()
    assert len(status.spawn_rights) == 1
    assert (status.next_at, status.next_because) == (begin, "the grant ravi begins")
    world.now = begin
    assert len(world.look().spawn_rights) == 2


def test_a_clock_that_was_wrong_does_not_hold_a_step_for_ever(world: World) -> None:
    """The step failed while the clock was a year ahead; with the clock put right it is tried at once."""
    world.register()
    right = world.now
    world.now += 100 * DAY
    world.pulls.error = TidegateError("XNAT_UNREACHABLE", "XNAT does not answer.")
    world.look()
    world.pulls.error = None
    world.now = right
    assert world.look().phase is ProjectPhase.DEPLOYED


def test_many_people_end_at_one_instant(world: World) -> None:
    world.register()
    end = world.now + DAY
    world.put(*[grant(f"p{n}", person=f"p{n}", until=end) for n in range(12)])
    world.look()
    for n in range(12):
        world.servers.start(f"p{n}")
    world.now = end
    world.look()
    assert world.servers.running(KEY) == ()
    assert world.events().count("provisioner:spawn_right:ended") == 12
    assert world.events().count("provisioner:server:stopped") == 12

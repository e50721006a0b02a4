"""A project closes only by an Approval of the closing, and then nothing of it is left but what must be kept."""

from pathlib import Path

import pytest

from model_kit import approval, project
from provisioner.domain.conditions import Kind, Reason
from provisioner.ports import UnderWay
from reconcile_kit import KEY, MINUTE, World, closing_approval
from tidegate.model import ProjectPhase, Stage, StepState


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "state")
    world.deployed()
    world.servers.start("rosa")
    (world.root / "homes" / KEY / "rosa" / "notes.txt").write_text("mine")
    return world


def test_the_stage_alone_closes_nothing(world: World) -> None:
    world.put(project(stage=Stage.CLOSING))
    status = world.look()
    assert status.phase is ProjectPhase.DEPLOYED
    step = status.step("deletion")
    assert step is not None
    assert (step.state, step.message) == (StepState.WAITING, "The closing waits for an Approval of its own.")
    world.put(project())
    assert world.look().step("deletion") is None


def test_an_approval_of_the_work_does_not_close_it(world: World) -> None:
    closing = project(stage=Stage.CLOSING)
    world.put(closing, approval(closing, name="again", at=world.now))
    assert world.look().phase is ProjectPhase.DEPLOYED


def test_the_requester_cannot_approve_the_closing(world: World) -> None:
    closing = project(stage=Stage.CLOSING)
    world.put(closing, closing_approval(closing, by="rosa"))
    assert world.look().phase is ProjectPhase.DEPLOYED


def test_an_approved_closing_stops_deletes_and_certifies(world: World) -> None:
    closing = project(stage=Stage.CLOSING)
    world.put(closing, closing_approval(closing))
    status = world.look()
    assert status.phase is ProjectPhase.DELETED
    assert status.spawn_rights == ()
    assert world.servers.running(KEY) == ()
    for folder in ("homes", "shared", "sockets", "private", "cohorts"):
        assert not (world.root / folder / KEY).exists()
    assert status.condition(Kind.READY).reason == Reason.CLOSED  # type: ignore[union-attr]
    certificate = world.store.entries("provisioner")[-1].record
    assert certificate.event == "provisioner:project:closed"
    assert certificate.detail["homes"] == "rosa"
    assert certificate.detail["cohort_manifest"] == "a" * 64
    assert certificate.detail["digest"] == closing.closing_digest()


def test_a_copy_under_way_is_ended_before_anything_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path / "state")
    told: list[str] = []
    erase = type(world.folders).erase

    def elsewhere(_pulls: object, *_: object) -> None:
        raise UnderWay

    monkeypatch.setattr(type(world.pulls), "ensure", elsewhere)
    monkeypatch.setattr(type(world.pulls), "halt", lambda _pulls, project: bool(told.append(f"halt {project}")) or True)
    monkeypatch.setattr(type(world.folders), "erase", lambda *given: (told.append("erase"), erase(*given)))
    world.register()
    closing = project(stage=Stage.CLOSING)
    assert world.look().phase is ProjectPhase.PENDING_CREATION
    world.put(closing, closing_approval(closing))
    assert world.look().phase is ProjectPhase.DELETED
    assert told == [f"halt {KEY}", "erase"]


def test_closed_is_closed(world: World) -> None:
    """Nothing reopens a deleted project, not even its old spec: names are never used again."""
    closing = project(stage=Stage.CLOSING)
    world.put(closing, closing_approval(closing))
    world.look()
    world.put(project())
    generation = world.store.generation()
    world.now += MINUTE
    assert world.look().phase is ProjectPhase.DELETED
    assert world.reconciler().enforce(KEY, world.now) is None
    assert world.store.generation() == generation


def test_what_cannot_be_deleted_yet_is_said_and_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    closing = project(stage=Stage.CLOSING)
    world.put(closing, closing_approval(closing))

    def refuse(_path: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("provisioner.adapters.embedded.folders.erase_tree", refuse)
    status = world.look()
    assert status.phase is ProjectPhase.PENDING_DELETION
    step = status.step("deletion")
    assert step is not None
    assert (step.code, step.tries) == ("ERASE_FAILED", 1)
    monkeypatch.undo()
    world.now += MINUTE
    assert world.look().phase is ProjectPhase.DELETED


def test_a_suspended_project_can_be_closed(world: World) -> None:
    closing = project(stage=Stage.CLOSING, ends=world.now)
    world.put(closing, closing_approval(closing))
    assert world.look().phase is ProjectPhase.DELETED

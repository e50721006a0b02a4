"""Killed at every boundary there is, and run again: the same status, and exactly one set of records."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model_kit import grant, project
from reconcile_kit import MINUTE, World, closing_approval, fuses, look_until_killed
from tidegate.ledger import verify
from tidegate.model import ProjectStatus, Stage

Scene = Callable[[World], None]
# Of these a killed run may leave more than one: a pull that starts again is another pull.
REPEATED = frozenset({"provisioner:cohort:pull_started", "provisioner:project:status_changed"})


def opening(world: World) -> None:
    world.register()
    world.put(grant("ravi", person="ravi"))


def expiry(world: World) -> None:
    end = world.now + MINUTE
    world.register(ends=end)
    world.look()
    world.servers.start("rosa")
    world.now = end


def closing(world: World) -> None:
    world.deployed()
    world.servers.start("rosa")
    ended = project(stage=Stage.CLOSING)
    world.put(ended, closing_approval(ended))


def settled(world: World) -> ProjectStatus:
    for _ in range(5):
        generation = world.store.generation()
        status = world.look()
        if world.store.generation() == generation:
            return status
    pytest.fail("looks go on writing")


def lasting(world: World) -> list[str]:
    return sorted(event for event in world.events() if event not in REPEATED)


@pytest.mark.parametrize("scene", [opening, expiry, closing], ids=lambda scene: scene.__name__)
def test_killed_at_every_boundary_it_converges(tmp_path: Path, scene: Scene) -> None:
    whole = World(tmp_path / "whole")
    scene(whole)
    expected = settled(whole)
    kills = 0
    for fuse in fuses():
        world = World(tmp_path / f"killed-{fuse}")
        scene(world)
        exit_status = look_until_killed(world, fuse)
        status = settled(world)
        assert status == expected.model_copy(update={"cohort": status.cohort}), f"killed at boundary {fuse}"
        assert lasting(world) == lasting(whole), f"killed at boundary {fuse}"
        assert verify(world.store.rows(), {}) == []
        if exit_status == 0:
            break
        assert exit_status == -9
        kills += 1
    assert kills >= 8, "the boundaries were met"

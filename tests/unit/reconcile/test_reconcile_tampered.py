"""A copy of the data that was changed behind everybody's back: not mounted, noticed, taken away, made again."""

from datetime import timedelta
from pathlib import Path

import pytest

from cohort_kit import Bench, contents, snapshot, source_of
from hub_kit import note_looks
from provisioner.domain.conditions import Kind, Reason
from reconcile_kit import KEY, MINUTE, World
from tampering_kit import TAMPERINGS, flip, open_up
from tidegate.model import Decision, Outcome, PersonRef, ProjectPhase, ProjectStatus, TidegateError
from workspace.hub.admission import check_start, sealed_folder

ROSA = PersonRef(subject="rosa")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A deployed project whose copy the real pipeline made."""
    world = World(tmp_path / "state")
    world.bench = Bench(world.root, source_of())  # type: ignore[attr-defined]
    world.pulls = world.bench.pipeline  # type: ignore[attr-defined]
    assert world.deployed().phase is ProjectPhase.DEPLOYED
    return world


def view(world: World) -> Path:
    return world.root / "cohorts" / KEY / "v1"


def mount(world: World) -> str:
    """Start as the hub would; the code of what it refuses, or nothing."""
    try:
        check_start(world.store, lambda *_: Decision(outcome=Outcome.ALLOW), KEY, ROSA, world.now, sealed_folder)
    except TidegateError as error:
        return error.code
    return ""


def step_code(status: ProjectStatus) -> str:
    step = status.step("cohort")
    assert step is not None
    return step.code


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampered_copy_is_refused_noticed_and_made_again(name: str, world: World) -> None:
    assert mount(world) == ""
    before, fetched = contents(view(world)), list(world.bench.source.fetched)  # type: ignore[attr-defined]
    TAMPERINGS[name](view(world))
    assert mount(world) == "cohort_changed", "before anybody else has noticed"

    status = world.look()
    assert step_code(status) == "COHORT_TAMPERED"
    assert status.condition(Kind.COHORT_READY).reason == Reason.COHORT_TAMPERED  # type: ignore[union-attr]
    assert status.phase is ProjectPhase.PENDING_CREATION
    assert not view(world).exists()
    assert mount(world) == "cohort_not_ready"
    assert world.look().spawn_rights == ()

    world.now += MINUTE
    assert world.look().phase is ProjectPhase.DEPLOYED
    assert mount(world) == ""
    assert contents(view(world)) == before
    assert world.bench.source.fetched == fetched, "healed from the vault"  # type: ignore[attr-defined]


def test_a_second_look_after_the_healing_writes_nothing(world: World) -> None:
    flip(view(world))
    world.look()
    world.now += MINUTE
    world.look()
    files, generation = snapshot(world.root / "cohorts"), world.store.generation()
    world.now += MINUTE
    world.look()
    assert (snapshot(world.root / "cohorts"), world.store.generation()) == (files, generation)


def test_a_copy_and_its_blobs_both_spoiled_are_pulled_again(world: World) -> None:
    before = contents(view(world))
    flip(view(world))
    for blob in [path for path in (world.root / "vault").rglob("*") if path.is_file()]:
        open_up(blob).write_bytes(b"spoiled")
    seen = []
    for _ in range(8):
        seen.append(step_code(world.look()))
        world.now += 5 * MINUTE
    assert seen[0] == "COHORT_TAMPERED"
    assert "VAULT_DAMAGED" in seen
    assert seen[-1] == ""
    assert contents(view(world)) == before
    assert mount(world) == ""


def test_running_workspaces_of_a_tampered_copy_are_stopped_at_once(world: World) -> None:
    world.servers.start("rosa")
    flip(view(world))
    world.look()
    world.look()
    assert world.servers.running(KEY) == ()


def test_bytes_that_rot_beneath_the_file_system_are_found_by_the_daily_hash(world: World) -> None:
    """Nothing shows from outside, so the note is made to agree; one process looks on until a day is over."""
    process = world.reconciler()
    process.reconcile(KEY, world.now)
    flip(view(world))
    note_looks(view(world))
    assert mount(world) == "", "the cheap check cannot see it"
    world.now += timedelta(hours=23)
    status = process.reconcile(KEY, world.now)
    assert status is not None
    assert status.phase is ProjectPhase.DEPLOYED
    world.now += timedelta(hours=2)
    status = process.reconcile(KEY, world.now)
    assert status is not None
    assert step_code(status) == "COHORT_TAMPERED"


def test_a_new_process_hashes_everything_once(world: World) -> None:
    flip(view(world))
    note_looks(view(world))
    assert step_code(world.look()) == "COHORT_TAMPERED"


def test_a_lost_note_of_the_last_check_is_written_again(world: World) -> None:
    """It stops starts, and a look that finds the copy whole takes that back."""
    note = world.root / "cohorts" / KEY / ".v1" / "looks.json"
    text = note.read_text()
    note.unlink()
    assert mount(world) == "cohort_changed"
    assert world.look().phase is ProjectPhase.DEPLOYED
    assert note.read_text() == text
    assert mount(world) == ""


def test_a_view_swapped_for_a_link_is_taken_away_and_nothing_behind_it(world: World, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    view(world).chmod(0o755)
    view(world).rename(elsewhere)
    view(world).symlink_to(elsewhere)
    kept = contents(elsewhere)
    assert mount(world) == "cohort_changed"
    assert step_code(world.look()) == "COHORT_TAMPERED"
    assert contents(elsewhere) == kept
    world.now += MINUTE
    assert world.look().phase is ProjectPhase.DEPLOYED
    assert not view(world).is_symlink()


def test_a_copy_changed_while_it_is_hashed_is_not_believed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a change between the hash of a file and the note would be noted as whole."""
    shelf = world.bench.shelf  # type: ignore[attr-defined]
    honest = shelf.differences

    def differences(place: Path, expected: dict[str, str]) -> tuple[str, ...]:
        found: tuple[str, ...] = honest(place, expected)
        flip(place)
        return found

    monkeypatch.setattr(shelf, "differences", differences)
    assert step_code(world.look()) == "COHORT_TAMPERED"

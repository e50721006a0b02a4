"""What goes wrong with XNAT or the disk reaches the person who waits: a step with code, sentence and next try.

They see it with `tidegate get project NAME -o yaml` and on the start page; once the cause is gone it heals by itself.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import xnat_kit
from cohort_kit import Bench, as_bytes, clean_mammogram
from model_kit import approval, dataset, grant, licence, project
from provisioner.adapters import view_files
from provisioner.adapters.embedded.xnat_secrets import XnatSecrets
from provisioner.adapters.xnat.backoff import Backoff
from provisioner.adapters.xnat.source import XnatSource
from reconcile_kit import KEY, MINUTE, World
from sample_xnat.faults import FaultKind
from sample_xnat.server import SampleXnat
from tidegate.cli.main import exit_code
from tidegate.model import ProjectPhase, ProjectStatus, StepState

FILES = {f"image-{n}.dcm": as_bytes(clean_mammogram(n)) for n in range(3)}
PASSWORD_NOBODY_MAY_SEE = "not-the-password-of-xnat"


@pytest.fixture
def xnat() -> Iterator[SampleXnat]:
    with SampleXnat(xnat_kit.tree_of(FILES, "CBIS-DDSM"), xnat_kit.ACCOUNT) as running:
        yield running


def world_at(state: Path, url: str, source: XnatSource | None = None) -> World:
    """An approved project whose data lies in this XNAT."""
    world = World(state)
    world.pulls = Bench(state, source or xnat_kit.source(read_seconds=1.0)).pipeline  # type: ignore[assignment]
    own = project()
    data = dataset(xnat={"server": url, "project": "CBIS-DDSM"})
    world.put(licence(), data, grant(), own, approval(own))
    return world


def told(state: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The step as the command line shows it."""
    capsys.readouterr()
    assert exit_code(["get", "project", KEY, "--output", "yaml", "--state", str(state)]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["metadata"]["name"] == KEY
    return next(step for step in shown["status"]["steps"] if step["name"] == "cohort")


def check_failed(status: ProjectStatus, step: dict[str, Any], code: str) -> None:
    assert status.phase is ProjectPhase.PENDING_CREATION
    assert status.spawn_rights == ()
    assert (step["code"], step["state"]) == (code, StepState.FAILED)
    assert step["message"].endswith(".")
    assert len(step["message"]) > 40
    assert step["nextTry"]
    assert step["tries"] == 1


def check_heals(world: World) -> None:
    world.now += MINUTE
    assert world.look().phase is ProjectPhase.DEPLOYED


FAULTS = {
    "a login page with 200": (r"/files/image-1", FaultKind.HTML_LOGIN_PAGE, "XNAT_ANSWERED_HTML"),
    "a truncated body": (r"/files/image-1", FaultKind.TRUNCATED_BODY, "LENGTH_WRONG"),
    "other bytes than the digest": (r"/files/image-1", FaultKind.FLIPPED_BYTE, "DIGEST_WRONG"),
    "no digest": (r"/files", FaultKind.DIGEST_MISSING, "DIGEST_MISSING"),
    "a wrong digest": (r"/files", FaultKind.DIGEST_WRONG, "DIGEST_WRONG"),
    "503 for ever": (r"/files/image-1", FaultKind.UNAVAILABLE, "XNAT_UNREACHABLE"),
    "a login page at the listing": (r"/subjects", FaultKind.HTML_LOGIN_PAGE, "XNAT_ANSWERED_HTML"),
}


@pytest.mark.parametrize(("where", "kind", "code"), FAULTS.values(), ids=list(FAULTS))
def test_a_fault_of_xnat_is_a_step_with_code_and_sentence_and_heals(
    xnat: SampleXnat, tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str, kind: FaultKind, code: str
) -> None:
    world = world_at(tmp_path / "state", xnat.url)
    xnat.faults.add(where, kind)
    check_failed(world.look(), told(world.root, capsys), code)
    assert not (world.root / "cohorts" / KEY / "v1").exists()
    xnat.faults.clear()
    check_heals(world)


def test_a_wrong_password_is_told_and_never_shown(
    xnat: SampleXnat, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    world = world_at(state, xnat.url, xnat_kit.source(password=PASSWORD_NOBODY_MAY_SEE))
    status, step = world.look(), told(state, capsys)
    check_failed(status, step, "XNAT_LOGIN_REFUSED")
    assert PASSWORD_NOBODY_MAY_SEE not in status.model_dump_json()
    assert PASSWORD_NOBODY_MAY_SEE not in str(world.store.entries("provisioner"))
    world.pulls = Bench(state, xnat_kit.source()).pipeline  # type: ignore[assignment]
    check_heals(world)


def test_an_xnat_nobody_stored_an_account_for_is_told(
    xnat: SampleXnat, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    source = XnatSource(XnatSecrets(state / "secrets").credentials, backoff=Backoff(sleep=lambda _seconds: None))
    world = world_at(state, xnat.url, source)
    status, step = world.look(), told(state, capsys)
    check_failed(status, step, "XNAT_NO_ACCOUNT")
    assert "secrets/xnat-127.0.0.1.json" in step["message"]


def test_an_xnat_that_is_down_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with SampleXnat(xnat_kit.tree_of(FILES, "CBIS-DDSM"), xnat_kit.ACCOUNT) as gone:
        url = gone.url
    world = world_at(tmp_path / "state", url)
    status, step = world.look(), told(world.root, capsys)
    check_failed(status, step, "XNAT_UNREACHABLE")
    assert url in step["message"]


def test_an_xnat_project_that_does_not_exist_is_told(
    xnat: SampleXnat, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = world_at(tmp_path / "state", xnat.url)
    world.put(dataset(xnat={"server": xnat.url, "project": "NO-SUCH"}))
    check_failed(world.look(), told(world.root, capsys), "XNAT_REFUSED")


def test_a_full_disk_is_told_leaves_nothing_half_made_and_heals(
    xnat: SampleXnat, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_at(tmp_path / "state", xnat.url)

    create = view_files._create

    def full(path: Path, mode: int) -> int:
        if any(part.startswith("view-") for part in path.parts):
            raise OSError(28, "No space left on device")
        return create(path, mode)

    monkeypatch.setattr(view_files, "_create", full)
    check_failed(world.look(), told(world.root, capsys), "DISK_FULL")
    assert not (world.root / "cohorts" / KEY / "v1").exists()
    monkeypatch.undo()
    fetched = len(xnat.fetched())
    check_heals(world)
    assert len(xnat.fetched()) == fetched, "what was pulled is kept"
